/**
 * Placement: which node takes a VM. Pure: PVC's selectors, only nodes that are run and ready, and, unlike
 * PVC, real capacity: the VM's memory must fit into what is free, less what the same plan placed already.
 * Equal nodes are taken in order of their names, the VMs of one plan by priority and then in string order of their ids.
 */
import type { NodeSelector, BootRef } from './vm/messages.js';
import type { PlannedMove } from './effects.js';
import { packAll, type PackingProblem } from './packing.js';
import { busyness, type BalanceBasis } from './rebalance.js';
import {
  compareLikings, forbiddenBy, likingOf, type Liking, type PlacementRule, type RuleView, type Standing,
} from './rules.js';

export interface PlacementNode {
  readonly name: string;
  /** Boot of its live session; null = none, and then it takes nothing. */
  readonly bootId: string | null;
  /** PVC's words; only run and ready take VMs. */
  readonly daemonState: string;
  readonly domainState: string;
  /** Memory of the host, MiB. */
  readonly memoryTotalMiB: number;
  /** Memory the host could still give to a guest, MiB. */
  readonly memoryFreeMiB: number;
  /** Sum of the memory of all VMs homed here, running or not, MiB. */
  readonly memoryProvisionedMiB: number;
  /** vCPUs of running VMs. */
  readonly vcpusAllocated: number;
  /** One-minute load average. */
  readonly load: number;
  /** Running VMs. */
  readonly vms: number;
  /** Cores of the host; only the balance asks for it, and for the next. */
  readonly cpus?: number;
  /** Memory given to VMs that run here, MiB. */
  readonly memoryAllocatedMiB?: number;
}

export interface PlacementRequest {
  readonly uuid: string;
  readonly memoryMiB: number;
  readonly vcpus: number;
  /** null = every node. */
  readonly nodeLimit: readonly string[] | null;
  /** null or none = the cluster's default. */
  readonly selector: NodeSelector | null;
  /** This node or none. */
  readonly only?: string | null;
  /** Taken if it is legal and has room, whatever the selector says. */
  readonly prefer?: string | null;
  readonly exclude?: readonly string[];
  /** Nodes whose way to the storage is gone, if its disks are there. */
  readonly withoutStorage?: readonly string[];
  /** A higher one is placed first; default 0. */
  readonly priority?: number;
  /** Where it makes the cluster most even, instead of what the selector says; `prefer` only between equals. */
  readonly balance?: BalanceBasis;
}

export interface PlacementWorld {
  readonly nodes: readonly PlacementNode[];
  /** The cluster's default selector; `none` means mem. */
  readonly defaultSelector: NodeSelector;
  /**
   * fit (default): the memory must be free, and more provisioned than there is (stopped VMs counted) is a warning in
   * `reason`. refuse: that is a refusal, too. warn: where nothing is free is the last choice, with a warning.
   */
  readonly overcommit?: 'fit' | 'warn' | 'refuse';
  readonly rules?: readonly PlacementRule[];
  /** Where every VM is, for the rules. */
  readonly standing?: Standing;
}

export interface Placement {
  readonly target: BootRef | null;
  /** Without a target: why. With one: a warning, or null. */
  readonly reason: string | null;
}

/** What a selector wants: the smallest score wins. */
const SCORES: Readonly<Record<Exclude<NodeSelector, 'none'>, (node: PlacementNode) => number>> = {
  mem: (node) => -node.memoryFreeMiB,
  memprov: (node) => -(node.memoryTotalMiB - node.memoryProvisionedMiB),
  vcpus: (node) => node.vcpusAllocated,
  load: (node) => node.load,
  vms: (node) => node.vms,
};

/** The node for one VM, or why there is none. */
export function place(request: PlacementRequest, world: PlacementWorld): Placement {
  const chosen = candidates(request, world).reduce<Candidate | null>((best, each) =>
    (best === null || byMerit(each, best) < 0 ? each : best), null)?.node;
  if (chosen === undefined) {
    const unknown = request.only != null && !world.nodes.some((node) => node.name === request.only);
    const refusals = byName(world.nodes).map((node) => `${node.name}: ${refusalOf(request, node, world)}`);
    return {
      target: null,
      reason: unknown ? `there is no node "${request.only}"` : `no node can take it (${refusals.join('; ')})`,
    };
  }
  return { target: { node: chosen.name, bootId: chosen.bootId! }, reason: overcommitOf(request, chosen) };
}

interface Candidate {
  readonly node: PlacementNode;
  readonly liking: Liking;
  readonly order: readonly [number, number, number];
}

