/** Delays and limits of the node machine. Milliseconds; all are re-armed in full by a new owner (rule 10). */

export const NODE_LIMITS = {
  /** Readings of power after a command to switch off, half a second apart. */
  readingsMax: 10,
  /** Longest that an announced restart may keep a node from being suspected, ms. */
  restartMaxMs: 60_000,
} as const;

/** How long one probe listens for signs of life, milliseconds: its deadline is above that, for its way and back. */
export const PROBE_MS = 1000;

export const NODE_DEADLINES = {
  bmcMs: 5_000,
  /** A doubt asks often and must not hang on a slow BMC. */
  doubtMs: 2_000,
  probeMs: 1_500,
  sessionMs: 5_000,
  rehomeMs: 15_000,
  planMs: 10_000,
  /** The monitors' commit and the last OSD that confirms the map. */
  storageMs: 10_000,
} as const;

export const NODE_DELAYS = {
  /** The host still answers, only its session is gone: a restart of pvcd is not the death of its node (rule 6). */
  graceMs: 10_000,
  rereadMs: 1_000,
  verifyMs: 500,
  retryMs: 2_000,
  /** Between off and on of a power cycle. */
  cycleMs: 1_500,
  powerOnMs: 30_000,
  flushCheckMs: 5_000,
  flushRetryMs: 15_000,
  homecomingMs: 120_000,
  /** A drain before a shutdown or reboot ends after this time, whatever is left. */
  leaveMs: 300_000,
  /** Longer than any lease: a timer of the lease region always comes first. */
  retryLeaseMs: 60_000,
  /** An entry on the blocklist is renewed long before it runs out (the driver asks for a day or more). */
  renewMs: 6 * 3_600_000,
  /** With a proof of everything in hand the storage may still take so long to drop the dead boot's locks. */
  cutPatienceMs: 5_000,
} as const;

/** Past the session time-out of the last quorum write. Rule 3 ends every lease well before; this is for late timers. */
const LEASE_MARGIN_MS = 300;

/** Until the lease deadline of a node last heard of `silentMs` ago has surely passed. */
export const leaseLeftMs = (sessionTimeoutMs: number, silentMs: number): number =>
  Math.max(0, sessionTimeoutMs + LEASE_MARGIN_MS - silentMs);

/** Rule 7: a new primary or quorum judges nobody by silence alone for two session time-outs. */
export const settleLeftMs = (sessionTimeoutMs: number, quorumAgeMs: number): number =>
  Math.max(0, 2 * sessionTimeoutMs - quorumAgeMs);

/** Pause of a stuck fence: 2 s, 4 s ... at most 60 s. */
export const stuckMs = (rounds: number): number => Math.min(60_000, 2000 * 2 ** Math.max(0, rounds - 1));

/** What a question and its answer take between two nodes, beside the BMC's own time. */
const HELPER_SLACK_MS = 1000;

/** Longest for a question to the BMC by the primary and then by each of its helpers; at least 20 s. */
export const helperMs = (helpers: number): number =>
  Math.max(20_000, (1 + helpers) * (NODE_DEADLINES.bmcMs + HELPER_SLACK_MS));

/** Longest for the storage to be asked by the primary and then by each of its helpers. */
export const cutHelperMs = (helpers: number): number => (1 + helpers) * (NODE_DEADLINES.storageMs + HELPER_SLACK_MS);

/** What a daemon asks for, within the bound. */
export const restartWithinMs = (askedMs: number): number =>
  Math.min(NODE_LIMITS.restartMaxMs, Math.max(0, Number.isFinite(askedMs) ? askedMs : 0));
