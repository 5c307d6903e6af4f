/** Volumes on a real Ceph: images over the long-lived connection, files over qemu-img and rbd. */
import type { VolumeFacts } from '../../../machines/volume/messages.js';
import { done, refused, type Outcome } from '../outcome.js';
import type { Bounds, Image, ImageMoment, LongBounds, Volumes } from '../volumes.js';
import type { CephConnection, ImageInfo } from './connection.js';
import { CephPools } from './volumes-pools.js';
import { CephUploads, type CephAccess } from './volumes-uploads.js';

const isError = (outcome: Outcome<unknown>, name: string): boolean =>
  outcome.kind === 'refused' && outcome.reason.startsWith(name);

/** Without the messenger's version, which some versions of Ceph name and some do not. */
const bare = (address: string): string => address.replace(/^(v1|v2|any):/, '');

const factsOf = ({ pool: _pool, image: _image, parent, ...info }: ImageInfo): VolumeFacts => ({
  ...info, parent: parent === null ? null : `${parent.pool}/${parent.image}@${parent.snapshot}`,
});

/** `addresses`: of the connection's own clients, as a blocklist names them. */
export type VolumesConnection = CephConnection & { readonly addresses?: readonly string[] };

/** `access`: how programs reach the same cluster as the connection. */
export function cephVolumes(connection: VolumesConnection, access: CephAccess): Volumes {
  const pools = new CephPools(connection);
  const uploads = new CephUploads(connection, access);
  return {
    get connected() {
      return connection.connected;
    },
    get clients() {
      return (connection.addresses ?? []).map(bare);
    },
    pools: (bounds) => pools.list(bounds),
    ensureRule: (tier, bounds) => pools.ensureRule(tier, bounds),
    createPool: (pool, pgs, rule, bounds) => pools.create(pool, pgs, rule, bounds),
    replicatePool: (pool, copies, minCopies, bounds) => pools.replicate(pool, copies, minCopies, bounds),
    enablePool: (pool, bounds) => pools.enable(pool, bounds),
    setPgs: (pool, pgs, bounds) => pools.setPgs(pool, pgs, bounds),
    allowDeletion: (allowed, bounds) => pools.allowDeletion(allowed, bounds),
    deletePool: (pool, bounds) => pools.delete(pool, bounds),
    images: ((pool, bounds) => connection.images(pool, bounds)),
    look: (image, bounds) => look(connection, image, bounds),
    create: (image, sizeBytes, bounds) => create(connection, image, sizeBytes, bounds),
    resize: (image, sizeBytes, bounds) => connection.resizeImage(image, sizeBytes, bounds),
    rename: (image, to, bounds) => rename(connection, image, to, bounds),
    remove: (image, bounds) => remove(connection, image, bounds),
    clone: (from, to, bounds) => clone(connection, from, to, bounds),
    flatten: (image, bounds) => flatten(connection, image, bounds),
    createSnapshot: (moment, bounds) => createSnapshot(connection, moment, bounds),
    removeSnapshot: async (moment, bounds) => {
      const outcome = await connection.removeSnapshot(moment, bounds);
      return isError(outcome, 'ENOENT') ? done(null) : outcome;
    },
    renameSnapshot: (moment, to, bounds) => renameSnapshot(connection, moment, to, bounds),
    rollback: (moment, bounds) => connection.rollbackSnapshot(moment, bounds),
    users: async (image, bounds) => {
      const watchers = await connection.watchers(image, bounds);
      if (isError(watchers, 'ENOENT')) return done([]);
      return watchers.kind === 'done' ? done(watchers.value.map(({ address }) => bare(address))) : watchers;
    },
    receive: (image, body, bounds) => uploads.receive(image, body, bounds),
    inspect: (image, format, bounds) => uploads.inspect(image, format, bounds),
    convert: (source, format, to, bounds) => uploads.convert(source, format, to, bounds),
  };
}

