/**
 * librados.so.2 and librbd.so.1 by FFI: the C functions we call, as they are (headers of 16.2; 18.2 keeps the ABI). For
 * the worker only. Functions return 0 or more, or a negative errno.
 *
 * Every function that may talk to Ceph, or take a lock that one of those holds, is called through `offMain`.
 * What is passed to an asynchronous call as a buffer must be kept referenced until it has ended.
 */
import koffi from 'koffi';
import type { CFunction, Pointer } from '../foreign.js';

const librados = koffi.load('librados.so.2');
const librbd = koffi.load('librbd.so.1');

const ImageSpec = koffi.struct('rbd_image_spec_t', { id: 'const char *', name: 'const char *' });
const LinkedImageSpec = koffi.struct('rbd_linked_image_spec_t', {
  poolId: 'int64_t', poolName: 'const char *', poolNamespace: 'const char *', imageId: 'const char *',
  imageName: 'const char *', trash: 'bool',
});
const SnapSpec = koffi.struct('rbd_snap_spec_t', { id: 'uint64_t', namespaceType: 'int', name: 'const char *' });
const SnapInfo = koffi.struct('rbd_snap_info_t', { id: 'uint64_t', size: 'uint64_t', name: 'const char *' });
const Watcher = koffi.struct('rbd_image_watcher_t', { address: 'const char *', id: 'int64_t', cookie: 'uint64_t' });
/** The rest is deprecated, but is written. */
const ImageStat = koffi.struct('rbd_image_info_t', {
  size: 'uint64_t', objectSize: 'uint64_t', objects: 'uint64_t', order: 'int',
  blockNamePrefix: koffi.array('char', 24), parentPool: 'int64_t', parentName: koffi.array('char', 96),
});
const Timespec = koffi.struct('timespec', { seconds: 'int64_t', nanoseconds: 'int64_t' });

const ProgressCallback = koffi.proto('int librbd_progress_fn_t(uint64_t offset, uint64_t total, void *arg)');
const ExtentCallback = koffi.proto('int rbd_diff_fn_t(uint64_t offset, size_t length, int exists, void *arg)');

const rados = (prototype: string): CFunction => librados.func(prototype);
const rbd = (prototype: string): CFunction => librbd.func(prototype);
const TAIL = `const char **cmd, size_t count, const void *input, size_t inputBytes,
  _Out_ void **output, _Out_ size_t *outputBytes, _Out_ void **status, _Out_ size_t *statusBytes`;

/** Functions that only touch memory of this process: called directly. */
export const local = {
  create: rados('int rados_create(_Out_ void **cluster, const char *id)'),
  readConfig: rados('int rados_conf_read_file(void *cluster, const char *path)'),
  setConfig: rados('int rados_conf_set(void *cluster, const char *option, const char *value)'),
  addresses: rados('int rados_getaddrs(void *cluster, _Out_ void **addresses)'),
  freeBuffer: rados('void rados_buffer_free(void *buffer)'),
  destroyIo: rados('void rados_ioctx_destroy(void *io)'),
  tryWhenFull: rados('void rados_set_pool_full_try(void *io)'),
  createWrite: rados('void *rados_create_write_op()'),
  createObject: rados('void rados_write_op_create(void *operation, int exclusive, const char *category)'),
  releaseWrite: rados('void rados_release_write_op(void *operation)'),
  createOptions: rbd('void rbd_image_options_create(_Out_ void **options)'),
  setOption: rbd('int rbd_image_options_set_uint64(void *options, int name, uint64_t value)'),
  destroyOptions: rbd('void rbd_image_options_destroy(void *options)'),
  freeImages: rbd('void rbd_image_spec_list_cleanup(void *images, size_t count)'),
  freeLinkedImage: rbd('void rbd_linked_image_spec_cleanup(void *image)'),
  freeLinkedImages: rbd('void rbd_linked_image_spec_list_cleanup(void *images, size_t count)'),
  freeSnapSpec: rbd('void rbd_snap_spec_cleanup(void *snap)'),
  freeSnaps: rbd('void rbd_snap_list_end(void *snaps)'),
  freeWatchers: rbd('void rbd_watchers_list_cleanup(void *watchers, size_t count)'),
} as const;

