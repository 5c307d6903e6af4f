/** The health of the simulated storage: the shipped actor, told by the shipped daemons, through their own troubles. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Wishes } from '../fixtures/sim/scenario/wishes.js';
import { SimVolumes } from '../fixtures/sim/storage/volumes.js';
import { SimWorld } from '../fixtures/sim/world.js';
import { cephContext } from '../machines/ceph/admission.js';
import { faultsOf } from '../machines/ceph/changes.js';
import type { CephFault } from '../machines/ceph/messages.js';
import { osdContext } from '../machines/osd/admission.js';
import type { ActorRecord } from '../runtime/record.js';

const NODES = ['hv1', 'hv2', 'hv3'];
const PATIENCE_MS = 5 * 60_000;

describe('the health of the simulated storage', () => {
  let world: SimWorld;
  let volumes: SimVolumes;
  beforeEach(async () => {
    const nodes = NODES.map((name) => ({ name, coordinator: true, cpus: 4, memoryMiB: 4096 }));
    world = new SimWorld({ seed: 12, nodes, wishes: new Wishes([]) });
    world.looksAtStorage = true;
    world.volumes = volumes = new SimVolumes();
    volumes.addPool('vms');
    for (const name of NODES) world.node(name).setPower('on');
    await until(() => health() === 'ok' && open() === '', 'all is well');
  });
  afterEach(() => world.close());

  const records = (kind: string): ActorRecord[] =>
    (world.services()?.feed.actors(kind) ?? []).map(({ record }) => record);
  const record = (): ActorRecord | undefined => records('ceph')[0];
  const health = (): string | null =>
    (record()?.snapshot.value as { health: string } | undefined)?.health ?? null;
  const open = (): string => (record() === undefined ? '' : cephContext(record()!.snapshot).open);
  const faults = (): CephFault[] => (record() === undefined ? [] : faultsOf(cephContext(record()!.snapshot)));
  const until = async (met: () => boolean, what: string): Promise<void> => {
    await world.time.runUntil(world.time.nowMs + PATIENCE_MS, met);
    assert.ok(met(), `${what}; it is ${String(health())}: ${open()}`);
  };

  it('a dead OSD opens a fault that tells what to do, and its actor knows; its return closes it', async () => {
    const isUp = (number: number): boolean | undefined =>
      records('osd').map(({ snapshot }) => osdContext(snapshot)).find((osd) => osd.number === number)?.up;
    await until(() => records('osd').length === 6 && isUp(1) === true, 'OSDs that Ceph has are taken up');
    world.storage.setOsd('osd.1', 'down');
    await until(() => open().includes('CEPH_WARN_OSD_DOWN') && isUp(1) === false, 'it is missed');
    const fault = faults().find(({ code }) => code === 'OSD_DOWN')!;
    assert.match(fault.text, /1 osds down \(osd\.1 \(host=hv2\) is down\)/);
    assert.match(fault.cure, /pvc storage osd list/);
    assert.equal(health(), 'warning');
    world.storage.setOsd('osd.1', 'up');
    await until(() => health() === 'ok' && isUp(1) === true, 'it is closed');
    const types = record()!.tail.map(({ to }) => to.split('|').at(-1));
    assert.ok(types.includes('closing.settling'), `it waited before it closed: ${types.join()}`);
  });

  it('an OSD that comes and goes is one fault, and costs few commits', async () => {
    const since = async (): Promise<number> => {
      await until(() => open().includes('CEPH_WARN_OSD_DOWN'), 'it is missed');
      return faults().find(({ code }) => code === 'OSD_DOWN')!.since;
    };
    world.storage.setOsd('osd.1', 'down');
    const first = await since();
    const before = record()!.counts.commits;
    for (let times = 0; times < 40; times += 1) {
      world.storage.setOsd('osd.1', times % 2 === 0 ? 'up' : 'down');
      await world.time.runUntil(world.time.nowMs + 7000);
    }
    assert.equal(await since(), first, 'never closed meanwhile');
    const commits = record()!.counts.commits - before;
    assert.ok(commits <= 30, `${commits} commits for 40 changes in 280 s`);
    world.storage.setOsd('osd.1', 'up');
    await until(() => faults().every(({ absent }) => absent), 'it is away');
    await world.time.runUntil(world.time.nowMs + 300_000);
    assert.match(open(), /OSD_DOWN/, 'one that flapped stays open for longer');
    await world.time.runUntil(world.time.nowMs + 400_000);
    assert.equal(open(), '');
  });

  it('the primary dies: the next one goes on with the same faults, and closes them', async () => {
    world.storage.setOsd('osd.0', 'slow');
    await until(() => open() === 'CEPH_WARN_SLOW_OPS', 'it is told of');
    const { since } = faults()[0]!;
    const primary = world.services()!.feed.primary()!.node;
    world.node(primary).bmc = 'dead';
    world.node(primary).setPower('off');
    await until(() => open().includes('CEPH_WARN_MON_DOWN'), 'the next primary tells of what is new');
    assert.equal(faults().find(({ code }) => code === 'SLOW_OPS')!.since, since);
    world.storage.setOsd('osd.0', 'up');
    world.node(primary).setPower('on');
    await until(() => health() === 'ok', 'all is well again');
  });

  it('monitors without a quorum: Ceph is silent, and what was known stays; then it speaks again', async () => {
    world.storage.setOsd('osd.0', 'slow');
    await until(() => open() === 'CEPH_WARN_SLOW_OPS', 'it is told of');
    for (const node of NODES) for (const way of ['in', 'out'] as const) world.network.set(node, 'storage', way, false);
    world.topologyChanged();
    await until(() => health() === 'silent', 'nobody hears of it');
    assert.equal(open(), 'CEPH_UNHEARD CEPH_WARN_SLOW_OPS');
    assert.match(faults().find(({ code }) => code === 'UNHEARD')!.cure, /monitors/);
    for (const node of NODES) for (const way of ['in', 'out'] as const) world.network.set(node, 'storage', way, true);
    world.storage.setOsd('osd.0', 'up');
    world.topologyChanged();
    await until(() => health() === 'ok', 'all is well again');
  });

  it('an image that somebody removed beside PVC is told of until it is back, or a person deletes that', async () => {
    const bounds = { deadlineMs: 1000 };
    const [one, two] = [{ pool: 'vms', image: 'one' }, { pool: 'vms', image: 'two' }];
    for (const image of [one, two]) await volumes.create(image, 2 ** 20, bounds);
    await until(() => records('volume').length === 2, 'they are found');
    for (const image of [one, two]) await volumes.remove(image, bounds);
    await until(() => open() === 'STORAGE_DRIFT_VOLUMES_GONE_VMS', 'they are missed');
    const gone = (): CephFault | undefined => faults().find(({ code }) => code.startsWith('VOLUMES_GONE'));
    assert.deepEqual(gone()?.names, ['vms/one', 'vms/two']);
    assert.match(gone()!.text, /2 volumes of pool vms went from Ceph, .*: vms\/one, vms\/two/);
    assert.match(gone()!.cure, /pvc cluster fault delete STORAGE_DRIFT_VOLUMES_GONE_VMS/);
    await volumes.create(one, 2 ** 20, bounds);
    world.node(world.services()!.feed.primary()!.node).killDaemon();
    await until(() => gone()?.names?.join() === 'vms/two', 'the next primary knows as well');
    await volumes.create(two, 2 ** 20, bounds);
    await until(() => health() === 'ok', 'it is closed');
    await volumes.remove(two, bounds);
    await until(() => open() === 'STORAGE_DRIFT_VOLUMES_GONE_VMS', 'it is missed again');
    void world.services()!.gateway.submit('ceph/cluster', { type: 'ceph.forget', fault: null }, 'test');
    await until(() => open() === '', 'a person deleted it');
    await world.time.runUntil(world.time.nowMs + 180_000);
    assert.equal(open(), '', 'and it does not come back');
  });

  it('what would spoil a fence is told of by every node, as one fault', async () => {
    world.storage.fence = 'refused';
    await until(() => faults().some(({ text }) => text.endsWith('(hv1, hv2, hv3)')), 'it is found');
    assert.equal(open(), 'STORAGE_FENCE_CAPS_MON');
    world.storage.fence = 'ok';
    await until(() => health() === 'ok', 'it is mended');
  });

  it('OSDs that Ceph has not, or that no node has, are told of', async () => {
    await until(() => records('osd').length === 6, 'OSDs that Ceph has are taken up');
    world.storage.otherHands.purged.add('osd.4');
    world.storage.otherHands.strangers.set(17, 'elsewhere').set(18, null);
    const ids = ['STORAGE_DRIFT_OSD_FOREIGN_17', 'STORAGE_DRIFT_OSD_FOREIGN_18', 'STORAGE_DRIFT_OSD_GONE_4'];
    await until(() => open() === ids.join(' '), 'all three are found');
    assert.match(faults().find(({ code }) => code === 'OSD_GONE_4')!.cure, /pvc storage osd remove 4/);
    assert.equal(health(), 'warning');
    world.storage.otherHands.purged.clear();
    world.storage.otherHands.strangers.clear();
    await until(() => health() === 'ok', 'it is repaired');
  });
});
