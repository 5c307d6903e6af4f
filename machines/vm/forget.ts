/** May what is known of a VM be thrown away? Only while no copy of its guest may run (rule 1). Pure. */
import type { SnapshotView } from '../definition.js';
import type { VmContext } from './messages.js';

/** Why not, for people; null = it may. `snapshot` is null when its record cannot be read. */
export function vmMayForget(snapshot: SnapshotView | null): string | null {
  const mayRunOn = (snapshot?.context as Partial<VmContext> | undefined)?.mayRunOn;
  if (!Array.isArray(mayRunOn)) return 'Nobody can tell where its guest may run: see that it runs nowhere first';
  if (mayRunOn.length === 0) return null;
  const nodes = [...new Set((mayRunOn as VmContext['mayRunOn']).map(({ node }) => node))].join(', ');
  return `Its guest may run on ${nodes}: stop the VM first, or see that it runs nowhere`;
}
