/**
 * Ids of pools' and volumes' actors: their names in Ceph, since those are what Ceph itself keeps unique, what disks of
 * VMs are written with, and what an image has that nobody told us of. The price: a volume that is renamed is another
 * actor.
 */

/** Safe as a znode's name, and never the same for two names. */
const encoded = (name: string): string => encodeURIComponent(name).replaceAll('~', '%7E');

export const poolId = encoded;

/** `~` is in neither part, so that no two volumes share an id. */
export const volumeId = (pool: string, name: string): string => `${encoded(pool)}~${encoded(name)}`;

/** Images and snapshots that are ours for a while begin so; no volume or snapshot of a user may. */
export const OWN_PREFIX = 'pvc-tmp.';

export const isOwn = (name: string): boolean => name.startsWith(OWN_PREFIX);
