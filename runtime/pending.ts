/**
 * What one cell has under way: its armed timers and its running world effects. It follows the committed record
 * (`sync` is called after a commit and never before), and what ends comes back as an input of the next turn.
 * Used by the cell only.
 */
import type { Address } from './address.js';
import type { Clock } from './clock.js';
import { answerInput, runEffect, type LeaseGate, type WorldEffect } from './effects.js';
import type { ActorRecord, PendingEffect, Timer } from './record.js';
import { timerKey, type StepInput } from './step.js';

export interface PendingDeps {
  readonly clock: Clock;
  readonly gate: LeaseGate;
  readonly worldEffects: Readonly<Record<string, WorldEffect>>;
}

/** Under which owner effects are begun. */
export interface EffectOwner {
  readonly epoch: number;
  /** Ids of effects that an earlier process or owner under this epoch may have begun. */
  readonly begun: ReadonlySet<string>;
}

export class Pending {
  private readonly running = new Map<string, AbortController>();
  private readonly armed = new Map<string, () => void>();

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

  /** Effects are aborted, timers dropped. */
  stop(): void {
    for (const controller of this.running.values()) controller.abort(new Error('cell stopped'));
    for (const cancel of this.armed.values()) cancel();
    this.running.clear();
    this.armed.clear();
  }

  private syncTimers(timers: readonly Timer[]): void {
    const wanted = new Map(timers.map((timer) => [timerKey(timer), timer]));
    for (const [key, cancel] of this.armed) {
      if (wanted.has(key)) continue;
      cancel();
      this.armed.delete(key);
    }
    for (const [key, timer] of wanted) {
      if (this.armed.has(key)) continue;
      this.armed.set(key, this.deps.clock.after(timer.delayMs, () => this.offer({
        event: timer.event, source: 'timer', id: `${this.address}:${key}`, operationId: null,
        correlation: `timer-${timer.timerId}`, causation: null, settles: key,
      })));
    }
  }

  private syncEffects(effects: readonly PendingEffect[], owner: EffectOwner): void {
    const wanted = new Map(effects.map((effect) => [effect.effectId, effect]));
    for (const [effectId, controller] of this.running) {
      if (wanted.has(effectId)) continue;
      controller.abort(new Error('no longer wanted'));
      this.running.delete(effectId);
    }
    for (const effect of wanted.values()) {
      if (!this.running.has(effect.effectId)) void this.perform(effect, owner);
    }
  }

  private async perform(effect: PendingEffect, owner: EffectOwner): Promise<void> {
    const { deps } = this;
    const { effectId, deadlineMs, correlation } = effect;
    const controller = new AbortController();
    this.running.set(effectId, controller);
    const resumed = owner.begun.has(effectId) || effect.epoch !== owner.epoch;
    const context = { address: this.address, effectId, epoch: owner.epoch, resumed, deadlineMs, correlation };
    const handler = deps.worldEffects[effect.kind];
    const outcome = await runEffect(handler, effect, context, deps.gate, deps.clock, controller.signal);
    // Forgotten by the machine, or dropped by `stop`: the answer is of no use any more.
    if (this.running.get(effectId) !== controller) return;
    this.offer(answerInput(effect, outcome));
  }
}
