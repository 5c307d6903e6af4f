/**
 * Changes to RBD images that take as long as the image is large. They tell how far they are, and can be ended early;
 * done again, each goes on from where it was (librbd's own steps skip what is done), except for a copy.
 */
import { offMain, type Pointer } from '../foreign.js';
import type { Cluster } from './cluster.js';
import type { ImageRef } from './connection.js';
import { createImage } from './changes.js';
import { CephFailure, check, EBUSY, ECANCELED, EINVAL, ENOENT, ENOSPC } from './failure.js';
import { listWatchers, nameOf, readImageInfo, withImage } from './images.js';
import { callbacks, remote, type Out } from './library.js';

/** Of one call that is under way. */
export interface Course {
  readonly cancelled: () => boolean;
  /** 0..1 */
  readonly onProgress: (fraction: number) => void;
}

async function withProgress<T>(course: Course, work: (callback: bigint) => Promise<T>): Promise<T> {
  const callback = callbacks.progress((offset, total) => {
    if (course.cancelled()) return -ECANCELED;
    course.onProgress(total > 0 ? offset / total : 0);
    return 0;
  });
  try {
    return await work(callback);
  } finally {
    callbacks.forget(callback);
  }
}

const changing = (
  cluster: Cluster, ref: ImageRef, course: Course, text: string,
  change: (image: Pointer, callback: bigint) => Promise<number>,
): Promise<null> => withImage(cluster, { pool: ref.pool, image: ref.image }, 'write', (image) =>
  withProgress(course, async (callback) => {
    check(await change(image, callback), text);
    return null;
  }));

/** Smaller too: what is beyond is thrown away. */
export const resizeImage = (cluster: Cluster, ref: ImageRef, sizeBytes: number, course: Course): Promise<null> =>
  changing(cluster, ref, course, `image ${nameOf(ref)} cannot be resized`,
    (image, callback) => offMain(remote.resize, image, sizeBytes, true, callback, null));

/** Done if it is no clone. */
export const flattenImage = (cluster: Cluster, ref: ImageRef, course: Course): Promise<null> =>
  changing(cluster, ref, course, `image ${nameOf(ref)} cannot be flattened`, async (image, callback) => {
    const result = await offMain<number>(remote.flatten, image, callback, null);
    // What librbd says of an image without a parent.
    return result === -EINVAL ? 0 : result;
  });

export const rollbackSnapshot = (cluster: Cluster, ref: Required<ImageRef>, course: Course): Promise<null> =>
  changing(cluster, ref, course, `image ${ref.pool}/${ref.image} cannot be rolled back to ${ref.snapshot}`,
    (image, callback) => offMain(remote.rollback, image, ref.snapshot, callback, null));

/**
 * Who has it open is asked for first: `rbd_remove` looks for that only once it has taken the image's lock, and what its
 * owner writes meanwhile may be answered with EROFS (16.2: seen about once in ten).
 */
async function refuseIfOpen(cluster: Cluster, ref: ImageRef): Promise<void> {
  const watchers = await listWatchers(cluster, ref).catch((error: unknown) => {
    // One that is gone, or half removed: rbd_remove's own matter.
    if (error instanceof CephFailure) return [];
    throw error;
  });
  if (watchers.length > 0) check(-EBUSY, `image ${nameOf(ref)} cannot be removed`, IN_USE);
}

/** Done if it is gone already. */
export const removeImage = (cluster: Cluster, ref: ImageRef, course: Course): Promise<null> =>
  cluster.pool(ref.pool, (io) => withProgress(course, async (callback) => {
    await refuseIfOpen(cluster, ref);
    const result = await offMain<number>(remote.removeImage, io, ref.image, callback, null);
    if (result !== -ENOENT) check(result, `image ${nameOf(ref)} cannot be removed`, IN_USE);
    // So librbd says as well of one that is there, if the pool was full before anything was removed from it (trash.ts).
    else if (await readImageInfo(cluster, ref) !== null) {
      throw new CephFailure(ENOSPC, `image ${nameOf(ref)} cannot be removed: ${NO_TRASH}`, true);
    }
    return null;
  }));

