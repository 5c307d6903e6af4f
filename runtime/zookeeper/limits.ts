/** Bounds of the ZooKeeper adapter, and its timings as parts of the session time-out. */

/** One transaction. The server cuts the connection above 1 MiB (jute.maxbuffer), so we stop well before. */
export const MULTI_LIMITS = {
  ops: 500,
  bytes: 512 * 1024,
} as const;

/** Reads of many nodes (multiRead). */
export const MANY_LIMITS = {
  /** Paths of the first requests, while the size of the nodes is not known, and of any. */
  firstPaths: 32,
  paths: 128,
  /** A server takes at most 1 MiB. */
  requestBytes: 256 * 1024,
  /** What an answer should come to. */
  replyBytes: 1 << 20,
  /** Requests of one call under way. */
  inFlight: 4,
} as const;

export const ZOOKEEPER_LIMITS = {
  /** Requests under way: a server stops reading at 1 000 outstanding ones (globalOutstandingLimit). */
  inFlight: 512,
  /** Bytes under way, so that a burst of large requests does not starve the pings behind it. */
  inFlightBytes: 8 << 20,
  /** Requests waiting for a place; the next one is answered at once that it was not sent. */
  waiting: 65_536,
  /**
   * A longer reply than this is taken for a stream out of step, and the connection dropped. The longest that can
   * come are MANY_LIMITS.paths nodes of 1 MiB.
   */
  replyBytes: 160 << 20,
  /** Longest pause after all servers were tried in vain; the library draws from 0 to this. */
  reconnectDelayMs: 100,
  /** How long close() may take before the socket is dropped instead. */
  closeMs: 2_000,
  /** How often close() looks whether there is a connection again. */
  closeStepMs: 50,
  /** How long openZookeeper() waits for a server that accepts a session. */
  openMs: 30_000,
  /** The library writes xids as signed 32-bit numbers and never wraps them. */
  xid: 2 ** 30,
} as const;

export interface ConnectionTimings {
  /** Silence after which a ping is sent. */
  readonly pingAfterMs: number;
  /** Silence while something is unanswered after which the connection is dropped. */
  readonly readTimeoutMs: number;
  /** From the start of an attempt to the reply that grants or resumes the session. */
  readonly attemptTimeoutMs: number;
  /** Step of the watchdog that looks at all of these. */
  readonly tickMs: number;
}

/**
 * A dead connection is noticed after at most T/6 + T/4 (plus two ticks) and one dead server more costs T/4, so
 * that the session is carried on elsewhere well inside T. `round` is how often every server has been tried in
 * vain: attempts get more time then, for a machine so loaded that T/4 is not enough for an honest answer.
 * A new session needs a commit of the quorum and has no lease to lose: it gets a second at least.
 */
export function connectionTimings(sessionTimeoutMs: number, newSession: boolean, round: number): ConnectionTimings {
  const quarter = Math.max(150, sessionTimeoutMs / 4);
  return {
    pingAfterMs: Math.max(75, sessionTimeoutMs / 6),
    readTimeoutMs: quarter,
    attemptTimeoutMs: Math.min(10_000, (newSession ? Math.max(1_000, quarter) : quarter) * 1.5 ** Math.min(round, 10)),
    tickMs: Math.min(125, Math.max(20, sessionTimeoutMs / 32)),
  };
}
