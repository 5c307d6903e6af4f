/**
 * Balance at start: where a VM that is being started makes the cluster most even. Pure. A running VM is never moved for
 * it: a balancer that follows load is not there yet.
 */
import type { PlacementNode, PlacementRequest } from './placement.js';

/** static: what VMs were given. dynamic: what the host says is in use. */
export const BALANCE_BASES = ['static', 'dynamic'] as const;
export type BalanceBasis = (typeof BALANCE_BASES)[number];

/** The other share decides between nodes whose fuller one is equal. */
const TIE = 1000;

/**
 * How busy the node would be with the VM: the larger of its two shares (memory, processor), 1 = full. A node whose
 * cores are not known counts by its memory alone.
 */
export function busyness(
  node: PlacementNode, vm: Pick<PlacementRequest, 'memoryMiB' | 'vcpus'>, basis: BalanceBasis,
): number {
  const used = basis === 'dynamic' || node.memoryAllocatedMiB === undefined
    ? node.memoryTotalMiB - node.memoryFreeMiB : node.memoryAllocatedMiB;
  const memory = node.memoryTotalMiB > 0 ? (used + vm.memoryMiB) / node.memoryTotalMiB : 1;
  const busy = basis === 'dynamic' ? node.load : node.vcpusAllocated;
  const processor = node.cpus !== undefined && node.cpus > 0 ? (busy + vm.vcpus) / node.cpus : 0;
  return Math.max(memory, processor) + Math.min(memory, processor) / TIE;
}
