/**
 * Changes to RBD images that are quick: a few operations on a few objects. Doing one twice ends as doing it once,
 * as far as librbd lets it; where it does not, what is there already is refused with EEXIST.
 */
import { offMain, type Pointer } from '../foreign.js';
import type { Cluster } from './cluster.js';
import type { ImageClient, ImageRef } from './connection.js';
import { CephFailure, check, ENOENT } from './failure.js';
import { nameOf, readImageInfo, withImage } from './images.js';
import { local, remote, type Out } from './library.js';
import { ensureTrash } from './trash.js';

/** RBD_FEATURES_DEFAULT: layering, exclusive-lock, object-map, fast-diff, deep-flatten; whatever the cluster says. */
const IMAGE_FEATURES = 61;
const OPTION_FEATURES = 1;
const OPTION_CLONE_FORMAT = 12;
const LOCK_EXCLUSIVE = 0;

const TAKEN = { EEXIST: 'there is one of that name' };
const OTHERS = { EBUSY: 'somebody else holds it' };

export const createImage = (cluster: Cluster, ref: ImageRef, sizeBytes: number): Promise<null> =>
  cluster.pool(ref.pool, async (io) => {
    const text = `image ${nameOf(ref)} cannot be created`;
    await ensureTrash(io, text);
    // Order 0 = the cluster's default, 4 MiB.
    check(await offMain<number>(remote.createImage, io, ref.image, sizeBytes, IMAGE_FEATURES, [0]), text, TAKEN);
    return null;
  });

/** Done also if it has that name already, and no image has the old one. */
export async function renameImage(cluster: Cluster, ref: ImageRef, to: string): Promise<null> {
  const target = { pool: ref.pool, image: to };
  await cluster.pool(ref.pool, async (io) => {
    const result = await offMain<number>(remote.renameImage, io, ref.image, to);
    if (result === -ENOENT && await readImageInfo(cluster, target) !== null) return;
    check(result, `image ${nameOf(ref)} cannot be renamed ${nameOf(target)}`, TAKEN);
  });
  return null;
}

/** Options for images that librbd makes; the caller's `work` ends before they are freed. */
export async function withOptions<T>(
  values: readonly (readonly [option: number, value: number])[], work: (options: Pointer) => Promise<T>,
): Promise<T> {
  const out: Out<Pointer | null> = [null];
  local.createOptions(out);
  try {
    for (const [option, value] of values) check(local.setOption(out[0], option, value) as number, 'an image option');
    return await work(out[0] as Pointer);
  } finally {
    local.destroyOptions(out[0]);
  }
}

export const cloneImage = (cluster: Cluster, from: Required<ImageRef>, to: ImageRef): Promise<null> =>
  cluster.pool(from.pool, (fromIo) => cluster.pool(to.pool, (toIo) =>
    withOptions([[OPTION_CLONE_FORMAT, 2], [OPTION_FEATURES, IMAGE_FEATURES]], async (options) => {
      check(await offMain<number>(remote.cloneImage, fromIo, from.image, from.snapshot, toIo, to.image, options),
        `${nameOf(from)} cannot be cloned to ${nameOf(to)}`, { ...TAKEN, ENOENT: 'the snapshot is not there' });
      return null;
    })));

const whole = ({ pool, image }: ImageRef): ImageRef => ({ pool, image });

export const createSnapshot = (cluster: Cluster, ref: Required<ImageRef>): Promise<null> =>
  withImage(cluster, whole(ref), 'write', async (image) => {
    check(await offMain<number>(remote.createSnapshot, image, ref.snapshot), `${nameOf(ref)} cannot be created`, TAKEN);
    return null;
  });

/** Done if it is gone already, its image too. */
export async function removeSnapshot(cluster: Cluster, ref: Required<ImageRef>): Promise<null> {
  try {
    return await withImage(cluster, whole(ref), 'write', async (image) => {
      const result = await offMain<number>(remote.removeSnapshot, image, ref.snapshot);
      if (result !== -ENOENT) check(result, `${nameOf(ref)} cannot be removed`, { EBUSY: 'it is protected' });
      return null;
    });
  } catch (error) {
    if (error instanceof CephFailure && error.message.includes('no image')) return null;
    throw error;
  }
}

/** Done also if it has that name already, and no snapshot has the old one. */
export const renameSnapshot = (cluster: Cluster, ref: Required<ImageRef>, to: string): Promise<null> =>
  withImage(cluster, whole(ref), 'write', async (image) => {
    const result = await offMain<number>(remote.renameSnapshot, image, ref.snapshot, to);
    const target = { ...ref, snapshot: to };
    if (result === -ENOENT && await readImageInfo(cluster, target) !== null) return null;
    check(result, `${nameOf(ref)} cannot be renamed ${nameOf(target)}`, TAKEN);
    return null;
  });

/**
 * The handle must not blocklist the owner by itself (`rbd_blocklist_on_break_lock`): it would do so for an hour only,
 * in place of an entry that lasts longer. Done if nobody holds the lock; refused with EBUSY if somebody else does.
 */
export const breakLock = (cluster: Cluster, ref: ImageRef, owner: ImageClient): Promise<null> =>
  withImage(cluster, ref, 'write', async (image) => {
    // The next owner's first operation carries this map: OSDs that do not know the entry yet learn of it by that.
    await cluster.freshMap();
    const result = await offMain<number>(remote.breakLock, image, LOCK_EXCLUSIVE, owner.address);
    if (result !== -ENOENT) check(result, `the lock of ${nameOf(ref)} cannot be taken from ${owner.address}`, OTHERS);
    return null;
  });
