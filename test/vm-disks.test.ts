/** RBD disks of guests on a real Ceph, a real libvirtd and QEMU. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createCephClient } from '../actors/drivers/ceph/client.js';
import { cephVolumes } from '../actors/drivers/ceph/volumes.js';
import type { Hypervisor } from '../actors/drivers/hypervisor.js';
import { createLibvirtHypervisor } from '../actors/drivers/libvirt/hypervisor.js';
import { diskEffects } from '../actors/effects-disks.js';
import { startCeph, type CephCluster } from '../fixtures/ceph.js';
import { eventually, valueOf } from '../fixtures/contracts/hypervisor-bench.js';
import { startLibvirtdPair, type LibvirtdPair } from '../fixtures/libvirtd.js';
import { writeWriter } from '../fixtures/writing-guest.js';
import { systemClock } from '../runtime/clock.js';
import type { EffectContext } from '../runtime/effects.js';
import { createLog } from '../runtime/log.js';
import { newUuid } from '../runtime/random.js';

const log = createLog('vm-disks-test', 'error');
const LOOPBACK = ['127.0.62.1', '127.0.62.2'] as const;
const WAIT_MS = 60_000;

let ceph: CephCluster;
let pair: LibvirtdPair;
let source: Hypervisor;
let target: Hypervisor;

before(async () => {
  [ceph, pair] = await Promise.all([
    startCeph({ network: '127.0.61' }), startLibvirtdPair({ loopback: LOOPBACK }),
  ]);
  const keyFile = await ceph.addUser('client.guests', { mon: 'profile rbd', osd: 'profile rbd pool=vms' });
  const monitors = ceph.monitors.map((host) => ({ host, port: 6789 }));
  const rbd = { monitors, username: 'guests', secretUuid: newUuid(), keyFile };
  const create = ({ uri, consoleDir }: LibvirtdPair['nodes'][number]) =>
    createLibvirtHypervisor({ uri, consoleDir, log, rbd });
  [source, target] = await Promise.all([create(pair.nodes[0]), create(pair.nodes[1])]);
});
after(async () => {
  await Promise.all([source?.close(), target?.close()]);
  await Promise.all([pair?.stop(), ceph?.stop()]);
});

const diskXml = (volume: string, dev: string): string =>
  `<disk type='network' device='disk'><driver name='qemu' type='raw' discard='unmap'/>`
  + `<source protocol='rbd' name='vms/${volume}'><host name='192.0.2.1' port='6789'/></source>`
  + `<auth username='stale'><secret type='ceph' uuid='${newUuid()}'/></auth><target dev='${dev}' bus='scsi'/></disk>`;

class Guest {
  readonly uuid = newUuid();
  readonly name = `disks-${this.uuid.slice(0, 8)}`;

  constructor(private readonly disks: readonly string[]) {}

  /** No boot device: its BIOS loops. SCSI disks come and go without the guest's help. */
  start(ioErrors?: 'pause' | 'report') {
    const xml = `<domain type='qemu'><name>${this.name}</name><uuid>${this.uuid}</uuid><memory unit='MiB'>32</memory>`
      + `<vcpu>1</vcpu><os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features><devices>`
      + `<console type='pty'/><controller type='usb' model='none'/><memballoon model='none'/>`
      + `<controller type='scsi' model='virtio-scsi'/>${this.disks.join('')}</devices></domain>`;
    const { uuid, name } = this;
    const policy = ioErrors === undefined ? {} : { ioErrors };
    return source.start({ uuid, name, xml, epoch: 1, effectId: 'e', deadlineMs: WAIT_MS, ...policy });
  }

  change(change: 'attach' | 'detach' | 'limit', xml: string, deadlineMs = WAIT_MS) {
    return source.changeDevice({ uuid: this.uuid, change, xml, deadlineMs });
  }

  /** virsh's word about one of its disks. */
  async asks(command: string, dev: string): Promise<string> {
    return pair.nodes[0].virsh(command, this.name, dev);
  }
}

const create = async (volume: string): Promise<void> => {
  await ceph.rbd('create', '--size', '16', `vms/${volume}`);
};
const watchers = async (volume: string): Promise<number> => {
  const status = JSON.parse(await ceph.rbd('status', `vms/${volume}`, '--format', 'json')) as { watchers: unknown[] };
  return status.watchers.length;
};
const until = (what: string, isSo: () => Promise<boolean>): Promise<void> => eventually(what, isSo, WAIT_MS);