const NO_TRASH = 'its pool is full, and has no rbd_trash, which Ceph needs to remove an image: give it room first (a '
  + 'larger quota, more OSDs)';
const IN_USE = {
  EBUSY: 'somebody has it open (a client that died holds it for up to 30 s more)',
  ENOTEMPTY: 'it has snapshots, or clones of snapshots that were removed',
};

interface Extent { readonly offset: number; readonly bytes: number }

/** What is allocated of the image that is open, its parents included, in pieces of at most `pieceBytes`. */
async function extentsOf(image: Pointer, sizeBytes: number, pieceBytes: number): Promise<readonly Extent[]> {
  const pieces: Extent[] = [];
  const callback = callbacks.extent((offset, bytes, exists) => {
    if (!exists) return;
    for (let at = offset; at < offset + bytes; at += pieceBytes) {
      pieces.push({ offset: at, bytes: Math.min(pieceBytes, offset + bytes - at) });
    }
  });
  try {
    check(await offMain<number>(remote.extents, image, null, 0, sizeBytes, 1, 1, callback, null),
      'what an image holds cannot be listed');
  } finally {
    callbacks.forget(callback);
  }
  return pieces;
}

const PIECE_BYTES = 4 << 20;
const COPIES_AT_ONCE = 4;
const EMPTY = Buffer.alloc(PIECE_BYTES);

async function copyPiece(from: Pointer, to: Pointer, { offset, bytes }: Extent): Promise<void> {
  const buffer = Buffer.allocUnsafe(bytes);
  const read = check(await offMain<number>(remote.read, from, offset, bytes, buffer), 'a part cannot be read');
  const data = buffer.subarray(0, read);
  if (data.equals(EMPTY.subarray(0, read))) return;
  check(await offMain<number>(remote.write, to, offset, read, data), 'a part cannot be written');
}

async function copyInto(from: Pointer, to: Pointer, sizeBytes: number, course: Course): Promise<void> {
  const pieces = await extentsOf(from, sizeBytes, PIECE_BYTES);
  let next = 0;
  const copyOnwards = async (): Promise<void> => {
    for (let piece = pieces[next++]; piece !== undefined; piece = pieces[next++]) {
      if (course.cancelled()) throw new CephFailure(ECANCELED, 'the copy was cancelled');
      await copyPiece(from, to, piece);
      course.onProgress(next / pieces.length);
    }
  };
  // All must have ended before an image is closed.
  const ends = await Promise.allSettled(Array.from({ length: COPIES_AT_ONCE }, copyOnwards));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  check(await offMain<number>(remote.flush, to), 'the copy cannot be flushed');
}

/**
 * librbd's own copies cannot be ended early: so in pieces of our own. Holes stay holes. A copy that fails or is
 * cancelled is removed; one whose process dies is left behind, for its caller to remove.
 */
export const copyImage = (cluster: Cluster, from: ImageRef, to: ImageRef, course: Course): Promise<null> =>
  withImage(cluster, from, 'read', async (source) => {
    const size: Out<number | bigint> = [0];
    check(await offMain<number>(remote.size, source, size), `${nameOf(from)} does not say its size`);
    const sizeBytes = Number(size[0]);
    await createImage(cluster, to, sizeBytes);
    try {
      return await withImage(cluster, to, 'write', async (target) => {
        await copyInto(source, target, sizeBytes, course);
        return null;
      });
    } catch (error) {
      await removeImage(cluster, to, { cancelled: () => false, onProgress: () => undefined });
      if (!(error instanceof CephFailure)) throw error;
      throw new CephFailure(error.code, `${nameOf(from)} was not copied to ${nameOf(to)} (${error.message})`, true);
    }
  });
