/** Delays and limits of the OSD machine, milliseconds. All are re-armed in full by a new owner. */

export const OSD_DEADLINES = {
  /** Commands of the monitors, and looks at disks. */
  quickMs: 15_000,
  /** Partitioning, and the start of a daemon. */
  slowMs: 60_000,
  /** A new store on a slow disk. */
  makeMs: 300_000,
} as const;

export const OSD_DELAYS = {
  /** A newborn that nobody gave a device to goes again. */
  newMs: 60_000,
  lookMs: 1000,
  /** Until a daemon that was started is up. */
  upMs: 180_000,
  drainMs: 2000,
  againMs: 5000,
} as const;

/** A removal of which nothing has moved for so long ends, and asks for force: PVC goes on after 60 s and loses data. */
export const OSD_STALL_MS = 300_000;

/** What the world did not answer is asked again, and then given up. */
export const OSD_RETRY = { attempts: 16, delayMs: 1000, maxDelayMs: 8000 } as const;
