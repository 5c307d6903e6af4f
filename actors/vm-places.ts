/** Where VMs are, or are about to be, as their records have it: looked at once for all nodes of a plan. Pure. */
import type { Standing } from '../machines/rules.js';
import type { VmContext } from '../machines/vm/messages.js';

/** A copy may be there, or is on its way there. */
export const holds = (vm: VmContext, node: string): boolean =>
  vm.target?.node === node || vm.mayRunOn.some((boot) => boot.node === node);

/** All nodes that hold it (`holds`), each once. */
function heldOn({ mayRunOn, target }: VmContext): readonly string[] {
  const nodes = mayRunOn.map(({ node }) => node);
  if (target !== null && target !== undefined) nodes.push(target.node);
  return nodes.length < 2 ? nodes : [...new Set(nodes)];
}

export type VmsByNode = ReadonlyMap<string, readonly VmContext[]>;

function byNode(vms: readonly VmContext[], nodesOf: (vm: VmContext) => readonly string[]): VmsByNode {
  const by = new Map<string, VmContext[]>();
  for (const vm of vms) {
    for (const node of nodesOf(vm)) {
      const there = by.get(node);
      if (there === undefined) by.set(node, [vm]);
      else there.push(vm);
    }
  }
  return by;
}

/** VMs by each node that holds them. */
export const heldBy = (vms: readonly VmContext[]): VmsByNode => byNode(vms, heldOn);

/** VMs by their home. */
export const homedAt = (vms: readonly VmContext[]): VmsByNode =>
  byNode(vms, ({ node }) => (node === null ? [] : [node]));

/** Where each VM that is wanted running is, or is about to be. */
export const standingOf = (vms: readonly VmContext[]): Standing =>
  new Map(vms.filter((vm) => vm.desired === 'start').map((vm) => [vm.uuid, heldOn(vm)]));
