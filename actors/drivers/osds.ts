/**
 * Osds: the port to the OSDs of this node: its disks, its daemons, and what Ceph's monitors are to be told of them. One
 * call for each effect of an OSD's actor (machines/osd/effects.ts). What an adapter may not leak: programs, exit codes,
 * device numbers. Every call is idempotent, has a deadline, never throws, and ends in done, refused (nothing of what
 * it was to do has been done; the reason names the thing and the cure) or unknown.
 */
import type { OsdEffects } from '../../machines/osd/effects.js';
import type { HandlersOf } from '../handlers.js';
import { refused } from './outcome.js';

/** All but what is not this node's: the burial of another node's OSD is the desk's (actors/osd-desk.ts). */
export type Osds = Omit<HandlersOf<OsdEffects>, 'osd.bury'>;

/** Of a node that has no Ceph. */
export function noOsds(names: readonly string[]): Osds {
  const none = () => Promise.resolve(refused('this node has no connection to Ceph: see "ceph" in /etc/pvc/pvc.conf'));
  return Object.fromEntries(names.map((name) => [name, none])) as unknown as Osds;
}