/** The better first: what the rules like, the preferred, room, the selector, the name. */
const byMerit = (a: Candidate, b: Candidate): number => compareLikings(a.liking, b.liking)
  || a.order[0] - b.order[0] || a.order[1] - b.order[1] || a.order[2] - b.order[2] || compare(a.node.name, b.node.name);

/** The nodes that can take it, in no order. */
function candidates(request: PlacementRequest, given: PlacementWorld): Candidate[] {
  const world = { ...given, rules: (given.rules ?? []).filter((rule) => rule.vms.includes(request.uuid)) };
  const view = ruleView(world);
  const score = scoreOf(request, world);
  const home = (node: PlacementNode): number => (node.name === request.prefer ? 0 : 1);
  const room = (node: PlacementNode): number => (request.memoryMiB > node.memoryFreeMiB ? 1 : 0);
  const even = request.balance !== undefined;
  return world.nodes.filter((node) => refusalOf(request, node, world) === null)
    .map((node): Candidate => ({
      node, liking: likingOf(request.uuid, node.name, view),
      order: even ? [room(node), score(node), home(node)] : [home(node), room(node), score(node)],
    }));
}

/**
 * A place that the rules like better than the one a running VM has: because a strict rule forbids that one, or, if it
 * may go back by itself, because another node that can take it is liked more. null = it stays.
 */
export function betterPlace(
  request: PlacementRequest, current: string, failback: boolean, world: PlacementWorld,
): BootRef | null {
  const others = new Map(world.standing);
  others.delete(request.uuid);
  const view = { rules: world.rules ?? [], standing: others };
  const forbidden = forbiddenBy(request.uuid, current, view) !== null;
  if (!forbidden && !failback) return null;
  const { target } = place({ ...request, exclude: [current] }, { ...world, standing: others });
  if (target === null || forbidden) return target;
  const gain = compareLikings(likingOf(request.uuid, target.node, view), likingOf(request.uuid, current, view));
  return gain < 0 ? target : null;
}

/** VMs that a plan may look at while it searches (see packing.ts): some tenths of a second at most. */
const SEARCH_BUDGET = 20_000;

/**
 * Places several VMs in one plan: each counts what the ones before it took. When one finds no place, all of them are
 * placed anew so that each has one, if that can be found; else that VM has none, and takes nothing away from others.
 */
export function planMoves(requests: readonly PlacementRequest[], given: PlacementWorld): PlannedMove[] {
  const world = withoutStanding(given, requests);
  const budget = { left: SEARCH_BUDGET };
  const ordered = [...requests].sort(byPriority);
  let places = new Map<PlacementRequest, string>();
  let now = ownCopy(world);
  const reasons = new Map<PlacementRequest, string | null>();
  for (const request of ordered) {
    const { target, reason } = place(request, now);
    reasons.set(request, reason);
    if (target !== null) {
      places.set(request, target.node);
      takeInPlace(request, target.node, now);
      continue;
    }
    const anew = packAll([...places.keys(), request], world, PACKING, budget);
    if (anew === null) continue;
    places = new Map(anew);
    now = ownCopy(world);
    for (const [vm, node] of anew) takeInPlace(vm, node, now);
    for (const [vm, node] of anew) reasons.set(vm, overcommitIn(vm, node, now));
  }
  const bootOf = new Map(world.nodes.map((node) => [node.name, node.bootId]));
  return ordered.map((request) => {
    const node = places.get(request);
    const target = node === undefined ? null : { node, bootId: bootOf.get(node)! };
    return { uuid: request.uuid, target, reason: reasons.get(request) ?? null };
  });
}

/** A plan's own world, changed as it goes: copies for each of thousands of VMs would take seconds. */
interface OwnWorld extends PlacementWorld {
  readonly nodes: PlacementNode[];
  readonly standing: Map<string, readonly string[]>;
}

const ownCopy = (world: PlacementWorld): OwnWorld =>
  ({ ...world, nodes: [...world.nodes], standing: new Map(world.standing) });

function takeInPlace(request: PlacementRequest, name: string, { nodes, standing }: OwnWorld): void {
  const at = nodes.findIndex((node) => node.name === name);
  nodes[at] = withVm(nodes[at]!, request, 1);
  standing.set(request.uuid, [name]);
}

/** VMs that are all about to be placed anew stand nowhere, or they would hold each other where they were. */
function withoutStanding(world: PlacementWorld, requests: readonly PlacementRequest[]): PlacementWorld {
  const standing = new Map(world.standing);
  for (const { uuid } of requests) standing.delete(uuid);
  return { ...world, standing };
}

/** Higher priority first, then in string order of the ids. */
export const byPriority = (
  a: Pick<PlacementRequest, 'uuid' | 'priority'>, b: Pick<PlacementRequest, 'uuid' | 'priority'>,
): number => (b.priority ?? 0) - (a.priority ?? 0) || compare(a.uuid, b.uuid);

