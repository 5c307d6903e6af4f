/**
 * A VM goes with its disks, in a simulated cluster by its API: what stands in the way is told before anything is
 * touched; played again with daemons killed around each effect, nothing is left and nothing else is gone.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { domainXml, form } from '../fixtures/api-server.js';
import { VolumeCluster, type Crash } from '../fixtures/volume-cluster.js';

const disk = (volume: string, dev: string, more = ''): string =>
  `<disk type='network' device='disk'><source protocol='rbd' name='${volume}'/><target dev='${dev}' bus='scsi'/>${more}`
  + '</disk>';
const ISO = "<disk type='network' device='cdrom'><source protocol='rbd' name='vms/iso'/><target dev='sdz' bus='scsi'/>"
  + '<readonly/></disk>';

/** web1 with two volumes and a CD, a volume that is nobody's, and the volume of db1. */
async function furnished(): Promise<VolumeCluster> {
  const cluster = new VolumeCluster();
  await cluster.start();
  await cluster.ask('POST', '/storage/ceph/pool/vms?pgs=32&replcfg=copies=3,mincopies=2');
  for (const name of ['web1_sda', 'web1_sdb', 'db1_sda', 'iso', 'spare']) {
    await cluster.ask('POST', `/storage/ceph/volume/vms/${name}?size=1G`);
  }
  const web1 = domainXml('web1', undefined, disk('vms/web1_sda', 'sda') + disk('vms/web1_sdb', 'sdb') + ISO);
  for (const xml of [web1, domainXml('db1', undefined, disk('vms/db1_sda', 'sda'))]) {
    const defined = await cluster.ask('POST', '/vm', form({ xml }));
    assert.equal(defined.status, 200, defined.message);
  }
  return cluster;
}

const images = (cluster: VolumeCluster): string[] => [...cluster.volumes.byName.get('vms')!.images.keys()].sort();
const ALL = ['db1_sda', 'iso', 'spare', 'web1_sda', 'web1_sdb'];
const OTHERS = ['db1_sda', 'iso', 'spare'];
const REMOVE = ['DELETE', '/vm/web1?delete_disks=true'] as const;

async function names(cluster: VolumeCluster, path: string): Promise<string[]> {
  return (await cluster.list(path)).map(({ name }) => String(name)).sort();
}

async function state(cluster: VolumeCluster): Promise<unknown> {
  return (await cluster.list('/vm')).find(({ name }) => name === 'web1')?.['state'];
}

/** Plays the change in a cluster of its own. */
async function within(play: (cluster: VolumeCluster) => Promise<void>): Promise<void> {
  const cluster = await furnished();
  try {
    await play(cluster);
  } finally {
    await cluster.stop();
  }
}

