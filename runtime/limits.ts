/**
 * Every limit and every timing, with the relations between them asserted. One section a topic.
 * Units last in the name. Sources of the lease rules: ARCHITECTURE.md "Safety", rules 3 to 5.
 */

// --- the lease -------------------------------------------------------------------------------

/** ZooKeeper session time-out asked for when the configuration names none. */
export const SESSION_TIMEOUT_MS = 4000;
/** ZooKeeper tickTime when the configuration names none. */
export const ZOOKEEPER_TICK_MS = 400;
/** ZooKeeper syncLimit (in ticks) when the configuration names none. */
export const ZOOKEEPER_SYNC_LIMIT = 2;
/** How often a node makes its quorum write (the telemetry blob): the heartbeat of its lease. */
export const HEARTBEAT_MS = 1000;
/**
 * What the guard may need from the deadline to the last QEMU's last instruction: timer lateness on
 * a busy host, one scan of /proc, SIGKILL, one more round.
 */
export const GUEST_STOP_MS = 500;
/** From "the followers gave the leader up" to a new leader that answers writes. */
const ELECTION_MS = 500;
/** From a dropped connection to a usable one: delay of the client (<= 100 ms), connect, session, one retry. */
const RECONNECT_MS = 200;
/** A request to ZooKeeper unanswered for so long makes the client drop the connection and try the next server. */
const ZOOKEEPER_REQUEST_TIMEOUT_MS = 1500;
/** A lease that claims to last longer than this is taken for a broken file, not for a lease. */
export const LEASE_AHEAD_MAX_MS = 60_000;

// --- the guard -------------------------------------------------------------------------------

/** UDP port of the guard's sign of life. */
export const GUARD_PORT = 7371;
/** Pause between two rounds of killing while something may still be alive. */
export const GUARD_ROUND_MS = 75;
/** How long the guard goes on in fast rounds after the last guest was seen: a libvirtd may be mid-start. */
export const GUARD_QUIET_MS = 2000;
/** Pause between two looks at the node while there is no lease and no guest. */
export const GUARD_WATCH_MS = 500;
/**
 * Longest sleep of the guard under a lease. Node's timers stand still while a machine is suspended,
 * the lease's clock does not: a guest is stopped at most this long after waking.
 */
export const GUARD_NAP_MAX_MS = 1000;
/** Answers a second of the guard's port; what comes beyond is not answered. */
export const GUARD_ANSWERS_PER_SECOND_MAX = 100;

// --- power and signs of life -----------------------------------------------------------------

/** Most bytes of a BMC tool's or a guard's words that are kept in a reason. */
export const REASON_LENGTH_MAX = 300;

export interface LeaseTimings {
  readonly sessionTimeoutMs: number;
  readonly tickMs: number;
  /** In ticks. */
  readonly syncLimit: number;
  readonly stopMs?: number;
  readonly electionMs?: number;
  readonly reconnectMs?: number;
  readonly heartbeatMs?: number;
  readonly requestTimeoutMs?: number;
}

/** How long a lease lasts from the send time of the write that earned it, milliseconds. */
const leaseLengthMs = (timings: { sessionTimeoutMs: number; tickMs: number; stopMs: number }): number =>
  timings.sessionTimeoutMs - 1.5 * timings.tickMs - timings.stopMs;

/**
 * The local deadline, rule 3: guests of this node must begin to be stopped at this time. All in
 * milliseconds of Clock.boottimeMs. sentAtMs = when the last *acknowledged quorum write* was sent:
 * an answered ping proves nothing (a follower cut off from its leader answers it). The 1.5 ticks are
 * one bucket of the server's expiry and the half tick a follower may keep a touch to itself.
 */
export function leaseDeadlineMs(
  sentAtMs: number, timings: { readonly sessionTimeoutMs: number; readonly tickMs: number; readonly stopMs: number },
): number {
  return Math.floor(sentAtMs + leaseLengthMs(timings));
}

/**
 * Rule 4: losing the host of the ZooKeeper leader must not end the lease of a healthy node, and a
 * client whose own server fell silent must have time to change servers. Throws an Error that names
 * the relation and both sides of it.
 */
