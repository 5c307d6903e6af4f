/** The whole cluster -> PVC's /status object. */
import type { Static } from '../schemas/schema.js';
import type { Status } from '../schemas/cluster.js';
import type { ApiDeps } from '../deps.js';
import { clusterFaults } from './faults.js';
import { nodeObjects } from './node.js';
import { storageStatus } from './storage.js';
import { presentPools, presentVolumes } from './volumes.js';
import { vmContext, vmStateWord } from './words.js';

const VM_WORDS_COUNTED: ReadonlySet<string> = new Set([
  'start',
  'restart',
  'shutdown',
  'stop',
  'disable',
  'fail',
  'migrate',
  'unmigrate',
  'provision',
  'import',
  'restore',
  'mirror',
]);

const percent = (part: number, whole: number): number => (whole > 0 ? Math.round((part / whole) * 10_000) / 100 : 0);

function counted(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = { total: words.length };
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

const healthMessages = (node: ReturnType<typeof nodeObjects>[number]): string[] =>
  node.health_details.filter((detail) => Number(detail['health_delta']) > 0).map((detail) => String(detail['message']));

/** Any node answers from its own mirror. Networks are not there yet: zeros. */
export function statusObject(deps: ApiDeps): Static<typeof Status> {
  const { feed, config, cluster } = deps;
  const nodes = nodeObjects(feed);
  const storage = storageStatus(feed);
  const volumes = presentVolumes(feed);
  const vms = feed
    .actors('vm')
    .filter((actor) => !actor.record.removed)
    .map(({ record }) => ({
      uuid: record.id,
      name: vmContext(record).name,
      state: vmStateWord(record.snapshot) as string,
    }))
    .sort((a, b) => (a.uuid < b.uuid ? -1 : 1));
  const faults = clusterFaults(deps);
  // As PVC: the worst first.
  const unacknowledged = faults.filter(({ status }) => status === 'new')
    .sort((one, other) => other.health_delta - one.health_delta);
  const lost = unacknowledged.reduce((sum, fault) => sum + fault.health_delta, 0);
  const counts = counted(vms.map((vm) => vm.state));
  return {
    cluster_name: config.clusterName,
    cluster_health: { health: Math.max(0, 100 - lost), messages: unacknowledged },
    node_health: Object.fromEntries(
      nodes.map((node) => [node.name, { health: node.health, messages: healthMessages(node) }]),
    ),
    maintenance: String(cluster.maintenance()),
    primary_node: feed.primary()?.node ?? null,
    pvc_version: deps.version,
    upstream_ip: config.networks.upstream.floatingAddress?.split('/')[0] ?? '',
    nodes: counted(nodes.map((node) => `${node.daemon_state},${node.domain_state}`)),
    vms: Object.fromEntries(
      Object.entries(counts).filter(([word]) => word === 'total' || VM_WORDS_COUNTED.has(word)),
    ),
    networks: 0,
    osds: storage.osds,
    // As PVC: those that it made, not Ceph's own.
    pools: presentPools(feed).length,
    volumes: volumes.length,
    snapshots: volumes.reduce((sum, { volume }) => sum + volume.facts.snapshots.length, 0),
    resources: { ...resources(nodes), disk: storage.disk },
    detail: {
      node: nodes.map(({ name, daemon_state, domain_state }) => ({ name, daemon_state, domain_state })),
      vm: vms,
      osd: storage.osd.map((osd) => ({ ...osd })),
      faults: faults.map((fault) => ({ ...fault })),
    },
  };
}

function resources(nodes: ReturnType<typeof nodeObjects>): Omit<Static<typeof Status>['resources'], 'disk'> {
  const sum = (pick: (node: (typeof nodes)[number]) => number): number =>
    nodes.reduce((total, node) => total + pick(node), 0);
  const memory = {
    total: sum((node) => node.memory.total),
    free: sum((node) => node.memory.free),
    used: sum((node) => node.memory.used),
    allocated: sum((node) => node.memory.allocated),
    provisioned: sum((node) => node.memory.provisioned),
  };
  const load = Math.round(sum((node) => node.load) * 100) / 100;
  const cpus = sum((node) => node.cpu_count);
  return {
    memory: { ...memory, utilization: percent(memory.used, memory.total) },
    cpu: { total: cpus, load, allocated: sum((node) => node.vcpu.allocated), utilization: percent(load, cpus) },
  };
}
