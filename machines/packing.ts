/**
 * Packing: places for all of several VMs at once, by search. Taking the best place for one VM after the other may leave
 * the last without any although there is room for all; then this looks for an arrangement that has a place for each.
 * Pure and bounded: every VM looked at costs one of the budget, and when that is used up there is no arrangement.
 */

export interface PackingProblem<Vm, World> {
  /** Nodes that can take the VM in this world, the best first. */
  choices(vm: Vm, world: World): readonly string[];
  /** The world once the node has taken the VM. */
  take(vm: Vm, node: string, world: World): World;
  /** A cheap look that finds what cannot fit, whatever is tried. */
  hopeless?(vms: readonly Vm[], world: World): boolean;
}

export interface Budget {
  /** VMs that may still be looked at. */
  left: number;
}

/** A node for each VM, or null: there is none, or it was not found within the budget. */
export function packAll<Vm, World>(
  vms: readonly Vm[], world: World, problem: PackingProblem<Vm, World>, budget: Budget,
): ReadonlyMap<Vm, string> | null {
  if (vms.length === 0) return new Map();
  if (problem.hopeless?.(vms, world) === true) return null;
  const tightest = fewestChoices(vms, world, problem, budget);
  if (tightest === null) return null;
  const others = vms.filter((vm) => vm !== tightest.vm);
  for (const node of tightest.choices) {
    const found = packAll(others, problem.take(tightest.vm, node, world), problem, budget);
    if (found !== null) return new Map(found).set(tightest.vm, node);
    if (budget.left <= 0) return null;
  }
  return null;
}

/** The VM that is hardest to place goes first; null = one of them has no place, or the budget is used up. */
function fewestChoices<Vm, World>(
  vms: readonly Vm[], world: World, problem: PackingProblem<Vm, World>, budget: Budget,
): { vm: Vm; choices: readonly string[] } | null {
  let tightest: { vm: Vm; choices: readonly string[] } | null = null;
  for (const vm of vms) {
    budget.left -= 1;
    if (budget.left < 0) return null;
    const choices = problem.choices(vm, world);
    if (choices.length === 0) return null;
    if (tightest === null || choices.length < tightest.choices.length) tightest = { vm, choices };
  }
  return tightest;
}
