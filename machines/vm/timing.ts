/** Delays and limits of the VM machine. Milliseconds; all are re-armed in full by a new owner. */

export const VM_LIMITS = {
  /** Failed starts retried on the same node before another is tried. */
  startRetriesMax: 1,
  /** Other nodes tried after that, before `fail`. */
  relocationsMax: 1,
  /** Crashes in a row (never stable in between) before `fail`. */
  crashesMax: 5,
  /** Times that a guest whose disk reports errors is let go on, in a row, before it is started anew. */
  stallsMax: 3,
  /** Live attempts of one migration (PVC: 3). */
  liveAttemptsMax: 3,
  /** Tries to change a device whose end was not known, before it is given up. */
  deviceTriesMax: 3,
  /** Snapshots of one VM: each is some 300 bytes of its record. */
  snapshotsMax: 32,
  /** Tries to remove its disks whose end was not known, with it: a minute, twice what an image may seem open. */
  removeTriesMax: 20,
} as const;

export const VM_DEADLINES = {
  startMs: 30_000,
  askMs: 5_000,
  destroyMs: 20_000,
  observeMs: 5_000,
  resumeMs: 10_000,
  placeMs: 5_000,
  storageMs: 5_000,
  /** As a fence's: the monitors' commit and the last OSD that confirms the map. */
  shutOutMs: 10_000,
  /** A guest lets go of a device in its own time. */
  deviceMs: 30_000,
  freezeMs: 25_000,
  /** A guest that stands still for its snapshots does so for this long at most, and then for its thaw. */
  disksMs: 15_000,
  rollbackMs: 3_600_000,
  /** Removing large images over slow disks. */
  removeMs: 12 * 3_600_000,
  /** A live migration that takes longer is given up by its driver and resolved by observing both sides. */
  migrateMs: 3_600_000,
} as const;

export const VM_DELAYS = {
  retryPlacementMs: 10_000,
  turnedAwayMs: 250,
  /** Longest that a VM waits for those of a higher priority. */
  queueMs: 30_000,
  retryMs: 3_000,
  /** Running for so long makes earlier crashes and failures forgotten. */
  stableMs: 60_000,
  askAgentsMs: 1_500,
  askAgainMs: 10_000,
  /** Longer than any change of owner takes; after it the actor looks for a place again. */
  handOverMs: 30_000,
} as const;

/** Pause before the next start: 1 s, 2 s, 4 s ... at most 30 s. */
export const backOffMs = (failures: number): number => Math.min(30_000, 1000 * 2 ** Math.max(0, failures - 1));

/** PVC's vm_shutdown_timeout. */
export const SHUTDOWN_DEFAULT_MS = 180_000;
