/** What is wrong with the cluster, by the API: PVC's shapes with cures, acknowledging and deleting, and as events. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createTranslator } from '../api/events/translate.js';
import type { Api } from '../api/server.js';
import { apiWorld, domainXml, type Ask } from '../fixtures/api-server.js';
import type { World } from '../fixtures/api-world.js';
import { commanded, told } from '../machines/ceph/changes.js';
import { cephFindings, driftFinding } from '../machines/ceph/findings.js';
import type { CephCommand, CephContext, CephFact } from '../machines/ceph/messages.js';
import type { CephCheck, CephTelemetry } from '../machines/ceph/telemetry.js';

const AT = Date.UTC(2026, 10, 23, 6, 30, 20);
const NEWBORN: CephContext = {
  name: 'cluster', fsid: null, heard: false, silent: false, faults: {}, open: '', closings: {},
};
const check = (code: string, detail: readonly string[]): CephCheck =>
  ({ code, severity: 'HEALTH_WARN', summary: `of ${code}`, detail, muted: false });
const telemetry = (...checks: readonly CephCheck[]): CephTelemetry => ({
  at: AT, by: 'hv1', fsid: 'f', osdmapEpoch: 7, flags: [], health: { status: 'HEALTH_WARN', checks },
  capacity: { sizeBytes: 1, usedBytes: 0, availableBytes: 1 }, osds: [], pools: [],
});
const DOWN = check('OSD_DOWN', ['osd.1 (root=default,host=hv2) is down']);
const ADDRESS = 'ceph/cluster';

interface FaultObject {
  readonly id: string; readonly status: string; readonly health_delta: number; readonly message: string;
  readonly cure: string; readonly acknowledged_at: string; readonly first_reported: string;
}

describe('faults of the cluster by the API', () => {
  let api: Api;
  let world: World;
  let ask: Ask;
  let context = NEWBORN;
  const plain = (of: CephContext): Record<string, unknown> => of as unknown as Record<string, unknown>;
  const change = (next: Partial<CephContext>, operationId?: string): void => {
    context = { ...context, ...next };
    const ends = operationId === undefined ? {} : { ends: { operationId, state: 'done' as const } };
    world.step(ADDRESS, { event: { type: 'ceph.told' }, context: plain(context), ...ends });
  };
  const fact = (given: CephFact): void => change(told(context, { ...given, at: AT }));
  const command = (given: CephCommand, operationId?: string): void =>
    change(commanded(context, { ...given, at: AT }), operationId);
  const faults = async (path = '/faults?sort_key=last_reported'): Promise<FaultObject[]> =>
    (await ask('GET', path)).body as FaultObject[];
  const ids = async (): Promise<string[]> => (await faults()).map(({ id }) => id).sort();
  const health = async (): Promise<{ health: number; messages: { id: string; cure: string }[] }> =>
    ((await ask('GET', '/status')).body as {
      cluster_health: { health: number; messages: { id: string; cure: string }[] };
    }).cluster_health;

  before(async () => {
    ({ api, world, ask } = await apiWorld());
    world.onAccepted = (_to, given, operationId) => command(given as CephCommand, operationId);
    world.addVm(domainXml('bad'), { off: 'failed' }, 'hv1', { failedReason: 'its disk is broken' });
  });
  after(() => api.close());

  it('are those of the storage, each with its cure', async () => {
    assert.deepEqual((await ids()).filter((id) => /^(CEPH|STORAGE)/.test(id)), []);
    world.birth('ceph', 'cluster', { health: 'warning', closing: 'still' }, plain(NEWBORN), 'hv1');
    fact({ type: 'ceph.told', reporter: 'ceph', findings: cephFindings(telemetry(DOWN)) });
    const [one] = (await faults()).filter(({ id }) => id === 'CEPH_WARN_OSD_DOWN');
    assert.equal(one?.message, 'OSD_DOWN: of OSD_DOWN (osd.1 (root=default,host=hv2) is down)');
    assert.match(one.cure, /pvc storage osd list/);
    assert.deepEqual([one.status, one.health_delta, one.acknowledged_at, one.first_reported],
      ['new', 10, '', '2026-11-23 06:30:20']);
    assert.equal((await faults('/faults/CEPH_WARN_OSD_DOWN')).length, 1);
    assert.deepEqual(await faults('/faults/NOSUCH'), []);
    const { messages } = await health();
    assert.match(messages.find(({ id }) => id === 'CEPH_WARN_OSD_DOWN')!.cure, /pvc storage osd list/);
  });

  it('that a person acknowledged count for nothing, and go on', async () => {
    const { health: earlier } = await health();
    const answer = await ask('PUT', '/faults/CEPH_WARN_OSD_DOWN');
    assert.deepEqual([answer.status, answer.message], [200, "Successfully acknowledged fault 'CEPH_WARN_OSD_DOWN'"]);
    const later = await health();
    assert.equal(later.health, earlier + 10);
    assert.ok(later.messages.every(({ id }) => id !== 'CEPH_WARN_OSD_DOWN'));
    const [one] = await faults('/faults/CEPH_WARN_OSD_DOWN');
    assert.deepEqual([one?.status, one?.acknowledged_at], ['ack', '2026-11-23 06:30:20']);
  });

  it('are deleted by a person', async () => {
    const drift = driftFinding('VOLUMES_GONE_vms', 'a volume went', 'bring it back', ['vms/one']);
    fact({ type: 'ceph.told', reporter: 'volumes', findings: [drift] });
    assert.ok((await ids()).includes('STORAGE_DRIFT_VOLUMES_GONE_VMS'));
    assert.equal((await ask('DELETE', '/faults/STORAGE_DRIFT_VOLUMES_GONE_VMS')).status, 200);
    assert.ok(!(await ids()).includes('STORAGE_DRIFT_VOLUMES_GONE_VMS'));
  });

  it('of nodes and VMs end with their cause: nobody can acknowledge them', async () => {
    assert.equal((await ask('PUT', '/faults/NOSUCH')).status, 404);
    const refused = await ask('PUT', '/faults/VM_FAILED_BAD');
    assert.equal(refused.status, 409);
    assert.match(refused.message, /ends with its cause\. Mend .*its disk is broken.* 'pvc vm start bad'/);
    fact({ type: 'ceph.told', reporter: 'ceph', findings: cephFindings(telemetry(check('MON_DOWN', []))) });
    const all = await ask('PUT', '/faults');
    assert.equal(all.status, 200);
    assert.match(all.message, /all faults; these end with their cause: VM_FAILED_BAD/);
  });

  it('of a node that has no way to the storage, as long as it says so', async () => {
    const says = (data: Record<string, unknown>): void => world.report({ node: 'hv2', data, staleMs: 0, live: true });
    says({ storageOutOfReach: true });
    const [one] = await faults('/faults/NODE_STORAGE_LOST_HV2');
    assert.match(one?.message ?? '', /hv2 has no way to the storage/);
    assert.match(one?.cure ?? '', /pvc cluster settings/);
    says({});
    assert.deepEqual(await faults('/faults/NODE_STORAGE_LOST_HV2'), []);
  });

  it('are sorted as asked, and by nothing that is not a field', async () => {
    const deltas = (await faults('/faults?sort_key=health_delta')).map((fault) => fault.health_delta);
    assert.deepEqual(deltas, [...deltas].sort((one, other) => one - other));
    assert.equal((await ask('GET', '/faults?sort_key=colour')).status, 400);
  });

  it('open and close as events', () => {
    command({ type: 'ceph.forget', fault: null });
    const translator = createTranslator(world, () => AT);
    const seen: string[] = [];
    const following = world.subscribe(world.head(), (item) => {
      for (const { topic, type, key, data } of translator.events(item)) {
        if (topic === 'fault') seen.push(`${type} ${key} ${String(data['severity'])}`);
      }
    });
    fact({ type: 'ceph.told', reporter: 'ceph', findings: cephFindings(telemetry(DOWN)) });
    fact({ type: 'ceph.told', reporter: 'ceph', findings: cephFindings(telemetry(DOWN, check('MON_DOWN', []))) });
    command({ type: 'ceph.forget', fault: 'CEPH_WARN_OSD_DOWN' });
    following.close();
    assert.deepEqual(seen, [
      'opened CEPH_WARN_OSD_DOWN warning', 'opened CEPH_WARN_MON_DOWN warning', 'closed CEPH_WARN_OSD_DOWN null',
    ]);
    const present = translator.present(world.actor(ADDRESS)!).filter(({ topic }) => topic === 'fault');
    assert.deepEqual(present.map(({ type, key }) => `${type} ${key}`), ['present CEPH_WARN_MON_DOWN']);
  });
});
