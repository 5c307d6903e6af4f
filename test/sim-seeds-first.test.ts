/** The first half of the seeds: faults and commands by lot, every invariant after every event. */
import { it } from 'node:test';
import { holdSeeds } from '../fixtures/sim/seeds.js';

it('seeds of the first half hold every invariant through their faults, and settle when the faults end', async () => {
  await holdSeeds('first');
});
