/** May what is known of a node be thrown away? Not while it is judged or fenced: its VMs wait for the end of that. */
import type { SnapshotView } from '../definition.js';
import { nodeIsIn } from './view.js';

/** Why not, for people; null = it may. `snapshot` is null when its record cannot be read. */
export function nodeMayForget(snapshot: SnapshotView | null): string | null {
  if (snapshot === null || nodeIsIn(snapshot, 'life.alive') || nodeIsIn(snapshot, 'life.unknown')) return null;
  return 'It is being judged or fenced, and its VMs wait for the end of that';
}