describe('a guest with RBD disks', () => {
  it('starts although its definition names monitors and a key of elsewhere, and opens its image', async () => {
    await create('first');
    const guest = new Guest([diskXml('first', 'sda')]);
    assert.equal(valueOf(await guest.start()).state, 'running');
    await until('it watches its image', async () => await watchers('first') === 1);
    valueOf(await source.destroy(guest.uuid));
  });

  it('starts again after libvirtd was restarted, which forgets every key', async () => {
    const guest = new Guest([diskXml('first', 'sda')]);
    await pair.nodes[0].signal('libvirtd', 'KILL');
    await until('it is disconnected', async () => !source.connected);
    await pair.nodes[0].start();
    await until('it is connected', async () => source.connected);
    assert.equal(valueOf(await guest.start()).state, 'running');
    valueOf(await source.destroy(guest.uuid));
  });

  it('is refused with the reason if there is no such image', async () => {
    const outcome = await new Guest([diskXml('nosuch', 'sda')]).start();
    assert.equal(outcome.kind, 'refused');
    assert.match(outcome.kind === 'refused' ? outcome.reason : '', /nosuch/);
  });

  it('moves live with its disks', async () => {
    const guest = new Guest([diskXml('first', 'sda')]);
    valueOf(await guest.start());
    valueOf(await source.migrate({
      uuid: guest.uuid, targetHost: LOOPBACK[1], maxDowntimeMs: 300, effectId: 'e', deadlineMs: WAIT_MS,
    }));
    assert.equal(valueOf(await target.resume(guest.uuid)).state, 'running');
    await until('one copy watches the image', async () => await watchers('first') === 1);
    valueOf(await target.destroy(guest.uuid));
  });

  it('is given a disk and lets go of it while it runs; each twice is done', async () => {
    await create('second');
    const guest = new Guest([diskXml('first', 'sda')]);
    const second = diskXml('second', 'sdb');
    valueOf(await guest.start());
    valueOf(await guest.change('attach', second));
    valueOf(await guest.change('attach', second));
    await until('it has the second image open', async () => await watchers('second') === 1);
    const other = await guest.change('attach', diskXml('first', 'sdb'));
    assert.match(other.kind === 'refused' ? other.reason : other.kind, /another device at sdb: vms\/second/);
    valueOf(await guest.change('detach', second));
    valueOf(await guest.change('detach', second));
    await until('it has closed the second image', async () => await watchers('second') === 0);
    const nosuch = await guest.change('attach', diskXml('nosuch', 'sdc'));
    assert.equal(nosuch.kind, 'refused', JSON.stringify(nosuch));
    valueOf(await source.destroy(guest.uuid));
    assert.equal((await guest.change('attach', second)).kind, 'refused');
  });

  it('sees a volume that has grown, and never makes one smaller', async () => {
    const guest = new Guest([diskXml('first', 'sda')]);
    valueOf(await guest.start());
    await ceph.rbd('resize', '--size', '24', 'vms/first');
    valueOf(await source.resizeDisk(guest.uuid, 'vms/first', 24 << 20));
    assert.match(await guest.asks('domblkinfo', 'sda'), new RegExp(`Capacity: +${24 << 20}`));
    valueOf(await source.resizeDisk(guest.uuid, 'vms/first', 20 << 20));
    valueOf(await source.resizeDisk(guest.uuid, 'vms/other', 99 << 20));
    assert.match(await guest.asks('domblkinfo', 'sda'), new RegExp(`Capacity: +${24 << 20}`));
    assert.equal(JSON.parse(await ceph.rbd('info', 'vms/first', '--format', 'json')).size, 24 << 20);
    valueOf(await source.destroy(guest.uuid));
  });

  it('is limited, and let go again, while it runs', async () => {
    const guest = new Guest([diskXml('first', 'sda')]);
    valueOf(await guest.start());
    const limited = (tune: string): string => diskXml('first', 'sda').replace('</disk>', `${tune}</disk>`);
    const tune = '<iotune><read_iops_sec>100</read_iops_sec><total_bytes_sec>1000000</total_bytes_sec></iotune>';
    valueOf(await guest.change('limit', limited(tune)));
    const told = await guest.asks('blkdeviotune', 'sda');
    assert.match(told, /read_iops_sec *: 100\b/);
    assert.match(told, /total_bytes_sec: 1000000\b/);
    valueOf(await guest.change('limit', limited('')));
    assert.match(await guest.asks('blkdeviotune', 'sda'), /read_iops_sec *: 0\b/);
    assert.equal((await guest.change('limit', diskXml('first', 'sdz'))).kind, 'refused');
    valueOf(await source.destroy(guest.uuid));
  });

  it('waits with its writes while its pool is at its quota, and goes on by itself after that', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pvc-writer-'));
    writeWriter(join(folder, 'writer'));
    await ceph.rbd('import', join(folder, 'writer'), 'vms/writer');
    rmSync(folder, { recursive: true });
    const guest = new Guest([diskXml('writer', 'hda').replace("bus='scsi'", "bus='ide'")]);
    valueOf(await guest.start('report'));
    const written = async (): Promise<number> =>
      Number(/wr_req (\d+)/.exec(await guest.asks('domblkstat', 'hda'))?.[1] ?? '0');
    const more = async (than: number): Promise<void> => until('it writes on', async () => await written() > than);
    await more(100);
    await ceph.ceph('osd', 'pool', 'set-quota', 'vms', 'max_bytes', '1');
    await until('the pool is full', async () => (await ceph.ceph('health', 'detail')).includes('POOL_FULL'));
    await until('it waits', async () => {
      const before = await written();
      await systemClock.sleep(3000);
      return await written() === before;
    });
    assert.equal(valueOf(await source.observe(guest.uuid))?.state, 'running', 'no error is told to anybody');
    const stopped = await written();
    await ceph.ceph('osd', 'pool', 'set-quota', 'vms', 'max_bytes', '0');
    await more(stopped);
    valueOf(await source.destroy(guest.uuid));
    await ceph.rbd('rm', 'vms/writer');
  });

  it('stands still between freeze and thaw, which may come twice and from anybody', async () => {
    const guest = new Guest([diskXml('first', 'sda')]);
    valueOf(await guest.start());
    const state = async (): Promise<string | undefined> => valueOf(await source.observe(guest.uuid))?.state;
    assert.equal(valueOf(await source.freeze(guest.uuid)), 'paused');
    assert.equal(valueOf(await source.freeze(guest.uuid)), 'paused');
    assert.equal(await state(), 'paused');
    valueOf(await source.thaw(guest.uuid));
    valueOf(await source.thaw(guest.uuid));
    assert.equal(await state(), 'running');
    valueOf(await source.destroy(guest.uuid));
    assert.equal((await source.freeze(guest.uuid)).kind, 'refused');
  });

  it('is snapshotted as a whole: two disks at one moment, which come back together', async () => {
    const { confFile, adminKeyring: keyringFile } = ceph;
    const connection = await createCephClient({
      configFile: confFile, clientName: 'client.admin', keyringFile, log, connectWaitMs: WAIT_MS,
    });
    const effects = diskEffects(cephVolumes(connection, { confFile, user: 'admin', keyringFile }));
    const moment = { volumes: ['vms/first', 'vms/second'], name: 'whole', deadlineMs: WAIT_MS };
    const context = { resumed: false } as EffectContext;
    const snapshots = async (volume: string): Promise<string[]> =>
      (JSON.parse(await ceph.rbd('snap', 'ls', `vms/${volume}`, '--format', 'json')) as { name: string }[])
        .map((each) => each.name);
    const guest = new Guest([diskXml('first', 'sda'), diskXml('second', 'sdb')]);
    valueOf(await guest.start());
    valueOf(await effects['disks.check'](moment, context));
    valueOf(await source.freeze(guest.uuid));
    valueOf(await effects['disks.snapshot'](moment, context));
    valueOf(await effects['disks.snapshot'](moment, { ...context, resumed: true }));
    valueOf(await source.thaw(guest.uuid));
    assert.deepEqual([await snapshots('first'), await snapshots('second')], [['whole'], ['whole']]);
    const taken = await effects['disks.check'](moment, context);
    assert.match(taken.kind === 'refused' ? taken.reason : taken.kind, /has a snapshot "whole" already/);
    valueOf(await source.destroy(guest.uuid));
    await ceph.rbd('resize', '--size', '40', 'vms/second');
    valueOf(await effects['disks.rollback'](moment, context));
    assert.equal(JSON.parse(await ceph.rbd('info', 'vms/second', '--format', 'json')).size, 16 << 20);
    valueOf(await effects['disks.drop'](moment, context));
    valueOf(await effects['disks.drop'](moment, context));
    assert.deepEqual([await snapshots('first'), await snapshots('second')], [[], []]);
    await connection.close();
  });
});