describe('a VM is removed with its disks', () => {
  it('while it runs, with its snapshots; what it only read stays', () => within(async (cluster) => {
    await cluster.ask('POST', '/vm/web1/state?state=start&wait=true');
    await cluster.ask('POST', '/vm/web1/snapshot?snapshot_name=s1');
    await cluster.run(5000);
    assert.equal(await state(cluster), 'start');
    const answer = await cluster.ask(...REMOVE);
    assert.equal(answer.status, 200, answer.message);
    assert.match(answer.message, /^Removed VM 'web1' and its disks from the cluster\..*vms\/iso/);
    assert.deepEqual(images(cluster), OTHERS);
    assert.deepEqual(await names(cluster, '/vm'), ['db1']);
    await cluster.run(2000);
    assert.deepEqual(await names(cluster, '/storage/ceph/volume'), OTHERS, 'and their records with them');
  }));

  it('not while another VM, snapshot or clone needs one', () => within(async (cluster) => {
    const refused = async (reason: RegExp, there = ALL): Promise<void> => {
      const answer = await cluster.ask(...REMOVE);
      assert.deepEqual([answer.status, reason.test(answer.message)], [409, true], answer.message);
      assert.deepEqual([images(cluster), await state(cluster)], [there, 'start'], 'nothing was touched');
    };
    await cluster.ask('POST', '/vm/web1/state?state=start&wait=true');
    await cluster.ask('POST', '/storage/ceph/snapshot/vms/web1_sdb/mine');
    await refused(/'vms\/web1_sdb' has snapshots that are not the VM's \(mine\)/);
    await cluster.ask('DELETE', '/storage/ceph/snapshot/vms/web1_sdb/mine');
    await cluster.ask('POST', '/storage/ceph/volume/vms/web1_sda/clone?new_volume=copy');
    await refused(/what vms\/copy came from/, ['copy', ...ALL].sort());
    await cluster.ask('DELETE', '/storage/ceph/volume/vms/copy');
    const cd = disk('vms/web1_sda', 'sdx', '<readonly/>');
    await cluster.ask('POST', '/vm', form({ xml: domainXml('cd1', undefined, cd) }));
    await refused(/disk of VM 'cd1', too/);
    await cluster.ask('DELETE', '/vm/cd1');
    assert.equal((await cluster.ask(...REMOVE)).status, 200);
  }));

  it('one that somebody has open is waited for; then the VM stays, and the same command ends it later', () =>
    within(async (cluster) => {
      const image = cluster.volumes.image({ pool: 'vms', image: 'web1_sdb' })!;
      image.users.push('192.0.2.9:0/7');
      const answer = await cluster.ask(...REMOVE);
      assert.equal(answer.status, 409);
      assert.match(answer.message, /The VM stays: volume vms\/web1_sdb is in use by 192\.0\.2\.9/);
      assert.deepEqual([images(cluster), await state(cluster)], [ALL, 'stop']);
      image.users.pop();
      assert.equal((await cluster.ask(...REMOVE)).status, 200);
      assert.deepEqual(images(cluster), OTHERS);
    }));

  it('as a task for who prefers not to wait, with its end where tasks are asked for', () => within(async (cluster) => {
    const begun = await cluster.ask('DELETE', '/vm/web1?delete_disks=true', { headers: { prefer: 'respond-async' } });
    const { task_id: id, task_name: name, done } = begun.body as Record<string, string>;
    assert.deepEqual([begun.status, name, begun.headers['preference-applied']], [202, 'vm.undefine', 'respond-async']);
    assert.match(String(done), /^Removed VM 'web1'/);
    assert.match(await cluster.endOf(String(id)), /^SUCCESS/);
    assert.deepEqual(images(cluster), OTHERS);
    const refused = await cluster.ask('POST', '/storage/ceph/volume/vms/spare?size=1G', {
      headers: { prefer: 'wait=5, respond-async' },
    });
    assert.equal(refused.status, 409, 'a refusal is one at once');
  }));

  it('undefined without them they stay', () => within(async (cluster) => {
    assert.equal((await cluster.ask('DELETE', '/vm/web1?delete_disks=False')).status, 200);
    assert.deepEqual(images(cluster), ALL);
  }));
});

interface Played { readonly effects: number; readonly end: unknown }

async function play(crash: Crash | null): Promise<Played> {
  let seen = { effects: 0 };
  let end: unknown = null;
  await within(async (cluster) => {
    await cluster.ask('POST', '/vm/web1/snapshot?snapshot_name=s1');
    await cluster.run(5000);
    seen = cluster.crash(/^disks\./, crash);
    const answer = await cluster.ask(...REMOVE);
    await cluster.run(30_000);
    end = [answer.status, images(cluster), await names(cluster, '/vm'), await names(cluster, '/storage/ceph/volume')];
  });
  return { ...seen, end };
}

it('a crash around each of its effects changes nothing about the end', async () => {
  const calm = await play(null);
  assert.deepEqual(calm, { effects: 3, end: [200, OTHERS, ['db1'], OTHERS] });
  for (let number = 1; number <= calm.effects; number += 1) {
    for (const moment of ['before', 'after'] as const) {
      const { end } = await play({ number, moment });
      assert.deepEqual(end, calm.end, `killed ${moment} effect ${number}`);
    }
  }
});
