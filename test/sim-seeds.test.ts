/** Seeds: faults and commands by lot, every invariant after every event, and a guard that is broken is seen. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Broken } from '../fixtures/sim/broken.js';
import { drawCommands, playSeed, whereClocksDecide } from '../fixtures/sim/fuzz.js';
import { keptSeeds, playKept, storyOf } from '../fixtures/sim/fuzz-command.js';
import { writeScenario } from '../fixtures/sim/fuzz-write.js';
import { playScenario } from '../fixtures/sim/scenario/play.js';
import { readScenario } from '../fixtures/sim/scenario/read.js';
import { SEEDS } from '../fixtures/sim/seeds.js';
import { shrink } from '../fixtures/sim/shrink.js';

describe('seeds', () => {
  it('those that failed once hold', async () => {
    for (const kept of keptSeeds()) {
      const { violations } = await playKept(kept);
      assert.deepEqual(violations, [], kept.found);
    }
  });

  it('tell the same story whatever the wall clocks of their nodes say (I16)', async () => {
    for (const seed of [21, 22]) {
      assert.equal(await whereClocksDecide(storyOf(seed, { ...SEEDS.shape, minutes: 2 })), null, `seed ${seed}`);
    }
  });
});

it('a node that comes back while its fence is being committed: nobody acts before its lease is over', async () => {
  for (const awayMs of [3300, 3500, 3700]) {
    const { violations, lines } = await playKept({
      found: '', seed: 2, nodes: 3, vms: 6, minutes: 1, cluster: {},
    }, [
      { afterMs: 29_000, text: 'disk hv1 slow 100' }, { afterMs: 0, text: 'disk hv3 slow 100' },
      { afterMs: 1000, text: 'bmc hv2 lies-off' }, { afterMs: 1000, text: 'network hv2 off' },
      { afterMs: awayMs, text: 'network hv2 on' }, { afterMs: 15_000, text: 'bmc hv2 ok' },
    ]);
    assert.deepEqual(violations, []);
    assert.ok(lines.some((line) => / 10[25] runs on hv/.test(line)));
  }
});

/** Seeds tried before a broken guard counts as unseen. */
const SEEN_WITHIN = 60;

/** The first seed that sees it as what it is. */
async function firstSeen(broken: Broken, seenAs: RegExp): Promise<number | null> {
  for (let seed = 1; seed <= SEEN_WITHIN; seed += 1) {
    const { violations } = await playSeed(storyOf(seed, { ...SEEDS.shape, minutes: 3 }), undefined, { broken });
    if (violations.some(({ invariant }) => seenAs.test(invariant))) return seed;
  }
  return null;
}

describe('a guard that is broken on purpose', () => {
  const guards: readonly { name: string; broken: Broken; seenAs: RegExp }[] = [
    { name: 'the check of owner and epoch in each commit', broken: { epochCheck: true }, seenAs: /^I5$/ },
    { name: 'the proof of death', broken: { proof: true }, seenAs: /^I[13]$/ },
    { name: 'the guard, later than the session lasts', broken: { guardLateMs: 3000 }, seenAs: /^I4$/ },
    { name: 'the blocklist of the storage', broken: { blocklist: true }, seenAs: /^I[123]$/ },
  ];
  for (const { name, broken, seenAs } of guards) {
    it(`is seen by a seed: ${name}; the same seed holds with it whole`, async () => {
      const seed = await firstSeen(broken, seenAs);
      assert.ok(seed !== null, `unseen by ${SEEN_WITHIN} seeds`);
      const { violations } = await playSeed(storyOf(seed, { ...SEEDS.shape, minutes: 3 }));
      assert.deepEqual(violations, []);
    });
  }

  it('leaves a short list of commands, which a scenario replays', async () => {
    const story = { seed: 2, nodes: 3, vms: 6, minutes: 2 };
    const twist = { broken: { proof: true } };
    const commands = [
      { afterMs: 20_000, text: 'flush hv1' }, { afterMs: 5000, text: 'ready hv1' },
      { afterMs: 10_000, text: 'freeze hv2' }, { afterMs: 8000, text: 'vm 101 start' },
    ];
    const failed = await playSeed(story, [...commands, ...drawCommands(story)], twist);
    assert.equal(failed.violations[0]?.invariant, 'I3');
    const small = await shrink(failed, (fewer) => playSeed(story, fewer, twist));
    assert.ok(small.commands.length <= 4, small.commands.map(({ text }) => text).join(', '));
    assert.ok(small.commands.some(({ text }) => text.startsWith('freeze')));
    const folder = mkdtempSync(join(tmpdir(), 'pvc-seed-'));
    try {
      assert.match(writeScenario(folder, story, small.outcome), /^pvc-sim run .* --seed 2$/);
      assert.equal(existsSync(join(folder, 'README.md')), true);
      const { violations } = await playScenario(readScenario(folder), { seed: 2, profile: 'fast' });
      assert.deepEqual(violations, [], 'with its guard whole it holds');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
