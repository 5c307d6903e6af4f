/**
 * What a runtime counts of itself: plain numbers, counted where things happen and read by whoever shows them (the
 * API renders them for Prometheus). Nothing here decides anything, and without it the runtime runs the same.
 */
import type { Clock } from './clock.js';
import type { Turn } from './commit.js';

/** Cumulative counts by upper bound, as Prometheus has them; what is above the last bound is in `count` only. */
export class Histogram {
  readonly counts: number[];
  count = 0;
  sum = 0;

  constructor(readonly bounds: readonly number[]) {
    this.counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.count += 1;
    this.sum += value;
    for (let at = this.bounds.length - 1; at >= 0 && value <= this.bounds[at]!; at -= 1) this.counts[at]! += 1;
  }
}

/** Seconds: from a commit on a quiet ensemble (a millisecond) to one that met an election. */
const COMMIT_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Seconds from the sending of a letter to the commit that consumed it; both clocks are wall clocks of nodes. */
const WAITED_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const BATCH_INPUTS = [1, 2, 4, 8, 16, 32, 64];

type CountedTurn = Pick<Turn, 'dead' | 'newOwner' | 'consumed'>;

export class RuntimeMetrics {
  /** Inputs stepped. */
  steps = 0;
  /** Letters consumed by a commit. */
  letters = 0;
  /** Letters parked as dead letters by cells of this process. */
  dead = 0;
  /** Cells begun anew after a crash. */
  restarts = 0;
  /** Actors given to another node by their cells here, and actors this node claimed after a death. */
  handOvers = 0;
  claims = 0;
  effectsRunning = 0;
  /** Commits by how they ended. */
  readonly commits = new Map<string, number>();
  /** World effects by how they ended: done, refused, unknown. */
  readonly effects = new Map<string, number>();
  readonly commitSeconds = new Histogram(COMMIT_SECONDS);
  readonly batchInputs = new Histogram(BATCH_INPUTS);
  readonly waitedSeconds = new Histogram(WAITED_SECONDS);
  /** Levels that are read when somebody asks, by name: cells, parked, feed_items, feed_subscribers ... */
  readonly levels = new Map<string, () => number>();

  /** One commit, timed from the moment it went out: what is handed in was begun just now. */
  async commit<T extends { readonly kind: string }>(clock: Clock, running: Promise<T>): Promise<T> {
    const begun = clock.monotonicMs();
    const outcome = await running;
    this.commitSeconds.observe((clock.monotonicMs() - begun) / 1000);
    this.commits.set(outcome.kind, (this.commits.get(outcome.kind) ?? 0) + 1);
    return outcome;
  }

  /** A turn was committed; so many inputs were stepped for it. */
  turn({ dead, newOwner, consumed }: CountedTurn, steps: number, nowMs: number): void {
    this.steps += steps;
    if (steps > 0) this.batchInputs.observe(steps);
    this.dead += dead.length;
    if (newOwner !== null) this.handOvers += 1;
    for (const { letter, count } of consumed) {
      this.letters += count;
      for (let index = 0; index < count; index += 1) {
        this.waitedSeconds.observe(Math.max(0, nowMs - letter.envelopes[index]!.sentAt) / 1000);
      }
    }
  }

  /** A world effect from its beginning to its answer. */
  async effect<T extends { readonly kind: string }>(running: Promise<T>): Promise<T> {
    this.effectsRunning += 1;
    try {
      const outcome = await running;
      this.effects.set(outcome.kind, (this.effects.get(outcome.kind) ?? 0) + 1);
      return outcome;
    } finally {
      this.effectsRunning -= 1;
    }
  }
}
