/** Pools, volumes and snapshots as PVC shows them, from the records and what the primary tells of Ceph. */
import type { PoolContext } from '../../machines/pool/messages.js';
import { poolId, volumeId } from '../../machines/volume/ids.js';
import type { VolumeContext, VolumeFacts, VolumeSnapshot } from '../../machines/volume/messages.js';
import { addressOf } from '../../runtime/address.js';
import { PvcError } from '../../runtime/errors.js';
import type { Feed, MirroredActor } from '../../runtime/feed-types.js';
import type { Static } from '../schemas/schema.js';
import type { PoolObject, SnapshotObject, VolumeObject } from '../schemas/volume.js';
import { sizeText } from '../sizes.js';
import { storageView } from './storage.js';
import { stateOf, type Shown } from './words.js';

export const poolContext = (record: Shown): PoolContext => record.snapshot.context as unknown as PoolContext;
export const volumeContext = (record: Shown): VolumeContext => record.snapshot.context as unknown as VolumeContext;

/** A volume that is there; one that is announced or being made is none yet. */
export interface PresentVolume {
  readonly actor: MirroredActor;
  readonly volume: VolumeContext & { readonly facts: VolumeFacts };
}

export function presentVolumes(feed: Feed): PresentVolume[] {
  return feed.actors('volume').flatMap((actor) => {
    const volume = volumeContext(actor.record);
    const { facts } = volume;
    return actor.record.removed || facts === null ? [] : [{ actor, volume: { ...volume, facts } }];
  });
}

export const presentPools = (feed: Feed): MirroredActor[] =>
  feed.actors('pool').filter(({ record }) => !record.removed && poolContext(record).facts !== null);

export function findPool(feed: Feed, name: string): MirroredActor {
  const actor = name === '' ? null : feed.actor(addressOf('pool', poolId(name)));
  if (actor === null || actor.record.removed || poolContext(actor.record).facts === null) {
    throw new PvcError('PVC_POOL_NOT_FOUND', name);
  }
  return actor;
}

export function findVolume(feed: Feed, pool: string, name: string): PresentVolume {
  const actor = pool === '' || name === '' ? null : feed.actor(addressOf('volume', volumeId(pool, name)));
  const volume = actor === null ? null : volumeContext(actor.record);
  if (actor === null || actor.record.removed || volume === null || volume.facts === null) {
    throw new PvcError('PVC_VOLUME_NOT_FOUND', `${pool}/${name}`);
  }
  return { actor, volume: { ...volume, facts: volume.facts } };
}

export function findSnapshot(feed: Feed, pool: string, name: string, snapshot: string): {
  readonly found: PresentVolume; readonly snapshot: VolumeSnapshot;
} {
  const found = findVolume(feed, pool, name);
  const moment = found.volume.facts.snapshots.find((each) => each.name === snapshot);
  if (moment === undefined) throw new PvcError('PVC_SNAPSHOT_NOT_FOUND', `${pool}/${name}@${snapshot}`);
  return { found, snapshot: moment };
}

export function poolObjects(feed: Feed, pools: readonly MirroredActor[]): Static<typeof PoolObject>[] {
  const counts = new Map<string, number>();
  for (const { volume } of presentVolumes(feed)) counts.set(volume.pool, (counts.get(volume.pool) ?? 0) + 1);
  const told = storageView(feed)?.telemetry.pools ?? [];
  return pools.map(({ record }) => {
    const { name, facts } = poolContext(record);
    const usage = told.find((each) => each.name === name);
    return {
      name, volume_count: counts.get(name) ?? 0, tier: facts?.tier ?? 'default', pgs: String(facts?.pgs ?? 0),
      stats: {
        id: facts?.id ?? 0, stored_bytes: usage?.storedBytes ?? 0, free_bytes: usage?.freeBytes ?? 0,
        used_bytes: usage?.usedBytes ?? 0, used_percent: usage?.usedShare ?? 0, num_objects: usage?.objects ?? 0,
        num_object_clones: usage?.objectClones ?? 0, num_object_copies: usage?.objectCopies ?? 0,
        num_objects_missing_on_primary: usage?.objectsMissingOnPrimary ?? 0,
        num_objects_unfound: usage?.objectsUnfound ?? 0, num_objects_degraded: usage?.objectsDegraded ?? 0,
        read_ops: usage?.readOps ?? 0, read_bytes: usage?.readBytes ?? 0, write_ops: usage?.writeOps ?? 0,
        write_bytes: usage?.writeBytes ?? 0,
      },
      pg_count: facts?.pgs ?? 0, copies: facts?.copies ?? 0, min_copies: facts?.minCopies ?? 0, state: stateOf(record),
    };
  });
}

