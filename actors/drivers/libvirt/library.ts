/**
 * libvirt.so.0 by FFI: the C functions we call, as they are. For the worker only.
 *
 * Pointers are bigints; null pointers come back as null. Every function that may talk to libvirtd is called through
 * `offMain`, never directly: a hung libvirtd must not hang this process. libvirt keeps errors per thread, and
 * an asynchronous call runs on a thread of its own: the error is read from the connection (see lane.ts).
 */
import koffi from 'koffi';
import { free, type CFunction, type Pointer } from '../foreign.js';

const libvirt = koffi.load('libvirt.so.0');

const HeapText = koffi.disposable('HeapText', 'string', free);
const ErrorRecord = koffi.struct('virError', { code: 'int', domain: 'int', message: 'const char *' });
const StatsRecord = koffi.struct('virDomainStatsRecord', { domain: 'void *', params: 'void *', count: 'int' });

const ErrorCallback = koffi.proto('void virErrorFunc(void *opaque, void *error)');
const LifecycleCallback = koffi.proto(
  'int virLifecycleFunc(void *conn, void *domain, int event, int detail, void *opaque)');
const CloseCallback = koffi.proto('void virCloseFunc(void *conn, int reason, void *opaque)');

const bind = (prototype: string): CFunction => libvirt.func(prototype);

/** Functions that only touch memory of this process: called directly. */
export const local = {
  setErrorFunc: bind('void virSetErrorFunc(void *opaque, virErrorFunc *handler)'),
  lastError: bind('void *virConnGetLastError(void *conn)'),
  resetError: bind('void virConnResetLastError(void *conn)'),
  registerEventLoop: bind('int virEventRegisterDefaultImpl()'),
  isAlive: bind('int virConnectIsAlive(void *conn)'),
  freeDomain: bind('int virDomainFree(void *domain)'),
  uuidOf: bind('int virDomainGetUUIDString(void *domain, _Out_ void *text)'),
  nameOf: bind('const char *virDomainGetName(void *domain)'),
  idOf: bind('uint virDomainGetID(void *domain)'),
  addString: bind(`int virTypedParamsAddString(
    _Inout_ void **params, _Inout_ int *count, _Inout_ int *max, const char *name, const char *value)`),
  addULongLong: bind(`int virTypedParamsAddULLong(
    _Inout_ void **params, _Inout_ int *count, _Inout_ int *max, const char *name, ulonglong value)`),
  getULongLong: bind('int virTypedParamsGetULLong(void *params, int count, const char *name, _Out_ ulonglong *value)'),
  getUInt: bind('int virTypedParamsGetUInt(void *params, int count, const char *name, _Out_ uint *value)'),
  getInt: bind('int virTypedParamsGetInt(void *params, int count, const char *name, _Out_ int *value)'),
  freeParams: bind('void virTypedParamsFree(void *params, int count)'),
  freeSecret: bind('int virSecretFree(void *secret)'),
  freeStats: bind('void virDomainStatsRecordListFree(void *records)'),
} as const;