export function assertLeaseTimings(given: LeaseTimings): void {
  const {
    sessionTimeoutMs, tickMs, syncLimit, stopMs = GUEST_STOP_MS, electionMs = ELECTION_MS, reconnectMs = RECONNECT_MS,
    heartbeatMs = HEARTBEAT_MS, requestTimeoutMs = ZOOKEEPER_REQUEST_TIMEOUT_MS,
  } = given;
  const all = { sessionTimeoutMs, tickMs, syncLimit, stopMs, electionMs, reconnectMs, heartbeatMs, requestTimeoutMs };
  for (const [name, value] of Object.entries(all)) {
    if (!Number.isFinite(value) || value <= 0) throw new Error(`lease timings: ${name} must be above 0, got ${value}`);
  }
  const lengthMs = leaseLengthMs({ sessionTimeoutMs, tickMs, stopMs });
  const lease = `${lengthMs} ms of lease (session ${sessionTimeoutMs} - 1.5 x tick ${tickMs} - stop ${stopMs})`;
  if (sessionTimeoutMs < 2 * tickMs || sessionTimeoutMs > 20 * tickMs) {
    throw new Error(
      `lease timings: ZooKeeper grants sessions of 2 to 20 ticks, ${2 * tickMs} to ${20 * tickMs} ms; `
      + `${sessionTimeoutMs} ms asked for`,
    );
  }
  if (sessionTimeoutMs > LEASE_AHEAD_MAX_MS) {
    throw new Error(`lease timings: a session of ${sessionTimeoutMs} ms is above ${LEASE_AHEAD_MAX_MS} ms`);
  }
  const leaderLossMs = syncLimit * tickMs + electionMs + reconnectMs + heartbeatMs;
  if (leaderLossMs >= lengthMs) {
    throw new Error(
      `lease timings: the loss of the ZooKeeper leader takes ${leaderLossMs} ms (syncLimit ${syncLimit} x `
      + `tick ${tickMs} + election ${electionMs} + reconnect ${reconnectMs} + heartbeat ${heartbeatMs}), `
      + `not below ${lease}`,
    );
  }
  const serverLossMs = heartbeatMs + requestTimeoutMs + reconnectMs;
  if (serverLossMs >= lengthMs) {
    throw new Error(
      `lease timings: the loss of a client's own server takes ${serverLossMs} ms (heartbeat ${heartbeatMs} + `
      + `request time-out ${requestTimeoutMs} + reconnect ${reconnectMs}), not below ${lease}`,
    );
  }
}

/** Bounds of actors. Reaching one is a named error, not a slow death. */
export const LIMITS = {
  /** Inputs that one commit may take together: as many as one pack holds. */
  batch: 64,
  /** Bytes of letters that one commit takes together, the first letter aside. */
  batchBytes: 128 * 1024,
  /**
   * Transitions kept in a record. The record of a commit with more of them keeps all of that commit, so that the feed
   * misses none; the next commit drops them again, and records stay small.
   */
  tailLength: 24,
  /** Envelopes and bytes of one pack. */
  pack: 64,
  packBytes: 256 * 1024,
  /** What one commit may hold, below what the store takes in one transaction (500 operations, 512 kB). */
  commitOperations: 480,
  commitBytes: 500 * 1024,
  /** A record above this keeps only the names of the events in its tail. */
  recordBytes: 128 * 1024,
  /** Bytes that no record may exceed: a step that would make it so is not taken. Large things are documents. */
  recordBytesMax: 256 * 1024,
  /** Operations that have ended and are still told of. */
  operationsKept: 16,
  /** Commands of one actor under way at a time; the next ones fail until one has ended. */
  operationsOpen: 128,
  /** Commands that one commit takes: a mirror that misses a revision still finds how each of them ended. */
  commandsPerBatch: 8,
  effectsPending: 64,
  timers: 32,
  /** Microsteps of one step (`always`, raised events) before the machine is taken to run in a circle. */
  microsteps: 1_000,
  /** Below what one transaction holds (500 operations), with room for the rest of it. */
  outgoingPerStep: 400,
  /** A batch ends once it sends so many. */
  outgoingPerBatch: 200,
  /** Deadline of a world effect that names none, milliseconds. */
  effectDeadlineMs: 60_000,
  /** Most tries that a retry policy of an effect may ask for. */
  effectAttempts: 100,
  /** Envelopes waiting in one mailbox before the API answers 429. */
  mailboxSoft: 128,
  /** Envelopes waiting in one mailbox before senders park what they have for it in their outbox. */
  mailboxHard: 1024,
  /** What the control lane may have above that, so that a flooded actor can still be stopped. */
  mailboxControlRoom: 128,
  /** Parked envelopes above which an actor takes no letters of the normal lane until they went out. */
  outboxHigh: 64,
  /** Parked envelopes above which it takes nothing at all. */
  outboxFull: 512,
  /** Pause before a full mailbox is tried again, milliseconds: the first, and the longest of the doubling ones. */
  outboxRetryMs: 50,
  outboxRetryMaxMs: 2_000,
  /** A mailbox that took nothing for so long: what was meant for it is parked as dead letters, milliseconds. */
  outboxPatienceMs: 300_000,
  /** Times a letter may have been begun by a process that then died, before it is parked. */
  suspectTries: 3,
  /** Dead letters kept of one actor, and for how long, milliseconds. */
  deadPerActor: 64,
  deadAgeMs: 7 * 24 * 3_600_000,
  /** Items the feed holds for resuming subscribers: transitions with the light fields of their record, a kB or two. */
  feedItems: 4_000,
  /** Characters that all of those may hold; the oldest go first. */
  feedCharacters: 16_000_000,
  /** How long, milliseconds, and of how many removed actors the last transitions are kept as tombstones. */
  tombKeptMs: 600_000,
  tombsKept: 500,
  /** A scan of owned mailboxes that repairs missed doorbells, milliseconds. */
  mailboxScanMs: 30_000,
  /** Paths that are read together where very many are: bounds what is in memory at once. */
  readTogether: 2_048,
  /** An actor without letters, timers and effects keeps its cell for so long, milliseconds. */
  idleMs: 15_000,
} as const;
