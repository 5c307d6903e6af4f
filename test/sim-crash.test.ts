/**
 * Whatever commit or effect a daemon dies around, and if every effect is carried out twice, the cluster comes to the
 * same end; and commands keep their order meanwhile.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crashMatrix, doubledEffects, playCrash } from '../fixtures/sim/crash.js';
import { SHORT_LIST } from '../fixtures/sim/crash-command.js';
import { CRASH_STORIES } from '../fixtures/sim/crash-stories.js';
import { nodeNames, startOf } from '../fixtures/sim/fuzz-start.js';
import { storedRecords } from '../fixtures/sim/scenario/result.js';
import { Stage } from '../fixtures/sim/scenario/stage.js';
import { runSimCli } from '../fixtures/sim/cli.js';
import { stateText } from '../runtime/behavior.js';
import { addressOf } from '../runtime/address.js';

describe('a daemon killed before, at and after each of its commits, and before, amid and after each effect', () => {
  for (const [at, story] of CRASH_STORIES.entries()) {
    // The rest of these, and all with power, by `pvc-sim crash --all`.
    const stride = at >= SHORT_LIST ? 5 : ['fence', 'flush'].includes(story.name) ? 2 : 1;
    it(`${story.name}: the same end`, async () => {
      const report = await crashMatrix(story, { how: 'daemon', stride, from: at % stride });
      const { runs, commits, effects, failures } = report;
      assert.deepEqual(failures, []);
      assert.ok(runs >= Math.floor((3 * commits + 2 * effects) / stride), `${runs} plays`);
      assert.ok(commits > 0 && effects > 0);
    });
  }

  it('a node that loses its power around a commit changes nothing about the end either', async () => {
    for (const [at, story] of CRASH_STORIES.filter(({ sparesNode }) => sparesNode).entries()) {
      const { failures } = await crashMatrix(story, { how: 'power', stride: 13, from: at % 5 });
      assert.deepEqual(failures, []);
    }
  });

  it('every effect carried out twice, again or beside the first, does nothing that it has not done once', async () => {
    for (const story of CRASH_STORIES) assert.deepEqual((await doubledEffects(story)).failures, [], story.name);
  });

  it('sees what a story does: its effects, and what they do to guests', async () => {
    const [, migrate] = CRASH_STORIES;
    const calm = await playCrash(migrate!, null);
    assert.deepEqual(calm.deeds, ['101 ends on hv3: moved to hv2', '101 goes on on hv2']);
    assert.deepEqual(calm.seen.effects.map(({ kind }) => kind),
      ['cluster.place', 'hypervisor.migrate', 'hypervisor.resume']);
  });

  it('is asked for by its story\'s name', async () => {
    let told = '';
    const output = { out: () => undefined, err: (text: string) => { told += text; } };
    const status = await runSimCli(['crash', '--story', 'fly'], output);
    assert.equal(status, 2);
    assert.match(told, /there is no story "fly"; legal: define and start, migrate, fence, flush, undefine, /);
  });
});

describe('a command for an actor whose owner is away', () => {
  it('is not called done by what an earlier one, still waiting, is about to undo', async () => {
    const stage = new Stage(startOf({ nodes: 3, vms: 0 }), { seed: 9 });
    const { world } = stage;
    try {
      await stage.begin();
      await stage.run(30_000);
      const primary = world.services()!.feed.primary()!.node;
      const other = nodeNames(3).find((node) => node !== primary)!;
      world.node(primary).killDaemon();
      const kinds: string[] = [];
      for (const type of ['node.flush', 'node.ready']) {
        void world.node(other).services!.gateway.submit(addressOf('node', other), { type }, 'test')
          .then(({ kind }) => kinds.push(kind));
        await stage.run(100);
      }
      assert.deepEqual(kinds, ['accepted', 'accepted']);
      await stage.run(60_000);
      const record = storedRecords(world, 'node').find(({ id }) => id === other)!;
      assert.equal(stateText(record.snapshot.value), 'life.alive.steady|domain.ready');
      assert.deepEqual(record.operations.map(({ command, endedAt }) => [command, endedAt === null]),
        [['node.flush', false], ['node.ready', false]]);
    } finally {
      world.close();
    }
  });
});
