/** The only file that reads a clock or arms a timer. */
import { readFileSync } from 'node:fs';

export interface Clock {
  /** Milliseconds since 1970: for people, retention and schedules; never for safety. */
  wallMs(): number;
  /** Monotonic milliseconds of this process. */
  monotonicMs(): number;
  /** Milliseconds since the machine booted, time asleep included: the clock of the lease. One for all of a host. */
  boottimeMs(): number;
  /** Calls back once; returns a cancel. The timer keeps the process alive unless `unref`. */
  after(delayMs: number, callback: () => void, unref?: boolean): () => void;
  sleep(delayMs: number): Promise<void>;
}

/** CLOCK_BOOTTIME as the kernel tells it in /proc/uptime (10 ms steps). */
function readBoottimeMs(): number {
  return Math.round(Number(readFileSync('/proc/uptime', 'latin1').split(' ', 1)[0]) * 1000);
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  boottimeMs: readBoottimeMs,
  after(delayMs, callback, unref = false) {
    const timer = setTimeout(callback, Math.max(0, delayMs));
    if (unref) timer.unref();
    return () => clearTimeout(timer);
  },
  sleep: (delayMs) => new Promise((resolve) => setTimeout(resolve, delayMs)),
};
