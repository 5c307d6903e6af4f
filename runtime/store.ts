/**
 * Store: the port to the coordination service (ZooKeeper). What an implementation may not leak:
 * client objects, opcodes, retry loops, one-shot watches. It never retries a write by itself:
 * an outcome that is not known is answered `unknown`, and the caller reads back.
 * Paths are absolute (`/pvc/…`); parents must exist. zxids are safe integers (epoch < 2^21).
 */

import type { StoreMetrics } from './store-metrics.js';

export interface Stat {
  readonly version: number;
  readonly czxid: number;
  readonly mzxid: number;
  readonly numChildren: number;
  /** Session that owns an ephemeral node as lower-case hex, or null for a persistent one. */
  readonly ephemeralOwner: string | null;
}

export interface StoredNode {
  readonly data: Uint8Array;
  readonly stat: Stat;
}

export type StoreOp =
  /** Fails unless the node exists at this version; `exists` accepts any version. */
  | { readonly op: 'check'; readonly path: string; readonly version: number | 'exists' }
  /** Fails if the node exists (a create and a delete of the same path in one transaction). */
  | { readonly op: 'absent'; readonly path: string }
  | { readonly op: 'create'; readonly path: string; readonly data: Uint8Array; readonly ephemeral?: boolean }
  | { readonly op: 'set'; readonly path: string; readonly data: Uint8Array; readonly version: number | 'any' }
  | { readonly op: 'delete'; readonly path: string; readonly version: number | 'any' };

export type StoreCode =
  | 'no-node' | 'node-exists' | 'bad-version' | 'not-empty' | 'no-auth'
  | 'too-large' | 'quota' | 'session-expired' | 'other';

export type MultiResult =
  /** zxid of the commit where a `set` was among the operations (it is its stat's mzxid), else null. */
  | { readonly kind: 'done'; readonly zxid: number | null; readonly stats: readonly (Stat | null)[] }
  /** Nothing was changed. index = the first operation (as given) that failed. */
  | { readonly kind: 'refused'; readonly index: number; readonly code: StoreCode }
  /** The connection went while the request was out: it may or may not have been applied. */
  | { readonly kind: 'unknown'; readonly reason: string };

export type TreeEvent = { readonly type: 'created' | 'changed' | 'deleted'; readonly path: string };

export type SessionState = 'connecting' | 'connected' | 'suspended' | 'expired' | 'closed';

export interface SessionIdentity {
  /** Session id, lower-case hex. */
  readonly id: string;
  /** Password of the session, hex. */
  readonly password: string;
  /** Time-out the servers granted, milliseconds. */
  readonly timeoutMs: number;
}

export interface Store {
  readonly session: SessionIdentity;
  readonly state: SessionState;
  /** Called on every change of state; `expired` and `closed` are final. Returns an unsubscribe. */
  onState(listener: (state: SessionState) => void): () => void;
  /** null = no such node. Rejects (StoreError) when not connected or past its deadline. */
  read(path: string): Promise<StoredNode | null>;
  /** Names of the children (unsorted) with the parent's stat, or null if the parent is absent. */
  children(path: string): Promise<{ names: string[]; stat: Stat } | null>;
  /**
   * Many nodes in few requests, in the order of `paths`; null = no such node. Each node is read by itself: what is
   * answered is not one moment of all of them, but never older than this session has seen or written before.
   * Rejects (StoreError) as `read` does, as a whole. Of 20,000 paths about 160 requests are made, a few at a time.
   */
  readMany(paths: readonly string[]): Promise<(StoredNode | null)[]>;
  /** The same for names of children (unsorted, without the parent's stat: ZooKeeper answers none here). */
  childrenMany(paths: readonly string[]): Promise<(string[] | null)[]>;
  /** All or nothing. Never rejects for an answer of the server or a lost connection. */
  multi(ops: readonly StoreOp[]): Promise<MultiResult>;
  /** Brings the server this session reads from up to the leader's present. */
  sync(path: string): Promise<void>;
  /**
   * A doorbell on a whole subtree (persistent recursive watch): called for each change at or below
   * `path`, in zxid order. `onRescan` is called after every reconnect, when events may have been
   * missed and the caller must list and read again. Resolves when the watch is in place.
   */
  watchTree(path: string, onEvent: (event: TreeEvent) => void, onRescan: () => void): Promise<() => void>;
  /** Ends the session (ephemerals go at once). Bounded in time; never throws. */
  close(): Promise<void>;
  /** Counters since the store was opened and gauges of now: a copy, cheap enough for every scrape. */
  metrics(): StoreMetrics;
  /** Drops the connection but leaves the session alive, to be resumed by id and password. */
  abandon(): void;
}

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreCode | 'disconnected' | 'deadline';
  constructor(code: StoreCode | 'disconnected' | 'deadline', message: string) {
    super(message);
    this.code = code;
  }
}

/** How a session proves who it is, and with that, whose nodes it creates. Never to be logged. */
export interface StoreAuth {
  readonly scheme: 'digest';
  /** `user:password` */
  readonly id: string;
  /**
   * Whom the nodes this session creates let in: `guarded` (the default), holders of the key alone; `readable`, others
   * may read; `open`, everybody, for the time in which some of a cluster's daemons have no key yet.
   */
  readonly nodes?: 'guarded' | 'readable' | 'open';
}

export interface StoreOptions {
  /** `host:port` each. */
  readonly servers: readonly string[];
  readonly sessionTimeoutMs: number;
  /** A session of an earlier process to carry on; when it is gone, a new one is made. */
  readonly resume?: SessionIdentity;
  /** How long one request may stay unanswered, milliseconds. */
  readonly requestTimeoutMs?: number;
  /**
   * Sent first on every connection; the nodes created are then for holders of this key. Nodes that were made without
   * it stay open to all. Without it, or with another key, operations on guarded nodes are
   * answered `no-auth`. When the servers do not take it at all, opening rejects with `no-auth`, and a store that was
   * open is `closed`, its requests answered `no-auth`.
   */
  readonly auth?: StoreAuth;
}
