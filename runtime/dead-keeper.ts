/**
 * Keeps dead letters within their bounds while a host runs: those of an actor a moment after more of them came, all of
 * them now and then, for their age. Nobody waits for it. Used by the host.
 */
import type { Address } from './address.js';
import type { Clock } from './clock.js';
import { sweepDeadLetters } from './dead-letters.js';
import type { Log } from './log.js';
import type { Paths } from './paths.js';
import type { Store } from './store.js';

/** Pause before an actor's dead letters are counted, so that a flood of them is counted once a while, milliseconds. */
const PAUSE_MS = 2_000;
/** How often all of them are looked at for their age, milliseconds. */
const ALL_MS = 3_600_000;

export interface DeadKeeperDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly clock: Clock;
  readonly log: Log;
}

export class DeadKeeper {
  private readonly fresh = new Set<Address>();
  private cancel: (() => void) | null = null;
  private cancelAll: () => void = () => undefined;

  constructor(private readonly deps: DeadKeeperDeps) {}

  start(): void {
    this.cancelAll = this.deps.clock.after(ALL_MS, () => {
      void this.sweep(undefined);
      this.start();
    }, true);
  }

  stop(): void {
    this.cancel?.();
    this.cancelAll();
  }

  /** Letters for these actors were parked. */
  parked(addresses: readonly Address[]): void {
    for (const address of addresses) this.fresh.add(address);
    if (this.cancel !== null || this.fresh.size === 0) return;
    this.cancel = this.deps.clock.after(PAUSE_MS, () => {
      this.cancel = null;
      const due = [...this.fresh];
      this.fresh.clear();
      for (const address of due) void this.sweep(address);
    }, true);
  }

  /** What a store out of reach leaves is swept the next time. */
  private async sweep(address: Address | undefined): Promise<void> {
    const { store, paths, clock, log } = this.deps;
    try {
      await sweepDeadLetters(store, paths, clock.wallMs(), address);
    } catch (error) {
      log.debug('dead letters are swept later', { actor: address, error });
    }
  }
}