async function look(
  connection: CephConnection, { pool, image }: Image, bounds: Bounds,
): Promise<Outcome<VolumeFacts | null>> {
  const info = await connection.imageInfo({ pool, image }, bounds);
  // A pool that is gone has no images.
  if (isError(info, 'ENOENT')) return done(null);
  return info.kind === 'done' ? done(info.value === null ? null : factsOf(info.value)) : info;
}

async function create(
  connection: CephConnection, image: Image, sizeBytes: number, bounds: Bounds,
): Promise<Outcome<null>> {
  const outcome = await connection.createImage(image, sizeBytes, bounds);
  if (!isError(outcome, 'EEXIST') || bounds.again !== true) return outcome;
  // An earlier try of ours made it, or it is somebody else's: ours is as large as this, and has no snapshot.
  const there = await look(connection, image, bounds);
  if (there.kind !== 'done') return there;
  const isOurs = there.value?.sizeBytes === sizeBytes && there.value.snapshots.length === 0;
  return isOurs ? done(null) : outcome;
}

async function rename(
  connection: CephConnection, image: Image, to: string, bounds: Bounds,
): Promise<Outcome<null>> {
  const target = { pool: image.pool, image: to };
  const [from, there] = [await look(connection, image, bounds), await look(connection, target, bounds)];
  if (from.kind !== 'done') return from;
  if (there.kind !== 'done') return there;
  if (from.value === null && there.value !== null && bounds.again === true) return done(null);
  if (there.value !== null) return refused(`there is a volume "${to}" in pool "${image.pool}" already`);
  return connection.renameImage(image, to, bounds);
}

async function remove(connection: CephConnection, image: Image, bounds: LongBounds): Promise<Outcome<null>> {
  const outcome = await connection.removeImage(image, bounds);
  if (outcome.kind !== 'refused') return outcome;
  if (isError(outcome, 'ENOENT')) return done(null);
  const children = await connection.children(image, bounds);
  if (children.kind === 'done' && children.value.length > 0) {
    const names = children.value.map((each) => `"${each.image}"`).join(', ');
    return refused(`it is what ${names} ${children.value.length === 1 ? 'was' : 'were'} cloned from: flatten or `
      + `remove ${children.value.length === 1 ? 'that' : 'those'} first`);
  }
  return outcome;
}

async function clone(
  connection: CephConnection, from: ImageMoment, to: Image, bounds: Bounds,
): Promise<Outcome<null>> {
  const outcome = await connection.cloneImage(from, to, bounds);
  if (!isError(outcome, 'EEXIST') || bounds.again !== true) return outcome;
  const there = await look(connection, to, bounds);
  if (there.kind !== 'done') return there;
  const parent = `${from.pool}/${from.image}@${from.snapshot}`;
  return there.value?.parent === parent ? done(null) : outcome;
}

async function flatten(connection: CephConnection, image: Image, bounds: LongBounds): Promise<Outcome<null>> {
  const outcome = await connection.flattenImage(image, bounds);
  if (outcome.kind !== 'refused' || bounds.again !== true) return outcome;
  const now = await look(connection, image, bounds);
  return now.kind === 'done' && now.value !== null && now.value.parent === null ? done(null) : outcome;
}

async function createSnapshot(
  connection: CephConnection, moment: ImageMoment, bounds: Bounds,
): Promise<Outcome<null>> {
  const outcome = await connection.createSnapshot(moment, bounds);
  return isError(outcome, 'EEXIST') && bounds.again === true ? done(null) : outcome;
}

async function renameSnapshot(
  connection: CephConnection, moment: ImageMoment, to: string, bounds: Bounds,
): Promise<Outcome<null>> {
  const outcome = await connection.renameSnapshot(moment, to, bounds);
  if (!isError(outcome, 'ENOENT') || bounds.again !== true) return outcome;
  const now = await look(connection, moment, bounds);
  if (now.kind !== 'done') return now;
  return now.value?.snapshots.some(({ name }) => name === to) === true ? done(null) : outcome;
}
