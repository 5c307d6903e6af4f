/**
 * What is stored of an actor. Only `encodeRecord`/`decodeRecord` (record-codec.ts) know bytes.
 * Every persisted shape has a version; upcasters live in that file only.
 */
import type { Address } from './address.js';
import type { ActorEvent } from './envelope.js';

export const RECORD_VERSION = 1;

/** A world effect that was committed and has not been answered yet. */
export interface PendingEffect {
  /** `<actor>:<revision>:<index>`: the same for every attempt, stamped at the resource. */
  readonly effectId: string;
  /** Action type as the machine names it, e.g. `hypervisor.migrate`. */
  readonly kind: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** Epoch of the owner that committed it. */
  readonly epoch: number;
  readonly deadlineMs: number;
  readonly correlation: string;
}

/** A durable timer. Re-armed in full by a new owner (safety rule 10). */
export interface Timer {
  readonly timerId: string;
  readonly event: ActorEvent;
  readonly delayMs: number;
  /** Wall-clock milliseconds at which it was set; for people only. */
  readonly setAt: number;
}

export type OperationState = 'accepted' | 'done' | 'failed';

/** The life of one accepted command. Kept in the record for a while so that retries find it. */
export interface Operation {
  readonly operationId: string;
  readonly command: string;
  readonly state: OperationState;
  readonly message: string | null;
  readonly acceptedAt: number;
  readonly endedAt: number | null;
}

/** One transition, as the flight recorder, the feed and the inspector show it. */
export interface Transition {
  readonly seq: number;
  readonly at: number;
  readonly node: string;
  readonly epoch: number;
  readonly event: ActorEvent;
  readonly from: string;
  readonly to: string;
  readonly effects: readonly string[];
  readonly sent: readonly { readonly to: Address; readonly type: string }[];
  readonly operationId: string | null;
  readonly correlation: string;
  readonly causation: string | null;
}

export interface MachineSnapshot {
  /** XState state value: a string or nested objects of strings. */
  readonly value: unknown;
  readonly context: Readonly<Record<string, unknown>>;
  readonly status: 'active' | 'done';
}

export interface ActorRecord {
  readonly recordVersion: typeof RECORD_VERSION;
  readonly kind: string;
  readonly id: string;
  readonly machineVersion: number;
  /** +1 with every commit. */
  readonly revision: number;
  /** Names the commit that wrote this revision: unique, read back when an outcome is unknown. */
  readonly commitId: string;
  /** Epoch of the owner that wrote this revision. */
  readonly ownerEpoch: number;
  readonly snapshot: MachineSnapshot;
  readonly effects: readonly PendingEffect[];
  readonly timers: readonly Timer[];
  readonly operations: readonly Operation[];
  /** Sequence number of the newest transition. */
  readonly seq: number;
  readonly tail: readonly Transition[];
  /** Restart times (wall ms) of the cell, for the restart intensity. */
  readonly restarts: readonly number[];
  /** Set when the cell was parked after too many failed steps: the text of the last error. */
  readonly fault: string | null;
  /** True on the tombstone of a removed actor. */
  readonly removed: boolean;
}

/** `/pvc/actors/<kind>/<id>/owner` */
export interface Owner {
  readonly node: string;
  /** Name of the owner's `live/<incarnation>` znode. */
  readonly incarnation: string;
  readonly bootId: string;
  /** The fencing token: +1 with every change of owner. */
  readonly epoch: number;
  readonly cause: 'created' | 'transferred' | 'claimed';
}
