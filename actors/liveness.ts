/**
 * Liveness: on the primary, tells each node's actor what the leases and heartbeats say. It judges nothing.
 * It is level-triggered: facts are derived anew from the mirror at every change and tick, and repeated until
 * the machine has seen them, so a lost or doubled fact changes nothing.
 */
import { addressOf, type Address } from '../runtime/address.js';
import type { Clock } from '../runtime/clock.js';
import type { ActorEvent } from '../runtime/envelope.js';
import type { Host } from '../runtime/host.js';
import type { Mirror } from '../runtime/mirror.js';
import type { Primacy } from '../runtime/primacy.js';
import type { ActorRecord } from '../runtime/record.js';
import { GUEST_STOP_MS, leaseDeadlineMs } from '../runtime/limits.js';
import type { NodeContext } from '../machines/node/messages.js';
import { PROBE_MS } from '../machines/node/timing.js';
import { nodeIsIn } from '../machines/node/view.js';
import { isMaintained } from './maintenance.js';

export interface LivenessDeps {
  readonly mirror: Mirror;
  readonly host: Host;
  readonly primacy: Primacy;
  readonly clock: Clock;
  readonly nodes: readonly string[];
  readonly coordinators: readonly string[];
  /** This node's name. */
  readonly self: string;
  /** Silence of a heartbeat after which a node is doubted, milliseconds. */
  readonly silentMs: number;
  /** While there was no quorum, a node's lease may have been lengthened by its peers. */
  readonly vouching?: boolean;
  /** Shared storage that can fence a boot is there. */
  readonly hasStorage?: boolean;
  /** How long this process has had an unbroken quorum connection, milliseconds. */
  quorumAgeMs(): number;
}

const TICK_MS = 500;
/** Heartbeats a node may miss before it is doubted. */
const MISSED_HEARTBEATS = 2;
/** What the last of them may be late. */
const LATE_MS = 500;
/** A fact that the machine seems not to have taken is told again after this time. */
const REPEAT_MS = 5000;

/**
 * Silence after which a node is doubted, milliseconds. A doubt asks, it judges nothing. Where storage can cut a node
 * off, the probe of the doubt must not end before the node's own guard has ended its guests (rule 3): a node that a
 * doubt finds off and silent is past its own deadline, and begins nothing any more.
 */
export function silentAfterMs(
  telemetryMs: number, { sessionTimeoutMs, tickMs }: { readonly sessionTimeoutMs: number; readonly tickMs: number },
  hasStorage: boolean,
): number {
  const missedMs = telemetryMs * MISSED_HEARTBEATS;
  if (!hasStorage) return missedMs + LATE_MS;
  const guestsEndMs = leaseDeadlineMs(0, { sessionTimeoutMs, tickMs, stopMs: GUEST_STOP_MS }) + GUEST_STOP_MS;
  return Math.max(missedMs, guestsEndMs - PROBE_MS);
}

export class Liveness {
  private readonly told = new Map<string, { key: string; at: number }>();
  /** Of each node's actor: every heartbeat asks. */
  private readonly addresses: ReadonlyMap<string, Address>;
  private stopped = false;

  constructor(private readonly deps: LivenessDeps) {
    this.addresses = new Map(deps.nodes.map((node) => [node, addressOf('node', node)]));
    const look = (node: string): void => this.look(node);
    deps.mirror.listen({ onLive: look, onTelemetry: look, onPrimary: () => this.lookAll() });
  }

  start(): void {
    const tick = (): void => {
      if (this.stopped) return;
      this.lookAll();
      this.deps.clock.after(this.nextLookMs(), tick, true);
    };
    tick();
  }

  stop(): void {
    this.stopped = true;
  }

  /** At the very end of a silence, if that comes before the next tick. */
  private nextLookMs(): number {
    const { primacy, mirror, nodes, silentMs, hasStorage } = this.deps;
    if (hasStorage !== true || !primacy.isPrimary()) return TICK_MS;
    const left = nodes.map((node) => silentMs - (mirror.heardOf(node)?.silentMs ?? Infinity)).filter((ms) => ms >= 0);
    return Math.min(TICK_MS, ...left.map((ms) => Math.floor(ms) + 1));
  }

  private lookAll(): void {
    if (!this.deps.primacy.isPrimary()) return this.forget();
    for (const node of this.deps.nodes) this.look(node);
  }

  /** Nothing is told by others than the primary. */
  private forget(): void {
    if (this.told.size > 0) this.told.clear();
  }

  /**
   * A boot came back while its former one was being settled, and was followed by another before that was done: that one
   * is told of only once the actor has taken the one between for alive, or nobody would prove it over, and what it
   * owned would be its for ever.
   */
  private isAhead({ next }: NodeContext, bootId: string): boolean {
    return next !== null && next !== undefined && next.bootId !== bootId;
  }

