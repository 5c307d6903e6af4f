/** The driver of OSDs on real disks and a real Ceph: every call done, done twice, and refused for a reason. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createCephClient, type CephClient } from '../actors/drivers/ceph/client.js';
import { detected, diskBytes } from '../actors/drivers/ceph/osd-detect.js';
import { OsdRegistry } from '../actors/drivers/ceph/osd-registry.js';
import { systemdServices } from '../actors/drivers/ceph/osd-service.js';
import { readCeph } from '../actors/drivers/ceph/osds-reading.js';
import { createOsds } from '../actors/drivers/ceph/osds.js';
import { refused, type Outcome } from '../actors/drivers/outcome.js';
import type { Osds } from '../actors/drivers/osds.js';
import { startCeph, type CephCluster } from '../fixtures/ceph.js';
import { loopDisks, smallSystemctl, type Disks } from '../fixtures/osd-disks.js';
import type { OsdPlace } from '../machines/osd/effects.js';
import type { CephOsdStats } from '../machines/ceph/telemetry.js';
import type { EffectContext } from '../runtime/effects.js';
import { systemClock } from '../runtime/clock.js';
import { createLog } from '../runtime/log.js';
import { newUuid } from '../runtime/random.js';

const DEADLINE_MS = 60_000;
const NO_DB = { dbBytes: null, dbShare: null };
const given = <T>(outcome: Outcome<T>): T => {
  if (outcome.kind !== 'done') assert.fail(`${outcome.kind}: ${outcome.reason}`);
  return outcome.value;
};
const reasonOf = (outcome: Outcome<unknown>): string =>
  outcome.kind === 'refused' ? outcome.reason : assert.fail(`not refused: ${JSON.stringify(outcome)}`);

describe('the driver of OSDs', { timeout: 600_000 }, () => {
  let cluster: CephCluster;
  let ceph: CephClient;
  let disks: Disks;
  let osds: Osds;
  let folder: string;
  let services: { readonly path: string; close(): Promise<void> };

  before(async () => {
    disks = await loopDisks();
    cluster = await startCeph({ network: '127.0.88', osds: 1, pools: [] });
    folder = await mkdtemp(join(tmpdir(), 'pvc-osds-'));
    const log = createLog('osds', 'error');
    ceph = await createCephClient({
      configFile: cluster.confFile, clientName: 'admin', keyringFile: cluster.adminKeyring, log, connectWaitMs: 60_000,
    });
    services = await smallSystemctl(cluster.confFile, `${folder}/ceph-`);
    osds = createOsds({
      ceph, services: systemdServices(services.path), log, confPath: cluster.confFile, dataPrefix: `${folder}/ceph-`,
      user: null,
    });
  });
  after(async () => {
    await services?.close();
    await ceph?.close();
    await cluster?.stop();
    await disks?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** As the machine calls it; everything twice, as after a crash. */
  async function twice<K extends keyof Osds>(name: K, params: object): Promise<Outcome<unknown>> {
    const call = osds[name] as unknown as (params: object, context: EffectContext) => Promise<Outcome<unknown>>;
    const context = {} as EffectContext;
    const first = await call({ deadlineMs: DEADLINE_MS, ...params }, context);
    const second = await call({ deadlineMs: DEADLINE_MS, ...params }, context);
    assert.equal(second.kind, first.kind, `${name}: the second time as the first`);
    return second;
  }

  async function add(uuid: string, place: OsdPlace): Promise<{ number: number; dbDevice: string | null }> {
    const { device } = given(await twice('osd.check', { uuid, place })) as { device: string };
    const { dbDevice } = given(await twice('osd.prepare', { uuid, place, device })) as { dbDevice: string | null };
    const { number } = given(await twice('osd.register', { uuid, number: null })) as { number: number };
    given(await twice('osd.make', { uuid, number }));
    given(await twice('osd.weigh', { number, node: 'hv1', weight: 0.5 }));
    given(await twice('osd.start', { uuid, number }));
    await up(uuid, number);
    return { number, dbDevice };
  }

  async function up(uuid: string, number: number): Promise<void> {
    for (;;) {
      const { up: is } = given(await twice('osd.look', { uuid, number })) as { up: boolean };
      if (is) return;
      await systemClock.sleep(200);
    }
  }

  async function remove(uuid: string, number: number): Promise<void> {
    given(await twice('osd.mark', { number, in: false }));
    given(await twice('osd.stop', { number }));
    given(await twice('osd.purge', { uuid, number }));
    given(await twice('osd.clear', { uuid, number }));
  }

  const numbers = async (): Promise<number[]> => JSON.parse(await cluster.ceph('osd', 'ls', '-f', 'json')) as number[];

  it('makes an OSD of a disk, and leaves nothing when it takes it away', async () => {
    const disk = await disks.make(1100);
    const uuid = newUuid();
    const { number } = await add(uuid, { device: disk, parts: 1, siblings: [uuid], ...NO_DB });
    const look = async (): Promise<CephOsdStats> =>
      given(await readCeph(ceph, 'hv1', 0, DEADLINE_MS)).osds.find((osd) => osd.number === number)!;
    // The manager hears of a new OSD's disk after a while.
    let stats = await look();
    for (; stats.sizeBytes === 0; stats = await look()) await systemClock.sleep(500);
    assert.deepEqual([stats.uuid, stats.up, stats.in, stats.weight], [uuid, true, true, 0.5]);
    assert.ok(stats.sizeBytes > 800 * 2 ** 20 && stats.availableBytes > 0, JSON.stringify(stats));
    const other = newUuid();
    const against = reasonOf(await twice('osd.check', {
      uuid: other, place: { device: disk, parts: 1, siblings: [other], ...NO_DB },
    }));
    assert.match(against, /in use: it holds .*osd-.*wipefs --all/);
    await remove(uuid, number);
    assert.ok(!(await numbers()).includes(number));
    assert.ok(!(await cluster.ceph('auth', 'ls')).includes(`osd.${number}\n`), 'no key of it is left');
    assert.equal(await disks.run('wipefs', '--no-act', disk), '', 'the disk is empty again');
    assert.deepEqual(await readdir(folder), []);
    given(await twice('osd.check', { uuid: other, place: { device: disk, parts: 1, siblings: [other], ...NO_DB } }));
  });

  it('takes away what is left where a purge and a boot met in one map: an entry without a uuid', async () => {
    const [uuid, other] = [newUuid(), newUuid()];
    const registered = given(await twice('osd.register', { uuid: other, number: null }));
    const { number: anothers } = registered as { number: number };
    const number = Number(await cluster.ceph('osd', 'create'));
    given(await twice('osd.purge', { uuid, number: anothers }));
    given(await twice('osd.purge', { uuid, number }));
    const left = await numbers();
    assert.deepEqual([left.includes(anothers), left.includes(number)], [true, false]);
    given(await twice('osd.purge', { uuid: other, number: anothers }));
  });

  it('of which the manager cannot tell yet whether it is needed, is told as one that is', async () => {
    const uuid = newUuid();
    const { number } = given(await twice('osd.register', { uuid, number: null })) as { number: number };
    await cluster.ceph('osd', 'pool', 'create', 'nowhere', '1');
    await cluster.ceph('osd', 'crush', 'rule', 'create-replicated', 'nowhere', 'default', 'rack');
    await cluster.ceph('osd', 'pool', 'set', 'nowhere', 'crush_rule', 'nowhere');
    const asked = given(await twice('osd.drain', { number })) as { safe: boolean; text: string };
    assert.equal(asked.safe, false);
    assert.match(asked.text, /cannot draw any conclusions|no reported stats/);
    await cluster.ceph('osd', 'pool', 'rm', 'nowhere', 'nowhere', '--yes-i-really-really-mean-it');
    given(await twice('osd.purge', { uuid, number }));
  });

  it('splits a disk, with databases on another, and brings an OSD back whose directory is lost', async () => {
    const disk = await disks.make(2200);
    const db = await disks.make(600);
    const [first, second] = [newUuid(), newUuid()];
    const place = { device: disk, parts: 2, siblings: [first, second], dbBytes: 128 * 2 ** 20, dbShare: null };
    assert.match(reasonOf(await twice('osd.check', { uuid: first, place })), /create-db-vg/);
    given(await twice('osd.db', { device: db }));
    const a = await add(first, place);
    const b = await add(second, place);
    assert.notEqual(a.number, b.number);
    assert.ok(a.dbDevice !== null && a.dbDevice !== b.dbDevice);
    const metadata = JSON.parse(await cluster.ceph('osd', 'metadata', String(a.number), '-f', 'json')) as
      Record<string, string>;
    assert.equal(metadata['bluefs_dedicated_db'], '1');
    assert.match(reasonOf(await twice('osd.check', {
      uuid: newUuid(), place: { device: db, parts: 1, siblings: [], ...NO_DB },
    })), /pvc-osd-db/);
    given(await twice('osd.stop', { number: a.number }));
    await rm(`${folder}/ceph-${a.number}`, { recursive: true });
    assert.match(reasonOf(await twice('osd.import', { uuid: first, number: a.number, device: db })), /is on/);
    given(await twice('osd.import', { uuid: first, number: a.number, device: disk }));
    given(await twice('osd.start', { uuid: first, number: a.number }));
    await up(first, a.number);
    await remove(first, a.number);
    const left = await disks.run('sfdisk', '--dump', disk);
    assert.ok(left.includes(second.replaceAll('-', '')) && !left.includes(first.replaceAll('-', '')), left);
    await remove(second, b.number);
  });

  it('gives a number another disk', async () => {
    const [old, next] = [await disks.make(1100), await disks.make(1100)];
    const uuid = newUuid();
    const { number } = await add(uuid, { device: old, parts: 1, siblings: [uuid], ...NO_DB });
    const place = { device: next, parts: 1, siblings: [uuid], ...NO_DB };
    given(await twice('osd.check', { uuid, place }));
    // Ceph's own pool may have a group here that only this OSD keeps available: then it says so.
    const judged = given(await twice('osd.judge', { number })) as { safe: boolean; text: string };
    assert.ok(judged.safe || /PG/i.test(judged.text), JSON.stringify(judged));
    given(await twice('osd.stop', { number }));
    given(await twice('osd.destroy', { uuid, number }));
    given(await twice('osd.clear', { uuid, number }));
    assert.ok((await numbers()).includes(number), 'the number is kept');
    given(await twice('osd.prepare', { uuid, place, device: next }));
    assert.deepEqual(given(await twice('osd.register', { uuid, number })), { number });
    given(await twice('osd.make', { uuid, number }));
    given(await twice('osd.start', { uuid, number }));
    await up(uuid, number);
    assert.equal(await disks.run('wipefs', '--no-act', old), '');
    given(await twice('osd.stop', { number }));
    given(await twice('osd.destroy', { uuid, number }));
    await remove(uuid, number);
    assert.ok(!(await numbers()).includes(number), 'one that has no disk is removed, too');
  });

  it('looks at a disk for one OSD while it is written for another that shares it', async () => {
    const disk = await disks.make(2200);
    const siblings = [newUuid(), newUuid()];
    const place = { device: disk, parts: 2, siblings, ...NO_DB };
    await Promise.all(siblings.map(async (uuid) => {
      const { device } = given(await twice('osd.check', { uuid, place })) as { device: string };
      given(await twice('osd.prepare', { uuid, place, device }));
    }));
    for (const uuid of siblings) given(await twice('osd.clear', { uuid, number: null }));
    assert.equal(await disks.run('wipefs', '--no-act', disk), '');
  });

  it('touches no disk that holds anything', async () => {
    const check = (device: string): Promise<Outcome<unknown>> =>
      twice('osd.check', { uuid: newUuid(), place: { device, parts: 1, siblings: [], ...NO_DB } });
    const disk = await disks.make(1100);
    await disks.run('mkfs.ext4', '-q', disk);
    assert.match(reasonOf(await check(disk)), /it holds ext4/);
    await disks.run('wipefs', '--all', '--quiet', disk);
    assert.equal((await check(disk)).kind, 'done');
    const [table, mounted] = [await disks.make(1100), await disks.make(1100)];
    await disks.feed('label: dos\nsize=100M, type=83\n', 'sfdisk', '--quiet', table);
    assert.match(reasonOf(await check(table)), /partition table of kind dos.*wipefs --all/);
    await disks.feed('label: gpt\nsize=500M, name="data"\n', 'sfdisk', '--quiet', '--wipe', 'always', table);
    const before = await disks.run('sfdisk', '--dump', table);
    assert.match(reasonOf(await check(table)), /it holds .*"data".*wipefs --all/);
    await disks.feed('label: gpt\nsize=500M\n', 'sfdisk', '--quiet', '--no-reread', '--no-tell-kernel', mounted);
    await disks.run('partx', '--update', mounted);
    await disks.run('mkfs.ext4', '-q', `${mounted}p1`);
    await disks.run('mkdir', `${folder}/mounted`);
    await disks.run('mount', `${mounted}p1`, `${folder}/mounted`);
    try {
      assert.match(reasonOf(await check(mounted)), /p1 is mounted at .*mounted/);
      assert.match(reasonOf(await twice('osd.db', { device: mounted })), /p1 is mounted at/);
      assert.match(reasonOf(await check(`${mounted}p1`)), /is a partition: give the whole disk/);
    } finally {
      await disks.run('umount', `${folder}/mounted`);
    }
    assert.equal(await disks.run('sfdisk', '--dump', table), before, 'nothing was changed');
    assert.match(reasonOf(await check('/dev/nowhere')), /there is no \/dev\/nowhere/);
    assert.match(reasonOf(await check('/dev/null')), /no block device/);
    assert.match(reasonOf(await check('sdb')), /no device/);
    assert.match(reasonOf(await check(await disks.make(100))), /too small/);
    assert.match(reasonOf(await check('detect:NOSUCH:1TB:0')), /0 disks of this node fit/);
  });
});

