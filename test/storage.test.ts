/** The port to shared storage: its contract, on the simulated Ceph; issue 5 runs the same on a real one. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reachEffects, storageEffects } from '../actors/effects-storage.js';
import { done, refused, unknown } from '../actors/drivers/outcome.js';
import type { Storage } from '../actors/drivers/storage.js';
import { storageContract } from '../fixtures/contracts/storage.js';
import { simStorageSubject } from '../fixtures/sim/storage-subject.js';
import type { EffectContext } from '../runtime/effects.js';

storageContract('simulated Ceph', simStorageSubject);

describe('effects on storage', () => {
  const boot = { node: 'hv2', bootId: 'b2' };
  const params = { boot, deadlineMs: 1000 };
  const once = (resumed: boolean) => ({ resumed }) as unknown as EffectContext;
  const answering = (outcome: Awaited<ReturnType<Storage['fence']>>): Storage =>
    ({ connected: true, fence: () => Promise.resolve(outcome) }) as unknown as Storage;

  it('a refusal of what an earlier owner may have begun does not say that nothing happened', async () => {
    const effects = storageEffects(answering(refused('EACCES')));
    assert.deepEqual(await effects['storage.fence'](params, once(false)), refused('EACCES'));
    assert.deepEqual(await effects['storage.fence'](params, once(true)), unknown('EACCES'));
    const well = storageEffects(answering(done({ osdmapEpoch: 3 })));
    assert.deepEqual(await well['storage.fence'](params, once(true)), done({ osdmapEpoch: 3 }));
  });

  it('a cluster without storage fences nothing by it, and waits for nothing of it', async () => {
    const effects = storageEffects(null);
    assert.equal((await effects['storage.fence'](params, once(false))).kind, 'refused');
    assert.equal((await effects['storage.read'](params, once(false))).kind, 'refused');
    assert.deepEqual(await effects['storage.lift'](params, once(false)), done(null));
    const reach = await reachEffects(null)['storage.reach']({ osdmapEpoch: 7, deadlineMs: 1000 }, once(false));
    assert.deepEqual(reach, done(null));
  });
});
