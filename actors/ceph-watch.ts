/**
 * On the primary, tells the actor of the storage (`ceph/cluster`) what is found: by the storage telemetry's looks, by
 * the nodes' preflights of the storage fence (in their own telemetry), by the keepers of OSDs and volumes. Level-
 * triggered: each look compares what is found with what the record says, and tells what is news; a change of numbers
 * in a text alone is told rarely. It asks Ceph nothing.
 */
import { cephContext } from '../machines/ceph/admission.js';
import { doesFlap, faultsOf } from '../machines/ceph/changes.js';
import { cephFindings, fenceFindings } from '../machines/ceph/findings.js';
import {
  CEPH_ID, faultKey, type CephContext, type CephFact, type CephFault, type Finding, type Reporter,
} from '../machines/ceph/messages.js';
import type { CephTelemetry } from '../machines/ceph/telemetry.js';
import { RETOLD_MS, SILENT_AFTER_MS } from '../machines/ceph/timing.js';
import type { NodeTelemetry } from '../machines/node/telemetry.js';
import { addressOf } from '../runtime/address.js';
import type { Behavior } from '../runtime/behavior.js';
import { createActor, type BirthDeps } from '../runtime/create.js';
import type { Host } from '../runtime/host.js';
import type { Log } from '../runtime/log.js';
import type { Mirror } from '../runtime/mirror.js';
import { StoreError } from '../runtime/store.js';
import type { Outcome } from './drivers/outcome.js';

export interface CephWatchDeps extends BirthDeps {
  readonly mirror: Mirror;
  readonly host: Pick<Host, 'tell'>;
  readonly log: Log;
  readonly behaviors: ReadonlyMap<string, Behavior>;
  readonly nodes: readonly string[];
}

/** The keepers' way to tell of what Ceph and the records do not agree about. */
export interface DriftDesk {
  /** All that the reporter finds now. */
  drifts(reporter: 'osds' | 'volumes', findings: readonly Finding[]): void;
  /** What the record says of that reporter: the memory of a keeper that restarts, or moves. */
  openDrifts(reporter: 'osds' | 'volumes'): readonly Finding[];
}

const ADDRESS = addressOf('ceph', CEPH_ID);
/** A node's telemetry that is older says nothing of now. */
const HEARD_MS = 30_000;

type News = 'now' | 'later' | null;

const urgency = (fault: CephFault): News => (doesFlap(fault) ? 'later' : 'now');

/** Is there anything in `findings` that the record does not say? Pure. */
export function newsOf(context: CephContext, reporter: Reporter, findings: readonly Finding[]): News {
  const present = new Set(findings.map(({ code }) => faultKey(reporter, code)));
  const each = findings.map((finding): News => {
    const known = context.faults[faultKey(reporter, finding.code)];
    if (known === undefined) return 'now';
    if (known.absent || known.id !== finding.id || known.delta !== finding.delta) return urgency(known);
    const isSame = known.text === finding.text && known.cure === finding.cure
      && (known.names ?? []).join() === (finding.names ?? []).join();
    return isSame ? null : 'later';
  });
  const gone = faultsOf(context).filter((fault) =>
    fault.reporter === reporter && !fault.absent && !present.has(faultKey(reporter, fault.code))).map(urgency);
  const isAnswer = reporter === 'ceph' && (!context.heard || context.silent);
  const all = [...each, ...gone, isAnswer ? 'now' : null];
  return all.includes('now') ? 'now' : all.includes('later') ? 'later' : null;
}

export class CephWatch implements DriftDesk {
  private readonly toldAt = new Map<Reporter, number>();
  /** What keepers found while the actor was not here yet. */
  private readonly untold = new Map<'osds' | 'volumes', readonly Finding[]>();
  private answeredAt = -Infinity;
  private failedAt = -Infinity;
  private failingSince: number | null = null;
  private isMaking = false;

  constructor(private readonly deps: CephWatchDeps) {}

  /** After each look at Ceph, on the primary. */
  looked(look: Outcome<CephTelemetry>): void {
    const context = this.context();
    if (context === null) return this.make();
    if (look.kind === 'done') {
      this.answeredAt = this.deps.clock.monotonicMs();
      this.failingSince = null;
      this.tell(context, 'ceph', cephFindings(look.value), look.value.fsid);
    } else this.failed(context, look.reason);
    this.tell(context, 'fence', fenceFindings(this.flaws()));
    for (const [reporter, findings] of this.untold) this.drifts(reporter, findings);
  }

  drifts(reporter: 'osds' | 'volumes', findings: readonly Finding[]): void {
    const context = this.context();
    // Told once for each look of the keeper: what a person deletes meanwhile must not come back by itself.
    if (context !== null && this.tell(context, reporter, findings)) this.untold.delete(reporter);
    else this.untold.set(reporter, findings);
  }

  openDrifts(reporter: 'osds' | 'volumes'): readonly Finding[] {
    const context = this.context();
    return context === null ? [] : faultsOf(context).filter((fault) => fault.reporter === reporter && !fault.absent);
  }

  private context(): CephContext | null {
    const known = this.deps.mirror.actors.get(ADDRESS);
    return known === undefined || known.record.removed ? null : cephContext(known.record.snapshot);
  }

  private failed(context: CephContext, reason: string): void {
    const now = this.deps.clock.monotonicMs();
    // Looks of an earlier time as primary count for nothing.
    if (this.failingSince === null || now - this.failedAt > HEARD_MS) {
      this.failingSince = now - this.answeredAt < HEARD_MS ? this.answeredAt : now;
    }
    this.failedAt = now;
    if (now - this.failingSince < SILENT_AFTER_MS || context.silent) return;
    this.send({ type: 'ceph.silent', reason });
  }

  private flaws(): Parameters<typeof fenceFindings>[0] {
    return this.deps.nodes.flatMap((node) => {
      const heard = this.deps.mirror.telemetryOf(node);
      if (heard === null || heard.silentMs > HEARD_MS) return [];
      const { fenceFlaws = [] } = heard.data as unknown as NodeTelemetry;
      return fenceFlaws.map((flaw) => ({ node, ...flaw }));
    });
  }

  /** false = it could not be told: the actor is not on this node. */
  private tell(context: CephContext, reporter: Reporter, findings: readonly Finding[], fsid?: string): boolean {
    const news = newsOf(context, reporter, findings);
    const now = this.deps.clock.monotonicMs();
    if (news === null || news === 'later' && now - (this.toldAt.get(reporter) ?? -Infinity) < RETOLD_MS) return true;
    const fact = { type: 'ceph.told', reporter, findings, ...(fsid === undefined ? {} : { fsid }) } as const;
    if (!this.send(fact)) return false;
    this.toldAt.set(reporter, now);
    return true;
  }

  private send(fact: CephFact): boolean {
    return this.deps.host.tell(ADDRESS, fact);
  }

  /** Once in the life of a cluster. */
  private make(): void {
    if (this.isMaking || this.deps.mirror.actors.has(ADDRESS)) return;
    this.isMaking = true;
    createActor(this.deps, this.deps.behaviors.get('ceph')!, CEPH_ID, { name: CEPH_ID }).catch((error: unknown) => {
      if (!(error instanceof StoreError)) this.deps.log.error('the actor of the storage could not be made', { error });
    }).finally(() => { this.isMaking = false; });
  }
}