/** The world once the node has taken the VM. */
export const take = (request: PlacementRequest, name: string, world: PlacementWorld): PlacementWorld => ({
  ...world,
  nodes: world.nodes.map((node) => (node.name === name ? withVm(node, request, 1) : node)),
  standing: new Map(world.standing).set(request.uuid, [name]),
});

/** The world once the VM has left the node: as if it had never been placed. */
export function leave(request: PlacementRequest, name: string, world: PlacementWorld): PlacementWorld {
  const standing = new Map(world.standing);
  standing.delete(request.uuid);
  const nodes = world.nodes.map((node) => (node.name === name ? withVm(node, request, -1) : node));
  return { ...world, nodes, standing };
}

/** What packing.ts needs to know of placement. */
export const PACKING: PackingProblem<PlacementRequest, PlacementWorld> = {
  choices: (request, world) => candidates(request, world).sort(byMerit).map(({ node }) => node.name),
  take,
  hopeless: (requests, world) => {
    if (world.overcommit === 'warn') return false;
    const free = world.nodes.reduce((sum, node) => sum + Math.max(0, node.memoryFreeMiB), 0);
    return requests.reduce((sum, request) => sum + request.memoryMiB, 0) > free;
  },
};

/** The node once it also runs this VM (times 1), or no longer (times -1). A vCPU counts as one of load. */
const withVm = (
  node: PlacementNode, vm: Pick<PlacementRequest, 'memoryMiB' | 'vcpus'>, times: 1 | -1,
): PlacementNode => ({
  ...node,
  memoryFreeMiB: node.memoryFreeMiB - times * vm.memoryMiB,
  memoryProvisionedMiB: node.memoryProvisionedMiB + times * vm.memoryMiB,
  memoryAllocatedMiB: (node.memoryAllocatedMiB ?? 0) + times * vm.memoryMiB,
  vcpusAllocated: node.vcpusAllocated + times * vm.vcpus,
  load: node.load + times * vm.vcpus,
  vms: node.vms + times,
});

const ruleView = ({ rules, standing }: PlacementWorld): RuleView => ({
  rules: rules ?? [], standing: standing ?? new Map<string, readonly string[]>(),
});

function refusalOf(request: PlacementRequest, node: PlacementNode, world: PlacementWorld): string | null {
  if (request.only != null && node.name !== request.only) return 'not the one asked for';
  if (request.exclude?.includes(node.name) === true) return 'left out';
  if (request.withoutStorage?.includes(node.name) === true) return 'its storage does not answer';
  if (request.nodeLimit !== null && !request.nodeLimit.includes(node.name)) return 'not in its node limit';
  if (node.daemonState !== 'run' || node.bootId === null) return `daemon state is ${node.daemonState}`;
  if (node.domainState !== 'ready') return `domain state is ${node.domainState}`;
  const forbidden = forbiddenBy(request.uuid, node.name, ruleView(world));
  if (forbidden !== null) return forbidden;
  if (request.memoryMiB > node.memoryFreeMiB && world.overcommit !== 'warn') {
    return `${Math.floor(node.memoryFreeMiB)} MiB are free, ${request.memoryMiB} are needed`;
  }
  return world.overcommit === 'refuse' ? overcommitOf(request, node) : null;
}

const overcommitOf = (request: PlacementRequest, node: PlacementNode): string | null => {
  const free = Math.max(0, Math.floor(node.memoryFreeMiB));
  if (request.memoryMiB > free) {
    return `memory of ${node.name} is overcommitted: ${free} MiB are free, ${request.memoryMiB} are needed`;
  }
  const provisioned = node.memoryProvisionedMiB + request.memoryMiB;
  return provisioned > node.memoryTotalMiB
    ? `memory of ${node.name} is overcommitted: ${provisioned} of ${node.memoryTotalMiB} MiB provisioned`
    : null;
};

const overcommitIn = (request: PlacementRequest, name: string, after: PlacementWorld): string | null =>
  overcommitOf({ ...request, memoryMiB: 0 }, after.nodes.find((node) => node.name === name)!);

function scoreOf(request: PlacementRequest, world: PlacementWorld): (node: PlacementNode) => number {
  const { balance } = request;
  if (balance !== undefined) return (node) => busyness(node, request, balance);
  const selector =
    request.selector === null || request.selector === 'none' ? world.defaultSelector : request.selector;
  return SCORES[selector === 'none' ? 'mem' : selector];
}

const byName = (nodes: readonly PlacementNode[]): PlacementNode[] =>
  [...nodes].sort((a, b) => compare(a.name, b.name));

/** String order, the same on every machine whatever its locale. */
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