  private look(node: string): void {
    if (this.stopped) return;
    if (!this.deps.primacy.isPrimary()) return this.forget();
    const context = this.contextOf(node);
    if (context === undefined) return;
    const live = this.leaseOf(node, context);
    if (live !== null && this.isAhead(context, live.bootId)) return;
    if (live !== null && (context.incarnation !== live.incarnation || context.boot?.bootId !== live.bootId)) {
      const { bootId, incarnation } = live;
      this.tell(node, `joined ${incarnation}`, { type: 'node.joined', bootId, incarnation, ...this.storage() });
    } else if (live === null && context.incarnation !== null) {
      if (!this.mayDoubt(node)) return;
      this.tell(node, `lost ${context.incarnation}`, {
        type: 'node.lost', incarnation: context.incarnation, bootId: context.boot?.bootId ?? null,
        quorumAgeMs: Math.round(this.quorumAgeMs()), suspects: this.suspects(), nodes: this.deps.nodes.length,
        sinceMs: this.leaseUnheardMs(this.deps.mirror.heardOf(node)?.silentMs ?? 0), coordinators: this.helpers(node),
        ...this.storage(),
        met: this.isMet(node),
      });
    } else if (live !== null) {
      this.hear(node);
    }
  }

  /**
   * Has it lived beside a node that lives now: did it write its last sign of life after that one's lease began? After a
   * cold start nobody has met a node that was never switched on. What is stored says so, not what this process saw:
   * it may have begun a moment ago.
   */
  private isMet(node: string): boolean {
    const { mirror, nodes } = this.deps;
    const lastSign = mirror.heardOf(node)?.mzxid ?? 0;
    return nodes.some((other) => (mirror.live.get(other) ?? []).some(({ born }) => born < lastSign));
  }

  /**
   * Its newest lease. One of a boot that was fenced before the present one is none: when a change of ZooKeeper's leader
   * makes sessions of two boots end together, the older may go last, and would pass for a return that proves the newer
   * boot over.
   */
  private leaseOf(node: string, { boot }: NodeContext): ReturnType<Mirror['liveOf']> {
    const { mirror } = this.deps;
    const live = mirror.liveOf(node);
    const isPast = live !== null && live.bootId !== boot?.bootId && mirror.fences.get(node)?.has(live.bootId) === true;
    return isPast ? null : live;
  }

  /** How long the facts have been fresh: neither a new primary nor a returned quorum judges by silence alone. */
  private quorumAgeMs(): number {
    return Math.min(this.deps.primacy.heldForMs(), this.deps.quorumAgeMs());
  }

  /** How long its lease has surely not been lengthened: peers could do so until there was a quorum again. */
  private leaseUnheardMs(silentMs: number): number {
    return Math.round(this.deps.vouching === true ? Math.min(silentMs, this.quorumAgeMs()) : silentMs);
  }

  private recordOf(node: string): ActorRecord | undefined {
    const address = this.addresses.get(node);
    return address === undefined ? undefined : this.deps.mirror.actors.get(address)?.record;
  }

  /** What the node's own actor knows; undefined = it is not there yet. */
  private contextOf(node: string): NodeContext | undefined {
    return this.recordOf(node)?.snapshot.context as NodeContext | undefined;
  }

  /** Nodes seen in this generation that hold no lease now, or are suspects otherwise. */
  private suspects(also: (node: string) => boolean = () => false): number {
    return this.deps.nodes.filter((node) =>
      this.contextOf(node)?.incarnation != null && (this.deps.mirror.liveOf(node) === null || also(node))).length;
  }

  private isSilent(node: string): boolean {
    const heard = this.deps.mirror.heardOf(node);
    return heard !== null && heard.silentMs > this.deps.silentMs;
  }

  /** Under maintenance no new doubt begins; one that began before is carried to its end. */
  private mayDoubt(node: string): boolean {
    return !isMaintained(this.deps.mirror) || this.isJudged(node);
  }

  private isJudged(node: string): boolean {
    const record = this.recordOf(node);
    return record !== undefined && nodeIsIn(record.snapshot, 'life.judging');
  }

  private hear(node: string): void {
    const heard = this.deps.mirror.heardOf(node);
    if (heard === null) return;
    const silent = this.isSilent(node) && this.quorumAgeMs() > this.deps.silentMs;
    if (silent) {
      if (!this.mayDoubt(node)) return;
      this.tell(node, `silent ${heard.mzxid}`, {
        type: 'node.silent', sinceMs: this.leaseUnheardMs(heard.silentMs), coordinators: this.helpers(node),
        suspects: this.suspects((other) => this.isSilent(other)), nodes: this.deps.nodes.length,
        ...this.storage(),
      });
    } else if (heard.silentMs < this.deps.silentMs / 2 && this.isJudged(node)) {
      this.tell(node, `heard ${heard.mzxid}`, { type: 'node.heard' });
    }
  }

  /** Said only where there is storage: without it nothing of a node's facts changes. */
  private storage(): { storage?: boolean } {
    return this.deps.hasStorage === true ? { storage: true } : {};
  }

  /** Live coordinators that can reach a BMC when this one's own cable does not. */
  private helpers(node: string): string[] {
    const { mirror, coordinators, self } = this.deps;
    return coordinators.filter((name) => name !== node && name !== self && mirror.liveOf(name) !== null);
  }

  private tell(node: string, key: string, event: ActorEvent): void {
    const now = this.deps.clock.monotonicMs();
    const last = this.told.get(node);
    if (last?.key === key && now - last.at < REPEAT_MS) return;
    if (this.deps.host.tell(addressOf('node', node), event)) this.told.set(node, { key, at: now });
  }
}
