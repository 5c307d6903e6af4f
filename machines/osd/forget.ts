/** Why an OSD's record may not be thrown away. */
import type { SnapshotView } from '../definition.js';
import { osdContext, osdIsIn } from './admission.js';

const UNDER_WAY = [
  'checking', 'judging', 'leaving', 'building', 'refreshing', 'sharing', 'burying', 'removing', 'undoing',
] as const;

/** null = it may be: an OSD in service is found again in Ceph, and adopted. */
export function osdMayForget(snapshot: SnapshotView | null): string | null {
  if (snapshot === null) return null;
  if (!UNDER_WAY.some((path) => osdIsIn(snapshot, path))) return null;
  return `OSD ${osdContext(snapshot).number ?? ''} is being changed: what was begun would be left half done`;
}
