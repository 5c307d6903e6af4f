/** Questions about RBD images. They are opened read-only: that leaves no watch, and takes no lock. */
import { offMain, type CFunction, type Pointer } from '../foreign.js';
import type { Cluster } from './cluster.js';
import type { ImageClient, ImageInfo, ImageRef, ImageSnapshot } from './connection.js';
import { CephFailure, check, ENOENT, ERANGE } from './failure.js';
import { allocate, IMAGE_STAT_BYTES, local, readRecords, release, remote, type Out, type Record } from './library.js';

/** RBD_FEATURE_*, by bit. */
const FEATURES = [
  'layering', 'striping', 'exclusive-lock', 'object-map', 'fast-diff', 'deep-flatten', 'journaling', 'data-pool',
  'operations', 'migrating', 'non-primary', 'dirty-cache',
];
/** RBD_FLAG_* */
const FLAGS = ['object map invalid', 'fast diff invalid'];
const USER_SNAPSHOT = 0;
const ID_BYTES = 256;
/** A guess that nearly always suffices; the library says when it does not. */
const ROOM = 16;

const bitNames = (bits: number | bigint, names: readonly string[]): readonly string[] =>
  names.filter((_name, bit) => (BigInt(bits) >> BigInt(bit) & 1n) === 1n);

export const nameOf = ({ pool, image, snapshot }: ImageRef): string =>
  `${pool}/${image}${snapshot === undefined ? '' : `@${snapshot}`}`;

/** Opens, works, closes. Rejects with ENOENT if the pool, the image or its snapshot is not there. */
export const withImage = <T>(
  cluster: Cluster, ref: ImageRef, how: 'read' | 'write', work: (image: Pointer, io: Pointer) => Promise<T>,
): Promise<T> => cluster.pool(ref.pool, async (io) => {
  const out: Out<Pointer | null> = [null];
  const open = how === 'read' ? remote.openToRead : remote.open;
  const result = await offMain<number>(open, io, ref.image, out, ref.snapshot ?? null);
  if (result === -ENOENT) throw new CephFailure(ENOENT, `there is no image ${nameOf(ref)}`);
  check(result, `image ${nameOf(ref)} cannot be opened`);
  const image = out[0] as Pointer;
  try {
    return await work(image, io);
  } finally {
    // Its watch, and its lock if it has one, are given back here: who asks next must not meet them.
    await offMain<number>(remote.close, image);
  }
});

/** A list of structs by a function that says ERANGE, and how many there are, when there is too little room. */
async function readList<T>(
  type: Record, text: string, fill: (room: Pointer, count: Out<number>) => Promise<number>,
  free: (room: Pointer, count: number) => void,
): Promise<readonly T[]> {
  for (let size = ROOM; ;) {
    const room = allocate(type, size);
    const count: Out<number> = [size];
    try {
      const result = await fill(room, count);
      if (result === -ERANGE && count[0] > size) {
        size = count[0] + ROOM;
        continue;
      }
      check(result, text);
      // Some say how many by their result, some by the parameter, where 0 may be either.
      const found = Math.max(0, Math.min(count[0], size));
      const records = readRecords<T>(type, room, found);
      free(room, found);
      return records;
    } finally {
      release(room);
    }
  }
}

export const listImages = (cluster: Cluster, pool: string): Promise<readonly string[]> =>
  cluster.pool(pool, async (io) => {
    const images = await readList<{ name: string }>('image', `the images of ${pool} cannot be listed`,
      (room, count) => offMain(remote.list, io, room, count), (room, count) => void local.freeImages(room, count));
    return images.map(({ name }) => name);
  });

interface SnapInfo { readonly id: number; readonly size: number; readonly name: string }

/** Every snapshot, those in the trash of clones included. */
const listSnapshots = async (image: Pointer, text: string): Promise<readonly SnapInfo[]> => readList<SnapInfo>(
  'snapInfo', text,
  async (room, count) => {
    const result = await offMain<number>(remote.snapshots, image, room, count);
    if (result >= 0) count[0] = result;
    return result;
  },
  (room, count) => void (count > 0 && local.freeSnaps(room)));

interface Timespec { readonly seconds: number | bigint; readonly nanoseconds: number | bigint }

async function timeBy(target: CFunction, ...parameters: readonly unknown[]): Promise<string | null> {
  const time = {} as Timespec;
  const result = await offMain<number>(target, ...parameters, time);
  const seconds = Number(time.seconds ?? 0);
  return result < 0 || seconds === 0 ? null
    : new Date(seconds * 1000 + Math.floor(Number(time.nanoseconds) / 1e6)).toISOString();
}

async function textBy(target: CFunction, image: Pointer): Promise<string> {
  const buffer = Buffer.alloc(ID_BYTES);
  check(await offMain<number>(target, image, buffer, ID_BYTES), 'an image does not say its id');
  return buffer.toString('utf8', 0, buffer.indexOf(0));
}

async function numberBy(target: CFunction, ...parameters: readonly unknown[]): Promise<number | bigint> {
  const out: Out<number | bigint> = [0];
  check(await offMain<number>(target, ...parameters, out), 'an image does not say what it is');
  return out[0];
}

