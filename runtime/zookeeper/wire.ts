/**
 * Requests in ZooKeeper's wire format (jute), built whole: length, xid, opcode, body. The xid is filled in on sending.
 * Building them here, not with the library's records, keeps version 0 as 0 (the library
 * sends "any" for it) and gives the operations the library lacks (sync, addWatch, removeWatches).
 */
import type { StoreCode, StoreOp } from '../store.js';
import { OPEN_ACL } from './acl.js';

/** Opcodes as in ZooKeeper's ZooDefs.OpCode. */
export const OPCODE = {
  create: 1, delete: 2, getData: 4, setData: 5, getChildren: 8, sync: 9, getChildren2: 12, check: 13,
  multi: 14, removeWatches: 18, multiRead: 22, auth: 100, addWatch: 106,
  /** Not a request: of a result, that the operation failed; of a header, the end of the list. */
  error: -1,
} as const;

const ANY_VERSION = -1;
const EPHEMERAL_FLAG = 1;
/** addWatch mode 1: the path and everything below, until removed. */
const PERSISTENT_RECURSIVE = 1;
/** removeWatches type 3: whatever watch this connection holds on the path. */
const ANY_WATCH = 3;
const HEADER_BYTES = 12;
const [SLASH, DOT] = [0x2f, 0x2e];
const MULTI_HEADER_BYTES = 9;

/** ZooKeeper's form of a path: absolute, no empty, `.` or `..` segment, no slash at the end, no NUL. */
export function isPath(path: string): boolean {
  if (path.charCodeAt(0) !== SLASH) return false;
  // By hand: every request asks, and a regular expression takes longer.
  for (let begun = 1, at = 1; at <= path.length && path.length > 1; at += 1) {
    const code = at === path.length ? SLASH : path.charCodeAt(at);
    if (code === 0) return false;
    if (code !== SLASH) continue;
    const part = at - begun;
    if (part === 0) return false;
    if (part <= 2 && path.charCodeAt(begun) === DOT && path.charCodeAt(at - 1) === DOT) return false;
    begun = at + 1;
  }
  return true;
}

function start(opcode: number, bodyBytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + bodyBytes);
  buffer.writeInt32BE(buffer.length - 4, 0);
  buffer.writeInt32BE(opcode, 8);
  return buffer;
}

function putText(buffer: Buffer, offset: number, text: string, bytes: number): number {
  buffer.writeInt32BE(bytes, offset);
  buffer.write(text, offset + 4, bytes, 'utf8');
  return offset + 4 + bytes;
}

function putBytes(buffer: Buffer, offset: number, bytes: Uint8Array): number {
  buffer.writeInt32BE(bytes.length, offset);
  buffer.set(bytes, offset + 4);
  return offset + 4 + bytes.length;
}

/** A request whose body is a path and then the given bytes. */
function pathRequest(opcode: number, path: string, tail: readonly number[]): Buffer {
  const pathBytes = Buffer.byteLength(path);
  const buffer = start(opcode, 4 + pathBytes + tail.length);
  buffer.set(tail, putText(buffer, HEADER_BYTES, path, pathBytes));
  return buffer;
}

const NO_WATCH = [0];

export const getDataRequest = (path: string): Buffer => pathRequest(OPCODE.getData, path, NO_WATCH);
export const getChildrenRequest = (path: string): Buffer => pathRequest(OPCODE.getChildren2, path, NO_WATCH);
export const syncRequest = (path: string): Buffer => pathRequest(OPCODE.sync, path, []);
export const addWatchRequest = (path: string): Buffer =>
  pathRequest(OPCODE.addWatch, path, [0, 0, 0, PERSISTENT_RECURSIVE]);
export const removeWatchesRequest = (path: string): Buffer =>
  pathRequest(OPCODE.removeWatches, path, [0, 0, 0, ANY_WATCH]);

/** How many of ZooKeeper's operations one of ours is: `absent` is a create and a delete of the same path. */
export const wireOps = (op: StoreOp): number => (op.op === 'absent' ? 2 : 1);

/** Bytes of one operation inside a multi, its headers included. */
export function opBytes(op: StoreOp, aclBytes = OPEN_ACL.length): number {
  const path = 4 + Buffer.byteLength(op.path);
  switch (op.op) {
    case 'check':
    case 'delete': return MULTI_HEADER_BYTES + path + 4;
    case 'set': return MULTI_HEADER_BYTES + path + 4 + op.data.length + 4;
    case 'create': return MULTI_HEADER_BYTES + path + 4 + op.data.length + aclBytes + 4;
    case 'absent': return 2 * MULTI_HEADER_BYTES + 2 * path + 4 + aclBytes + 4 + 4;
  }
}

