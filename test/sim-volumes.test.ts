/**
 * Pools and volumes of a simulated cluster, by the API of a node that is not primary: the shipped daemons, machines and
 * keeper over pools and images in memory. Changes of several steps are played again with the primary's daemon killed
 * around each of their effects in turn, and must end the same.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { simFile } from '../fixtures/sim/storage/volumes.js';
import { multipart, VolumeCluster, type Crash } from '../fixtures/volume-cluster.js';

const MIB = 2 ** 20;

const POOL = '/storage/ceph/pool/vms?pgs=32&replcfg=copies=3,mincopies=2';
const MORE = '/storage/ceph/pool/more';
const one = '/storage/ceph/volume/vms/one';

describe('pools and volumes of a simulated cluster', () => {
  let cluster: VolumeCluster;
  beforeEach(async () => {
    cluster = new VolumeCluster();
    await cluster.start();
  });
  afterEach(() => cluster.stop());

  const ok = async (...asked: Parameters<VolumeCluster['ask']>): Promise<string> => {
    const answer = await cluster.ask(...asked);
    assert.equal(answer.status, 200, answer.message);
    return answer.message;
  };
  const no = async (status: number, ...asked: Parameters<VolumeCluster['ask']>): Promise<string> => {
    const answer = await cluster.ask(...asked);
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    return answer.message;
  };
  const names = async (kind: string): Promise<string[]> => (await cluster.list(`/storage/ceph/${kind}`))
    .map((each) => String(each[kind === 'snapshot' ? 'snapshot' : 'name']));

  it('a pool is made, changed and removed with its volumes, as PVC answers', async () => {
    assert.equal(await ok('POST', `${POOL}&tier=ssd`), "Created new RBD pool 'vms' with 32 PGs.");
    assert.deepEqual((await cluster.list('/storage/ceph/pool/vms')).map(({ name, pgs, tier, pg_count: count }) =>
      [name, pgs, tier, count]), [['vms', '32', 'ssd', 32]]);
    assert.match(await no(409, 'POST', POOL), /is a pool 'vms' already/);
    assert.match(await no(400, 'PUT', '/storage/ceph/pool/vms?pgs=33'), /power of two/);
    assert.match(await no(409, 'PUT', '/storage/ceph/pool/vms?pgs=2048'), /too many placement groups/);
    await ok('PUT', '/storage/ceph/pool/vms?pgs=64');
    assert.equal((await cluster.list('/storage/ceph/pool'))[0]?.['pgs'], '64');
    await ok('POST', `${one}?size=1G`);
    assert.match(await no(400, 'DELETE', '/storage/ceph/pool/vms'), /yes-i-really-mean-it/);
    cluster.volumes.image({ pool: 'vms', image: 'one' })!.users.push('hv2:0/7');
    assert.match(await no(409, 'DELETE', '/storage/ceph/pool/vms?yes-i-really-mean-it=1'), /'one'.*in use by hv2/);
    assert.equal(cluster.volumes.deletionAllowed, false);
    cluster.volumes.image({ pool: 'vms', image: 'one' })!.users.pop();
    await ok('DELETE', '/storage/ceph/pool/vms?yes-i-really-mean-it=1');
    assert.deepEqual([await names('pool'), await names('volume')], [[], []]);
    assert.equal(cluster.volumes.deletionAllowed, false);
  });

  it('a pool that keeps more copies than there are nodes for them is made, and said to be degraded', async () => {
    const wide = (name: string, replication: string): string =>
      `/storage/ceph/pool/${name}?pgs=32&replcfg=copies=${replication}`;
    assert.match(await ok('POST', wide('vms', '4,mincopies=2')),
      /^Created .*4 copies, each on a node of its own, and 3 have OSDs for it: it stays degraded/);
    assert.match(await ok('POST', wide('more', '5,mincopies=4')), /nothing can be written to it until there are/);
  });

  it('a pool that cannot be finished is not left behind', async () => {
    assert.match(await no(409, 'POST', '/storage/ceph/pool/vms?pgs=32&replcfg=copies=9,mincopies=2'), /hosts/);
    assert.match(await no(409, 'POST', `${POOL}&tier=nvme`), /no OSD is of the class/);
    assert.match(await no(400, 'POST', '/storage/ceph/pool/v%20m?pgs=32&replcfg=copies=3,mincopies=2'), /no name/);
    assert.match(await no(400, 'POST', '/storage/ceph/pool/vms?pgs=32&replcfg=3'), /copies=3,mincopies=2/);
    assert.deepEqual([[...cluster.volumes.byName.keys()], await names('pool')], [[], []]);
    await ok('POST', POOL);
  });

  it('a volume is made, grows, is renamed, cloned and removed', async () => {
    await ok('POST', POOL);
    assert.equal(await ok('POST', `/storage/ceph/volume?pool=vms&volume=one&size=1GiB`),
      "Created RBD volume 'one' of size '1024M' in pool 'vms'.");
    assert.match(await no(409, 'POST', `${one}?size=1G`), /already/);
    assert.match(await no(400, 'POST', '/storage/ceph/volume/vms/two?size=big'), /no size/);
    assert.match(await no(400, 'POST', '/storage/ceph/volume/vms/pvc-tmp.x?size=1G'), /PVC's own/);
    assert.match(await no(409, 'POST', '/storage/ceph/volume/vms/two?size=200G&force=true'), /free/);
    assert.match(await no(409, 'POST', '/storage/ceph/volume/vms/two?size=90G'), /80 %/);
    assert.match(await no(400, 'PUT', `${one}?new_size=1M`), /cut off data/);
    assert.match(await ok('PUT', `${one}?new_size=2G`), /Resized/);
    await ok('PUT', `${one}?new_name=two`);
    assert.deepEqual(await names('volume'), ['two']);
    await ok('POST', '/storage/ceph/volume/vms/two/clone?new_volume=three&force_flag=False');
    assert.match(await no(409, 'DELETE', '/storage/ceph/volume/vms/two'), /three.*cloned from/);
    assert.match((await cluster.list('/storage/ceph/volume/vms/three'))[0]!['parent'] as string, /^vms\/two@/);
    await ok('POST', '/storage/ceph/volume/vms/three/flatten');
    assert.equal((await cluster.list('/storage/ceph/volume/vms/three'))[0]!['parent'], null);
    await ok('DELETE', '/storage/ceph/volume/vms/two');
    assert.deepEqual(await names('volume'), ['three']);
    const found = await cluster.list('/storage/ceph/volume?limit=^thr&pool=vms');
    assert.deepEqual(found.map(({ name }) => name), ['three']);
    await no(404, 'GET', '/storage/ceph/volume/vms/two');
  });

  it('a snapshot is taken, renamed, rolled back to and removed, but not under a guest', async () => {
    await ok('POST', POOL);
    await ok('POST', `${one}?size=1G`);
    await ok('POST', '/storage/ceph/snapshot?pool=vms&volume=one&snapshot=s1');
    assert.match(await no(400, 'POST', '/storage/ceph/snapshot/vms/one/s1'), /already/);
    await ok('PUT', '/storage/ceph/snapshot/vms/one/s1?new_name=s2');
    assert.deepEqual(await names('snapshot'), ['s2']);
    assert.match(await no(409, 'DELETE', one), /snapshots/);
    cluster.volumes.image({ pool: 'vms', image: 'one' })!.users.push('hv2:0/7');
    assert.match(await no(409, 'POST', '/storage/ceph/snapshot/vms/one/s2/rollback'), /in use by hv2/);
    cluster.volumes.image({ pool: 'vms', image: 'one' })!.users.pop();
    await ok('POST', '/storage/ceph/snapshot/vms/one/s2/rollback');
    await ok('DELETE', '/storage/ceph/snapshot/vms/one/s2');
    assert.deepEqual(await names('snapshot'), []);
    await ok('DELETE', one);
  });

  it('an upload fills a volume, or makes one; what is not what it says leaves nothing', async () => {
    await ok('POST', POOL);
    const upload = `${one}/upload?image_format=qcow2&file_size=9`;
    assert.match(await ok('POST', upload, multipart(simFile('qcow2', 64 * MIB))), /Wrote uploaded file/);
    assert.equal((await cluster.list(one))[0]!['name'], 'one');
    const content = cluster.volumes.image({ pool: 'vms', image: 'one' })!.content;
    await ok('POST', upload, multipart(simFile('qcow2', 64 * MIB)));
    assert.notEqual(cluster.volumes.image({ pool: 'vms', image: 'one' })!.content, content);
    assert.match(await no(409, 'POST', upload, multipart(simFile('qcow2', 128 * MIB))), /resize it first/);
    const other = '/storage/ceph/volume/vms/two/upload?image_format=raw';
    assert.match(await no(409, 'POST', other, multipart(simFile('qcow2', MIB))), /said to be raw, and is qcow2/);
    const { headers, payload } = multipart(simFile('raw', MIB));
    assert.match(await no(400, 'POST', other, { headers, payload: payload.subarray(0, -10) }), /cut off|ends in the/);
    assert.match(await no(400, 'POST', other, { payload: {} }), /multipart/);
    assert.deepEqual([...cluster.volumes.byName.get('vms')!.images.keys()], ['one']);
  });

  it('as a task for who prefers not to wait: why it failed is told although nothing is left of it', async () => {
    await ok('POST', POOL);
    const end = async (...asked: Parameters<VolumeCluster['ask']>): Promise<string> =>
      cluster.endOf(await cluster.task(...asked));
    assert.match(await end('POST', '/storage/ceph/volume/vms/two?size=200G&force=true'), /^FAILURE .*free/);
    assert.equal(await end('POST', `${one}?size=1G`), 'SUCCESS ');
    assert.equal(await end('POST', `${one}/clone?new_volume=two`), 'SUCCESS ');
    assert.match(await end('DELETE', one), /^FAILURE .*"?two"?.* cloned from/);
    assert.equal(await end('PUT', `${one}?new_name=three`), 'SUCCESS ');
    assert.equal(await end('DELETE', '/storage/ceph/pool/vms?yes-i-really-mean-it=1'), 'SUCCESS ');
    assert.match(await end('POST', `${POOL}&tier=nvme`), /^FAILURE no OSD is of the class/);
  });

  it('the keeper makes records of what it finds, lets go what is gone, and clears what an upload left', async () => {
    cluster.volumes.addPool('old');
    const bounds = { deadlineMs: 1000 };
    await cluster.volumes.create({ pool: 'old', image: 'a disk~1' }, MIB, bounds);
    await cluster.volumes.create({ pool: 'old', image: 'pvc-tmp.77' }, MIB, bounds);
    await cluster.run(70_000);
    assert.deepEqual([await names('pool'), await names('volume')], [['old'], ['a disk~1']]);
    await cluster.volumes.resize({ pool: 'old', image: 'a disk~1' }, 2 * MIB, bounds);
    await ok('POST', '/storage/ceph/pool/old/scan');
    const [volume] = await cluster.list('/storage/ceph/volume/old/a%20disk~1');
    assert.equal((volume!['stats'] as { size_bytes: number }).size_bytes, 2 * MIB);
    await cluster.volumes.remove({ pool: 'old', image: 'a disk~1' }, bounds);
    await ok('POST', '/storage/ceph/pool/old/scan');
    await cluster.run(1000);
    assert.deepEqual(await names('volume'), []);
    assert.equal(cluster.volumes.byName.get('old')!.images.size, 1);
    await cluster.run(20 * 60_000);
    assert.equal(cluster.volumes.byName.get('old')!.images.size, 0);
  });
});

/** What is done; what is there before; what must be there after, whoever died meanwhile. */
const CHANGES: readonly { readonly name: string; readonly change: Parameters<VolumeCluster['ask']> }[] = [
  { name: 'making a pool that cannot be', change: ['POST', `${MORE}?pgs=32&replcfg=copies=9,mincopies=2`] },
  { name: 'removing a pool', change: ['DELETE', '/storage/ceph/pool/vms?yes-i-really-mean-it=1'] },
  { name: 'renaming', change: ['PUT', `${one}?new_name=two`] },
  { name: 'cloning and flattening', change: ['POST', `${one}/clone?new_volume=two&flatten=true`] },
  { name: 'an upload that is not what it says', change: [
    'POST', '/storage/ceph/volume/vms/two/upload?image_format=raw', multipart(simFile('qcow2', 8 * MIB))] },
];

