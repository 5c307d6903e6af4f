/** An owner that wakes after others went on with its actors. The bench's `runtime-zombie` is the long form. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runZombies } from '../fixtures/runtime/zombie-run.js';

describe('zombies', () => {
  it('an owner that wakes after 2.5 sessions commits and does nothing', { timeout: 240_000 }, async (t) => {
    const report = await runZombies({ basePort: 22_740, trials: 10, sessionTimeoutMs: 1200 });
    t.diagnostic(JSON.stringify(report));
    assert.deepEqual(report.staleCommits, []);
    assert.deepEqual(report.staleEffects, []);
    assert.deepEqual(report.wrong, []);
    assert.equal(report.trials, 10);
    assert.ok(report.midEffect > 0, 'somebody was frozen in the middle of an effect');
  });
});
