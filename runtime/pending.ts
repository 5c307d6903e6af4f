/**
 * What one cell has under way: its armed timers and its running world effects. It follows the committed record
 * (`sync` is called after a commit, or when there is nothing to commit, and never before), and what ends comes back as
 * an input of the next turn. Used by the cell only, which makes one when its actor first has something pending.
 */
import type { Address } from './address.js';
import type { Clock } from './clock.js';
import type { RuntimeMetrics } from './metrics.js';
import { answerInput, runEffect, type LeaseGate, type WorldEffect } from './effects.js';
import { newFraction } from './random.js';
import type { ActorRecord, PendingEffect, RetryPolicy, Timer } from './record.js';
import { effectKey, timerKey } from './step-effects.js';
import type { StepInput } from './step.js';

export interface PendingDeps {
  readonly clock: Clock;
  readonly gate: LeaseGate;
  readonly worldEffects: Readonly<Record<string, WorldEffect>>;
  readonly metrics?: RuntimeMetrics | undefined;
}

/** Under which owner effects are begun. */
export interface EffectOwner {
  readonly epoch: number;
  /** Ids of effects that an earlier process or owner under this epoch may have begun. */
  readonly begun: ReadonlySet<string>;
}

/** Longest delay that a timer of Node takes (2^31 - 1); a longer one would fire at once. */
const TIMER_MAX_MS = 0x7fff_ffff;

/**
 * Pause before try number `attempt` (2 = the first repetition), milliseconds: it grows by the policy's factor up to its
 * maximum, and the upper half of it is left to chance, so that what failed together is not repeated together.
 * `fraction` is from 0 to 1.
 */
export function pauseBeforeMs(policy: RetryPolicy, attempt: number, fraction: number): number {
  const wholeMs = Math.min(policy.maxDelayMs, policy.delayMs * policy.factor ** Math.max(0, attempt - 2));
  return wholeMs * (0.5 + 0.5 * fraction);
}

interface Armed {
  /** Monotonic milliseconds. */
  dueAt: number;
  cancel(): void;
}

export class Pending {
  private readonly running = new Map<string, AbortController>();
  private readonly armed = new Map<string, Armed>();

  /** `offer` takes the input that a timer or an effect's answer is. */
  constructor(
    private readonly address: Address, private readonly deps: PendingDeps,
    private readonly offer: (input: StepInput) => void,
  ) {}

  /** Arms and starts what the record holds; cancels and aborts what it no longer holds. */
  sync(record: ActorRecord, owner: EffectOwner): void {
    this.syncTimers(record.timers);
    this.syncEffects(record.effects, owner);
  }

  /**
   * The record with what is left of its `remaining` timers: to be committed, so that a new owner goes on from there.
   * The same object if it has none.
   */
  refreshed(record: ActorRecord): ActorRecord {
    if (record.timers.every(({ policy }) => policy !== 'remaining')) return record;
    const now = this.deps.clock.monotonicMs();
    return {
      ...record,
      timers: record.timers.map((timer) => {
        const armed = this.armed.get(timerKey(timer));
        if (timer.policy !== 'remaining' || armed === undefined) return timer;
        return { ...timer, remainingMs: Math.max(0, Math.round(armed.dueAt - now)) };
      }),
    };
  }

  /** Effects are aborted, timers dropped. */
  stop(): void {
    for (const controller of this.running.values()) controller.abort(new Error('cell stopped'));
    for (const timer of this.armed.values()) timer.cancel();
    this.running.clear();
    this.armed.clear();
  }

  private syncTimers(timers: readonly Timer[]): void {
    const wanted = new Set(timers.map(timerKey));
    for (const [key, armed] of this.armed) {
      if (wanted.has(key)) continue;
      armed.cancel();
      this.armed.delete(key);
    }
    const now = this.deps.clock.monotonicMs();
    timers.filter((timer) => !this.armed.has(timerKey(timer)))
      .map((timer) => ({ timer, dueAt: now + this.delayOf(timer) }))
      .sort((a, b) => a.dueAt - b.dueAt)
      .forEach(({ timer, dueAt }) => this.arm(timer, dueAt));
  }

  /** Milliseconds from now; below 0 for a `keep` timer that is overdue. */
  private delayOf(timer: Timer): number {
    if (timer.policy === 'remaining') return timer.remainingMs;
    return timer.policy === 'keep' ? timer.setAt + timer.delayMs - this.deps.clock.wallMs() : timer.delayMs;
  }

  /** Overdue ones are offered at once, in the order in which they were due. */
  private arm(timer: Timer, dueAt: number): void {
    const key = timerKey(timer);
    const fire = (): void => this.offer({
      event: timer.event, source: 'timer', id: `${this.address}:${key}`, operationId: null,
      correlation: timer.correlation ?? `${this.address}:${key}`, causation: null, settles: key,
    });
    const armed: Armed = { dueAt, cancel: () => undefined };
    const wait = (): void => {
      const leftMs = dueAt - this.deps.clock.monotonicMs();
      const far = leftMs > TIMER_MAX_MS;
      armed.cancel = this.deps.clock.after(far ? TIMER_MAX_MS : leftMs, far ? wait : fire);
    };
    this.armed.set(key, armed);
    if (dueAt <= this.deps.clock.monotonicMs()) fire();
    else wait();
  }

  private syncEffects(effects: readonly PendingEffect[], owner: EffectOwner): void {
    const wanted = new Set(effects.map(effectKey));
    for (const [key, controller] of this.running) {
      if (wanted.has(key)) continue;
      controller.abort(new Error('no longer wanted'));
      this.running.delete(key);
    }
    for (const effect of effects) {
      if (!this.running.has(effectKey(effect))) void this.perform(effect, owner);
    }
  }

  private async perform(effect: PendingEffect, owner: EffectOwner): Promise<void> {
    const { deps } = this;
    const { effectId, deadlineMs, correlation } = effect;
    const key = effectKey(effect);
    const controller = new AbortController();
    this.running.set(key, controller);
    if (effect.retry !== null && effect.attempt > 1) {
      await pause(deps.clock, pauseBeforeMs(effect.retry, effect.attempt, newFraction()), controller.signal);
      if (this.running.get(key) !== controller) return;
    }
    const resumed = owner.begun.has(effectId) || effect.epoch !== owner.epoch || effect.attempt > 1;
    const context = { address: this.address, effectId, epoch: owner.epoch, resumed, deadlineMs, correlation };
    const handler = deps.worldEffects[effect.kind];
    const running = runEffect(handler, effect, context, deps.gate, deps.clock, controller.signal);
    const outcome = await (deps.metrics?.effect(running) ?? running);
    // Forgotten by the machine, or dropped by `stop`: the answer is of no use any more.
    if (this.running.get(key) !== controller) return;
    this.offer(answerInput(effect, outcome));
  }
}

/** Ends early when the signal aborts. */
function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      resolve();
    };
    const cancel = clock.after(delayMs, () => {
      signal.removeEventListener('abort', end);
      resolve();
    });
    signal.addEventListener('abort', end, { once: true });
  });
}
