/**
 * Between Ceph and the OSDs' actors, level-triggered on the storage telemetry. Every node tells its own OSDs what Ceph
 * says of them when that changes; the primary adopts OSDs that Ceph has and nobody knows (those of an older
 * installation, or made by hand), on the node that their daemon told Ceph.
 */
import { osdContext } from '../machines/osd/admission.js';
import type { Finding } from '../machines/ceph/messages.js';
import type { CephOsdStats, CephTelemetry } from '../machines/ceph/telemetry.js';
import { addressOf } from '../runtime/address.js';
import type { Clock } from '../runtime/clock.js';
import type { Host } from '../runtime/host.js';
import type { Log } from '../runtime/log.js';
import type { Mirror } from '../runtime/mirror.js';
import { StoreError } from '../runtime/store.js';
import type { DriftDesk } from './ceph-watch.js';
import type { OsdDesk } from './osd-desk.js';
import { foreignOsd, orphanOsd, vanishedOsd } from './osd-drift.js';

export interface OsdKeeperDeps {
  readonly mirror: Mirror;
  readonly host: Pick<Host, 'tell'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly desk: Pick<OsdDesk, 'adopt'>;
  readonly nodes: readonly string[];
  readonly self: { readonly incarnation: string };
  readonly drift: DriftDesk;
  isPrimary(): boolean;
}

/** The same is told again after so long, should the first word be lost. */
const REPEAT_MS = 15_000;
/** An OSD that is just being made is in Ceph a moment before its record says so: looked at twice. */
const ADOPT_AFTER_LOOKS = 2;
/** Looks (3 s apart) after which an OSD that nobody took up is told of. */
const DRIFT_AFTER_LOOKS = 10;
/** One that is just being removed, or that this look is too old to know of, is missed for a moment only. */
const GONE_AFTER_LOOKS = 3;
const NO_UUID = /^[0-]*$/;

export class OsdKeeper {
  private stopped = false;
  private readonly told = new Map<string, { readonly key: string; readonly at: number }>();
  private readonly strange = new Map<string, number>();
  /** Records whose OSD was missed: in how many looks. */
  private missed = new Map<string, number>();

  constructor(private readonly deps: OsdKeeperDeps) {
    deps.mirror.listen({ onStorage: () => this.look() });
  }

  start(): void {
    this.look();
  }

  stop(): void {
    this.stopped = true;
  }

  private look(): void {
    const told = this.deps.mirror.storage();
    if (this.stopped || told === null || !Array.isArray(told.data['osds'])) return;
    const { osds } = told.data as unknown as CephTelemetry;
    this.tellOwn(osds);
    if (this.deps.isPrimary()) this.adopt(osds);
  }

  private tellOwn(osds: readonly CephOsdStats[]): void {
    for (const { address, owner, record } of this.deps.mirror.actors.values()) {
      if (record.kind !== 'osd' || record.removed || owner?.incarnation !== this.deps.self.incarnation) continue;
      const context = osdContext(record.snapshot);
      const stats = osds.find((osd) => osd.uuid === context.uuid)
        ?? osds.find((osd) => osd.number === context.number && osd.state.includes('destroyed'));
      const known = stats !== undefined;
      const [up, inside] = [stats?.up === true, stats?.in === true];
      if (context.known === known && context.up === up && context.in === inside) continue;
      const key = `${String(known)} ${String(up)} ${String(inside)}`;
      const last = this.told.get(address);
      const now = this.deps.clock.monotonicMs();
      if (last?.key === key && now - last.at < REPEAT_MS) continue;
      const event = { type: 'osd.facts', known, number: stats?.number ?? null, up, in: inside };
      if (this.deps.host.tell(address, event)) this.told.set(address, { key, at: now });
    }
  }

  private adopt(osds: readonly CephOsdStats[]): void {
    const { mirror, nodes, desk, log } = this.deps;
    const present = new Set(osds.map((osd) => osd.uuid));
    for (const uuid of this.strange.keys()) if (!present.has(uuid)) this.strange.delete(uuid);
    const drift = this.vanished(osds);
    for (const osd of osds) {
      const { uuid, number, host, devices } = osd;
      if (NO_UUID.test(uuid) || mirror.actors.has(addressOf('osd', uuid))) {
        this.strange.delete(uuid);
        continue;
      }
      const looks = (this.strange.get(uuid) ?? 0) + 1;
      this.strange.set(uuid, looks);
      const isOurs = host !== null && nodes.includes(host);
      if (looks >= DRIFT_AFTER_LOOKS) drift.push(isOurs ? orphanOsd(osd) : foreignOsd(osd));
      if (!isOurs || looks < ADOPT_AFTER_LOOKS) continue;
      desk.adopt(host, uuid, number, devices[0] === undefined ? null : `/dev/${devices[0]}`).then((outcome) => {
        if (outcome.kind === 'done') log.info('adopted an OSD that Ceph has', { number, uuid, node: host });
        else log.debug('an OSD is adopted later', { number, reason: outcome.reason });
      }).catch((error: unknown) => {
        if (!(error instanceof StoreError)) log.error('an OSD could not be adopted', { number, error });
      });
    }
    this.deps.drift.drifts('osds', drift);
  }

  /** Records at rest of OSDs that Ceph has not. */
  private vanished(osds: readonly CephOsdStats[]): Finding[] {
    const missed = new Map<string, number>();
    const findings = [...this.deps.mirror.actors.values()].flatMap(({ record }) => {
      if (record.kind !== 'osd' || record.removed || record.snapshot.value !== 'serving') return [];
      const { uuid, number, node } = osdContext(record.snapshot);
      const isThere = osds.some((osd) => osd.uuid === uuid
        || osd.number === number && osd.state.includes('destroyed'));
      if (isThere || number === null) return [];
      const looks = (this.missed.get(uuid) ?? 0) + 1;
      missed.set(uuid, looks);
      return looks < GONE_AFTER_LOOKS ? [] : [vanishedOsd(number, node)];
    });
    this.missed = missed;
    return findings;
  }
}
