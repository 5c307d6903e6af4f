/**
 * The voucher: while this node cannot reach the coordination service, asks the other coordinators whether they can,
 * and keeps the guests' deadline moving as long as runtime/vouching.ts allows it. Only the simulator gives it peers to
 * ask: the product has none until this is proved on the rack, and stops the guests of a node without a lease.
 */
import type { Clock } from '../runtime/clock.js';
import { GUEST_STOP_MS } from '../runtime/limits.js';
import type { Log } from '../runtime/log.js';
import type { Store } from '../runtime/store.js';
import { vouchedDeadlineMs, vouches, type PeerWord } from '../runtime/vouching.js';

/** The port: what coordinators say of themselves, this one included if it is one. */
export interface Peers {
  /** Ends within the time, with the words that came; each question is asked on every network. */
  ask(timeoutMs: number): Promise<readonly PeerWord[]>;
}

export interface VoucherDeps {
  readonly peers: Peers;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly coordinators: readonly string[];
  readonly tickMs: number;
  /** The guests' deadline as the guard has it, on Clock.boottimeMs. */
  deadlineMs(): number;
  /** Tells the guard of a later one. */
  extend(deadlineMs: number): void;
}

/** Several tries fit into a lease. */
const EVERY_MS = 500;
const ASK_MS = 300;

export class Voucher {
  private stopped = false;
  private told = '';

  constructor(private readonly deps: VoucherDeps) {}

  start(): void {
    const turn = (): void => {
      if (this.stopped) return;
      void this.look().catch((error: unknown) => this.deps.log.debug('peers were not asked', { error })).finally(() =>
        this.deps.clock.after(EVERY_MS, turn, true));
    };
    turn();
  }

  stop(): void {
    this.stopped = true;
  }

  private async look(): Promise<void> {
    const { peers, store, clock, coordinators, tickMs, log } = this.deps;
    if (store.state !== 'suspended') return this.tell('');
    const [askedAtMs, standsMs] = [clock.boottimeMs(), this.deps.deadlineMs()];
    const words = await peers.ask(ASK_MS);
    // Reconnected or expired meanwhile: then the service itself has spoken.
    if (this.stopped || store.state !== 'suspended') return;
    const view = { coordinators, words, askedAtMs, askMs: ASK_MS, deadlineMs: standsMs };
    const deadlineMs = vouchedDeadlineMs(view, {
      sessionTimeoutMs: store.session.timeoutMs, tickMs, stopMs: GUEST_STOP_MS,
    });
    const { yes, why } = vouches(view);
    this.tell(yes ? `peers vouch for this node: ${why}` : `nobody vouches for this node: ${why}`);
    if (deadlineMs === null || deadlineMs <= this.deps.deadlineMs()) return;
    log.debug('the guests may run on', { deadlineMs });
    this.deps.extend(deadlineMs);
  }

  private tell(text: string): void {
    if (text !== '' && text !== this.told) this.deps.log.warn(text);
    this.told = text;
  }
}