/** Functions that wait for the cluster. */
export const remote = {
  connect: rados('int rados_connect(void *cluster)'),
  shutdown: rados('void rados_shutdown(void *cluster)'),
  latestOsdmap: rados('int rados_wait_for_latest_osdmap(void *cluster)'),
  monCommand: rados(`int rados_mon_command(void *cluster, ${TAIL})`),
  mgrCommand: rados(`int rados_mgr_command(void *cluster, ${TAIL})`),
  osdCommand: rados(`int rados_osd_command(void *cluster, int osd, ${TAIL})`),
  createIo: rados('int rados_ioctx_create(void *cluster, const char *pool, _Out_ void **io)'),
  operate: rados('int rados_write_op_operate(void *operation, void *io, const char *object, void *mtime, int flags)'),
  list: rbd('int rbd_list2(void *io, void *images, _Inout_ size_t *count)'),
  createImage: rbd('int rbd_create2(void *io, const char *name, uint64_t size, uint64_t features, _Inout_ int *order)'),
  removeImage: rbd('int rbd_remove_with_progress(void *io, const char *name, librbd_progress_fn_t *cb, void *arg)'),
  renameImage: rbd('int rbd_rename(void *io, const char *from, const char *to)'),
  cloneImage: rbd(`int rbd_clone3(
    void *fromIo, const char *from, const char *snapshot, void *toIo, const char *to, void *options)`),
  open: rbd('int rbd_open(void *io, const char *name, _Out_ void **image, const char *snapshot)'),
  openToRead: rbd('int rbd_open_read_only(void *io, const char *name, _Out_ void **image, const char *snapshot)'),
  close: rbd('int rbd_close(void *image)'),
  stat: rbd('int rbd_stat(void *image, _Out_ rbd_image_info_t *info, size_t bytes)'),
  size: rbd('int rbd_get_size(void *image, _Out_ uint64_t *bytes)'),
  features: rbd('int rbd_get_features(void *image, _Out_ uint64_t *features)'),
  flags: rbd('int rbd_get_flags(void *image, _Out_ uint64_t *flags)'),
  id: rbd('int rbd_get_id(void *image, _Out_ void *id, size_t bytes)'),
  prefix: rbd('int rbd_get_block_name_prefix(void *image, _Out_ void *prefix, size_t bytes)'),
  createdAt: rbd('int rbd_get_create_timestamp(void *image, _Out_ timespec *time)'),
  accessedAt: rbd('int rbd_get_access_timestamp(void *image, _Out_ timespec *time)'),
  modifiedAt: rbd('int rbd_get_modify_timestamp(void *image, _Out_ timespec *time)'),
  parent: rbd('int rbd_get_parent(void *image, void *parent, void *snap)'),
  snapshots: rbd('int rbd_snap_list(void *image, void *snaps, _Inout_ int *count)'),
  snapshotKind: rbd('int rbd_snap_get_namespace_type(void *image, uint64_t snap, _Out_ int *type)'),
  snapshotTime: rbd('int rbd_snap_get_timestamp(void *image, uint64_t snap, _Out_ timespec *time)'),
  useSnapshot: rbd('int rbd_snap_set_by_id(void *image, uint64_t snap)'),
  children: rbd('int rbd_list_children3(void *image, void *images, _Inout_ size_t *count)'),
  watchers: rbd('int rbd_watchers_list(void *image, void *watchers, _Inout_ size_t *count)'),
  lockers: rbd(`int64_t rbd_list_lockers(void *image, _Out_ int *exclusive, void *tag, _Inout_ size_t *tagBytes,
    void *clients, _Inout_ size_t *clientsBytes, void *cookies, _Inout_ size_t *cookiesBytes,
    void *addresses, _Inout_ size_t *addressesBytes)`),
  breakLock: rbd('int rbd_lock_break(void *image, int mode, const char *owner)'),
  resize: rbd('int rbd_resize2(void *image, uint64_t size, bool shrink, librbd_progress_fn_t *cb, void *arg)'),
  flatten: rbd('int rbd_flatten_with_progress(void *image, librbd_progress_fn_t *cb, void *arg)'),
  createSnapshot: rbd('int rbd_snap_create(void *image, const char *name)'),
  removeSnapshot: rbd('int rbd_snap_remove(void *image, const char *name)'),
  renameSnapshot: rbd('int rbd_snap_rename(void *image, const char *from, const char *to)'),
  rollback: rbd(
    'int rbd_snap_rollback_with_progress(void *image, const char *name, librbd_progress_fn_t *cb, void *arg)'),
  extents: rbd(`int rbd_diff_iterate2(void *image, const char *from, uint64_t offset, uint64_t length,
    uint8_t includeParent, uint8_t wholeObject, rbd_diff_fn_t *cb, void *arg)`),
  read: rbd('int64_t rbd_read(void *image, uint64_t offset, size_t bytes, _Out_ void *buffer)'),
  write: rbd('int64_t rbd_write(void *image, uint64_t offset, size_t bytes, const void *buffer)'),
  flush: rbd('int rbd_flush(void *image)'),
} as const;

/** Passes a C `T **` or `T *` out-parameter. */
export type Out<T> = [T];

export type Record = 'image' | 'linkedImage' | 'snapSpec' | 'snapInfo' | 'watcher';
const RECORDS = {
  image: ImageSpec, linkedImage: LinkedImageSpec, snapSpec: SnapSpec, snapInfo: SnapInfo, watcher: Watcher,
} as const;

/** Room for `count` structs, for `release`. */
export const allocate = (type: Record, count: number): Pointer =>
  koffi.alloc(RECORDS[type], Math.max(1, count)) as Pointer;
/** Frees the room, not what the structs in it point to. */
export const release = (room: Pointer): void => koffi.free(room);
export const readRecords = <T>(type: Record, room: Pointer, count: number): readonly T[] =>
  count === 0 ? [] : koffi.decode(room, koffi.array(RECORDS[type], count)) as T[];

export const IMAGE_STAT_BYTES = koffi.sizeof(ImageStat);

export const bytesAt = (pointer: Pointer | null, bytes: number | bigint): Buffer =>
  pointer === null || Number(bytes) === 0 ? Buffer.alloc(0)
    : Buffer.from(Buffer.from(koffi.view(pointer, Number(bytes))));

export const textAt = (pointer: Pointer): string => koffi.decode.string(pointer);

/** Runs on the main thread while Ceph's thread waits: keep them short. A negative answer ends the operation with it. */
export const callbacks = {
  progress: (handler: (offset: number, total: number) => number): bigint => koffi.register(
    (offset: number | bigint, total: number | bigint) => handler(Number(offset), Number(total)),
    koffi.pointer(ProgressCallback)),
  extent: (handler: (offset: number, bytes: number, exists: boolean) => void): bigint => koffi.register(
    (offset: number | bigint, bytes: number | bigint, exists: number) => {
      handler(Number(offset), Number(bytes), exists !== 0);
      return 0;
    }, koffi.pointer(ExtentCallback)),
  forget: (callback: bigint): void => koffi.unregister(callback),
};