const NOTHING = new Uint8Array(0);
const versionOf = (version: number | 'any' | 'exists'): number => (typeof version === 'number' ? version : ANY_VERSION);

function putMultiHeader(buffer: Buffer, offset: number, opcode: number, last: 0 | 1): number {
  buffer.writeInt32BE(opcode, offset);
  buffer[offset + 4] = last;
  return buffer.writeInt32BE(-1, offset + 5);
}

function putVersioned(buffer: Buffer, offset: number, opcode: number, path: string, version: number): number {
  const at = putText(buffer, putMultiHeader(buffer, offset, opcode, 0), path, Buffer.byteLength(path));
  return buffer.writeInt32BE(version, at);
}

function putCreate(
  buffer: Buffer, offset: number, path: string, data: Uint8Array, acl: Buffer, flags: number,
): number {
  let at = putText(buffer, putMultiHeader(buffer, offset, OPCODE.create, 0), path, Buffer.byteLength(path));
  at = putBytes(buffer, at, data);
  buffer.set(acl, at);
  return buffer.writeInt32BE(flags, at + acl.length);
}

function putOp(buffer: Buffer, offset: number, op: StoreOp, acl: Buffer): number {
  switch (op.op) {
    case 'check': return putVersioned(buffer, offset, OPCODE.check, op.path, versionOf(op.version));
    case 'delete': return putVersioned(buffer, offset, OPCODE.delete, op.path, versionOf(op.version));
    case 'create': return putCreate(buffer, offset, op.path, op.data, acl, op.ephemeral === true ? EPHEMERAL_FLAG : 0);
    case 'absent':
      return putVersioned(
        buffer, putCreate(buffer, offset, op.path, NOTHING, acl, 0), OPCODE.delete, op.path, ANY_VERSION);
    case 'set': {
      const at = putText(
        buffer, putMultiHeader(buffer, offset, OPCODE.setData, 0), op.path, Buffer.byteLength(op.path));
      return buffer.writeInt32BE(versionOf(op.version), putBytes(buffer, at, op.data));
    }
  }
}

/** A transaction; `bodyBytes` is the sum of opBytes over `ops` with this ACL, which its creates get. */
export function multiRequest(ops: readonly StoreOp[], bodyBytes: number, acl: Buffer = OPEN_ACL): Buffer {
  const buffer = start(OPCODE.multi, bodyBytes + MULTI_HEADER_BYTES);
  let at = HEADER_BYTES;
  for (const op of ops) at = putOp(buffer, at, op, acl);
  putMultiHeader(buffer, at, OPCODE.error, 1);
  return buffer;
}

/** Bytes of one read inside a multiRead. */
export const readBytes = (path: string): number => MULTI_HEADER_BYTES + 4 + Buffer.byteLength(path) + 1;

export type ReadOpcode = typeof OPCODE.getData | typeof OPCODE.getChildren;

/** Several reads in one request: each is answered by itself (opcode 22, since ZooKeeper 3.6). */
export function multiReadRequest(opcode: ReadOpcode, paths: readonly string[]): Buffer {
  const buffer = start(OPCODE.multiRead, paths.reduce((sum, path) => sum + readBytes(path), MULTI_HEADER_BYTES));
  let at = HEADER_BYTES;
  for (const path of paths) {
    at = putText(buffer, putMultiHeader(buffer, at, opcode, 0), path, Buffer.byteLength(path));
    buffer[at] = 0;
    at += 1;
  }
  putMultiHeader(buffer, at, OPCODE.error, 1);
  return buffer;
}

/** ZooKeeper's error numbers (KeeperException.Code) in the words of the port. */
export function storeCode(error: number): StoreCode {
  switch (error) {
    case -101: return 'no-node';
    // no rights; authentication failed; the servers take none that is not authenticated
    case -102: case -115: case -124: return 'no-auth';
    case -103: return 'bad-version';
    case -110: return 'node-exists';
    case -111: return 'not-empty';
    case -112: return 'session-expired';
    case -125: return 'quota';
    default: return 'other';
  }
}