describe('a node that has just booted', () => {
  it('asks the monitors again for what it has no connection for yet', async () => {
    const away = { command: () => Promise.resolve(refused('ENOTCONN: there is no connection to Ceph')) };
    const registry = new OsdRegistry(away as unknown as CephClient);
    for (const asked of [registry.register(newUuid(), null, 1), registry.key(3, 1), registry.drain(3, 1)]) {
      assert.equal((await asked).kind, 'unknown');
    }
    const never = { command: () => Promise.resolve(refused('EPERM: you may not')) };
    assert.equal((await new OsdRegistry(never as unknown as CephClient).mark(3, true, 1)).kind, 'refused');
  });
});

describe('PVC\'s detect texts', () => {
  const disk = (path: string, model: string, size: number) => ({ path, model, size, type: 'disk' });
  const shelf = [
    disk('/dev/sdb', 'INTEL SSDSC2KB96', 960_197_124_096), disk('/dev/sda', 'INTEL SSDSC2KB96', 960_197_124_096),
    disk('/dev/sdc', 'INTEL SSDSC2KB48', 480_103_981_056), disk('/dev/nvme0n1', 'Samsung SSD 980 1TB', 1.0002e12),
  ];
  it('name the Nth disk of a name and about a size', () => {
    assert.equal(detected('detect:INTEL:960GB:0', shelf), '/dev/sda');
    assert.equal(detected('detect:intel:0.96TB:1', shelf), '/dev/sdb');
    assert.equal(detected('detect:Samsung:1TB:0', shelf), '/dev/nvme0n1');
    assert.throws(() => detected('detect:INTEL:960GB:2', shelf), /2 disks of this node fit \(\/dev\/sda, \/dev\/sdb\)/);
    for (const wrong of ['detect:', 'detect:INTEL', 'detect:INTEL:big:0', 'detect:INTEL:1TB:x', 'detect:A:1T:0:1']) {
      assert.throws(() => detected(wrong, shelf), /no detect text/, wrong);
    }
    assert.deepEqual([diskBytes('800GB'), diskBytes('1.5T'), diskBytes('x')], [8e11, 1.5e12, null]);
  });
});
