/**
 * Replies in ZooKeeper's wire format (jute), read straight from the frame: length, xid, zxid, error, body. The library
 * would take them apart field by field, at several times the cost, and knows no multiRead. Everything here throws on a
 * damaged body.
 */
import type { Stat, StoredNode } from '../store.js';
import type { WatchEvent } from './client.js';
import { OPCODE } from './wire.js';

/** Where the body begins in a whole frame: after length 4, xid 4, zxid 8, error 4. */
export const BODY = 20;
const STAT_BYTES = 68;
/** type 4, done 1, error 4 */
export const RESULT_HEADER_BYTES = 9;
const NO_NODE = -101;
const NO_DATA = new Uint8Array(0);

/** An 8-byte big-endian long as a number; exact below 2^53. */
const longAt = (frame: Buffer, at: number): number => frame.readInt32BE(at) * 2 ** 32 + frame.readUInt32BE(at + 4);

/** czxid 8, mzxid 8, ctime 8, mtime 8, version 4, cversion 4, aversion 4, owner 8, length 4, children 4, pzxid 8. */
export function statAt(frame: Buffer, at: number): Stat {
  if (at + STAT_BYTES > frame.length) throw damaged('a stat');
  const owned = frame.readInt32BE(at + 44) !== 0 || frame.readInt32BE(at + 48) !== 0;
  return {
    version: frame.readInt32BE(at + 32),
    czxid: longAt(frame, at),
    mzxid: longAt(frame, at + 8),
    numChildren: frame.readInt32BE(at + 56),
    ephemeralOwner: owned ? frame.toString('hex', at + 44, at + 52) : null,
  };
}

const damaged = (what: string): Error => new Error(`a reply ends inside ${what}`);

/** Reads one body from its beginning to its end. */
class Body {
  at = BODY;
  readonly #frame: Buffer;

  constructor(frame: Buffer) {
    this.#frame = frame;
  }

  int(): number {
    this.at += 4;
    return this.#frame.readInt32BE(this.at - 4);
  }

  /** The end of `bytes` from here; a length of -1 stands for none. */
  #end(length: number): number {
    const end = this.at + Math.max(0, length);
    if (end > this.#frame.length) throw damaged('a text');
    return end;
  }

  /** A copy: what came in one packet must not be kept whole by one small node of it. */
  bytes(): Uint8Array {
    const length = this.int();
    const end = this.#end(length);
    const found = length <= 0 ? NO_DATA : Buffer.from(this.#frame.subarray(this.at, end));
    this.at = end;
    return found;
  }

  skipText(): void {
    this.at = this.#end(this.int());
  }

  text(): string {
    const end = this.#end(this.int());
    const found = this.#frame.toString('utf8', this.at, end);
    this.at = end;
    return found;
  }

  texts(): string[] {
    const count = this.int();
    const found: string[] = [];
    for (let index = 0; index < count; index += 1) found.push(this.text());
    return found;
  }

  stat(): Stat {
    this.at += STAT_BYTES;
    return statAt(this.#frame, this.at - STAT_BYTES);
  }

  node(): StoredNode {
    const data = this.bytes();
    return { data, stat: this.stat() };
  }
}

/** type 4, state 4, path. */
export function watchEventOf(frame: Buffer): WatchEvent {
  const body = new Body(frame);
  return { type: body.int(), state: body.int(), path: body.text() };
}

export const nodeOf = (frame: Buffer): StoredNode => new Body(frame).node();

export function childrenOf(frame: Buffer): { names: string[]; stat: Stat } {
  const body = new Body(frame);
  const names = body.texts();
  return { names, stat: body.stat() };
}

/** Of one operation of a transaction; `error` is 0 unless the transaction was refused. */
export interface OpResult {
  readonly type: number;
  readonly error: number;
  readonly stat: Stat | null;
}

export function resultsOf(frame: Buffer): OpResult[] {
  const body = new Body(frame);
  const found: OpResult[] = [];
  for (let type = body.int(); type !== OPCODE.error || frame[body.at] !== 1; type = body.int()) {
    body.at += RESULT_HEADER_BYTES - 4;
    let [error, stat]: [number, Stat | null] = [0, null];
    switch (type) {
      case OPCODE.create: body.skipText(); break;
      case OPCODE.setData: stat = body.stat(); break;
      case OPCODE.error: error = body.int(); break;
      case OPCODE.delete:
      case OPCODE.check: break;
      default: throw new Error(`a result of type ${type} in a transaction`);
    }
    found.push({ type, error, stat });
  }
  return found;
}

/** Of several reads in one request: what each found, and the first that was refused for another reason than absence. */
export interface ManyFound<T> {
  /** In the order asked; null = no such node (or refused). */
  readonly found: readonly (T | null)[];
  readonly refused: { readonly index: number; readonly code: number } | null;
}

function manyOf<T>(frame: Buffer, type: number, count: number, read: (body: Body) => T): ManyFound<T> {
  const body = new Body(frame);
  const found: (T | null)[] = [];
  let refused: ManyFound<T>['refused'] = null;
  for (let got = body.int(); got !== OPCODE.error || frame[body.at] !== 1; got = body.int()) {
    body.at += RESULT_HEADER_BYTES - 4;
    if (got !== type && got !== OPCODE.error) throw new Error(`a result of type ${got} to a read of type ${type}`);
    if (got === type) {
      found.push(read(body));
      continue;
    }
    const code = body.int();
    if (code !== NO_NODE) refused ??= { index: found.length, code };
    found.push(null);
  }
  if (found.length !== count) throw new Error(`${found.length} results to ${count} reads`);
  return { found, refused };
}

export const nodesOf = (frame: Buffer, count: number): ManyFound<StoredNode> =>
  manyOf(frame, OPCODE.getData, count, (body) => body.node());
export const listsOf = (frame: Buffer, count: number): ManyFound<string[]> =>
  manyOf(frame, OPCODE.getChildren, count, (body) => body.texts());
