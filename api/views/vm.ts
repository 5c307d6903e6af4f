/** A VM's record, its XML and its telemetry -> PVC's VM object. */
import type { DomainSummary } from '../../actors/domain-xml.js';
import type { VmContext } from '../../machines/vm/messages.js';
import { VM_LIMITS } from '../../machines/vm/timing.js';
import type { ActorRecord } from '../../runtime/record.js';
import type { Static } from '../schemas/schema.js';
import type { Rule } from '../schemas/policy.js';
import type { VmMetaObject, VmObject } from '../schemas/vm.js';
import type { GuestFacts, NodeFacts } from './telemetry.js';
import { vmContext, vmStateWord } from './words.js';

export interface VmDocument {
  readonly summary: DomainSummary;
  readonly xml: string;
}

const NO_TRAFFIC = {
  rd_bytes: 0, rd_packets: 0, rd_errors: 0, rd_drops: 0, wr_bytes: 0, wr_packets: 0, wr_errors: 0, wr_drops: 0,
};
const NO_REQUESTS = { rd_req: 0, rd_bytes: 0, wr_req: 0, wr_bytes: 0 };

export interface VmExtra {
  /** Why its owner cannot answer at the moment. */
  readonly held: string | null;
  /** Of its snapshots, in their order: the definition of that time to the present one. */
  readonly diffs: readonly (readonly string[])[];
  readonly rules: readonly Static<typeof Rule>[];
}

/** document = null when it could not be read: then the fields out of the XML are empty. */
export function vmObject(
  record: ActorRecord, document: VmDocument | null, facts: ReadonlyMap<string, NodeFacts>, nowMs: number,
  { held, diffs, rules }: VmExtra,
): Static<typeof VmObject> {
  const context = vmContext(record);
  const { meta, definition } = context;
  const guest = facts.get(context.node)?.guests.get(context.uuid) ?? null;
  const lastNode = context.lastNode === '' ? null : context.lastNode;
  return {
    name: context.name,
    uuid: context.uuid,
    state: vmStateWord(record.snapshot),
    node: context.node,
    last_node: lastNode,
    migrated: lastNode === null ? 'no' : `from ${lastNode}`,
    failed_reason: context.failedReason,
    waiting_reason: held ?? context.waitingReason,
    node_limit: meta.nodeLimit === null ? null : [...meta.nodeLimit],
    node_selector: meta.nodeSelector,
    node_autostart: meta.autostart,
    migration_method: meta.migrationMethod,
    migration_max_downtime: meta.migrationMaxDowntimeMs,
    tags: context.tags.map((tag) => ({ ...tag })),
    snapshots: snapshotObjects(context, nowMs, diffs),
    description: definition.description,
    profile: meta.profile ?? 'None',
    rules: [...rules],
    fenced_by: fencedBy(context),
    ha: meta.ha ?? true,
    priority: meta.priority ?? 0,
    lock: meta.lock ?? null,
    io_errors: meta.ioErrors ?? 'pause',
    memory: definition.memoryMiB,
    memory_stats: memoryStats(guest),
    vcpu: definition.vcpus,
    vcpu_stats: guest === null ? {} : { cpu_time: guest.cpuTimeNs },
    vnc: vncOf(document, guest),
    ...documentFields(document, definition.vcpus),
  };
}

/** PVC's fields; `quiesced` and `timestamp_ms` are ours. Newest first, as PVC lists them. */
function snapshotObjects(
  { snapshots = [], definition }: VmContext, nowMs: number, diffs: VmExtra['diffs'],
): Record<string, unknown>[] {
  return snapshots.map((snapshot, index) => ({
    name: snapshot.name,
    timestamp: String(Math.floor(snapshot.at / 1000)),
    timestamp_ms: snapshot.at,
    age: Math.max(0, Math.floor((nowMs - snapshot.at) / 1000)),
    xml_diff_lines: [...(diffs[index] ?? [])],
    xml_changed: snapshot.definition.xmlHash !== definition.xmlHash,
    rbd_snapshots: snapshot.volumes.map((volume) => `${volume}@${snapshot.name}`),
    quiesced: snapshot.still ?? 'off',
  })).reverse();
}

/** Of the copy that runs, or of one that would be started. */
const fencedBy = ({ mayRunOn, rbdOnlyCopies, definition }: VmContext): 'storage' | 'power' =>
  (mayRunOn.length > 0 ? rbdOnlyCopies === true : definition.rbdOnly) ? 'storage' : 'power';

function documentFields(document: VmDocument | null, vcpus: number) {
  const summary = document?.summary;
  return {
    vcpu_topology: summary?.vcpuTopology ?? `${vcpus}/1/1`,
    networks: (summary?.networks ?? []).map((network) => ({ ...network, ...NO_TRAFFIC })),
    type: summary?.type ?? '',
    arch: summary?.arch ?? '',
    machine: summary?.machine ?? '',
    console: summary?.console ?? '',
    emulator: summary?.emulator ?? '',
    features: [...(summary?.features ?? [])],
    disks: (summary?.disks ?? []).map((disk) => ({ ...disk, ...NO_REQUESTS })),
    controllers: (summary?.controllers ?? []).map((controller) => ({ ...controller })),
    // As PVC: attribute quotes are single.
    xml: document?.xml.replaceAll('"', "'") ?? '',
  };
}

const memoryStats = (guest: GuestFacts | null): Record<string, number> =>
  (guest === null ? {} : { actual: guest.memoryKib, ...(guest.rssKib === null ? {} : { rss: guest.rssKib }) });

function vncOf(document: VmDocument | null, guest: GuestFacts | null): { listen: string | null; port: string | null } {
  if (guest?.vnc) return { listen: guest.vnc.listen, port: String(guest.vnc.port) };
  const vnc = document?.summary.vnc ?? null;
  if (vnc === null || vnc.port === null) return { listen: null, port: null };
  return { listen: vnc.listen, port: String(vnc.port) };
}

export function vmMetaObject(record: ActorRecord): Static<typeof VmMetaObject> {
  const { meta, name } = vmContext(record);
  return {
    name,
    node_limit: meta.nodeLimit === null ? null : [...meta.nodeLimit],
    node_selector: meta.nodeSelector ?? 'none',
    node_autostart: meta.autostart ? 'True' : 'False',
    migration_method: meta.migrationMethod,
    migration_max_downtime: meta.migrationMaxDowntimeMs,
    ha: meta.ha ?? true,
    priority: meta.priority ?? 0,
    max_restart: meta.maxRestart ?? VM_LIMITS.startRetriesMax,
    max_relocate: meta.maxRelocate ?? VM_LIMITS.relocationsMax,
    failback: meta.failback ?? true,
    lock: meta.lock ?? null,
    io_errors: meta.ioErrors ?? 'pause',
  };
}
