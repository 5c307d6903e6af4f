/**
 * Exactly once, on real processes and servers: messages between actors, users' commands and world effects, while hosts
 * are killed, frozen and cut off, actors are taken away from live owners, and the ZooKeeper leader dies. The bench's
 * `runtime-exactly-once` is the long form. A failure names its seed.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { runProof } from '../fixtures/runtime/proof-run.js';
import { startEnsemble, type Ensemble } from '../fixtures/zookeeper.js';

const LOAD = { sources: 8, sinks: 8, count: 640, burst: 5, paceMs: 60, deliverEach: 10 };

describe('exactly once', () => {
  let servers: Ensemble;
  before(async () => { servers = await startEnsemble({ servers: 3, basePort: 22_700, tickMs: 100 }); });
  after(() => servers.stop());

  it('nothing is lost, doubled or out of order, and every effect is done once', { timeout: 240_000 }, async (t) => {
    const report = await runProof({ servers, load: LOAD, pokes: 100, guarded: true });
    t.diagnostic(JSON.stringify(report));
    assert.deepEqual(report.violations, [], `seed ${report.seed}`);
    assert.equal(report.items, 8 * 640);
  });

  it('the same checker sees what happens without the check of owner and record', { timeout: 240_000 }, async (t) => {
    const report = await runProof({ servers, root: '/control', load: LOAD, pokes: 0, guarded: false });
    t.diagnostic(JSON.stringify(report));
    assert.notDeepEqual(report.violations, [], `seed ${report.seed}`);
  });
});
