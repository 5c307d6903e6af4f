/**
 * Survival: would every VM find a place if one node were lost? Pure. The answer is that of the very plan that recovery
 * would make (planMoves over what is left), so that it promises neither more nor less than would happen.
 */
import type { PlannedMove } from './effects.js';
import { planMoves, type PlacementRequest, type PlacementWorld } from './placement.js';

/** A VM that would be recovered if its node were lost. */
export interface AtRisk {
  readonly request: PlacementRequest;
  readonly node: string;
}

export interface NodeLoss {
  readonly node: string;
  /** VMs that would find no place, with the reason; empty = all would. */
  readonly stranded: readonly { readonly uuid: string; readonly reason: string }[];
}

/** What the loss of one node would leave without a place. */
export function survives(vms: readonly AtRisk[], world: PlacementWorld, lost: string): NodeLoss {
  const left = { ...world, nodes: world.nodes.filter((node) => node.name !== lost) };
  const homeless = vms.filter((vm) => vm.node === lost).map((vm) => vm.request);
  return { node: lost, stranded: planMoves(homeless, left).flatMap(strandedOf) };
}

/**
 * Every node whose loss would strand a VM. A cluster of one node has nothing to lose it to, and is not asked; nor is a
 * VM that somebody tied to one node: that it goes with its node is no news.
 */
export function survival(vms: readonly AtRisk[], world: PlacementWorld): NodeLoss[] {
  const live = world.nodes.filter((node) => node.bootId !== null);
  if (world.nodes.length < 2) return [];
  const free = vms.filter((vm) => !isTied(vm, world));
  return live.map((node) => survives(free, world, node.name)).filter((loss) => loss.stranded.length > 0);
}

/** By its own limit, or by strict rules about nodes, no other node is ever legal. */
function isTied({ request, node }: AtRisk, { nodes, rules }: PlacementWorld): boolean {
  const about = (rules ?? []).filter((rule) => rule.kind === 'node-affinity' && rule.strict
    && rule.vms.includes(request.uuid));
  return !nodes.some(({ name }) => name !== node && request.nodeLimit?.includes(name) !== false
    && about.every((rule) => rule.kind === 'node-affinity' && rule.nodes[name] !== undefined));
}

/** Losses that became worse, told as a sentence; null = none did. `named` = how people call a VM. */
export function worsened(
  before: readonly NodeLoss[], after: readonly NodeLoss[], named: (uuid: string) => string,
): string | null {
  const worse = after.flatMap(({ node, stranded }) => {
    const known = new Set(before.find((loss) => loss.node === node)?.stranded.map(({ uuid }) => uuid));
    const added = stranded.filter(({ uuid }) => !known.has(uuid));
    return stranded.length > known.size ? [`${node} (${added.map(({ uuid }) => named(uuid)).join(', ')})`] : [];
  });
  return worse.length === 0 ? null
    : `If one of these nodes were lost, not every VM would find a place any more: ${worse.join('; ')}`;
}

const strandedOf = ({ uuid, target, reason }: PlannedMove): { uuid: string; reason: string }[] =>
  (target === null ? [{ uuid, reason: reason ?? 'no node can take it' }] : []);
