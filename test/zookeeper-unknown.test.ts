/** What the runtime's commit rests on: after an `unknown`, a sync and a read on a new connection settle it for good. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { create, isDone, readBack, set, textOf, until } from '../fixtures/contracts/store-bench.js';
import { startProxiedEnsemble, type ProxiedEnsemble } from '../fixtures/proxied-ensemble.js';
import { systemClock } from '../runtime/clock.js';

const RUN_MS = 6_000;
/** A busy machine goes on for so long if one of the three outcomes has not been seen by then. */
const LONGEST_MS = 45_000;

describe('unknown outcomes', () => {
  let rig: ProxiedEnsemble;
  before(async () => { rig = await startProxiedEnsemble({ basePort: 22_300, sessionTimeoutMs: 8_000 }); });
  after(() => rig.stop());

  it('read back, are final: no write lands later, none is lost, none is done twice', { timeout: 90_000 }, async () => {
    const store = await rig.open(rig.all());
    const { id } = store.session;
    isDone(await store.multi([create('/u')]));
    const begin = systemClock.monotonicMs();
    const counts = { done: 0, applied: 0, lost: 0 };
    const goesOn = () => {
      const ranMs = systemClock.monotonicMs() - begin;
      return ranMs < RUN_MS || (Object.values(counts).includes(0) && ranMs < LONGEST_MS);
    };
    let running = true;
    const cutting = (async () => {
      for (let round = 0; running; round += 1) {
        // Delays put requests and answers on the way when the cut comes.
        for (const proxy of rig.proxies) proxy.delay(round % 3);
        // Now and then long enough for a machine on which a new connection takes its time.
        await systemClock.sleep(7 + (round * 13) % 31 + (round % 5 === 0 ? 10 * (round % 40) : 0));
        for (const proxy of rig.proxies) proxy.cut();
      }
      for (const proxy of rig.proxies) proxy.delay(0);
    })();
    let version = 0;
    for (let attempt = 0; goesOn(); attempt += 1) {
      const text = `attempt ${attempt}`;
      const result = await store.multi([set('/u', text, version)]);
      if (result.kind === 'done') {
        counts.done += 1;
        version += 1;
        continue;
      }
      assert.equal(result.kind, 'unknown', `a write of an earlier connection landed late: ${JSON.stringify(result)}`);
      const node = await readBack(store, '/u');
      const applied = node.stat.version === version + 1 && textOf(node.data) === text;
      assert.ok(applied || node.stat.version === version, `${version} -> ${node.stat.version}: ${textOf(node.data)}`);
      counts[applied ? 'applied' : 'lost'] += 1;
      if (applied) version += 1;
    }
    running = false;
    await cutting;
    assert.equal((await readBack(store, '/u')).stat.version, counts.done + counts.applied);
    assert.equal(store.session.id, id);
    assert.ok(counts.applied > 0 && counts.lost > 0 && counts.done > 0, JSON.stringify(counts));
  });
});
