/** Daemons of two versions side by side during faults: nothing is lost, and every record ends in today's version. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tallyFirst } from '../fixtures/runtime/tally.js';
import { createMemoryCluster } from '../fixtures/sim/store.js';
import { playUpgrade, type UpgradeOutcome } from '../fixtures/sim/upgrade.js';
import { behaviorOf } from '../runtime/behavior.js';
import { bootstrap } from '../runtime/bootstrap.js';
import { systemClock } from '../runtime/clock.js';
import { decode } from '../runtime/codec.js';
import { createActor } from '../runtime/create.js';
import { pathsUnder } from '../runtime/paths.js';
import { WriterVersion } from '../runtime/versions.js';

const SEEDS = [2, 5, 16, 17, 20, 21];

it('daemons are exchanged one after another while nodes, cables and guests fail', async () => {
  const outcomes: UpgradeOutcome[] = [];
  for (const seed of SEEDS) outcomes.push(await playUpgrade({ seed, nodes: 3 + seed % 3, vms: 5, minutes: 3 }));
  for (const [index, { violations }] of outcomes.entries()) assert.deepEqual(violations, [], `seed ${SEEDS[index]}`);
  const censuses = outcomes.flatMap(({ mixed }) => mixed);
  assert.ok(censuses.every((counts) => [...counts.keys()].every((version) => version === 1 || version === 2)));
  assert.ok(censuses.some((counts) => counts.size === 1 && counts.has(1)), 'at first all stand in version 1');
  assert.ok(censuses.some((counts) => counts.size === 2), 'then some stand in each');
});

it('an actor that is made beside an older daemon is written so that it can read it', async () => {
  const paths = pathsUnder('/made');
  const store = await createMemoryCluster({ sessionTimeoutMs: 5000 }).open();
  await bootstrap(store, paths, ['tally'], [], ['n1', 'n2']);
  const versions = new WriterVersion();
  const self = { node: 'n1', incarnation: 'b1.s', bootId: 'b1' };
  const deps = { store, paths, self, versions, clock: systemClock, commitEffectNames: new Set<string>() };
  const made = async (id: string): Promise<unknown> => {
    assert.equal(await createActor(deps, behaviorOf(tallyFirst), id, undefined), true);
    return decode<Record<string, unknown>>((await store.read(paths.record(`tally/${id}`)))!.data)['recordVersion'];
  };
  versions.set('n2', [1]);
  assert.equal(await made('old'), 1);
  versions.set('n2', [1, 2]);
  assert.equal(await made('new'), 2);
});
