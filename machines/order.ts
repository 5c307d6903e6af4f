/**
 * Restart order: of the VMs of one plan, those of a higher priority start before the others. Each waits for the ones of
 * the next higher priority only (which wait for those above them), and never for longer than VM_DELAYS.queueMs.
 */
import { statePaths } from './definition.js';

/** A VM names at most so many that it waits for: a record stays small. */
const NAMED_MAX = 32;

/** uuid -> whom it waits for; VMs that wait for nobody are absent. */
export function predecessorsOf(
  vms: readonly { readonly uuid: string; readonly priority?: number }[],
): ReadonlyMap<string, readonly string[]> {
  const ranks = [...new Set(vms.map((vm) => vm.priority ?? 0))].sort((a, b) => b - a);
  const ofRank = (rank: number): string[] =>
    vms.filter((vm) => (vm.priority ?? 0) === rank).map((vm) => vm.uuid).sort().slice(0, NAMED_MAX);
  const before = new Map(ranks.slice(1).map((rank, index) => [rank, ofRank(ranks[index]!)]));
  return new Map(vms.flatMap((vm) => {
    const after = before.get(vm.priority ?? 0);
    return after === undefined ? [] : [[vm.uuid, after] as const];
  }));
}

/** What the mirror shows of a VM that others may wait for. */
export interface Awaited {
  readonly value: unknown;
  /** A boot that may hold its copy is live. */
  readonly livesSomewhere: boolean;
  /** It is to be started with its node and has not begun yet. */
  readonly autostart: boolean;
}

/** Is nothing more to be waited for? null = there is no such VM any more. */
export function isSettled(vm: Awaited | null): boolean {
  if (vm === null) return true;
  const [path = ''] = statePaths(vm.value);
  if (path === 'off.stopped') return !vm.autostart;
  if (path === 'running') return vm.livesSomewhere;
  return !/^(starting|recovering|observing|ended)/.test(path) || path === 'starting.waiting';
}
