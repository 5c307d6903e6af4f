/** OSDs by the API: PVC's shapes out of the mirror alone, tasks with progress, and what is refused. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { apiWorld, form, type Ask } from '../fixtures/api-server.js';
import type { World } from '../fixtures/api-world.js';
import { cephTold as telemetry, osdTold as osd, uuidOfOsd as uuid } from '../fixtures/ceph-told.js';
import type { Api } from '../api/server.js';
import { addressOf } from '../runtime/address.js';
import type { CephOsdStats } from '../machines/ceph/telemetry.js';
import type { OsdContext } from '../machines/osd/messages.js';
import { newOsd } from '../machines/osd/setup.js';

const GIB = 2 ** 30;

describe('OSDs by the API', () => {
  let api: Api;
  let world: World;
  let ask: Ask;
  before(async () => {
    ({ api, world, ask } = await apiWorld());
  });
  after(() => api.close());

  const tell = (osds: readonly CephOsdStats[], staleMs = 0): void => {
    world.storageItem = { data: telemetry(osds) as unknown as Record<string, unknown>, staleMs };
  };

  it('are none where there is no storage', async () => {
    assert.deepEqual((await ask('GET', '/storage/ceph/osd')).body, []);
    const refused = await ask('POST', '/storage/ceph/osd', form({ node: 'hv1', device: '/dev/sdb', weight: '1.0' }));
    assert.equal(refused.status, 409);
    assert.match(refused.message, /has no storage/);
  });

  it('are shown as PVC shows them, with numbers beside', async () => {
    tell([osd(0), osd(1, { up: false, in: false, state: ['exists'] })]);
    const context = newOsd({ uuid: uuid(0), node: 'hv2', adopted: { number: 0, device: '/dev/sdx' } });
    world.birth('osd', uuid(0), 'serving', context as unknown as Record<string, unknown>, 'hv2');
    const listed = (await ask('GET', '/storage/ceph/osd')).body as Record<string, unknown>[];
    assert.deepEqual(listed.map(({ id, node, device, db_device, is_split, state }) =>
      [id, node, device, db_device, is_split, state]), [
      ['0', 'hv2', '/dev/sdx', '', false, 'serving'], ['1', 'hv1', '/dev/sdb', '', false, 'unmanaged'],
    ]);
    const stats = listed[0]!['stats'] as Record<string, unknown>;
    assert.deepEqual([stats['up'], stats['in'], stats['kb'], stats['used'], stats['wr_ops'], stats['wr_data'],
      stats['class'], stats['used_bytes']], [1, 1, 100 * 2 ** 20, '25G', '12', '48k', 'ssd', 25 * GIB]);
    assert.deepEqual((await ask('GET', '/storage/ceph/osd/1/state')).body, { id: '1', in: 0, up: 0 });
    const actor = (await ask('GET', `/actors/osd/${uuid(0)}`)).body as Record<string, unknown>;
    assert.equal((actor['row'] as { name: string }).name, 'osd.0', 'people know it by its number');
    assert.match(String(actor['explanation']), /\.$/, 'what its state means is said in a sentence');
    assert.equal((await ask('GET', '/storage/ceph/osd/7')).status, 404);
    const gone = await ask('DELETE', '/storage/ceph/osd/7', form({ 'yes-i-really-mean-it': 'yes' }));
    assert.equal(gone.status, 404);
    const foreign = await ask('DELETE', '/storage/ceph/osd/1', form({ 'yes-i-really-mean-it': 'yes' }));
    assert.deepEqual([foreign.status, /not PVC's.*ceph osd purge 1 /.test(foreign.message)], [409, true]);
    assert.equal(((await ask('GET', '/storage/ceph/osd?limit=^1$')).body as unknown[]).length, 1);
  });

  it('stand in the status of the cluster, with what Ceph complains of', async () => {
    tell([osd(0), osd(1, { in: false })]);
    const status = (await ask('GET', '/status')).body as {
      osds: unknown; pools: number; resources: { disk: { total: number } };
      cluster_health: { messages: { id: string }[] };
    };
    assert.deepEqual(status.osds, { total: 2, 'up,in': 1, 'up,out': 1 });
    assert.equal(status.pools, 0, 'a pool of Ceph\'s own is none of the cluster\'s');
    assert.equal(status.resources.disk.total, 200 * 2 ** 20);
    const ids = status.cluster_health.messages.map(({ id }) => id);
    assert.ok(ids.includes('CEPH_WARN_OSD_DOWN') && ids.includes('CEPH_OSD_OUT_1'), ids.join());
    tell([osd(0)], 60_000);
    const old = (await ask('GET', '/status')).body as typeof status;
    assert.ok(old.cluster_health.messages.some(({ id }) => id === 'CEPH_UNHEARD'), 'old figures are not passed as new');
  });

  it('are changed by tasks that tell how far they are', async () => {
    tell([osd(0)]);
    world.telemetryItems = [{ node: 'hv2', data: {}, staleMs: 0, live: true }];
    const begun = await ask('DELETE', '/storage/ceph/osd/0', form({ 'yes-i-really-mean-it': 'yes' }));
    assert.equal(begun.status, 202, begun.message);
    const { task_id: id, task_name: name, run_on: node } = begun.body as Record<string, string>;
    assert.deepEqual([name, node, begun.headers['location']], ['osd.remove', 'hv2', `/api/v1/tasks/${id}`]);
    world.step(`osd/${uuid(0)}`, {
      value: { removing: { draining: 'looking' } }, context: { progress: { current: 3, total: 8, status: '7 pgs' } },
    });
    const { state, current, total, status } = (await ask('GET', `/tasks/${id}`)).body as Record<string, unknown>;
    assert.deepEqual([state, current, total, status], ['RUNNING', 3, 8, '7 pgs']);
    const item = world.records.get(`osd/${uuid(0)}`)!;
    const asked = async (): Promise<unknown> => ((await ask('GET', `/tasks/${id}`)).body as { state?: string }).state;
    const next = await ask('POST', '/storage/ceph/osd/0/cancel');
    world.records.set(item.address, item);
    const pending = await ask('GET', `/tasks/${(next.body as { task_id: string }).task_id}`);
    assert.deepEqual(pending.body, {
      state: 'PENDING', current: 0, total: 1, status: '', command: 'osd.cancel', actor: item.address,
    }, 'not taken up yet');
    assert.deepEqual([await asked(), (await ask('GET', '/tasks/nobody')).status], ['RUNNING', 404]);
    const twice = await ask('DELETE', '/storage/ceph/osd/0', form({ 'yes-i-really-mean-it': 'yes' }));
    assert.equal(twice.status, 409);
    assert.match(twice.message, /being removed already/);
  });

  const born = (id: string, value: string, number: number, change: Partial<OsdContext> = {}): void => {
    const context = { ...newOsd({ uuid: id, node: 'hv2', adopted: { number, device: '/dev/sdx' } }), ...change };
    world.birth('osd', id, value, context as unknown as Record<string, unknown>, 'hv2');
  };

  it('that share a device are replaced together or not at all, their databases kept', async () => {
    const siblings = [uuid(11), uuid(12)];
    const place = { device: '/dev/sdx', parts: 2, siblings, dbBytes: 2 ** 30, dbShare: null };
    const shared = { place, isSplit: true, dbDevice: '/dev/sdy1' };
    born(uuid(11), 'serving', 11, shared);
    born(uuid(12), 'sharing', 12, shared);
    const wanted = form({ new_device: '/dev/sdz', 'yes-i-really-mean-it': 'yes' });
    world.submitted.length = 0;
    const denied = await ask('POST', '/storage/ceph/osd/11', wanted);
    assert.equal(denied.status, 409);
    assert.match(denied.message, /OSD 12 cannot do that now/);
    assert.deepEqual(world.submitted, [], 'nothing was begun');
    born(uuid(12), 'serving', 12, shared);
    const begun = await ask('POST', '/storage/ceph/osd/12', wanted);
    assert.equal(begun.status, 202, begun.message);
    const { task_id: first, task_ids: ids, message } = begun.body as Record<string, string | string[]>;
    assert.deepEqual([ids?.length, ids?.[0], message], [2, first, "Replacing OSD 11, 12 onto device '/dev/sdz'."]);
    assert.deepEqual(world.submitted.map(({ to, command }) => [to, command['place'], command['weight']]),
      siblings.map((id) => [`osd/${id}`, { ...place, device: '/dev/sdz' }, null]));
  });

  it('whose number was another\'s, purged by hand, are the ones that are meant by it', async () => {
    for (const [former, now] of [[40, 41], [43, 42]] as const) {
      born(uuid(former), 'serving', former, { known: false });
      born(uuid(now), 'serving', former);
      world.submitted.length = 0;
      const begun = await ask('POST', `/storage/ceph/osd/${former}`,
        form({ new_device: '/dev/sdz', 'yes-i-really-mean-it': 'yes' }));
      assert.equal(begun.status, 202, begun.message);
      assert.deepEqual(world.submitted.map(({ to }) => to), [`osd/${uuid(now)}`]);
      const [listed] = (await ask('GET', `/storage/ceph/osd/${former}`)).body as { fsid: string }[];
      assert.equal(listed?.fsid, uuid(now));
    }
  });

  it('of a lost node are removed with force only, by a task of the node that was asked', async () => {
    born(uuid(20), 'serving', 20);
    world.telemetryItems = [{ node: 'hv2', data: {}, staleMs: 60_000, live: false }];
    world.kept.osds.create = (node, count) => {
      const made = Array.from({ length: count }, (_, index) => uuid(30 + index));
      for (const id of made) {
        world.birth('osd', id, 'new', newOsd({ uuid: id, node }) as unknown as Record<string, unknown>, node);
      }
      return Promise.resolve({ kind: 'done', value: made.map((id) => ({ uuid: id, to: addressOf('osd', id) })) });
    };
    const unforced = await ask('DELETE', '/storage/ceph/osd/20', form({ 'yes-i-really-mean-it': 'yes' }));
    assert.match(unforced.message, /hv2 is not alive/);
    world.submitted.length = 0;
    const begun = await ask('DELETE', '/storage/ceph/osd/20', form({ 'yes-i-really-mean-it': 'yes', force: 'True' }));
    assert.equal(begun.status, 202, begun.message);
    assert.deepEqual(world.submitted, [{
      to: `osd/${uuid(30)}`, command: { type: 'osd.bury', uuid: uuid(20), number: 20, home: 'hv2' },
    }]);
    assert.notEqual((begun.body as { run_on: string }).run_on, 'hv2');
  });

  it('refuse what makes no sense, and say why', async () => {
    const wrong: readonly [Record<string, string>, RegExp][] = [
      [{ node: 'hv1' }, /device/], [{ node: 'hv9', device: '/dev/sdb' }, /hv9/],
      [{ node: 'hv1', device: '/dev/sdb', weight: 'much' }, /weight/],
      [{ node: 'hv1', device: '/dev/sdb', ext_db_ratio: '2' }, /ext_db_ratio/],
      [{ node: 'hv1', device: '/dev/sdb', ext_db_size: 'big' }, /'big' is no size/],
      [{ node: 'hv1', device: '/dev/sdb', ext_db_size: '1G', ext_db_ratio: '0.1' }, /one of/],
      [{ node: 'hv1', device: '/dev/sdb', osd_count: '0' }, /osd_count/],
    ];
    for (const [fields, why] of wrong) {
      const answer = await ask('POST', '/storage/ceph/osd', form(fields));
      assert.ok(answer.status === 400 || answer.status === 404, `${answer.status} ${JSON.stringify(fields)}`);
      assert.match(answer.message, why);
    }
    assert.equal((await ask('DELETE', '/storage/ceph/osd/0')).status, 400, 'unsaid');
    assert.equal((await ask('POST', '/storage/ceph/option', form({ option: 'nothing', action: 'set' }))).status, 400);
    assert.equal((await ask('GET', '/storage/ceph/status')).status, 409);
  });
});
