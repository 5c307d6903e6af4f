/**
 * How many calls of a kind may hold a thread at once. A call that hangs (placement groups without a live OSD, no
 * manager) takes its kind's place only: the others still begin.
 */
import type { Clock } from '../../../runtime/clock.js';
import { refused, type Outcome } from '../outcome.js';

export type LaneKind = 'mon' | 'mgr' | 'osd' | 'read' | 'change' | 'long';

/** Their sum, and a few threads for heartbeats, copies and closing, is THREADS. */
const PLACES: Readonly<Record<LaneKind, number>> = { mon: 10, mgr: 4, osd: 8, read: 12, change: 10, long: 6 };
/** Of libuv's pool: a copy holds up to 4, a hedged command 2. */
export const THREADS = 80;

export class Lanes {
  readonly #clock: Clock;
  readonly #taken = new Map<LaneKind, number>();
  readonly #waiting = new Map<LaneKind, (() => void)[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs `work`; refused if its turn did not come within deadlineMs. */
  async use<T>(kind: LaneKind, deadlineMs: number, work: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    if (!await this.#enter(kind, deadlineMs)) {
      return refused(`EAGAIN: ${PLACES[kind]} other calls to Ceph (${kind}) had not ended within ${deadlineMs} ms`);
    }
    try {
      return await work();
    } finally {
      this.#leave(kind);
    }
  }

  /** How many are under way. */
  taken(kind: LaneKind): number {
    return this.#taken.get(kind) ?? 0;
  }

  #enter(kind: LaneKind, deadlineMs: number): Promise<boolean> {
    const taken = this.taken(kind);
    if (taken < PLACES[kind]) {
      this.#taken.set(kind, taken + 1);
      return Promise.resolve(true);
    }
    const queue = this.#waiting.get(kind) ?? [];
    this.#waiting.set(kind, queue);
    return new Promise((resolve) => {
      const cancel = this.#clock.after(deadlineMs, () => {
        queue.splice(queue.indexOf(begin), 1);
        resolve(false);
      });
      const begin = (): void => {
        cancel();
        resolve(true);
      };
      queue.push(begin);
    });
  }

  /** Its place goes to the first that waits. */
  #leave(kind: LaneKind): void {
    const next = this.#waiting.get(kind)?.shift();
    if (next !== undefined) next();
    else this.#taken.set(kind, this.taken(kind) - 1);
  }
}
