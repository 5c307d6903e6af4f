/** What the primary last told of Ceph, as any node's API reads it, and what of it stands in /status. */
import { CEPH_TELEMETRY_STALE_MS, type CephTelemetry } from '../../machines/ceph/telemetry.js';
import type { PoolTier } from '../../machines/pool/messages.js';
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

/** Hosts with OSDs that hold data for pools of this tier; null = not known at the moment. */
export function hostsOfTier(feed: Feed, tier: PoolTier): number | null {
  const view = storageView(feed);
  if (view === null || view.stale) return null;
  const fit = view.telemetry.osds.filter((osd) => osd.in && (tier === 'default' || osd.deviceClass === tier));
  return new Set(fit.map(({ host }) => host)).size;
}

/** PVC's words for an OSD: `up,in`. */
export const osdWord = ({ up, in: inside }: { readonly up: boolean; readonly in: boolean }): string =>
  `${up ? 'up' : 'down'},${inside ? 'in' : 'out'}`;

const KIB = 1024;

/** Storage in /status; nothing at all where there is no storage. */
export function storageStatus(feed: Feed): {
  readonly osds: Readonly<Record<string, number>>;
  /** KiB */
  readonly disk: { readonly total: number; readonly used: number; readonly free: number; readonly utilization: number };
  readonly osd: readonly { readonly id: string; readonly up: string; readonly in: string }[];
} {
  const view = storageView(feed);
  if (view === null) {
    return { osds: { total: 0 }, disk: { total: 0, used: 0, free: 0, utilization: 0 }, osd: [] };
  }
  const { osds, capacity } = view.telemetry;
  const counts: Record<string, number> = { total: osds.length };
  for (const osd of osds) counts[osdWord(osd)] = (counts[osdWord(osd)] ?? 0) + 1;
  const share = capacity.sizeBytes > 0 ? capacity.usedBytes / capacity.sizeBytes : 0;
  return {
    osds: counts,
    disk: {
      total: Math.round(capacity.sizeBytes / KIB), used: Math.round(capacity.usedBytes / KIB),
      free: Math.round(capacity.availableBytes / KIB), utilization: Math.round(share * 10_000) / 100,
    },
    osd: osds.map((osd) => ({ id: String(osd.number), up: osd.up ? 'up' : 'down', in: osd.in ? 'in' : 'out' })),
  };
}
