/** The port to shared storage on a real Ceph: the contract that its simulation fulfils too, and the traps of Ceph. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { CephConnection } from '../actors/drivers/ceph/connection.js';
import { createCephClient } from '../actors/drivers/ceph/client.js';
import { inspectFencing } from '../actors/drivers/ceph/fencing-preflight.js';
import { ipOf, readOsdmap, wholeAddress, type Osdmap } from '../actors/drivers/ceph/fencing-map.js';
import type { Outcome } from '../actors/drivers/outcome.js';
import { eventually } from '../fixtures/ceph/waiting.js';
import { storageContract } from '../fixtures/contracts/storage.js';
import { cephStorageSubject, type CephSubject } from '../fixtures/contracts/storage-ceph.js';
import { createLog } from '../runtime/log.js';

const DEADLINE_MS = 60_000;
const YEAR_MS = 365 * 24 * 3_600_000;

/** One cluster for all that follows; the last suite stops it. */
let shared: Promise<CephSubject> | null = null;
const subjectOnce = (): Promise<CephSubject> => (shared ??= cephStorageSubject({ network: '10.84.7' }));

const value = <T>(outcome: Outcome<T>): T => {
  assert.equal(outcome.kind, 'done', JSON.stringify(outcome));
  return (outcome as { value: T }).value;
};

storageContract('real Ceph', async () => ({ ...await subjectOnce(), stop: () => Promise.resolve() }));

describe('the storage fence and the traps of Ceph', () => {
  let subject: CephSubject;
  let images = 0;
  const image = (): string => `vms/trap-${(images += 1)}`;
  const osdmap = async (): Promise<Osdmap> => {
    const dump = await subject.connection.command({ command: { prefix: 'osd dump' }, deadlineMs: DEADLINE_MS });
    return readOsdmap(value(dump).output)!;
  };
  const entryOf = (node: string): string => wholeAddress(subject.addressOf(node)!);
  before(async () => { subject = await subjectOnce(); });

  it('an entry made by hand for an hour is no fence, and cannot be prolonged: it is put anew, for years', async () => {
    const boot = await subject.boot('hv2');
    await subject.ceph.ceph('osd', 'blocklist', 'add', entryOf('hv2'), '3600');
    const hour = (await osdmap()).blocklist.get(entryOf('hv2'));
    await subject.ceph.ceph('osd', 'blocklist', 'add', entryOf('hv2'), '86400');
    assert.equal((await osdmap()).blocklist.get(entryOf('hv2')), hour, 'if this Ceph prolongs, better: say so here');
    assert.equal(value(await subject.storage.read(boot, DEADLINE_MS)).fenced, false);
    value(await subject.storage.fence(boot, DEADLINE_MS));
    const map = await osdmap();
    assert.ok((map.blocklist.get(entryOf('hv2')) ?? 0) - map.madeAtMs > 9 * YEAR_MS);
  });

  it('OSDs of the fenced node are marked down with it: a frozen one holds nobody up, and comes back', async () => {
    const boot = await subject.boot('hv2');
    const upFrom = (map: Osdmap): number => map.osds.find(({ id }) => id === 1)!.upFrom;
    await eventually('osd.1 is up', async () => (await osdmap()).osds.find(({ id }) => id === 1)!.isUp);
    const earlier = upFrom(await osdmap());
    subject.ceph.freeze('osd.1');
    const { osdmapEpoch } = value(await subject.storage.fence(boot, DEADLINE_MS));
    subject.ceph.thaw('osd.1');
    await eventually('osd.1 is back with a newer map', async () => upFrom(await osdmap()) > earlier);
    assert.ok(upFrom(await osdmap()) >= osdmapEpoch);
  });

  it('a guest that died keeps its watch for a while; its fence ends that at once', async () => {
    const boot = await subject.boot('hv3');
    const name = image();
    const disk = await subject.open(boot, name);
    await eventually('it has written', async () => await disk.write() === 'written');
    disk.kill();
    assert.deepEqual(value(await subject.storage.watchers(name, DEADLINE_MS)), [disk.client]);
    value(await subject.storage.fence(boot, DEADLINE_MS));
    assert.deepEqual(value(await subject.storage.watchers(name, DEADLINE_MS)), []);
  });

  it('the fenced node\'s own connection is cut off with it, and works again after the lift', async () => {
    const boot = await subject.boot('hv2');
    const own = await createCephClient({
      configFile: subject.ceph.confFile, clientName: 'admin', keyringFile: subject.ceph.adminKeyring,
      log: createLog('hv2', 'error'), connectWaitMs: DEADLINE_MS,
      workerPrefix: subject.networks.within(subject.addressOf('hv2')!),
    });
    try {
      assert.ok(own.connected);
      assert.equal(ipOf(own.addresses[0]!), subject.addressOf('hv2'));
      value(await subject.storage.fence(boot, DEADLINE_MS));
      await eventually('it says that it is cut off', () => !own.connected);
      value(await subject.storage.lift(boot, DEADLINE_MS));
      await eventually('it is connected again', () => own.connected);
      assert.ok(value(await own.images('vms', { deadlineMs: DEADLINE_MS })).length > 0);
    } finally {
      await own.close();
    }
  });

  it('everything loses its power: locks and entries stay; the next boot is lifted and takes its disk', async () => {
    const boot = await subject.boot('hv2');
    const name = image();
    const old = await subject.open(boot, name);
    await eventually('it has written', async () => await old.write() === 'written');
    value(await subject.storage.fence(boot, DEADLINE_MS));
    old.kill();
    for (const daemon of subject.ceph.daemons) await subject.ceph.kill(daemon);
    for (const daemon of subject.ceph.daemons) subject.ceph.start(daemon);
    await eventually('the monitors answer', () => subject.storage.connected);
    assert.equal(value(await subject.storage.read(boot, DEADLINE_MS)).fenced
      || (await osdmap()).blocklist.has(entryOf('hv2')), true, 'the entry outlived them');
    assert.deepEqual(value(await subject.storage.lockOwner(name, DEADLINE_MS)), old.client, 'and so did the lock');
    const next = await subject.open(await subject.boot('hv2'), name);
    await eventually('the next boot writes', async () => await next.write() === 'written');
    assert.deepEqual(value(await subject.storage.lockOwner(name, DEADLINE_MS)), next.client);
  });
});

