/** Shapes of /storage/ceph/pool, volume and snapshot: PVC's field names, and numbers beside its texts. */
import { args, flag, nullableText, oneOf, text, Type } from './schema.js';

export const POOL_TIERS = ['default', 'hdd', 'ssd', 'nvme'] as const;
export const IMAGE_FORMATS = ['raw', 'vmdk', 'qcow2', 'qed', 'vdi', 'vpc'] as const;

const name = (what: string) => Type.String({ description: what, minLength: 1, maxLength: 128 });
const size = (what: string) => Type.String({ description: `${what}, e.g. 10G`, maxLength: 40 });
const force = flag('Even if the pool could then fill up beyond 80 %');
const CONFIRMED = Type.String({ description: 'Any value: that is meant', minLength: 1 });
const limit = text('A regular expression on the name, fuzzy unless anchored');

export const PoolPath = Type.Object({ pool: Type.String({ maxLength: 128 }) });
export const PoolListArguments = args({ limit });
export const PoolAddArguments = args({
  pool: Type.Optional(name('Name of the pool')),
  pgs: Type.Integer({ description: 'Placement groups: a power of two', minimum: 1, maximum: 32_768 }),
  replcfg: Type.String({ description: 'copies=N,mincopies=M', maxLength: 64 }),
  tier: Type.Optional(oneOf(POOL_TIERS, 'Only OSDs of this device class; default: all')),
});
export const PoolSetArguments = args({
  pgs: Type.Integer({ description: 'Placement groups: a power of two', minimum: 1, maximum: 32_768 }),
});
export const PoolRemoveArguments = args({ 'yes-i-really-mean-it': CONFIRMED });

export const PoolObject = Type.Object({
  name: Type.String(),
  volume_count: Type.Integer(),
  tier: Type.String(),
  pgs: Type.String(),
  stats: Type.Object({
    id: Type.Integer(),
    stored_bytes: Type.Integer(),
    free_bytes: Type.Integer(),
    used_bytes: Type.Integer(),
    used_percent: Type.Number(),
    num_objects: Type.Integer(),
    num_object_clones: Type.Integer(),
    num_object_copies: Type.Integer(),
    num_objects_missing_on_primary: Type.Integer(),
    num_objects_unfound: Type.Integer(),
    num_objects_degraded: Type.Integer(),
    read_ops: Type.Integer(),
    read_bytes: Type.Integer(),
    write_ops: Type.Integer(),
    write_bytes: Type.Integer(),
  }),
  pg_count: Type.Integer(),
  copies: Type.Integer(),
  min_copies: Type.Integer(),
  state: Type.String({ description: 'What is under way with it: available = nothing' }),
});
export const PoolList = Type.Array(PoolObject);

export const VolumePath = Type.Object({
  pool: Type.String({ maxLength: 128 }), volume: Type.String({ maxLength: 256 }),
});
export const VolumeListArguments = args({ limit, pool: text('Only volumes of this pool') });
export const VolumeAddArguments = args({
  volume: name('Name of the volume'), pool: name('Name of its pool'), size: size('Its size'), force,
});
export const VolumeAddHereArguments = args({ size: size('Its size'), force });
export const VolumeChangeArguments = args({
  new_size: Type.Optional(size('Its size from now on')), new_name: text('Its name from now on', 128), force,
});
export const VolumeCloneArguments = args({
  new_volume: name('Name of the clone'), force,
  // As PVC's client spells it.
  force_flag: force,
  flatten: flag('Copy all data now, so that the clone depends on nothing'),
});
export const VolumeUploadArguments = args({
  image_format: oneOf(IMAGE_FORMATS, 'Format of the file'),
  file_size: text('Bytes of the file, if known', 20), force,
});

export const VolumeObject = Type.Object({
  name: Type.String(),
  pool: Type.String(),
  stats: Type.Object({
    name: Type.String(),
    id: Type.String(),
    size: Type.String(),
    objects: Type.Integer(),
    order: Type.Integer(),
    object_size: Type.Integer(),
    snapshot_count: Type.Integer(),
    block_name_prefix: Type.String(),
    format: Type.Integer(),
    features: Type.Array(Type.String()),
    op_features: Type.Array(Type.String()),
    flags: Type.Array(Type.String()),
    create_timestamp: Type.String(),
    access_timestamp: Type.String(),
    modify_timestamp: Type.String(),
    size_bytes: Type.Integer(),
  }),
  state: Type.String({ description: 'What is under way with it: available = nothing' }),
  progress: Type.Unsafe<number | null>({ type: ['number', 'null'], description: '0..1 of what is under way' }),
  parent: nullableText('pool/volume@snapshot that it is a copy-on-write clone of'),
});
export const VolumeList = Type.Array(VolumeObject);

export const SnapshotPath = Type.Object({
  pool: Type.String({ maxLength: 128 }), volume: Type.String({ maxLength: 256 }),
  snapshot: Type.String({ maxLength: 256 }),
});
export const SnapshotListArguments = args({
  limit, pool: text('Only snapshots in this pool'), volume: text('Only snapshots of this volume'),
});
export const SnapshotAddArguments = args({
  snapshot: name('Name of the snapshot'), volume: name('Name of the volume'), pool: name('Name of its pool'),
});
export const SnapshotRenameArguments = args({ new_name: name('Its name from now on') });

export const SnapshotObject = Type.Object({
  pool: Type.String(),
  volume: Type.String(),
  snapshot: Type.String(),
  stats: Type.Object({
    id: Type.Integer(), name: Type.String(), size: Type.Integer(), protected: Type.String(), timestamp: Type.String(),
    size_bytes: Type.Integer(),
  }),
});
export const SnapshotList = Type.Array(SnapshotObject);