/** Functions that talk to libvirtd, wait, or lock what our callbacks are called under: only through `offMain`. */
export const remote = {
  runEventLoop: bind('int virEventRunDefaultImpl()'),
  open: bind('void *virConnectOpen(const char *uri)'),
  close: bind('int virConnectClose(void *conn)'),
  setKeepAlive: bind('int virConnectSetKeepAlive(void *conn, int interval, uint count)'),
  onClose: bind('int virConnectRegisterCloseCallback(void *conn, virCloseFunc *callback, void *opaque, void *free)'),
  forgetClose: bind('int virConnectUnregisterCloseCallback(void *conn, virCloseFunc *callback)'),
  onDomainEvent: bind(`int virConnectDomainEventRegisterAny(
    void *conn, void *domain, int event, virLifecycleFunc *callback, void *opaque, void *free)`),
  list: bind('int virConnectListAllDomains(void *conn, _Out_ void **domains, uint flags)'),
  lookup: bind('void *virDomainLookupByUUIDString(void *conn, const char *uuid)'),
  state: bind('int virDomainGetState(void *domain, _Out_ int *state, _Out_ int *reason, uint flags)'),
  metadata: bind('HeapText virDomainGetMetadata(void *domain, int type, const char *uri, uint flags)'),
  setMetadata: bind(`int virDomainSetMetadata(
    void *domain, int type, const char *metadata, const char *key, const char *uri, uint flags)`),
  xml: bind('HeapText virDomainGetXMLDesc(void *domain, uint flags)'),
  create: bind('void *virDomainCreateXML(void *conn, const char *xml, uint flags)'),
  resume: bind('int virDomainResume(void *domain)'),
  shutdown: bind('int virDomainShutdownFlags(void *domain, uint flags)'),
  destroy: bind('int virDomainDestroyFlags(void *domain, uint flags)'),
  migrate: bind('int virDomainMigrateToURI3(void *domain, const char *uri, void *params, uint count, uint flags)'),
  setMaxDowntime: bind('int virDomainMigrateSetMaxDowntime(void *domain, ulonglong milliseconds, uint flags)'),
  jobStats: bind(`int virDomainGetJobStats(
    void *domain, _Out_ int *type, _Out_ void **params, _Out_ int *count, uint flags)`),
  abortJob: bind('int virDomainAbortJob(void *domain)'),
  defineSecret: bind('void *virSecretDefineXML(void *conn, const char *xml, uint flags)'),
  setSecret: bind('int virSecretSetValue(void *secret, const uint8_t *value, size_t size, uint flags)'),
  attachDevice: bind('int virDomainAttachDeviceFlags(void *domain, const char *xml, uint flags)'),
  detachDevice: bind('int virDomainDetachDeviceFlags(void *domain, const char *xml, uint flags)'),
  setBlockIoTune: bind(`int virDomainSetBlockIoTune(
    void *domain, const char *disk, void *params, int count, uint flags)`),
  blockInfo: bind('int virDomainGetBlockInfo(void *domain, const char *disk, _Out_ void *info, uint flags)'),
  blockResize: bind('int virDomainBlockResize(void *domain, const char *disk, ulonglong size, uint flags)'),
  suspend: bind('int virDomainSuspend(void *domain)'),
  freeze: bind('int virDomainFSFreeze(void *domain, void *mountpoints, uint count, uint flags)'),
  thaw: bind('int virDomainFSThaw(void *domain, void *mountpoints, uint count, uint flags)'),
  agentTimeout: bind('int virDomainAgentSetResponseTimeout(void *domain, int seconds, uint flags)'),
  allStats: bind('int virConnectGetAllDomainStats(void *conn, uint stats, _Out_ void **records, uint flags)'),
} as const;

const decodePointers = (array: Pointer, count: number): Pointer[] =>
  count === 0 ? [] : koffi.decode(array, koffi.array('void *', count)) as Pointer[];

/** `T *array` of `count` pointers; the array itself (not what it points to) is freed. */
export function takePointers(array: Pointer, count: number): readonly Pointer[] {
  const pointers = decodePointers(array, count);
  free(array);
  return pointers;
}

export interface StatsOfDomain {
  readonly domain: Pointer;
  /** Typed parameters, and how many. */
  readonly params: Pointer;
  readonly count: number;
}

/** Reads a NULL-terminated list of stats records; free it with `local.freeStats` afterwards. */
export function readStats(list: Pointer, count: number): readonly StatsOfDomain[] {
  return decodePointers(list, count).map((record) => koffi.decode(record, StatsRecord) as StatsOfDomain);
}

export interface LibvirtError {
  /** virErrorNumber. */
  readonly code: number;
  readonly message: string;
}

export const readError = (error: Pointer | null): LibvirtError | null => {
  if (error === null) return null;
  const { code, message } = koffi.decode(error, ErrorRecord) as { code: number; message: string | null };
  return code === 0 ? null : { code, message: message ?? `libvirt error ${code}` };
};

/** They live as long as the worker, and run on the main thread while the C thread waits for them: keep them short. */
export const callbacks = {
  error: (handler: (error: LibvirtError | null) => void): unknown =>
    koffi.register((_opaque: Pointer, error: Pointer) => handler(readError(error)), koffi.pointer(ErrorCallback)),
  lifecycle: (handler: (domain: Pointer, event: number, detail: number) => void): unknown =>
    koffi.register((_conn: Pointer, domain: Pointer, event: number, detail: number) => {
      handler(domain, event, detail);
      return 0;
    }, koffi.pointer(LifecycleCallback)),
  close: (handler: (connection: Pointer, reason: number) => void): unknown =>
    koffi.register(handler, koffi.pointer(CloseCallback)),
};

export const uuidOf = (domain: Pointer): string => {
  const text = Buffer.alloc(37);
  local.uuidOf(domain, text);
  return text.toString('latin1', 0, 36);
};