async function play(
  change: Parameters<VolumeCluster['ask']>, crash: Crash | null,
): Promise<{ effects: number; end: unknown }> {
  const cluster = new VolumeCluster();
  try {
    await cluster.start();
    await cluster.ask('POST', POOL);
    await cluster.ask('POST', `${one}?size=1G`);
    const seen = cluster.crash(/^(pool|volume)\./, crash);
    const answer = await cluster.ask(...change);
    await cluster.run(15_000);
    const records = (await Promise.all(['pool', 'volume'].map((kind) => cluster.list(`/storage/ceph/${kind}`))))
      .map((list) => list.map(({ name, state }) => `${String(name)} ${String(state)}`));
    const stored = [...cluster.volumes.byName]
      .map(([name, { images }]) => `${name}: ${[...images.keys()].sort().join()}`);
    const end = { status: answer.status, records, stored, guarded: !cluster.volumes.deletionAllowed };
    return { effects: seen.effects, end };
  } finally {
    await cluster.stop();
  }
}

describe('a crash of the primary around each effect', () => {
  for (const { name, change } of CHANGES) {
    it(`ends as without it: ${name}`, async () => {
      const calm = await play(change, null);
      assert.ok(calm.effects > 0);
      for (let number = 1; number <= calm.effects; number += 1) {
        const moment = number % 2 === 1 ? 'after' : 'before';
        const { end } = await play(change, { number, moment });
        assert.deepEqual(end, calm.end, `killed ${moment} effect ${number}`);
      }
    });
  }
});