describe('what would spoil a storage fence is said beforehand', () => {
  let subject: CephSubject;
  let weakKeyring = '';
  const keys = async (user: string, guestUser: string, by: CephConnection = subject.connection): Promise<string[]> => {
    const options = { user, guestUser, deadlineMs: DEADLINE_MS };
    return value(await inspectFencing(by, options)).map(({ key }) => key);
  };
  before(async () => {
    subject = await subjectOnce();
    await subject.ceph.addUser('client.libvirt', { mon: 'profile rbd', osd: 'profile rbd' });
    weakKeyring = await subject.ceph.addUser('client.weak', { mon: 'allow r', osd: 'allow rwx' });
  });
  after(() => subject?.stop());

  it('nothing, where the keys may do it', async () => assert.deepEqual(await keys('admin', 'libvirt'), []));

  it('a daemon that may neither write to the blocklist nor ask OSDs', async () => {
    const weak = await createCephClient({
      configFile: subject.ceph.confFile, clientName: 'weak', keyringFile: weakKeyring,
      log: createLog('weak', 'error'), connectWaitMs: DEADLINE_MS,
    });
    try {
      assert.deepEqual(await keys('weak', 'libvirt', weak), ['fence-caps-mon', 'fence-caps-osd']);
    } finally {
      await weak.close();
    }
  });

  it('caps that a key loses are missed before the connection loses them; given back, it has them at once', async () => {
    const client = 'client.fickle';
    const keyringFile = await subject.ceph.addUser(client, { mon: 'allow *', osd: 'allow *' });
    const connect = (): Promise<CephConnection> => createCephClient({
      configFile: subject.ceph.confFile, clientName: 'fickle', keyringFile, log: createLog('fickle', 'error'),
      connectWaitMs: DEADLINE_MS,
    });
    const capsAre = (mon: string): Promise<string> =>
      subject.ceph.ceph('auth', 'caps', client, 'mon', mon, 'osd', 'allow *');
    const command = { prefix: 'osd blocklist', blocklistop: 'rm', addr: '192.0.2.1:0/0' };
    const old = await connect();
    const young: CephConnection[] = [];
    try {
      assert.deepEqual(await keys('fickle', 'libvirt', old), []);
      await capsAre('allow r');
      assert.deepEqual(await keys('fickle', 'libvirt', old), ['fence-caps-mon']);
      young.push(await connect());
      const denied = await young[0]!.command({ command, deadlineMs: DEADLINE_MS });
      assert.match(denied.kind === 'refused' ? denied.reason : denied.kind, /^EACCES/);
      await capsAre('allow *');
      value(await young[0]!.command({ command, deadlineMs: DEADLINE_MS }));
      assert.deepEqual(await keys('fickle', 'libvirt', old), []);
    } finally {
      await Promise.all([old, ...young].map((each) => each.close()));
    }
  });

  it('guests that may not break the lock of a dead one; and guests without any key', async () => {
    assert.deepEqual(await keys('admin', 'weak'), ['guest-caps']);
    assert.deepEqual(await keys('admin', 'nobody'), ['guest-user']);
  });

  it('a time of its own for librbd\'s blocklist entries: Ceph refuses them then; gone when it is mended', async () => {
    await subject.ceph.ceph('config', 'set', 'client', 'rbd_blocklist_expire_seconds', '30');
    assert.deepEqual(await keys('admin', 'libvirt'), ['guest-expiry']);
    await subject.ceph.ceph('config', 'rm', 'client', 'rbd_blocklist_expire_seconds');
    assert.deepEqual(await keys('admin', 'libvirt'), []);
  });
});