async function userSnapshots(image: Pointer, text: string): Promise<readonly ImageSnapshot[]> {
  const found: ImageSnapshot[] = [];
  for (const { id, size, name } of await listSnapshots(image, text)) {
    if (Number(await numberBy(remote.snapshotKind, image, id)) !== USER_SNAPSHOT) continue;
    found.push({
      id: Number(id), name, sizeBytes: Number(size), createdAt: await timeBy(remote.snapshotTime, image, id),
    });
  }
  return found;
}

async function parentOf(image: Pointer): Promise<ImageInfo['parent']> {
  const [parent, snap] = [allocate('linkedImage', 1), allocate('snapSpec', 1)];
  try {
    const result = await offMain<number>(remote.parent, image, parent, snap);
    if (result === -ENOENT) return null;
    check(result, 'an image does not say what it is a clone of');
    const [found] = readRecords<{ poolName: string; imageName: string }>('linkedImage', parent, 1);
    const [from] = readRecords<{ name: string }>('snapSpec', snap, 1);
    local.freeLinkedImage(parent);
    local.freeSnapSpec(snap);
    return { pool: found?.poolName ?? '', image: found?.imageName ?? '', snapshot: from?.name ?? '' };
  } finally {
    release(parent);
    release(snap);
  }
}

interface ImageStat {
  readonly size: number;
  readonly objectSize: number;
  readonly objects: number;
  readonly order: number;
}

/** null: there is no such image (or snapshot of it). The pool must be there. */
export async function readImageInfo(cluster: Cluster, ref: ImageRef): Promise<ImageInfo | null> {
  const text = `image ${nameOf(ref)} cannot be read`;
  let opened = false;
  try {
    return await withImage(cluster, ref, 'read', async (image) => {
      opened = true;
      const stat = {} as ImageStat;
      check(await offMain<number>(remote.stat, image, stat, IMAGE_STAT_BYTES), text);
      return {
        pool: ref.pool, image: ref.image, id: await textBy(remote.id, image),
        sizeBytes: Number(stat.size), objects: Number(stat.objects), order: stat.order,
        objectBytes: Number(stat.objectSize), blockNamePrefix: await textBy(remote.prefix, image),
        features: bitNames(await numberBy(remote.features, image), FEATURES),
        flags: bitNames(await numberBy(remote.flags, image), FLAGS),
        createdAt: await timeBy(remote.createdAt, image), accessedAt: await timeBy(remote.accessedAt, image),
        modifiedAt: await timeBy(remote.modifiedAt, image),
        parent: await parentOf(image), snapshots: await userSnapshots(image, text),
      };
    });
  } catch (error) {
    if (!opened && isNoImage(error)) return null;
    throw error;
  }
}

/** Not: no such pool. */
const isNoImage = (error: unknown): boolean =>
  error instanceof CephFailure && error.code === ENOENT && error.message.includes('no image');

interface LinkedImage { readonly poolName: string; readonly imageName: string; readonly trash: boolean }

const childrenHere = async (image: Pointer, text: string): Promise<readonly ImageRef[]> => {
  const children = await readList<LinkedImage>('linkedImage', text,
    (room, count) => offMain(remote.children, image, room, count),
    (room, count) => void local.freeLinkedImages(room, count));
  return children.map(({ poolName, imageName }) => ({ pool: poolName, image: imageName }));
};

/** Of one snapshot, or of all of them, removed ones that still have clones included. */
export const listChildren = (cluster: Cluster, ref: ImageRef): Promise<readonly ImageRef[]> =>
  withImage(cluster, ref, 'read', async (image) => {
    const text = `the clones of ${nameOf(ref)} cannot be listed`;
    if (ref.snapshot !== undefined) return childrenHere(image, text);
    const found: ImageRef[] = [];
    for (const { id } of await listSnapshots(image, text)) {
      check(await offMain<number>(remote.useSnapshot, image, id), text);
      found.push(...await childrenHere(image, text));
    }
    return found;
  });

export const listWatchers = (cluster: Cluster, ref: ImageRef): Promise<readonly ImageClient[]> =>
  withImage(cluster, ref, 'read', async (image) => {
    const watchers = await readList<{ address: string; id: number }>(
      'watcher', `the watchers of ${nameOf(ref)} cannot be listed`,
      (room, count) => offMain(remote.watchers, image, room, count),
      (room, count) => void local.freeWatchers(room, count));
    return watchers.map(({ address, id }) => ({ address, id: Number(id) }));
  });

/** Of an image without the feature exclusive-lock: who took an advisory lock on it. */
export const readLockOwner = (cluster: Cluster, ref: ImageRef): Promise<ImageClient | null> =>
  withImage(cluster, ref, 'read', async (image) => {
    const bytes = 4096;
    const buffers = [0, 1, 2, 3].map(() => Buffer.alloc(bytes));
    const parameters = buffers.flatMap((buffer) => [buffer, [bytes]]);
    const count = check(await offMain<number>(remote.lockers, image, [0], ...parameters),
      `the lock of ${nameOf(ref)} cannot be read`);
    if (count === 0) return null;
    const text = (buffer: Buffer | undefined): string => buffer?.toString('utf8', 0, buffer.indexOf(0)) ?? '';
    const [, client, , address] = buffers;
    return { address: text(address), id: Number(/\d+$/.exec(text(client))?.[0] ?? 0) };
  });
