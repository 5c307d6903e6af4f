/**
 * The cluster's long-lived connection to Ceph (librados and librbd by FFI, in a process of its own: docs/decisions/):
 * what the adapters of Storage, Volumes and Osds stand on. No call starts a program, none blocks the daemon.
 *
 * Every call has a deadline, never throws, and ends in done, `refused` (Ceph said no, and nothing has changed: the
 * reason begins with its error name, as in `ENOENT: no such pool`) or `unknown` (no answer in time, or the connection
 * or its process was lost meanwhile). A call that has not begun when the connection is lost is refused.
 */
import type { Outcome } from '../outcome.js';

/** Who answers a command: a monitor, the active manager, or one OSD. */
export type CommandTarget = 'mon' | 'mgr' | `osd.${number}`;

export interface CephCommand {
  /** As Ceph's CLI sends it: `{prefix: 'osd pool create', pool: 'vms', pg_num: 32}`. `format: 'json'` is added. */
  readonly command: Readonly<Record<string, string | number | boolean | readonly string[]>>;
  readonly target?: CommandTarget;
  /** Bulk input (a keyring, a crush map). */
  readonly input?: Uint8Array;
  /**
   * To monitors: if it is not answered soon (0.3 s), it goes to a second one as well, and the first answer counts. For
   * commands that may be carried out twice, where a lost monitor may not cost time.
   */
  readonly hedge?: boolean;
  /**
   * By a client that is made for it: Ceph looks at a key's caps when a session begins, and a session that stands keeps
   * what it was given then.
   */
  readonly anew?: boolean;
  readonly deadlineMs: number;
}

export interface CephReply {
  /**
   * Parsed from JSON; an array of them where several values stand in a row (`osd blocklist ls`: reply.ts reads it); the
   * text itself where it is none; null where there is none.
   */
  readonly output: unknown;
  /** What the CLI prints to stderr. */
  readonly status: string;
}

export interface ImageRef { readonly pool: string; readonly image: string; readonly snapshot?: string }

export interface ImageSnapshot {
  readonly id: number;
  readonly name: string;
  readonly sizeBytes: number;
  /** ISO 8601, or null where Ceph does not say. */
  readonly createdAt: string | null;
}

export interface ImageInfo {
  readonly pool: string;
  readonly image: string;
  readonly id: string;
  readonly sizeBytes: number;
  readonly objects: number;
  readonly order: number;
  readonly objectBytes: number;
  readonly blockNamePrefix: string;
  readonly features: readonly string[];
  readonly flags: readonly string[];
  readonly createdAt: string | null;
  readonly accessedAt: string | null;
  readonly modifiedAt: string | null;
  /** What it is a copy-on-write clone of, or null. */
  readonly parent: { readonly pool: string; readonly image: string; readonly snapshot: string } | null;
  readonly snapshots: readonly ImageSnapshot[];
}

/** A client of the cluster: `address:port/nonce`, and its global id. */
export interface ImageClient { readonly address: string; readonly id: number }

/** 0..1; called a few times a second at most, from the worker's own progress callbacks. */
export type Progress = (fraction: number) => void;

interface Bounded { readonly deadlineMs: number }
/**
 * Cancelled, a call ends with a reason that begins with `ECANCELED`: refused where all is as before (a copy is
 * removed), unknown where something is changed; called again, it goes on from there.
 */
interface Long extends Bounded { readonly progress?: Progress; readonly signal?: AbortSignal }

export interface CephConnection {
  /**
   * A monitor answered lately, and this client is not on the blocklist. Commands are worth trying without it: monitors
   * answer a node that is on the blocklist.
   */
  readonly connected: boolean;
  onConnected(listener: (connected: boolean) => void): () => void;
  command(request: CephCommand): Promise<Outcome<CephReply>>;
  /** Waits until this connection's own osdmap is at least that new; value = the epoch it has. */
  waitForOsdmap(epoch: number, bounds: Bounded): Promise<Outcome<number>>;
  /** Names of the pool's images, not of its trash. */
  images(pool: string, bounds: Bounded): Promise<Outcome<readonly string[]>>;
  /** done(null): there is no such image. */
  imageInfo(ref: ImageRef, bounds: Bounded): Promise<Outcome<ImageInfo | null>>;
  /** With exclusive-lock, object-map, fast-diff, deep-flatten, layering. Refused with EEXIST if it is there. */
  createImage(ref: ImageRef, sizeBytes: number, bounds: Bounded): Promise<Outcome<null>>;
  resizeImage(ref: ImageRef, sizeBytes: number, options: Long): Promise<Outcome<null>>;
  renameImage(ref: ImageRef, to: string, bounds: Bounded): Promise<Outcome<null>>;
  /** done if it is gone already. Refused with EBUSY while watched, ENOTEMPTY while it has snapshots. */
  removeImage(ref: ImageRef, options: Long): Promise<Outcome<null>>;
  /** A copy-on-write clone (format 2: the parent's snapshot needs no protection). */
  cloneImage(from: Required<ImageRef>, to: ImageRef, bounds: Bounded): Promise<Outcome<null>>;
  /** done if it is no clone. */
  flattenImage(ref: ImageRef, options: Long): Promise<Outcome<null>>;
  /** A full copy of the image or of its snapshot. */
  copyImage(from: ImageRef, to: ImageRef, options: Long): Promise<Outcome<null>>;
  createSnapshot(ref: Required<ImageRef>, bounds: Bounded): Promise<Outcome<null>>;
  /** done if it is gone already, its image too. */
  removeSnapshot(ref: Required<ImageRef>, bounds: Bounded): Promise<Outcome<null>>;
  renameSnapshot(ref: Required<ImageRef>, to: string, bounds: Bounded): Promise<Outcome<null>>;
  rollbackSnapshot(ref: Required<ImageRef>, options: Long): Promise<Outcome<null>>;
  /** Images cloned from this one or from its snapshot, flattened ones not. */
  children(ref: ImageRef, bounds: Bounded): Promise<Outcome<readonly ImageRef[]>>;
  watchers(ref: ImageRef, bounds: Bounded): Promise<Outcome<readonly ImageClient[]>>;
  /** Who holds the exclusive lock, null = nobody. */
  lockOwner(ref: ImageRef, bounds: Bounded): Promise<Outcome<ImageClient | null>>;
  /**
   * Takes the lock from its owner, without a blocklist entry: that is the caller's to see to first. Done if nobody
   * holds it; refused with EBUSY if somebody else does.
   */
  breakLock(ref: ImageRef, owner: ImageClient, bounds: Bounded): Promise<Outcome<null>>;
  close(): Promise<void>;
}
