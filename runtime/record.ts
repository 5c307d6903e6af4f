/**
 * What is stored of an actor. Only `encodeRecord`/`decodeRecord` (codec.ts) know bytes.
 * Every persisted shape has a version; upcasters live beside the codec only.
 */
import type { Address } from './address.js';
import type { ActorEvent, Envelope } from './envelope.js';

export const RECORD_VERSION = 2;
/** Versions of records and envelopes that this daemon reads, ascending (upcast.ts). */
export const READ_VERSIONS: readonly number[] = [1, 2];

/** How a world effect that ended `unknown` is tried again before its machine is told. */
export interface RetryPolicy {
  /** Tries in all, the first included. */
  readonly attempts: number;
  /** Pause before the second try, milliseconds; grows by `factor` up to `maxDelayMs`, with jitter. */
  readonly delayMs: number;
  readonly factor: number;
  readonly maxDelayMs: number;
}

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
  /** 1 = the first try. */
  readonly attempt: number;
  readonly retry: RetryPolicy | null;
  /** Dotted state (`migrating.copying`) whose leaving cancels the effect; null = it lives until answered. */
  readonly within: string | null;
}

/**
 * What a new owner does with a timer: `restart` arms it in full (safety rule 10, the default), `keep` holds to
 * the wall-clock time it was due at, `remaining` arms what was left at the last commit.
 */
export type TimerPolicy = 'restart' | 'keep' | 'remaining';

/** A durable timer. */
export interface Timer {
  readonly timerId: string;
  readonly event: ActorEvent;
  readonly delayMs: number;
  /** Wall-clock milliseconds at which it was set. */
  readonly setAt: number;
  readonly policy: TimerPolicy;
  /** What was left of it at the last commit, milliseconds; counts for `remaining` only. */
  readonly remainingMs: number;
  /** Of the step that set it: what the timer begins belongs to the same story. Absent in records of version 1. */
  readonly correlation?: string;
}

/** A request to another actor that has not been answered; its deadline is the timer `request:<requestId>`. */
export interface PendingRequest {
  readonly requestId: string;
  readonly to: Address;
  /** The answer arrives as `<as>.reply`, its absence as `<as>.timeout`. */
  readonly as: string;
}

/** How an actor ended: as in OTP, `normal` and `shutdown` are no failures. */
export interface Exit {
  readonly reason: 'normal' | 'shutdown' | 'killed' | 'error';
  /** The error's cause chain, or what the machine said. */
  readonly detail: string;
  readonly at: number;
}

/** What the runtime has counted over the actor's whole life. */
export interface Counts {
  readonly steps: number;
  readonly commits: number;
  /** Times its cell or its machine was begun anew after a failure. */
  readonly restarts: number;
  /** Letters parked as dead letters. */
  readonly dead: number;
}

/** After a commit that held so many steps. */
export const countsAfter = (counts: Counts, steps: number): Counts =>
  ({ ...counts, steps: counts.steps + steps, commits: counts.commits + 1 });

/** A letter that may have killed the process that stepped it: how often it was begun without a commit. */
export interface Suspect {
  readonly name: string;
  readonly tries: number;
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
  /** Id of what was stepped (letter, effect, timer, change of owner): causes.ts finds what it came from. */
  readonly causation: string | null;
}

export interface MachineSnapshot {
  /** XState state value: a string or nested objects of strings. */
  readonly value: unknown;
  readonly context: Readonly<Record<string, unknown>>;
  readonly status: 'active' | 'done';
  /** Of a machine that is done and has an output: `{ reason, detail }` says how it exited. */
  readonly output?: unknown;
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
  /** The supervisor that is told of this actor's exit; null = nobody. */
  readonly parent: Address | null;
  /** 1 = the first; +1 each time a supervisor begins the machine anew; 0 = born, its parent waits to hear of it. */
  readonly life: number;
  /** Set when this life has ended; letters of the normal lane wait for the next one. */
  readonly exit: Exit | null;
  /** Sent but parked here because the receiver's mailbox was full; they go out in order, before anything newer. */
  readonly outbox: readonly Envelope[];
  readonly requests: readonly PendingRequest[];
  readonly counts: Counts;
  readonly lastError: { readonly text: string; readonly at: number } | null;
  readonly suspect: Suspect | null;
}

/** The fields that version 2 brought, as a new or an upcast record has them. */
export const FRESH_FIELDS = {
  parent: null, life: 1, exit: null, outbox: [], requests: [],
  counts: { steps: 0, commits: 0, restarts: 0, dead: 0 }, lastError: null, suspect: null,
} as const satisfies Partial<ActorRecord>;

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
