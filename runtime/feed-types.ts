import type { Address } from './address.js';
import type { HeldTransition } from './causes.js';
import type { LightRecord } from './feed-light.js';
import type { Depth } from './mailbox-depths.js';
import type { ActorRecord, Owner, Transition } from './record.js';
import type { Tomb } from './tombs.js';

/** Opaque to clients: `<generation>.<zxid>.<address>.<seq>`, ordered by (generation, zxid, address, seq). */
export interface Cursor {
  readonly generation: number;
  readonly zxid: number;
  readonly address: string;
  readonly seq: number;
}

/** An actor as this node's mirror knows it. */
export interface MirroredActor {
  readonly address: Address;
  readonly record: ActorRecord;
  readonly owner: Owner | null;
  readonly zxid: number;
}

export interface FeedItem {
  readonly cursor: Cursor;
  readonly address: Address;
  /** null when transitions of this actor were missed: `missing` says which. */
  readonly transition: Transition | null;
  readonly missing: { readonly fromSeq: number; readonly toSeq: number } | null;
  /** As the item's commit left it, in short. */
  readonly record: LightRecord;
  readonly owner: Owner | null;
}

/** What a node last said of itself; `staleMs` counts on this process's monotonic clock. */
export interface TelemetryItem {
  readonly node: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly staleMs: number;
  /** True while the node's `live/<incarnation>` exists. */
  readonly live: boolean;
}

/** `staleMs` counts on this process's monotonic clock. */
export interface StorageItem {
  readonly data: Readonly<Record<string, unknown>>;
  readonly staleMs: number;
}

/** The ordered changes of all records, and the present state: what API, inspector and events read. */
export interface Feed {
  actor(address: Address): MirroredActor | null;
  actors(kind?: string): MirroredActor[];
  /** What is left of a removed actor, for a while. */
  tomb(address: Address): Tomb | null;
  /** What is left of all removed actors. */
  buried(): readonly Tomb[];
  /** Letters that wait for an actor; null = not known since the connection was last lost. */
  mailbox(address: Address): Depth | null;
  /** Names of those letters, as far as known. */
  mailboxNames(address: Address): readonly string[];
  /** Finds out about mailboxes that are not known. Never rejects. */
  settleMailboxes(addresses: readonly Address[]): Promise<void>;
  /** Every transition that tails, tombstones and the feed's ring still hold, each once. */
  history(): HeldTransition[];
  telemetry(): TelemetryItem[];
  /** What the primary last told of shared storage, and how long ago; null = nothing. */
  storage(): StorageItem | null;
  primary(): { node: string; epoch: number } | null;
  /** Newest cursor emitted. */
  head(): Cursor;
  /**
   * Items after `since` that are still held, then live ones. Calls back synchronously in order.
   * Returns `gap: true` when items after `since` are no longer held: take a snapshot first.
   */
  subscribe(since: Cursor | null, onItem: (item: FeedItem) => void): { gap: boolean; close: () => void };
  onTelemetry(listener: (node: string) => void): () => void;
}
