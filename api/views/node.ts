/** A node's record, its telemetry and its VMs -> PVC's node object. */
import { nodeReason } from '../../machines/node/view.js';
import type { Feed, MirroredActor } from '../../runtime/feed-types.js';
import type { NodeObject } from '../schemas/node.js';
import type { Static } from '../schemas/schema.js';
import type { HostFacts, NodeFacts } from './telemetry.js';
import { nodeFacts } from './telemetry.js';
import { daemonStateWord, domainStateWord, nodeContext, vmContext, vmOccupiesNode, type Shown } from './words.js';

const NOTHING: HostFacts = {
  version: '',
  cpuCount: 0,
  kernel: '',
  os: '',
  arch: '',
  load: 0,
  memoryTotalMiB: 0,
  memoryUsedMiB: 0,
  memoryFreeMiB: 0,
};

export interface Usage {
  running: string[];
  vcpus: number;
  allocatedMiB: number;
  provisionedMiB: number;
}

/** What the VMs take of each node, by node. */
function usageByNode(feed: Feed): ReadonlyMap<string, Usage> {
  const usage = new Map<string, Usage>();
  for (const { record } of feed.actors('vm')) {
    if (record.removed) continue;
    const { node, name, definition } = vmContext(record);
    const entry = usage.get(node) ?? { running: [], vcpus: 0, allocatedMiB: 0, provisionedMiB: 0 };
    usage.set(node, entry);
    entry.provisionedMiB += definition.memoryMiB;
    if (!vmOccupiesNode(record.snapshot)) continue;
    entry.running.push(name);
    entry.vcpus += definition.vcpus;
    entry.allocatedMiB += definition.memoryMiB;
  }
  return usage;
}

export function coordinatorState(feed: Feed, actor: { readonly record: Shown }): string {
  const context = nodeContext(actor.record);
  if (feed.primary()?.node === context.name) return 'primary';
  return context.coordinator ? 'secondary' : 'client';
}

/** All nodes, by name. */
export function nodeObjects(feed: Feed): Static<typeof NodeObject>[] {
  const facts = nodeFacts(feed);
  const usage = usageByNode(feed);
  return feed
    .actors('node')
    .filter((actor) => !actor.record.removed)
    .map((actor) => nodeObject(feed, actor, facts.get(actor.record.id), usage.get(actor.record.id)))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What a node without its libvirtd is less worth: it keeps its guests and takes no new ones. */
const LIBVIRTD_DELTA = 50;

function healthOf(
  daemon: string,
  facts: NodeFacts | undefined,
): Pick<Static<typeof NodeObject>, 'health' | 'health_plugins' | 'health_details'> {
  if (daemon !== 'run') return { health: 0, health_plugins: ['libvirtd'], health_details: [] };
  const delta = facts?.hypervisor === false ? LIBVIRTD_DELTA : 0;
  const message = delta === 0 ? 'libvirtd answers' : 'libvirtd does not answer: this node takes no new VMs';
  const detail = { name: 'libvirtd', health_delta: delta, message };
  return { health: 100 - delta, health_plugins: ['libvirtd'], health_details: [detail] };
}

function nodeObject(
  feed: Feed,
  actor: MirroredActor,
  facts: NodeFacts | undefined,
  usage: Usage | undefined,
): Static<typeof NodeObject> {
  const context = nodeContext(actor.record);
  const host = facts?.host ?? NOTHING;
  const daemon = daemonStateWord(actor.record.snapshot);
  return {
    name: context.name,
    daemon_state: daemon,
    coordinator_state: coordinatorState(feed, actor),
    domain_state: domainStateWord(actor.record.snapshot),
    pvc_version: host.version,
    cpu_count: host.cpuCount,
    kernel: host.kernel,
    os: host.os,
    arch: host.arch,
    ...healthOf(daemon, facts),
    load: host.load,
    domains_count: usage?.running.length ?? 0,
    running_domains: usage?.running ?? [],
    vcpu: { total: host.cpuCount, allocated: usage?.vcpus ?? 0 },
    memory: {
      total: host.memoryTotalMiB,
      allocated: usage?.allocatedMiB ?? 0,
      provisioned: usage?.provisionedMiB ?? 0,
      used: host.memoryUsedMiB,
      free: host.memoryFreeMiB,
    },
    interfaces: {},
    waiting_reason: nodeReason(actor.record.snapshot) || null,
  };
}
