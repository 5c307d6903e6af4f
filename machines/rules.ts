/**
 * Placement rules: which nodes a VM likes, and which VMs belong together or apart. Pure. A strict rule makes places
 * illegal; any other only orders them. `standing` says where every VM is or is about to be.
 */

/** A higher number is preferred; nodes not named come last, or are illegal if the rule is strict. */
export interface NodeAffinity {
  readonly kind: 'node-affinity';
  readonly vms: readonly string[];
  readonly nodes: Readonly<Record<string, number>>;
  readonly strict: boolean;
}

/** Held at rest; apart is held while a VM moves, too. */
export interface VmAffinity {
  readonly kind: 'vm-affinity';
  readonly vms: readonly string[];
  readonly together: boolean;
  readonly strict: boolean;
}

/** `name` is how people speak of it; one of a scenario has none. */
export type PlacementRule = (NodeAffinity | VmAffinity) & { readonly name?: string };

/** VM -> the nodes that hold it: one, or two while it moves. VMs that do not run are absent. */
export type Standing = ReadonlyMap<string, readonly string[]>;

export interface RuleView {
  readonly rules: readonly PlacementRule[];
  readonly standing: Standing;
}

const about = (rules: readonly PlacementRule[], vm: string): readonly PlacementRule[] =>
  rules.filter((rule) => rule.vms.includes(vm));

/** Where the others of a rule are. */
function partners(rule: VmAffinity, vm: string, standing: Standing): readonly string[] {
  return rule.vms.filter((other) => other !== vm).flatMap((other) => standing.get(other) ?? []);
}

/** Why a strict rule forbids a VM on a node, or null. */
export function forbiddenBy(vm: string, node: string, { rules, standing }: RuleView): string | null {
  for (const rule of about(rules, vm)) {
    if (!rule.strict) continue;
    if (rule.kind === 'node-affinity') {
      if (rule.nodes[node] === undefined) return `a rule keeps it on ${Object.keys(rule.nodes).sort().join(', ')}`;
      continue;
    }
    const where = partners(rule, vm, standing);
    if (rule.together && where.length > 0 && !where.includes(node)) {
      return `a rule keeps it together with VMs on ${[...new Set(where)].sort().join(', ')}`;
    }
    if (!rule.together && where.includes(node)) return 'a rule keeps it apart from a VM there';
  }
  return null;
}

/**
 * How much rules like a VM on a node: compared field by field, the smaller first. `unmet` = rules that are not strict
 * and would be broken, `rank` = minus the priority of the node.
 */
export interface Liking {
  readonly unmet: number;
  readonly rank: number;
}

export function likingOf(vm: string, node: string, { rules, standing }: RuleView): Liking {
  let unmet = 0;
  let rank = 0;
  for (const rule of about(rules, vm)) {
    if (rule.kind === 'node-affinity') {
      const priority = rule.nodes[node];
      rank -= priority ?? -1;
      continue;
    }
    if (rule.strict) continue;
    const where = partners(rule, vm, standing);
    const broken = rule.together ? where.length > 0 && !where.includes(node) : where.includes(node);
    if (broken) unmet += 1;
  }
  return { unmet, rank };
}

export const compareLikings = (a: Liking, b: Liking): number => a.rank - b.rank || a.unmet - b.unmet;

/** Why a rule is none that could be kept, whatever stands where, or null. `others` are the rules there are. */
export function flawOf(rule: PlacementRule, others: readonly PlacementRule[]): string | null {
  if (rule.kind === 'node-affinity') {
    if (rule.vms.length === 0) return 'it names no VM';
    if (Object.keys(rule.nodes).length === 0) return 'it names no node';
    return rule.strict ? strictNodesFlaw(rule, others) : null;
  }
  if (new Set(rule.vms).size < 2) return 'it needs at least two VMs';
  const against = rule.strict ? others.find((other) => other.kind === 'vm-affinity' && other.strict
    && other.together !== rule.together && shared(rule, other).length > 1) : undefined;
  return against === undefined ? null
    : `it contradicts ${called(against)}: the same VMs cannot strictly be together and apart`;
}

/** Two strict rules that leave a VM no node. */
function strictNodesFlaw(rule: NodeAffinity, others: readonly PlacementRule[]): string | null {
  const against = others.find((other): other is NodeAffinity & PlacementRule => other.kind === 'node-affinity'
    && other.strict && shared(rule, other).length > 0
    && !Object.keys(rule.nodes).some((node) => other.nodes[node] !== undefined));
  return against === undefined ? null
    : `it contradicts ${called(against)}: together they leave a VM no node`;
}

const shared = (a: { readonly vms: readonly string[] }, b: { readonly vms: readonly string[] }): string[] =>
  [...new Set(a.vms)].filter((vm) => b.vms.includes(vm));

const called = (rule: PlacementRule): string => (rule.name === undefined ? 'another rule' : `rule "${rule.name}"`);

/** VMs that strict rules tie to this one, over any number of others, itself first; the rest in order of the rules. */
export function tiedTo(vm: string, rules: readonly PlacementRule[]): string[] {
  const found = [vm];
  for (let at = 0; at < found.length; at += 1) {
    for (const rule of about(rules, found[at]!)) {
      if (rule.kind !== 'vm-affinity' || !rule.strict) continue;
      for (const other of rule.vms) if (!found.includes(other)) found.push(other);
    }
  }
  return found;
}
