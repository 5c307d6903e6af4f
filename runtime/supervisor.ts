/**
 * The supervision tree inside one daemon: children started in order, each with what the earlier ones
 * gave; when one fails it and all later ones stop in reverse order and start again (OTP's rest_for_one).
 * S1: a child is started only when all before it run. S2: over `restarts` in `periodMs` the supervisor
 * gives up and says so: the service manager restarts the daemon.
 */
import type { Clock } from './clock.js';
import type { Log } from './log.js';

export interface RunningChild {
  /** Stops it; bounded in time by itself. */
  stop(): Promise<void> | void;
  /** Called before the whole tree is stopped for good, while everything still runs; bounded in time by itself. */
  leave?(): Promise<void>;
  /** Resolves with the reason when the child broke by itself; never for a stop. */
  readonly failed: Promise<string>;
}

export interface ChildSpec {
  readonly id: string;
  start(): Promise<RunningChild>;
}

export interface Intensity { readonly restarts: number; readonly periodMs: number }

export class IntensityError extends Error {
  override readonly name = 'IntensityError';
}

/** For children that never break by themselves. A new promise each time: one for all would hold on to every waiter. */
export const never = (): Promise<string> => new Promise(() => undefined);

interface Broken { readonly child: string; readonly reason: string }

export class RestForOne {
  private running: { id: string; child: RunningChild; failed: Promise<Broken> }[] = [];
  private readonly restarts: number[] = [];
  private stopping = false;

  constructor(
    private readonly specs: readonly ChildSpec[], private readonly intensity: Intensity,
    private readonly clock: Clock, private readonly log: Log,
  ) {}

  /** Runs until stopped (resolves) or over its restart intensity (rejects). */
  async run(): Promise<void> {
    while (!this.stopping) {
      const broken = await this.startFrom(this.running.length) ?? (this.stopping ? null : await this.firstFailure());
      if (broken === null || this.stopping) break;
      this.log.warn('a part of the daemon broke and is restarted with all after it', { ...broken });
      this.count(broken);
      await this.stopDownTo(Math.max(0, this.specs.findIndex((spec) => spec.id === broken.child)));
      await this.clock.sleep(Math.min(1000, 50 * 2 ** this.restarts.length));
    }
    await this.stopDownTo(0);
  }

  /** Lets the children take their leave, then stops all of them, both in reverse order. */
  async stop(): Promise<void> {
    for (const { id, child } of [...this.running].reverse()) {
      await child.leave?.().catch((error: unknown) => this.log.warn('a part left in disorder', { child: id, error }));
    }
    this.stopping = true;
    this.wake('');
    await this.stopDownTo(0);
  }

  private wake: (reason: string) => void = () => undefined;

  /**
   * A child that an earlier one's end keeps from starting does not wait for it for ever, nor is it to blame: should
   * its start come to an end after all, it is stopped at once.
   */
  private async startFrom(index: number): Promise<Broken | null> {
    for (const spec of this.specs.slice(index)) {
      if (this.stopping) return null;
      const { id } = spec;
      const starting = (async () => spec.start())();
      const failed = this.running.map((each) => each.failed);
      const broken = await Promise.race([
        ...failed, starting.then(() => null, (error: unknown) => ({ child: id, reason: told(error) })),
      ]);
      // The end of an earlier one may be known a moment after what it did to this one.
      const cause = broken === null ? null : await Promise.race([...failed, this.clock.sleep(0).then(() => broken)]);
      if (cause !== null) {
        starting.then((child) => child.stop()).catch(() => undefined);
        return cause;
      }
      const child = await starting;
      this.running.push({ id, child, failed: child.failed.then((reason) => ({ child: id, reason })) });
    }
    return null;
  }

  private async firstFailure(): Promise<Broken | null> {
    const stopped = new Promise<null>((resolve) => { this.wake = () => resolve(null); });
    return Promise.race([stopped, ...this.running.map(({ failed }) => failed)]);
  }

  private count(broken: Broken): void {
    const now = this.clock.monotonicMs();
    this.restarts.push(now);
    while (this.restarts.length > 0 && now - this.restarts[0]! > this.intensity.periodMs) this.restarts.shift();
    if (this.restarts.length > this.intensity.restarts) {
      throw new IntensityError(
        `${broken.child} broke ${this.restarts.length} times in ${this.intensity.periodMs} ms, last: ${broken.reason}`);
    }
  }

  private async stopDownTo(length: number): Promise<void> {
    while (this.running.length > length) {
      const { id, child } = this.running.pop()!;
      try {
        await child.stop();
      } catch (error) {
        this.log.warn('a part of the daemon did not stop cleanly', { child: id, error });
      }
    }
  }
}

const told = (error: unknown): string => error instanceof Error ? `${error.name}: ${error.message}` : String(error);
