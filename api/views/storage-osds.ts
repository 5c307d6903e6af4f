/** OSDs as PVC shows them: what Ceph says of each, and what its actor knows. */
import type { CephOsdStats } from '../../machines/ceph/telemetry.js';
import { osdContext, osdStateText } from '../../machines/osd/admission.js';
import { statePaths } from '../../machines/definition.js';
import type { Feed, MirroredActor } from '../../runtime/feed-types.js';
import { PvcError } from '../../runtime/errors.js';
import type { OsdObject } from '../schemas/storage-osds.js';
import type { Static } from '../schemas/schema.js';
import { osdWord, storageView } from './storage.js';

const KIB = 1024;
const UNITS = ['', 'k', 'M', 'G', 'T', 'P'];

/** `290M`, as `ceph osd status` prints sizes. */
function sizeText(bytes: number): string {
  let rest = bytes;
  let unit = 0;
  for (; rest >= 1000 && unit < UNITS.length - 1; unit += 1) rest /= KIB;
  return `${rest < 10 && unit > 0 ? Math.round(rest * 100) / 100 : Math.round(rest)}${UNITS[unit] ?? ''}`;
}

const NONE: Omit<CephOsdStats, 'number' | 'uuid' | 'up' | 'in'> = {
  state: [], host: null, devices: [], weight: 0, reweight: 0, primaryAffinity: 0, deviceClass: null, pgs: 0,
  sizeBytes: 0, usedBytes: 0, usedDataBytes: 0, usedOmapBytes: 0, usedMetaBytes: 0, availableBytes: 0,
  utilization: 0, variance: 0, writeOpsRate: 0, writeBytesRate: 0, readOpsRate: 0, readBytesRate: 0,
};

function statsObject(stats: CephOsdStats, node: string): Record<string, unknown> {
  return {
    uuid: stats.uuid, up: Number(stats.up), in: Number(stats.in), primary_affinity: stats.primaryAffinity,
    utilization: stats.utilization, var: stats.variance, pgs: stats.pgs, kb: Math.round(stats.sizeBytes / KIB),
    kb_used: Math.round(stats.usedBytes / KIB), kb_used_data: Math.round(stats.usedDataBytes / KIB),
    kb_used_omap: Math.round(stats.usedOmapBytes / KIB), kb_used_meta: Math.round(stats.usedMetaBytes / KIB),
    kb_avail: Math.round(stats.availableBytes / KIB), weight: stats.weight, reweight: stats.reweight,
    class: stats.deviceClass ?? '', node, used: sizeText(stats.usedBytes), avail: sizeText(stats.availableBytes),
    wr_ops: String(Math.round(stats.writeOpsRate)), wr_data: sizeText(stats.writeBytesRate),
    rd_ops: String(Math.round(stats.readOpsRate)), rd_data: sizeText(stats.readBytesRate),
    state: stats.state.length === 0 ? osdWord(stats) : stats.state.join(','),
    size_bytes: stats.sizeBytes, used_bytes: stats.usedBytes, avail_bytes: stats.availableBytes,
    write_ops_rate: stats.writeOpsRate, write_bytes_rate: stats.writeBytesRate, read_ops_rate: stats.readOpsRate,
    read_bytes_rate: stats.readBytesRate,
  };
}

/**
 * Ceph gives the number of an OSD that was purged by hand to the next one: then the actor that Ceph does not know any
 * more stands behind the other.
 */
function actorsByNumber(feed: Feed): Map<number | null, MirroredActor> {
  const told = new Set(storageView(feed)?.telemetry.osds.map(({ uuid }) => uuid));
  const rank = ({ record: { id, snapshot } }: MirroredActor): number =>
    Number(osdContext(snapshot).known) + Number(told.has(id));
  const living = feed.actors('osd').filter(({ record }) => !record.removed).sort((a, b) => rank(a) - rank(b));
  return new Map(living.map((actor) => [osdContext(actor.record.snapshot).number, actor]));
}

/** All that have a number, in its order: those of Ceph, and those whose actor has one. */
export function osdObjects(feed: Feed): Static<typeof OsdObject>[] {
  const all = storageView(feed)?.telemetry.osds ?? [];
  const actors = actorsByNumber(feed);
  // What was removed a moment ago is still in the last telemetry.
  const removed = new Set(feed.buried().map(({ record }) => record)
    .filter(({ kind, snapshot }) => kind === 'osd' && snapshot.value === 'gone').map(({ id }) => id));
  const living = new Set([...actors.values()].map(({ record }) => record.id));
  const told = all.filter(({ uuid }) => living.has(uuid) || !removed.has(uuid));
  const numbers = new Set([...told.map((osd) => osd.number), ...actors.keys()]);
  return [...numbers].filter((number) => number !== null).sort((a, b) => a - b)
    .map((number) => osdObject(number, told.find((osd) => osd.number === number), actors.get(number)));
}

function osdObject(
  number: number, told: CephOsdStats | undefined, actor: MirroredActor | undefined,
): Static<typeof OsdObject> {
  const context = actor === undefined ? null : osdContext(actor.record.snapshot);
  const node = context?.node ?? told?.host ?? '';
  const uuid = context?.uuid ?? told?.uuid ?? '';
  const stats = told ?? { ...NONE, number, uuid, up: context?.up === true, in: context?.in === true };
  const vanished = context !== null && !context.known && told === undefined;
  return {
    id: String(number), fsid: uuid, node, db_device: context?.dbDevice ?? '',
    device: context?.device ?? (told?.devices[0] === undefined ? '' : `/dev/${told.devices[0]}`),
    is_split: context?.isSplit ?? false, stats: statsObject(stats, node),
    state: actor === undefined ? 'unmanaged' : statePaths(actor.record.snapshot.value).join('|'),
    explanation: actor === undefined
      ? 'Ceph has it; its host is none of the cluster\'s nodes, or it is being adopted.'
      : osdStateText(actor.record.snapshot),
    reason: vanished ? 'Ceph has no such OSD any more: remove it, and add its disk anew' : context?.reason ?? null,
    progress: context?.progress === null || context === null ? null : { ...context.progress },
  };
}

/** The actor of an OSD by its number; throws PVC_INVALID / PVC_OSD_NOT_FOUND, PVC_WRONG_STATE for one without. */
export function findOsd(feed: Feed, number: string): MirroredActor {
  const found = actorsByNumber(feed).get(Number(number));
  if (found !== undefined) return found;
  const told = osdObjects(feed).some(({ id }) => id === String(Number(number)));
  if (!told) throw new PvcError('PVC_OSD_NOT_FOUND', number);
  throw new PvcError('PVC_WRONG_STATE', `OSD ${number} is Ceph's and not PVC's: its host is none of the cluster's `
    + `nodes, or it is being adopted. If nobody needs it: ceph osd purge ${number} --yes-i-really-mean-it`);
}
