import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { budgetTrial } from '../fixtures/runtime/supervision-budget.js';

const INTENSITY = 4;

describe('the restart budget outlives hosts', () => {
  it('a crash-looping child trips it at exactly its limit, whichever three commits its hosts die at', async () => {
    const quiet = await budgetTrial(INTENSITY, []);
    const spent = { lives: INTENSITY + 1, restarts: INTENSITY + 1, dead: INTENSITY + 1 };
    assert.deepEqual({ ...quiet, commits: 0 }, { ...spent, kills: 0, commits: 0 });
    for (let first = 1; first + 8 < quiet.commits; first += 1) {
      const killAt = [first, first + 4, first + 8];
      const { commits, ...result } = await budgetTrial(INTENSITY, killAt);
      assert.deepEqual(result, { ...spent, kills: 3 }, `killed at ${killAt.join(', ')} of ${commits}`);
    }
  });
});
