/** What the primary last told of Ceph, as any node's API reads it, and what of it stands in /status. */
import { CEPH_TELEMETRY_STALE_MS, type CephTelemetry } from '../../machines/ceph/telemetry.js';
import type { Feed } from '../../runtime/feed-types.js';

export interface StorageView {
  readonly telemetry: CephTelemetry;
  /** How long ago it was told, milliseconds. */
  readonly staleMs: number;
  /** So old that nothing of it can be called present. */
  readonly stale: boolean;
}

/** null = nothing was ever told: there is no storage, or it never answered. */
export function storageView(feed: Feed): StorageView | null {
  const told = feed.storage();
  if (told === null || !Array.isArray(told.data['osds']) || !Array.isArray(told.data['pools'])) return null;
  const telemetry = told.data as unknown as CephTelemetry;
  return { telemetry, staleMs: told.staleMs, stale: told.staleMs > CEPH_TELEMETRY_STALE_MS };
}

/** PVC's words for an OSD: `up,in`. */
export const osdWord = ({ up, in: inside }: { readonly up: boolean; readonly in: boolean }): string =>
  `${up ? 'up' : 'down'},${inside ? 'in' : 'out'}`;

/** What a check of Ceph, and an OSD that is out, take off the cluster's health, as in PVC. */
const WARN_DELTA = 10;
const ERROR_DELTA = 50;
const OSD_OUT_DELTA = 50;
const STALE_DELTA = 25;
const KIB = 1024;

interface Fault { readonly id: string; readonly health_delta: number; readonly text: string }

/** Storage in /status; nothing at all where there is no storage. */
export function storageStatus(feed: Feed): {
  readonly osds: Readonly<Record<string, number>>;
  readonly pools: number;
  /** KiB */
  readonly disk: { readonly total: number; readonly used: number; readonly free: number; readonly utilization: number };
  readonly osd: readonly { readonly id: string; readonly up: string; readonly in: string }[];
  readonly faults: readonly Fault[];
} {
  const view = storageView(feed);
  if (view === null) {
    return { osds: { total: 0 }, pools: 0, disk: { total: 0, used: 0, free: 0, utilization: 0 }, osd: [], faults: [] };
  }
  const { osds, pools, capacity } = view.telemetry;
  const counts: Record<string, number> = { total: osds.length };
  for (const osd of osds) counts[osdWord(osd)] = (counts[osdWord(osd)] ?? 0) + 1;
  const share = capacity.sizeBytes > 0 ? capacity.usedBytes / capacity.sizeBytes : 0;
  return {
    osds: counts, pools: pools.length,
    disk: {
      total: Math.round(capacity.sizeBytes / KIB), used: Math.round(capacity.usedBytes / KIB),
      free: Math.round(capacity.availableBytes / KIB), utilization: Math.round(share * 10_000) / 100,
    },
    osd: osds.map((osd) => ({ id: String(osd.number), up: osd.up ? 'up' : 'down', in: osd.in ? 'in' : 'out' })),
    faults: storageFaults(view),
  };
}

function storageFaults({ telemetry, stale, staleMs }: StorageView): Fault[] {
  if (stale) {
    const text = `Nothing was heard of Ceph for ${Math.round(staleMs / 1000)} s: do its monitors have a quorum?`;
    return [{ id: 'CEPH_UNHEARD', health_delta: STALE_DELTA, text }];
  }
  const checks = telemetry.health.checks.filter((check) => !check.muted).map(({ code, severity, summary }) => ({
    id: `CEPH_${severity === 'HEALTH_ERR' ? 'ERR' : 'WARN'}_${code}`,
    health_delta: severity === 'HEALTH_ERR' ? ERROR_DELTA : WARN_DELTA, text: `${code}: ${summary}`,
  }));
  const out = telemetry.osds.filter((osd) => !osd.in).map(({ number }) => ({
    id: `CEPH_OSD_OUT_${number}`, health_delta: OSD_OUT_DELTA, text: `OSD ${number} is marked out`,
  }));
  return [...checks, ...out];
}
