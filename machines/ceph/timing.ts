/** The figures of the storage's health, each with its reason. */

/**
 * How long a fault that is found no more stays open. The primary looks every 3 s: five looks in a row that are fine. A
 * restarted OSD or monitor makes and unmakes half a dozen of Ceph's checks within such a time.
 */
export const SETTLE_MS = 15_000;
/**
 * A fault that came back so often flaps: it then stays open until it was away for CALM_MS. Ceph's own figures for
 * an OSD that flaps: osd_max_markdown_count (5) within osd_max_markdown_period (600 s).
 */
export const FLAPS_MAX = 5;
export const CALM_MS = 600_000;
/**
 * Ceph is silent once no look was answered for so long: with Ceph's default settings a lost leader of the monitors
 * takes as much until there is another (docs/storage.md).
 */
export const SILENT_AFTER_MS = 15_000;
/** A text that alone changed (a percentage), and news of a fault that flaps, are told so rarely. */
export const RETOLD_MS = 30_000;
/** Findings of one reporter; what is more is counted, not named. */
export const FINDINGS_MAX = 40;
/** Characters of a fault's text. */
export const TEXT_MAX = 300;
