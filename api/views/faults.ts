/**
 * What is wrong with the cluster, as PVC lists it: the faults of the storage's actor, and those that follow from the
 * present states of nodes and VMs. The latter are not kept anywhere: they end with their cause.
 */
import { cephContext } from '../../machines/ceph/admission.js';
import { faultsOf } from '../../machines/ceph/changes.js';
import { cephFindings, unheard } from '../../machines/ceph/findings.js';
import { CEPH_ID, REPORTERS, type CephFault, type Finding } from '../../machines/ceph/messages.js';
import { addressOf } from '../../runtime/address.js';
import type { Feed, MirroredActor } from '../../runtime/feed-types.js';
import type { ApiDeps } from '../deps.js';
import type { FaultObject } from '../schemas/fault.js';
import type { Static } from '../schemas/schema.js';
import { nodeObjects } from './node.js';
import { storageView } from './storage.js';
import { nodeFacts } from './telemetry.js';
import { vmContext, vmStateWord } from './words.js';

export type Fault = Static<typeof FaultObject>;

export const CEPH_ADDRESS = addressOf('ceph', CEPH_ID);

const DEAD_NODE_DELTA = 50;
/** As much as Ceph's own errors: its guests on RBD hang. */
const STORAGE_LOST_DELTA = 25;
const FAILED_VM_DELTA = 10;
/** A loss that is not survived is a danger, and nothing is broken yet. */
const NODE_LOSS_DELTA = 5;

/** Wall-clock milliseconds -> PVC's way of writing a time, in UTC. */
const timeText = (at: number): string => new Date(at).toISOString().slice(0, 19).replace('T', ' ');

interface Present {
  readonly id: string; readonly delta: number; readonly text: string; readonly cure: string; readonly source: string;
  readonly actor: string; readonly at: number;
}

const present = ({ id, delta, text, cure, source, actor, at }: Present): Fault => ({
  id, first_reported: timeText(at), last_reported: timeText(at), acknowledged_at: '', status: 'new',
  health_delta: delta, message: text, text, cure, source, actor, closing: false,
});

const kept = (fault: CephFault): Fault => ({
  id: fault.id, first_reported: timeText(fault.since), last_reported: timeText(fault.toldAt),
  acknowledged_at: fault.acknowledgedAt === null ? '' : timeText(fault.acknowledgedAt),
  status: fault.acknowledgedAt === null ? 'new' : 'ack', health_delta: fault.delta, message: fault.text,
  text: fault.text, cure: fault.cure, source: REPORTERS[fault.reporter], actor: CEPH_ADDRESS, closing: fault.absent,
});

/** Everything that is wrong now, acknowledged or not. */
export function clusterFaults(deps: Pick<ApiDeps, 'feed' | 'cluster' | 'clock'>): Fault[] {
  const { feed, clock } = deps;
  return [...nodeFaults(feed), ...storageLostFaults(feed), ...vmFaults(feed),
    ...storageFaults(feed, clock.wallMs()), ...lossFaults(deps)];
}

const lastChange = (actor: MirroredActor | null): number => actor?.record.tail.at(-1)?.at ?? 0;
const reason = (waiting: string | null): string => (waiting === null ? '' : `: ${waiting}`);

const nodeFaults = (feed: Feed): Fault[] => nodeObjects(feed)
  .filter((node) => ['dead', 'fenced'].includes(node.daemon_state))
  .map((node) => present({
    id: `DEAD_NODE_${node.name.toUpperCase()}`, delta: DEAD_NODE_DELTA, source: 'node', actor: `node/${node.name}`,
    text: `Node ${node.name} is ${node.daemon_state}${reason(node.waiting_reason)}`,
    cure: node.waiting_reason === null ? `Start node ${node.name}, or take it out of the cluster.`
      : `Start node ${node.name}; if you know that it is off for good: "pvc node confirm-fenced ${node.name}".`,
    at: lastChange(feed.actor(addressOf('node', node.name))),
  }));

const storageLostFaults = (feed: Feed): Fault[] => [...nodeFacts(feed)]
  .filter(([, { live, storageLost }]) => live && storageLost)
  .sort(([one], [other]) => (one < other ? -1 : 1))
  .map(([node]) => present({
    id: `NODE_STORAGE_LOST_${node.toUpperCase()}`, delta: STORAGE_LOST_DELTA, source: 'node', actor: `node/${node}`,
    text: `Node ${node} has no way to the storage: its VMs on RBD hang`,
    cure: `Mend the storage network of node ${node}; "pvc cluster settings" says whether its VMs are moved meanwhile.`,
    at: lastChange(feed.actor(addressOf('node', node))),
  }));

const vmFaults = (feed: Feed): Fault[] => feed.actors('vm')
  .filter(({ record }) => !record.removed && vmStateWord(record.snapshot) === 'fail')
  .sort((one, other) => (one.record.id < other.record.id ? -1 : 1))
  .map((actor) => {
    const { name, failedReason } = vmContext(actor.record);
    return present({
      id: `VM_FAILED_${name.toUpperCase()}`, delta: FAILED_VM_DELTA, source: 'vm', actor: actor.address,
      text: `VM ${name} was in failed state`, at: lastChange(actor),
      cure: `Mend what "pvc vm info ${name}" says${reason(failedReason)}; then "pvc vm start ${name}".`,
    });
  });

const lossFaults = ({ feed, cluster }: Pick<ApiDeps, 'feed' | 'cluster'>): Fault[] =>
  cluster.policy.lossWarnings().map(({ node, text }) => present({
    id: `NODE_LOSS_${node.toUpperCase()}`, delta: NODE_LOSS_DELTA, text, source: 'placement', actor: `node/${node}`,
    cure: 'Stop or shrink VMs, add memory or a node, or loosen the placement rules.',
    at: lastChange(feed.actor(addressOf('node', node))),
  }));

/** By the storage's actor; where there is none yet (an older primary), by what was told of Ceph itself. */
function storageFaults(feed: Feed, nowMs: number): Fault[] {
  const actor = feed.actor(CEPH_ADDRESS);
  const view = storageView(feed);
  const shown = (finding: Finding, at: number): Fault =>
    present({ ...finding, source: 'ceph', actor: CEPH_ADDRESS, at });
  // No primary looks, or none can: what was found last is history.
  const silent = view === null || !view.stale ? []
    : [shown(unheard('is there a primary, and have the monitors a quorum?', view.staleMs), nowMs - view.staleMs)];
  if (actor === null || actor.record.removed) {
    if (view === null || view.stale) return silent;
    return cephFindings(view.telemetry).map((finding) => shown(finding, view.telemetry.at));
  }
  const faults = faultsOf(cephContext(actor.record.snapshot)).map(kept);
  return [...faults, ...silent.filter(({ id }) => faults.every((fault) => fault.id !== id))];
}
