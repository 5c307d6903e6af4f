/** What a Store counts about itself: plain numbers, always on, a few additions a request. */
import type { SessionState } from './store.js';

export type StoreRequestKind =
  | 'read' | 'children' | 'readMany' | 'childrenMany' | 'multi' | 'sync' | 'addWatch' | 'removeWatches';

/** Upper bounds of the latency histogram's buckets, milliseconds; one more bucket holds what took longer. */
export const LATENCY_BOUNDS_MS = [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000] as const;

/** A moment's copy. Counters only grow while the store is open; none is reset by a reconnect. */
export interface StoreMetrics {
  /** Requests accepted, by kind (a readMany of many chunks counts each), and pings sent. */
  readonly requests: Readonly<Record<StoreRequestKind, number>>;
  readonly pings: number;
  /** Answers of a server, refusals included. */
  readonly replies: number;
  /**
   * By the port's codes: what servers refused (a multi's refusal included), `deadline`, and `disconnected` for
   * requests that were not sent or lost their connection. An absent node is no error.
   */
  readonly errors: Readonly<Record<string, number>>;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Requests that had to wait for a place among those in flight, and how long they waited in sum, milliseconds. */
  readonly queued: number;
  readonly queueWaitMs: number;
  /** From the request to its answer, its wait in the queue included, milliseconds; only what a server answered. */
  readonly latency: {
    readonly boundsMs: readonly number[];
    /** Of each bucket by itself, not summed up: one longer than `boundsMs`. */
    readonly counts: readonly number[];
    readonly sumMs: number;
  };
  readonly watchEvents: number;
  /** Established connections that were lost, by reason. */
  readonly disconnects: Readonly<Record<string, number>>;
  /** Attempts to connect, the vain ones too. */
  readonly connectAttempts: number;
  /** Gauges of now. */
  readonly state: SessionState;
  readonly inFlight: number;
  readonly inFlightBytes: number;
  readonly waiting: number;
  /** Since the last packet from a server, milliseconds; null before the first. */
  readonly silentMs: number | null;
}

/** The counters of one store; gauges are asked when a copy is taken. */
export class StoreCounters {
  readonly requests: Record<StoreRequestKind, number> = {
    read: 0, children: 0, readMany: 0, childrenMany: 0, multi: 0, sync: 0, addWatch: 0, removeWatches: 0,
  };
  readonly errors: Record<string, number> = {};
  readonly disconnects: Record<string, number> = {};
  pings = 0;
  replies = 0;
  bytesSent = 0;
  bytesReceived = 0;
  queued = 0;
  queueWaitMs = 0;
  watchEvents = 0;
  connectAttempts = 0;
  lastReplyMs: number | null = null;
  readonly #counts: number[] = [...LATENCY_BOUNDS_MS, 0].map(() => 0);
  #sumMs = 0;

  error(code: string): void {
    this.errors[code] = (this.errors[code] ?? 0) + 1;
  }

  disconnect(reason: string): void {
    this.disconnects[reason] = (this.disconnects[reason] ?? 0) + 1;
  }

  reply(latencyMs: number): void {
    this.replies += 1;
    this.#sumMs += latencyMs;
    let bucket = 0;
    while (bucket < LATENCY_BOUNDS_MS.length && latencyMs > (LATENCY_BOUNDS_MS[bucket] ?? 0)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
  }

  copy(nowMs: number, gauges: Pick<StoreMetrics, 'state' | 'inFlight' | 'inFlightBytes' | 'waiting'>): StoreMetrics {
    const { pings, replies, bytesSent, bytesReceived, queued, queueWaitMs, watchEvents, connectAttempts } = this;
    return {
      pings, replies, bytesSent, bytesReceived, queued, queueWaitMs, watchEvents, connectAttempts, ...gauges,
      requests: { ...this.requests }, errors: { ...this.errors }, disconnects: { ...this.disconnects },
      latency: { boundsMs: LATENCY_BOUNDS_MS, counts: [...this.#counts], sumMs: this.#sumMs },
      silentMs: this.lastReplyMs === null ? null : nowMs - this.lastReplyMs,
    };
  }
}
