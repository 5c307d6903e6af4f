/**
 * What the primary tells of Ceph every few seconds (`/pvc/storage`): one blob, never through mailboxes. Lists of OSDs
 * and pools are answered from it by any node. Sizes are bytes, rates are a second, times wall-clock milliseconds.
 */

export type CephHealthStatus = 'HEALTH_OK' | 'HEALTH_WARN' | 'HEALTH_ERR';

/** One of Ceph's health checks that is not fine: `OSD_DOWN`, `POOL_FULL`, `MON_DOWN`. */
export interface CephCheck {
  readonly code: string;
  readonly severity: 'HEALTH_WARN' | 'HEALTH_ERR';
  readonly summary: string;
  /** At most 20 lines. */
  readonly detail: readonly string[];
  readonly muted: boolean;
}

export interface CephOsdStats {
  readonly number: number;
  readonly uuid: string;
  readonly up: boolean;
  readonly in: boolean;
  /** exists, up, new, destroyed ... as Ceph says. */
  readonly state: readonly string[];
  /** Its host's short name as the daemon told it; null = it never started. */
  readonly host: string | null;
  /** Names of the disks below it as its daemon told them: `sda`. */
  readonly devices: readonly string[];
  /** By CRUSH. */
  readonly weight: number;
  /** 0..1 */
  readonly reweight: number;
  readonly primaryAffinity: number;
  /** hdd, ssd, nvme; null = none is set. */
  readonly deviceClass: string | null;
  readonly pgs: number;
  readonly sizeBytes: number;
  readonly usedBytes: number;
  readonly usedDataBytes: number;
  readonly usedOmapBytes: number;
  readonly usedMetaBytes: number;
  readonly availableBytes: number;
  /** Per cent. */
  readonly utilization: number;
  /** Its utilization by the average's. */
  readonly variance: number;
  readonly writeOpsRate: number;
  readonly writeBytesRate: number;
  readonly readOpsRate: number;
  readonly readBytesRate: number;
}

export interface CephPoolStats {
  readonly id: number;
  readonly name: string;
  readonly pgs: number;
  readonly size: number;
  readonly minSize: number;
  readonly crushRule: number;
  /** Written by clients. */
  readonly storedBytes: number;
  /** What clients may still write (Ceph's max_avail). */
  readonly freeBytes: number;
  /** On disks, all copies. */
  readonly usedBytes: number;
  /** 0..1, as Ceph counts it. */
  readonly usedShare: number;
  readonly objects: number;
  readonly objectClones: number;
  readonly objectCopies: number;
  readonly objectsMissingOnPrimary: number;
  readonly objectsUnfound: number;
  readonly objectsDegraded: number;
  /** Since the pool was made. */
  readonly readOps: number;
  readonly readBytes: number;
  readonly writeOps: number;
  readonly writeBytes: number;
}

export interface CephTelemetry {
  readonly at: number;
  /** Node that read it. */
  readonly by: string;
  readonly fsid: string;
  readonly osdmapEpoch: number;
  /** noout, norebalance, full ... */
  readonly flags: readonly string[];
  readonly health: { readonly status: CephHealthStatus; readonly checks: readonly CephCheck[] };
  readonly capacity: { readonly sizeBytes: number; readonly usedBytes: number; readonly availableBytes: number };
  readonly osds: readonly CephOsdStats[];
  readonly pools: readonly CephPoolStats[];
}

/** Telemetry older than this is history: what it says of up and down is not said any more. Milliseconds. */
export const CEPH_TELEMETRY_STALE_MS = 30_000;
