/**
 * Heirs: who takes over what a dead incarnation left. Everybody knows without asking: of an actor that may be
 * anywhere, the live node that draws it most (rendezvous.ts) claims at once, so that claimants share the work; the
 * next ones only after 2 x `delayMs` and more, one after another, should the first not do it. An actor that belongs
 * to a node or to the primary waits for just that one. It sleeps until the mirror shows an orphan.
 */
import type { Address } from './address.js';
import { claimAll, type ClaimDeps } from './claims.js';
import type { Clock } from './clock.js';
import type { Log } from './log.js';
import type { Mirror, MirrorActor } from './mirror.js';
import type { Home } from './placer.js';
import { attraction } from './rendezvous.js';

export interface HeirsDeps extends ClaimDeps {
  readonly mirror: Mirror;
  readonly clock: Clock;
  readonly log: Log;
  /** What one claim of many actors takes at most, milliseconds: the pace at which others step in. */
  readonly delayMs: number;
  home(actor: MirrorActor): Home;
  /** May this node be given actors at all? One that drains may not. */
  takes(node: string): boolean;
}

/** A net under the doorbells, milliseconds. */
const TICK_MS = 10_000;

export class Heirs {
  /** When each dead incarnation was first seen to be gone, monotonic milliseconds. */
  private readonly goneSince = new Map<string, number>();
  private stopped = false;
  private busy = false;
  private again = false;
  private cancel: () => void = () => undefined;

  constructor(private readonly deps: HeirsDeps) {
    const kick = (): void => this.kick();
    const look = (address: Address): void => {
      const actor = deps.mirror.actors.get(address);
      if (actor !== undefined && this.isOrphan(actor)) this.kick();
    };
    deps.mirror.listen({ onLive: kick, onPrimary: kick, onRescan: kick, onOwner: look });
  }

  start(): void {
    this.kick();
  }

  stop(): void {
    this.stopped = true;
    this.cancel();
  }

  private kick(): void {
    if (this.stopped) return;
    this.again = true;
    if (this.busy) return;
    this.busy = true;
    void this.run().finally(() => { this.busy = false; });
  }

  private async run(): Promise<void> {
    let waitMs = TICK_MS;
    while (this.again && !this.stopped) {
      this.again = false;
      try {
        waitMs = await this.sweep();
      } catch (error) {
        waitMs = this.deps.delayMs;
        this.deps.log.debug('claiming was cut short', { error });
      }
    }
    this.cancel();
    if (!this.stopped) this.cancel = this.deps.clock.after(waitMs, () => this.kick(), true);
  }

  /** Claims what is due; returns milliseconds until the next look is worth while. */
  private async sweep(): Promise<number> {
    const { mirror, clock, log } = this.deps;
    const now = clock.monotonicMs();
    const nodes = [...mirror.live].filter(([, entries]) => entries.length > 0).map(([node]) => node);
    const takers = nodes.filter((node) => this.deps.takes(node));
    const seen = new Set<string>();
    const due: Address[] = [];
    let waitMs = TICK_MS;
    for (const actor of mirror.actors.values()) {
      if (!this.isOrphan(actor)) continue;
      const gone = actor.owner!.incarnation;
      seen.add(gone);
      if (!this.goneSince.has(gone)) this.goneSince.set(gone, now);
      const leftMs = this.goneSince.get(gone)! + this.afterMs(actor, takers) - now;
      if (leftMs <= 0) due.push(actor.address);
      else waitMs = Math.min(waitMs, leftMs);
    }
    for (const gone of this.goneSince.keys()) if (!seen.has(gone)) this.goneSince.delete(gone);
    if (due.length === 0) return waitMs;
    const results = [...await claimAll(this.deps, due)];
    const claimed = results.filter(([, result]) => result === 'claimed').length;
    if (claimed > 0) log.info('claimed what a dead owner left', { claimed, of: due.length });
    // A fence, or somebody who can read the record, does not come sooner by asking often.
    const hopeful = results.some(([, result]) => !['claimed', 'unfenced', 'unreadable'].includes(result));
    return hopeful ? Math.min(waitMs, this.deps.delayMs) : waitMs;
  }

  private isOrphan({ owner, record }: MirrorActor): boolean {
    return owner !== null && !record.removed && !this.deps.mirror.isLive(owner.incarnation, owner.node);
  }

  /** How long after the owner's end this node may claim the actor, milliseconds; Infinity = never. */
  private afterMs(actor: MirrorActor, takers: readonly string[]): number {
    const { mirror, self, delayMs } = this.deps;
    const home = this.deps.home(actor);
    if (home === 'primary') return mirror.primary()?.incarnation === self.incarnation ? 0 : Infinity;
    if (home !== 'anywhere') return home.node === self.node ? 0 : Infinity;
    if (!takers.includes(self.node)) return Infinity;
    const mine = attraction(self.node, actor.address);
    const rank = takers.filter((node) => attraction(node, actor.address) > mine).length;
    return rank === 0 ? 0 : (1 + rank) * delayMs;
  }
}
