/**
 * Storage that refuses, on the rack with Ceph: a pool without room, and a key without the permission to fence. Guests
 * wait, what is wrong is said with its cure, and once that is done they go on.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Parameters } from '../api/client/http.js';
import { POOL } from '../fixtures/experiment/rack-images.js';
import { WriterVm } from '../fixtures/experiment/writer-vm.js';
import type { Cluster } from '../fixtures/story/cluster.js';
import { storageCluster } from '../fixtures/story/rack.js';
import {
  connectAnew, faultCloses, faultOpens, makePool, monitorCaps, setQuota, storageIsHealthy,
} from '../fixtures/story/storage.js';
import { systemClock } from '../runtime/clock.js';

const MIB = 2 ** 20;
/** Longer than a guest that writes needs for its next sign of it. */
const STILL_MS = 10_000;
const MAY_DO_ALL = 'allow *';

describe('storage that refuses', () => {
  let cluster: Cluster;
  let vm: WriterVm;
  let node: string;

  before(async () => {
    cluster = await storageCluster();
    await cluster.healthy();
    await storageIsHealthy(cluster);
    await makePool(cluster, POOL);
    const primary = await cluster.primary();
    node = cluster.other(primary);
    vm = await WriterVm.start(cluster, 'patient', node, { ioErrors: 'report', cache: 'none', pauseS: 0.2 });
    await vm.writes();
    // That its node is lost is the story, not that the primary is.
    const between = cluster.rack.nodes.filter((each) => each !== primary);
    await cluster.ask('POST', `/vm/${vm.name}/meta`, { limit: between.join() });
    // It is said of a key within a minute: the pool is filled meanwhile. All connections still have what it lost.
    await monitorCaps(cluster, 'allow r');
  }, { timeout: 300_000 });
  after(async () => {
    await setQuota(cluster, POOL, 0);
    await monitorCaps(cluster, MAY_DO_ALL);
    await vm?.remove();
    await cluster.healthy();
  }, { timeout: 300_000 });

  const standsStill = async (): Promise<void> => {
    let seen = await vm.progress();
    await cluster.until(`${vm.name} stands still`, async () => {
      await systemClock.sleep(STILL_MS);
      const [before, now] = [seen, await vm.progress()];
      seen = now;
      return { before, now };
    }, ({ before, now }) => before.slots === now.slots && before.region === now.region);
  };
  const upload = async (volume: string): Promise<{ status: number; text: string }> => {
    const body = new FormData();
    body.append('file', new Blob([new Uint8Array(MIB)]), 'disk.raw');
    const url = `${cluster.rack.apiUrl(await cluster.primary())}/api/v1/storage/ceph/volume/${POOL}/${volume}/upload`;
    const reply = await fetch(`${url}?image_format=raw`, {
      method: 'POST', headers: { 'X-Api-Key': cluster.rack.apiKey }, body,
    });
    return { status: reply.status, text: await reply.text() };
  };
  const turnedDown = async (late: Parameters): Promise<void> => {
    await assert.rejects(cluster.ask('POST', '/storage/ceph/volume', late), / 4\d\d .*is full: its quota is reached/);
    const taken = await upload('later');
    assert.equal(taken.status, 400, taken.text);
    assert.match(taken.text, /is full: its quota is reached/);
  };

  it('a pool is full: its guest waits, nothing new is taken in; with room the same QEMU goes on', async () => {
    const copy = await cluster.copyOf(vm);
    await setQuota(cluster, POOL, MIB);
    assert.match((await faultOpens(cluster, 'CEPH_WARN_POOL_FULL')).cure, /set-quota/);
    const late = { pool: POOL, volume: 'late', size: '8M', force: 'true' };
    await Promise.all([standsStill(), turnedDown(late)]);
    assert.deepEqual(await cluster.copyOf(vm), copy, 'the same QEMU waits');
    await setQuota(cluster, POOL, 0);
    await Promise.all([vm.goesOn(), faultCloses(cluster, 'CEPH_WARN_POOL_FULL')]);
    assert.equal((await cluster.copyOf(vm)).pid, copy.pid);
    assert.doesNotMatch(await vm.console(2000), /refused/, 'no error reached the guest');
    await cluster.ask('POST', '/storage/ceph/volume', late);
    await cluster.ask('DELETE', `/storage/ceph/volume/${POOL}/late`);
  });

  describe('a fence', () => {
    const SAID = 'STORAGE_FENCE_CAPS_MON';
    const back = async (): Promise<void> => {
      await cluster.nodeIs(node, 'run', 'ready', 180_000);
      await storageIsHealthy(cluster);
    };

    before(async () => {
      assert.match((await faultOpens(cluster, SAID)).cure, /ceph auth caps/);
      await connectAnew(cluster);
    }, { timeout: 400_000 });

    it('with a BMC: its guest begins anew elsewhere by the proof of its power', async () => {
      const { region } = await vm.progress();
      await cluster.neverTwice(vm, async () => {
        await cluster.rack.freeze(node);
        await cluster.runsElsewhere(vm, node, 180_000);
      });
      await Promise.all([vm.writes(20, region + 1), back()]);
    });

    it('with a dead BMC: its guest waits, with the reason; it goes on once the caps are back', async () => {
      const { region } = await vm.progress();
      node = await vm.node();
      await cluster.rack.bmc(node, 'dead');
      await cluster.neverTwice(vm, async () => {
        await cluster.rack.power(node, 'off');
        await cluster.until(`${node} says why it waits`, () => cluster.node(node), ({ waiting_reason: why }) =>
          /may not write to Ceph's blocklist/.test(why ?? ''), 180_000);
        assert.deepEqual(await cluster.rack.copies(vm.uuid), []);
        await monitorCaps(cluster, MAY_DO_ALL);
        await cluster.runsElsewhere(vm, node, 180_000);
      });
      await cluster.rack.bmc(node, 'ok');
      await cluster.rack.power(node, 'on');
      await Promise.all([vm.writes(20, region + 1), back(), faultCloses(cluster, SAID)]);
    });
  });

  it('the judge of its disks has nothing to say', async () => {
    assert.deepEqual((await vm.judged()).violations, []);
  });
});