/** Features of an image that Ceph counts as its operations. */
const OPERATION_FEATURES = ['clone-parent', 'clone-child'];

export function volumeObject({ actor, volume }: PresentVolume): Static<typeof VolumeObject> {
  const { facts, name, pool, progress } = volume;
  return {
    name, pool,
    stats: {
      name, id: facts.id, size: sizeText(facts.sizeBytes), objects: facts.objects, order: facts.order,
      object_size: facts.objectBytes, snapshot_count: facts.snapshots.length,
      block_name_prefix: facts.blockNamePrefix, format: 2, features: [...facts.features],
      op_features: facts.features.filter((each) => OPERATION_FEATURES.includes(each)), flags: [...facts.flags],
      create_timestamp: timeText(facts.createdAt), access_timestamp: timeText(facts.accessedAt),
      modify_timestamp: timeText(facts.modifiedAt), size_bytes: facts.sizeBytes,
    },
    state: stateOf(actor.record), parent: facts.parent,
    progress: progress === null ? null : progress.current / progress.total,
  };
}

/** Texts of volumes by their records, which never change: a list of a thousand is put together from them. */
const texts = new WeakMap<object, string>();

/** The list as JSON, by name. */
function volumeListText(volumes: readonly PresentVolume[]): string {
  const keyed = volumes.map((each) => ({ each, key: `${each.volume.pool}/${each.volume.name}` }));
  return `[${keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ each }) => {
    const { record } = each.actor;
    let text = texts.get(record);
    if (text === undefined) texts.set(record, text = JSON.stringify(volumeObject(each)));
    return text;
  }).join(',')}]`;
}

/** The list that a feed was last asked for: the records that it is of, in the feed's order, and its bytes. */
const lists = new WeakMap<Feed, { readonly records: readonly object[]; readonly body: Buffer }>();

/** The list as the bytes of its JSON, by name; the same bytes again while no volume of it has changed. */
export function volumeListBody(feed: Feed, volumes: readonly PresentVolume[]): Buffer {
  const kept = lists.get(feed);
  if (kept?.records.length === volumes.length && volumes.every(({ actor }, at) => actor.record === kept.records[at])) {
    return kept.body;
  }
  const body = Buffer.from(volumeListText(volumes));
  lists.set(feed, { records: volumes.map(({ actor }) => actor.record), body });
  return body;
}

export const snapshotObject = (
  { volume }: PresentVolume, { id, name, sizeBytes, createdAt }: VolumeSnapshot,
): Static<typeof SnapshotObject> => ({
  pool: volume.pool, volume: volume.name, snapshot: name,
  stats: { id, name, size: sizeBytes, protected: 'false', timestamp: timeText(createdAt), size_bytes: sizeBytes },
});

/** As rbd prints it: `Sun Nov 22 10:11:12 2026`. */
function timeText(iso: string | null): string {
  const at = iso === null ? NaN : Date.parse(iso);
  if (Number.isNaN(at)) return '';
  const [day, date, month, year, time] = new Date(at).toUTCString().replace(',', '').split(' ');
  return `${day} ${month} ${date?.replace(/^0/, ' ')} ${time} ${year}`;
}
