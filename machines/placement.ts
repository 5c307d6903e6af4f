/**
 * Placement: which node takes a VM. Pure: PVC's selectors, only nodes that are run and ready, and, unlike
 * PVC, real capacity: the VM's memory must fit into what is free, less what the same plan placed already.
 * Equal nodes are taken in order of their names, the VMs of one plan in string order of their ids.
 */
import type { NodeSelector, BootRef } from './vm/messages.js';
import type { PlannedMove } from './effects.js';
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
}

export interface PlacementWorld {
  readonly nodes: readonly PlacementNode[];
  /** The cluster's default selector; `none` means mem. */
  readonly defaultSelector: NodeSelector;
  /** More memory provisioned than there is: a warning in `reason` (default), or a refusal. */
  readonly overcommit?: 'warn' | 'refuse';
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
  const refusals: string[] = [];
  const legal: PlacementNode[] = [];
  for (const node of byName(world.nodes)) {
    const refusal = refusalOf(request, node, world);
    if (refusal === null) legal.push(node);
    else refusals.push(`${node.name}: ${refusal}`);
  }
  const liked = mostLiked(request, legal, world);
  const preferred = liked.find((node) => node.name === request.prefer);
  const chosen = preferred ?? best(liked, scoreOf(request, world));
  if (chosen === undefined) {
    const unknown = request.only != null && !world.nodes.some((node) => node.name === request.only);
    return {
      target: null,
      reason: unknown ? `there is no node "${request.only}"` : `no node can take it (${refusals.join('; ')})`,
    };
  }
  return { target: { node: chosen.name, bootId: chosen.bootId! }, reason: overcommitOf(request, chosen) };
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

/**
 * Places several VMs in one plan: each counts what the ones before it took. A VM without a place takes
 * nothing away from the others.
 */
export function planMoves(requests: readonly PlacementRequest[], world: PlacementWorld): PlannedMove[] {
  let nodes = world.nodes;
  let standing = world.standing ?? new Map<string, readonly string[]>();
  return [...requests]
    .sort((a, b) => compare(a.uuid, b.uuid))
    .map((request) => {
      const { target, reason } = place(request, { ...world, nodes, standing });
      if (target !== null) {
        nodes = nodes.map((node) => (node.name === target.node ? withVm(node, request) : node));
        standing = new Map(standing).set(request.uuid, [target.node]);
      }
      return { uuid: request.uuid, target, reason };
    });
}

/** The node once it also runs this VM. A vCPU counts as one of load. */
const withVm = (node: PlacementNode, vm: Pick<PlacementRequest, 'memoryMiB' | 'vcpus'>): PlacementNode => ({
  ...node,
  memoryFreeMiB: node.memoryFreeMiB - vm.memoryMiB,
  memoryProvisionedMiB: node.memoryProvisionedMiB + vm.memoryMiB,
  vcpusAllocated: node.vcpusAllocated + vm.vcpus,
  load: node.load + vm.vcpus,
  vms: node.vms + 1,
});

const ruleView = ({ rules, standing }: PlacementWorld): RuleView => ({
  rules: rules ?? [], standing: standing ?? new Map<string, readonly string[]>(),
});

/** Of the legal nodes those that the rules like best; all of them, if there is no rule about the VM. */
function mostLiked(
  request: PlacementRequest, legal: readonly PlacementNode[], world: PlacementWorld,
): readonly PlacementNode[] {
  if ((world.rules ?? []).length === 0) return legal;
  const view = ruleView(world);
  const likings = legal.map((node) => ({ node, liking: likingOf(request.uuid, node.name, view) }));
  const least = likings.reduce<Liking | null>((found, { liking }) =>
    found === null || compareLikings(liking, found) < 0 ? liking : found, null);
  return likings.filter(({ liking }) => least !== null && compareLikings(liking, least) === 0).map(({ node }) => node);
}

function refusalOf(request: PlacementRequest, node: PlacementNode, world: PlacementWorld): string | null {
  if (request.only != null && node.name !== request.only) return 'not the one asked for';
  if (request.exclude?.includes(node.name) === true) return 'left out';
  if (request.nodeLimit !== null && !request.nodeLimit.includes(node.name)) return 'not in its node limit';
  if (node.daemonState !== 'run' || node.bootId === null) return `daemon state is ${node.daemonState}`;
  if (node.domainState !== 'ready') return `domain state is ${node.domainState}`;
  const forbidden = forbiddenBy(request.uuid, node.name, ruleView(world));
  if (forbidden !== null) return forbidden;
  if (request.memoryMiB > node.memoryFreeMiB) {
    return `${Math.floor(node.memoryFreeMiB)} MiB are free, ${request.memoryMiB} are needed`;
  }
  return world.overcommit === 'refuse' ? overcommitOf(request, node) : null;
}

const overcommitOf = (request: PlacementRequest, node: PlacementNode): string | null => {
  const provisioned = node.memoryProvisionedMiB + request.memoryMiB;
  return provisioned > node.memoryTotalMiB
    ? `memory of ${node.name} is overcommitted: ${provisioned} of ${node.memoryTotalMiB} MiB provisioned`
    : null;
};

function scoreOf(request: PlacementRequest, world: PlacementWorld): (node: PlacementNode) => number {
  const selector =
    request.selector === null || request.selector === 'none' ? world.defaultSelector : request.selector;
  return SCORES[selector === 'none' ? 'mem' : selector];
}

function best(nodes: readonly PlacementNode[], score: (node: PlacementNode) => number): PlacementNode | undefined {
  return nodes.reduce<PlacementNode | undefined>(
    (winner, node) => (winner === undefined || score(node) < score(winner) ? node : winner),
    undefined,
  );
}

const byName = (nodes: readonly PlacementNode[]): PlacementNode[] =>
  [...nodes].sort((a, b) => compare(a.name, b.name));

/** String order, the same on every machine whatever its locale. */
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
