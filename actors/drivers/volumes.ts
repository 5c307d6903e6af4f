/**
 * Volumes: the port to pools and images of the shared storage (Ceph with RBD). Beside Storage, which fences.
 *
 * Every call is idempotent, has a deadline, never throws, and ends in done, `refused` (known to have changed nothing;
 * the reason is for people) or `unknown`. `again` says that an earlier try may have done it already: then what is
 * there is no refusal. What an adapter may not leak: handles, error numbers, processes.
 */
import type { Readable } from 'node:stream';
import type { PoolFacts, PoolTier } from '../../machines/pool/messages.js';
import type { ImageFormat, VolumeFacts } from '../../machines/volume/messages.js';
import type { Outcome } from './outcome.js';

export interface Image { readonly pool: string; readonly image: string }
export interface ImageMoment extends Image { readonly snapshot: string }

export interface Bounds {
  readonly deadlineMs: number;
  readonly again?: boolean;
}

export interface LongBounds extends Bounds {
  /** 0..1, a few times a second at most. */
  readonly progress?: (fraction: number) => void;
  readonly signal?: AbortSignal;
}

export interface PoolState extends PoolFacts {
  readonly name: string;
  /** What new images could still hold within its quota, copies not counted; null = not known yet (a new pool). */
  readonly freeBytes: number | null;
  /** What is stored, copies not counted. */
  readonly storedBytes: number;
  /** Nothing may be written to it: its quota is reached, or one of its OSDs is full. Absent: it is not so. */
  readonly full?: 'quota' | 'space';
}

export interface Volumes {
  /** The storage answers this node. */
  readonly connected: boolean;
  /** This node's own connection, as `users` names who has an image open: it closes what it opened by itself. */
  readonly clients: readonly string[];

  /** Pools for RBD; those of other applications are none of ours. */
  pools(bounds: Bounds): Promise<Outcome<readonly PoolState[]>>;
  /** The rule that keeps a pool on devices of that class, made if there is none. Refused if no device is of it. */
  ensureRule(tier: PoolTier, bounds: Bounds): Promise<Outcome<{ rule: string }>>;
  /** Refused if it is there, whosever it is. */
  createPool(pool: string, pgs: number, rule: string, bounds: Bounds): Promise<Outcome<null>>;
  replicatePool(pool: string, copies: number, minCopies: number, bounds: Bounds): Promise<Outcome<null>>;
  enablePool(pool: string, bounds: Bounds): Promise<Outcome<null>>;
  setPgs(pool: string, pgs: number, bounds: Bounds): Promise<Outcome<null>>;
  /** Whether monitors delete pools. false takes back what `true` set, and no more. */
  allowDeletion(allowed: boolean, bounds: Bounds): Promise<Outcome<null>>;
  /** done if it is gone already. */
  deletePool(pool: string, bounds: Bounds): Promise<Outcome<null>>;

  /** Names of the pool's images. */
  images(pool: string, bounds: Bounds): Promise<Outcome<readonly string[]>>;
  /** null = there is no such image. */
  look(image: Image, bounds: Bounds): Promise<Outcome<VolumeFacts | null>>;
  create(image: Image, sizeBytes: number, bounds: Bounds): Promise<Outcome<null>>;
  resize(image: Image, sizeBytes: number, bounds: LongBounds): Promise<Outcome<null>>;
  rename(image: Image, to: string, bounds: Bounds): Promise<Outcome<null>>;
  /** done if it is gone. Refused while it is open, has snapshots, or others were cloned from it: with their names. */
  remove(image: Image, bounds: LongBounds): Promise<Outcome<null>>;
  /** Copy-on-write. */
  clone(from: ImageMoment, to: Image, bounds: Bounds): Promise<Outcome<null>>;
  flatten(image: Image, bounds: LongBounds): Promise<Outcome<null>>;
  createSnapshot(moment: ImageMoment, bounds: Bounds): Promise<Outcome<null>>;
  /** done if it is gone. */
  removeSnapshot(moment: ImageMoment, bounds: Bounds): Promise<Outcome<null>>;
  renameSnapshot(moment: ImageMoment, to: string, bounds: Bounds): Promise<Outcome<null>>;
  rollback(moment: ImageMoment, bounds: LongBounds): Promise<Outcome<null>>;
  /** Who has it open, each as `address:port/nonce`. */
  users(image: Image, bounds: Bounds): Promise<Outcome<readonly string[]>>;

  /** Writes a stream of bytes of unknown length into a new image, as a file. Cut off: nothing is left of it. */
  receive(image: Image, body: Readable, bounds: LongBounds): Promise<Outcome<{ bytes: number }>>;
  /** What is this file? Refused if it is not of that format, or stands for more than itself (a backing file). */
  inspect(image: Image, format: ImageFormat, bounds: Bounds): Promise<Outcome<{ virtualBytes: number }>>;
  /**
   * The disk in the file `source` becomes the content of the image, which is there and large enough. Begun anew each
   * time. Refused once its program has ended for a reason of its own, whose words are the reason's: the image's content
   * is nobody's then. unknown = we ended it ourselves. In either case the program is dead, and Ceph may hold both
   * images open for it for up to 30 s.
   */
  convert(source: Image, format: ImageFormat, to: Image, bounds: LongBounds): Promise<Outcome<null>>;
}
