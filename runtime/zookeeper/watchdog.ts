/**
 * Looks after one connection: an attempt that takes too long, a reply that does not come, silence that calls for a
 * ping. While nothing is awaited it wakes only for the next ping, else every tick.
 */
import type { Clock } from '../clock.js';
import type { ConnectionTimings } from './limits.js';

export interface WatchdogPort {
  /** May a request go out now? */
  ready(): boolean;
  /** Is anything sent and not answered, the ping aside? */
  awaiting(): boolean;
  sendPing(): void;
  /** The connection, or the attempt at one, is to be given up. `reason` is of a few fixed texts. */
  onOverdue(reason: string): void;
  /** Each time it wakes. */
  onTick(nowMs: number): void;
}

export class Watchdog {
  /** Those of the session as it is now; whoever sets them knows the session. */
  timings: ConnectionTimings;
  readonly #clock: Clock;
  readonly #port: WatchdogPort;
  #cancel: () => void = () => undefined;
  #stopped = false;
  /** The timer that runs is the long one of an idle connection. */
  #dozing = false;
  #attemptAt: number | null = null;
  #lastFrameAt = 0;
  /** Since when something sent is unanswered and nothing came; null = nothing is unanswered. */
  #silentSince: number | null = null;
  #pingOut = false;
  #wasOverdue = false;

  constructor(clock: Clock, timings: ConnectionTimings, port: WatchdogPort) {
    this.#clock = clock;
    this.timings = timings;
    this.#port = port;
  }

  start(): void {
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  /** A server is being called. */
  attempt(): void {
    this.#attemptAt = this.#clock.monotonicMs();
    this.#forget();
    this.#wake();
  }

  /** It answered, or the attempt is over. */
  settled(): void {
    this.#attemptAt = null;
    this.#forget();
  }

  /** A request went out. */
  sent(nowMs: number): void {
    if (this.#silentSince !== null) return;
    this.#silentSince = nowMs;
    this.#wake();
  }

  pong(): void {
    this.#pingOut = false;
  }

  /** A packet came and was read. */
  received(nowMs: number): void {
    this.#lastFrameAt = nowMs;
    this.#silentSince = this.#pingOut || this.#port.awaiting() ? nowMs : null;
  }

  #forget(): void {
    this.#silentSince = null;
    this.#pingOut = false;
    this.#wasOverdue = false;
  }

  #wake(): void {
    if (!this.#dozing) return;
    this.#cancel();
    this.#arm();
  }

  #arm(): void {
    if (this.#stopped) return;
    const { tickMs, pingAfterMs } = this.timings;
    this.#dozing = this.#attemptAt === null && this.#silentSince === null && this.#port.ready();
    const quietFor = this.#clock.monotonicMs() - this.#lastFrameAt;
    const delayMs = this.#dozing ? Math.min(pingAfterMs, Math.max(1, pingAfterMs - quietFor)) : tickMs;
    this.#cancel = this.#clock.after(delayMs, () => {
      const now = this.#clock.monotonicMs();
      this.#look(now);
      this.#port.onTick(now);
      this.#arm();
    });
  }

  #look(now: number): void {
    const overdue = this.#overdue(now);
    // Twice in a row: when this process itself stood still, the reply may lie unread in the socket the first time.
    if (overdue !== null && this.#wasOverdue) this.#port.onOverdue(overdue);
    this.#wasOverdue = overdue !== null;
    if (this.#silentSince === null && this.#port.ready() && now - this.#lastFrameAt >= this.timings.pingAfterMs) {
      this.#pingOut = true;
      this.#silentSince = now;
      this.#port.sendPing();
    }
  }

  /** What has not come in time, or null. */
  #overdue(now: number): string | null {
    const { readTimeoutMs, attemptTimeoutMs } = this.timings;
    if (this.#attemptAt !== null) return now - this.#attemptAt < attemptTimeoutMs ? null : 'no connect reply';
    return this.#silentSince === null || now - this.#silentSince < readTimeoutMs ? null : 'no reply';
  }
}
