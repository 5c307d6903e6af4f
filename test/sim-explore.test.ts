/** Every order of letters, timers, effects and faults, as far as the bounds go; and broken guards are found. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { exploreWays } from '../fixtures/sim/explore/equivariance.js';
import { FAULTS, type Fault } from '../fixtures/sim/explore/moves.js';
import { writeScenario } from '../fixtures/sim/explore/scenario.js';
import { exploreCluster, type ExploreOptions } from '../fixtures/sim/explore/search.js';
import { playScenario } from '../fixtures/sim/scenario/play.js';
import { readScenario } from '../fixtures/sim/scenario/read.js';

const ALL: ReadonlySet<Fault> = new Set(FAULTS.filter((kind) => kind !== 'bmc'));
const of = (...kinds: Fault[]): ReadonlySet<Fault> => new Set(kinds);
const explore = (options: Partial<ExploreOptions>) => exploreCluster({
  states: 100_000, faults: 1, migrations: 0, flushes: 0, starts: 0, boots: 1, kinds: ALL, bmc: 'dead', broken: null,
  storage: false, symmetry: true, ...options,
});

describe('the search over machines and an abstract store', () => {
  it('sees all of a migration without faults', (t) => {
    const { complete, violation, states } = explore({ faults: 0, migrations: 1 });
    t.diagnostic(`${states} states`);
    assert.deepEqual([violation, complete], [null, true]);
  });

  it('sees all of a flush and of what follows it', (t) => {
    const { complete, violation, states } = explore({ faults: 0, flushes: 1, rest: true });
    t.diagnostic(`${states} states`);
    assert.deepEqual([violation, complete], [null, true]);
  });

  it('sees all that a migration and one fault of any kind lead to: nothing is wrong in it, no VM left behind', (t) => {
    const { complete, violation, states, moves, depth } = explore({ states: 3_000_000, migrations: 1, rest: true });
    t.diagnostic(`${states} states, ${moves} moves, ${depth} deep`);
    assert.deepEqual([violation, complete], [null, true]);
  });

  it('leaves no VM behind: where one fault leads to rest, it runs or is off', (t) => {
    const { complete, violation, states } = explore({ rest: true });
    t.diagnostic(`${states} states`);
    assert.deepEqual([violation, complete], [null, true]);
  });

  it('leaves no VM behind in the first states with a migration and a guest that crashes', () => {
    assert.equal(explore({ states: 100_000, migrations: 1, kinds: of('crash', 'daemon'), rest: true }).violation, null);
  });

  it('finds nothing wrong in the first states with two faults and a migration', (t) => {
    const { violation, states, moves, depth } = explore({ states: 150_000, faults: 2, migrations: 1, boots: 2 });
    t.diagnostic(`${states} states, ${moves} moves, ${depth} deep`);
    assert.equal(violation, null);
    assert.equal(states, 150_000);
  });

  it('sees as much whoever is called what: exchanged nodes make exchanged moves', () => {
    const { states, differences } = exploreWays({
      states: 1500, faults: 2, migrations: 1, flushes: 1, starts: 0, boots: 1, kinds: ALL, bmc: 'dead', broken: null,
      storage: true, symmetry: true,
    });
    assert.equal(states, 1500);
    assert.deepEqual(differences, []);
  });
});

describe('a broken guard is found by the search', () => {
  const cases: readonly (readonly [string, Partial<ExploreOptions>, RegExp])[] = [
    ['the epoch check of commits', { broken: 'epoch', starts: 1, kinds: of('cable') },
      /^I5: a commit under an epoch that is over was taken$/],
    ['all version checks of commits', { broken: 'versions', starts: 1, kinds: of('cable') },
      /^I3: n\d holds a running copy and mayRunOn leaves n\d\.1 out$/],
    ['the proof of a fence', { broken: 'proof', kinds: of('cable') },
      /^I2: boot n\d\.1 is proved dead and its guest runs$/],
    ['the guard that ends guests before the lease deadline',
      { broken: 'guard', faults: 2, kinds: of('cable', 'bmc'), bmc: 'lies-off' },
      /^I2: boot n\d\.1 is proved dead and its guest runs$/],
    ['the blocklist that the storage says to have', { broken: 'blocklist', storage: true, kinds: of('freeze') },
      /^I3: n\d holds a running copy and mayRunOn leaves n\d\.1 out$/],
    ['the evidence that a start needs', { broken: 'evidence', kinds: of('cable') },
      /^I3: n\d holds a running copy and mayRunOn leaves n\d\.1 out$/],
  ];
  for (const [what, options, text] of cases) {
    it(`${what}; unbroken, as many states and more are clean`, (t) => {
      const { violation, states } = explore({ states: 20_000, ...options });
      assert.match(violation?.text ?? 'nothing was found', text);
      t.diagnostic(`${violation!.text}, after ${states} states:\n${violation!.trace.join('\n')}`);
      assert.equal(explore({ ...options, states: Math.max(4000, 2 * states), broken: null }).violation, null);
    });
  }
});

describe('a node that is frozen while its BMC says that it is off', () => {
  const frozen = { faults: 2, kinds: of('freeze', 'bmc'), bmc: 'lies-off' } as const;
  it('passes for dead while its guest is only frozen: no proof stands against a BMC that lies about it', (t) => {
    const { violation } = explore({ ...frozen });
    t.diagnostic(violation!.trace.join('\n'));
    assert.match(violation!.text, /^I2: boot n\d\.1 is proved dead and its guest runs$/);
  });

  it('is no danger where the storage cuts it off: in as many states and more no second copy runs beside it', () => {
    assert.equal(explore({ ...frozen, storage: true, states: 60_000 }).violation, null);
  });
});

it('writes the way to a violation as a scenario that plays, and holds with every guard whole', async () => {
  const { violation } = explore({ states: 20_000, broken: 'proof', kinds: of('cable') });
  const folder = mkdtempSync(join(tmpdir(), 'pvc-explore-'));
  try {
    const { left, commands } = writeScenario(folder, violation!, false);
    assert.deepEqual(commands.at(-1), ['network n2 off']);
    assert.equal(left.length, violation!.trace.length - 1);
    const result = await playScenario(readScenario(folder), { seed: 1, profile: 'fast', onLine: () => undefined });
    assert.deepEqual(result.violations, []);
    assert.equal(result.vms['v1']!.runningOn.length, 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
