/** Peers that vouch for each other: when what they say may stand in for a quorum write, and when not (I9, I8). */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BegunCluster } from '../fixtures/sim/scenario/begun.js';
import { vouchedDeadlineMs, vouches, type PeerWord } from '../runtime/vouching.js';

const THREE = ['hv1', 'hv2', 'hv3'];
const says = (node: string, withoutQuorumMs: number | null, networks = 3): PeerWord =>
  ({ node, networks, withoutQuorumMs });
const TIMINGS = { sessionTimeoutMs: 4000, tickMs: 400, stopMs: 500 };

describe('a deadline is lengthened', () => {
  const view = (words: readonly PeerWord[], change = {}) =>
    ({ coordinators: THREE, words, askedAtMs: 10_000, askMs: 300, deadlineMs: 11_000, ...change });
  const table: [string, readonly PeerWord[], boolean, RegExp][] = [
    ['all say so', THREE.map((node) => says(node, 900)), true, /3 of 3/],
    ['a majority says so', [says('hv1', 900), says('hv3', 300)], true, /2 of 3/],
    ['only this node says so', [says('hv1', 900)], false, /only 1 of 3.*2 needed/],
    ['nobody is heard', [], false, /only 0 of 3/],
    ['one of them has a quorum', [says('hv1', 900), says('hv2', 900), says('hv3', null)], false, /hv3 has a quorum/],
    ['one lost it only after it was asked', [says('hv1', 900), says('hv2', 299)], false, /only 1 of 3/],
    ['one is heard on one network only', [says('hv1', 900), says('hv2', 900, 1)], false, /only 1 of 3/],
    ['two networks are enough', [says('hv1', 900), says('hv2', 900, 2)], true, /2 of 3/],
    ['one says it twice', [says('hv1', 900), says('hv1', 900)], false, /only 1 of 3/],
    ['a node that is no coordinator says it', [says('hv1', 900), says('hv9', 900)], false, /only 1 of 3/],
  ];
  for (const [name, words, yes, why] of table) {
    test(`${yes ? 'yes' : 'no'}: ${name}`, () => {
      const verdict = vouches(view(words));
      assert.equal(verdict.yes, yes);
      assert.match(verdict.why, why);
    });
  }

  test('to what a quorum write at the moment of the question would give, and no further', () => {
    const words = [says('hv1', 900), says('hv2', 900)];
    assert.equal(vouchedDeadlineMs(view(words), TIMINGS), 10_000 + 4000 - 600 - 500);
  });

  test('never once it has passed: the session may be gone, and others act', () => {
    const late = view([says('hv1', 900), says('hv2', 900)], { deadlineMs: 10_000 });
    assert.equal(vouchedDeadlineMs(late, TIMINGS), null);
    assert.match(vouches(late).why, /passed before/);
  });

  test('by half of an even number nobody is lengthened', () => {
    const four = { ...view([says('hv1', 900), says('hv2', 900)]), coordinators: [...THREE, 'hv4'] };
    assert.equal(vouches(four).yes, false);
    assert.equal(vouches({ ...four, words: [...four.words, says('hv4', 900)] }).yes, true);
  });
});

describe('the coordination service is lost and all nodes are well', () => {
  const NODES = { hv1: {}, hv2: {}, hv3: {}, hv4: {} };
  const vms = Object.fromEntries(Object.keys(NODES).map((node, index) => [`10${index + 1}`, { node, state: 'start' }]));

  async function playing(vouching: boolean, story: (cluster: BegunCluster) => Promise<void>): Promise<void> {
    const cluster = await BegunCluster.of({ nodes: NODES, vms }, { seed: 9, vouching });
    try {
      await story(cluster);
      assert.deepEqual(cluster.stage.checkers.violations, []);
    } finally {
      cluster.close();
    }
  }
  const running = (cluster: BegunCluster): number =>
    Object.keys(vms).filter((vm) => cluster.runsOn(vm).length === 1).length;
  const ends = (cluster: BegunCluster, from: number): number =>
    cluster.stage.world.lines.slice(from).filter((line) => / ends on /.test(line)).length;

  test('with peers that vouch no guest ends, and everything goes on when the service is back', () =>
    playing(true, async (cluster) => {
      const from = cluster.stage.world.lines.length;
      // The switch of the cluster's network: no server hears another, and the nodes do, on the two other networks.
      for (const node of Object.keys(NODES)) await cluster.cable(node, false, 'cluster');
      await cluster.stage.run(300_000);
      assert.equal(running(cluster), 4);
      for (const node of Object.keys(NODES)) await cluster.cable(node, true, 'cluster');
      await cluster.quiet(10_000);
      assert.deepEqual([running(cluster), ends(cluster, from)], [4, 0]);
      const migrate = { type: 'vm.migrate', target: 'hv2', force: false, forceLive: false };
      assert.equal(await cluster.submit('vm', '101', migrate), 'accepted');
      await cluster.quiet();
      assert.deepEqual(cluster.runsOn('101'), ['hv2']);
    }));

  test('without them every guest is stopped, and started when it is back', () => playing(false, async (cluster) => {
    for (const node of Object.keys(NODES)) await cluster.cable(node, false, 'cluster');
    await cluster.stage.run(30_000);
    assert.equal(running(cluster), 0);
    for (const node of Object.keys(NODES)) await cluster.cable(node, true, 'cluster');
    await cluster.quiet(10_000);
    assert.equal(running(cluster), 4);
  }));

  test('a node that is cut off stops its guests all the same, and they run elsewhere', () =>
    playing(true, async (cluster) => {
      await cluster.cable('hv3', false);
      await cluster.stage.run(6000);
      assert.deepEqual(cluster.runsOn('103').filter((node) => node === 'hv3'), []);
      await cluster.quiet(30_000);
      assert.equal(running(cluster), 4);
    }));

  test('one that is cut off from the cluster alone hears of the quorum, and stops too', () =>
    playing(true, async (cluster) => {
      await cluster.cable('hv3', false, 'cluster');
      await cluster.stage.run(6000);
      assert.deepEqual(cluster.runsOn('103').filter((node) => node === 'hv3'), []);
    }));

  test('a node that loses its power meanwhile is recovered once the service is back', () =>
    playing(true, async (cluster) => {
      for (const node of Object.keys(NODES)) await cluster.cable(node, false, 'cluster');
      await cluster.stage.run(20_000);
      await cluster.stage.speak('power hv4 off', { verb: 'power', node: 'hv4', on: false });
      await cluster.stage.run(20_000);
      assert.equal(running(cluster), 3);
      for (const node of Object.keys(NODES)) await cluster.cable(node, true, 'cluster');
      await cluster.quiet(30_000);
      assert.equal(running(cluster), 4);
    }));
});
