/**
 * Balance: carries the placer's plan out. Every host makes the same plan from its own mirror and does what begins
 * at itself: only an owner can bring its actor to rest, and no decider can fail or be asked. A few actors move at a
 * time; what was refused is tried again with the next plan.
 */
import type { Clock } from './clock.js';
import type { HandOverOptions } from './handover.js';
import type { Host } from './host.js';
import type { Log } from './log.js';
import type { Mirror, MirrorActor } from './mirror.js';
import { planMoves, type Home, type Move, type PlacedActor } from './placer.js';

export interface BalanceDeps {
  readonly mirror: Mirror;
  readonly host: Host;
  readonly clock: Clock;
  readonly log: Log;
  /** This node. */
  readonly node: string;
  /** Actors of this host that are on the move at once. */
  readonly atOnce: number;
  /** Pause between a change of the cluster and the plan made of it, milliseconds: claims and births come first. */
  readonly settleMs: number;
  home(actor: MirrorActor): Home;
  drains(node: string): boolean;
  handOver(actor: MirrorActor): HandOverOptions;
}

/** A net under the doorbells, milliseconds. */
const TICK_MS = 10_000;
/** After a plan of which nothing could be done: actors that work, or are at fault. */
const RETRY_MS = 2_000;

export class Balance {
  private started = false;
  private stopped = false;
  private busy = false;
  /** Raised by every change that makes a plan old. */
  private changes = 0;
  private cancel: () => void = () => undefined;

  constructor(private readonly deps: BalanceDeps) {
    const changed = (): void => this.changed();
    deps.mirror.listen({ onLive: changed, onPrimary: changed, onRescan: changed });
  }

  start(): void {
    this.started = true;
    this.changed();
  }

  stop(): void {
    this.stopped = true;
    this.changes += 1;
    this.cancel();
  }

  /** What belongs elsewhere (a label, a home) may be another now: a plan is made soon. */
  changed(): void {
    this.changes += 1;
    this.arm(this.deps.settleMs);
  }

  /** Moves away what need not be here, at once and once; resolves when every move has ended. */
  async leave(): Promise<{ readonly moved: number; readonly refused: number }> {
    this.stop();
    return this.carryOut(this.plan(true), () => true);
  }

  private arm(delayMs: number): void {
    this.cancel();
    if (this.started && !this.stopped) this.cancel = this.deps.clock.after(delayMs, () => void this.round(), true);
  }

  private async round(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    const seen = this.changes;
    const { moved, refused } = await this.carryOut(this.plan(false), () => seen === this.changes);
    this.busy = false;
    if (moved > 0) this.deps.log.info('gave actors to other nodes', { moved, refused });
    const soon = moved > 0 || seen !== this.changes;
    this.arm(soon ? this.deps.settleMs : refused > 0 ? RETRY_MS : TICK_MS);
  }

  private plan(leaving: boolean): Move[] {
    const { mirror, node, home, drains } = this.deps;
    const nodes = [...mirror.live].filter(([, entries]) => entries.length > 0).map(([name]) => name);
    const actors: PlacedActor[] = [];
    for (const actor of mirror.actors.values()) {
      const { owner, record, address } = actor;
      if (owner === null || record.removed || !mirror.isLive(owner.incarnation, owner.node)) continue;
      actors.push({ address, node: owner.node, home: home(actor) });
    }
    const draining = new Set(nodes.filter((name) => drains(name) || leaving && name === node));
    return planMoves(actors, { nodes, draining, primary: mirror.primary()?.node ?? null })
      .filter((move) => move.from === node);
  }

  private async carryOut(
    moves: readonly Move[], goesOn: () => boolean,
  ): Promise<{ moved: number; refused: number }> {
    const { host, mirror, handOver, log, atOnce } = this.deps;
    const waiting = [...moves];
    const ended = { moved: 0, refused: 0 };
    const worker = async (): Promise<void> => {
      for (let move = waiting.shift(); move !== undefined && goesOn(); move = waiting.shift()) {
        const actor = mirror.actors.get(move.address);
        if (actor === undefined) continue;
        const result = await host.handOver(move.address, move.to, handOver(actor));
        ended[result.kind] += 1;
        if (result.kind === 'refused') log.debug('an actor was not moved', { ...move, reason: result.reason });
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    return ended;
  }
}
