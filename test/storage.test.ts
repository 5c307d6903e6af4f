/** The port to shared storage: its contract, on the simulated Ceph; issue 5 runs the same on a real one. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reachEffects, storageEffects } from '../actors/effects-storage.js';
import { done, refused, unknown } from '../actors/drivers/outcome.js';
import type { CephConnection } from '../actors/drivers/ceph/connection.js';
import { createCephStorage } from '../actors/drivers/ceph/fencing.js';
import { ipOf, wholeAddress, wrongAddress } from '../actors/drivers/ceph/fencing-map.js';
import { systemClock } from '../runtime/clock.js';
import type { Storage } from '../actors/drivers/storage.js';
import { storageContract } from '../fixtures/contracts/storage.js';
import { simStorageSubject } from '../fixtures/sim/storage-subject.js';
import type { EffectContext } from '../runtime/effects.js';

storageContract('simulated Ceph', simStorageSubject);

describe('whom a blocklist of storage addresses hits', () => {
  const own = ['10.0.0.2:0/17', '10.0.0.2:0/18'];

  it('nobody, where Ceph is spoken to from other addresses: no fence is made, and the cure is said', async () => {
    assert.match(wrongAddress(own, '10.77.3.2') ?? '', /from 10\.0\.0\.2, not from .* 10\.77\.3\.2.*Cure/);
    const storage = createCephStorage({
      connection: { connected: true } as CephConnection, clock: systemClock, addressOf: () => '10.77.3.3',
      flaw: () => wrongAddress(own, '10.77.3.2'),
    });
    assert.equal((await storage.fence({ node: 'hv3', bootId: 'b' }, 1000)).kind, 'refused');
  });

  it('the right ones, where they are the same; and nothing is said while it is not known', () => {
    assert.equal(wrongAddress(own, '10.0.0.2'), null);
    assert.equal(wrongAddress([], '10.0.0.2'), null);
  });

  it('addresses as Ceph writes them', () => {
    assert.deepEqual(
      ['10.0.0.2:0/17', 'v1:10.0.0.2:6789/0', '[fd00::2]:0/5', 'v2:[fd00::2]:3300/0'].map(ipOf),
      ['10.0.0.2', '10.0.0.2', 'fd00::2', 'fd00::2'],
    );
    assert.deepEqual([wholeAddress('10.0.0.2'), wholeAddress('fd00::2')], ['10.0.0.2:0/0', '[fd00::2]:0/0']);
  });
});

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
