/** World effects: what runs after a commit, and how it answers. */
import type { Address } from './address.js';
import type { Clock } from './clock.js';
import type { PendingEffect } from './record.js';
import { effectKey } from './step-effects.js';
import type { StepInput } from './step.js';

export type EffectOutcome =
  | { readonly kind: 'done'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unknown'; readonly reason: string };

export interface EffectContext {
  readonly address: Address;
  readonly effectId: string;
  /** Epoch of the owner that runs it: stamped at the resource. */
  readonly epoch: number;
  /** True when an earlier owner, process or try may already have done it: look before you act. */
  readonly resumed: boolean;
  /** Of each try. */
  readonly deadlineMs: number;
  /** Aborted when the machine forgot the effect, the cell ended, or the deadline passed. */
  readonly signal: AbortSignal;
  readonly correlation: string;
}

export type WorldEffect = (params: Readonly<Record<string, unknown>>, context: EffectContext) => Promise<EffectOutcome>;

/** The part of the lease that effects need. */
export interface LeaseGate {
  /** True while this node may touch the world. */
  held(): boolean;
  /** Resolves when it is held (again), or when the signal aborts. */
  whenHeld(signal: AbortSignal): Promise<void>;
  /** True when an earlier process had this incarnation (its session was carried on). */
  readonly resumed?: boolean;
}

/** Runs one effect to its end: `done`, `refused` or `unknown`; never rejects. Past its deadline: `unknown`. */
export async function runEffect(
  handler: WorldEffect | undefined, effect: PendingEffect, context: Omit<EffectContext, 'signal'>,
  gate: LeaseGate, clock: Clock, stop: AbortSignal,
): Promise<EffectOutcome> {
  if (handler === undefined) return { kind: 'refused', reason: `this daemon knows no effect ${effect.kind}` };
  const controller = new AbortController();
  const onStop = (): void => controller.abort(stop.reason);
  stop.addEventListener('abort', onStop, { once: true });
  let cancelTimer: () => void = () => undefined;
  const late = new Promise<EffectOutcome>((resolve) => {
    cancelTimer = clock.after(effect.deadlineMs, () => {
      controller.abort(new Error('deadline'));
      resolve({ kind: 'unknown', reason: `no answer within ${effect.deadlineMs} ms` });
    });
  });
  const attempt = async (): Promise<EffectOutcome> => {
    try {
      if (!gate.held()) await gate.whenHeld(controller.signal);
      if (controller.signal.aborted) return { kind: 'unknown', reason: 'given up before it began' };
      return await handler(effect.params, { ...context, signal: controller.signal });
    } catch (error) {
      return { kind: 'unknown', reason: error instanceof Error ? error.message : String(error) };
    }
  };
  try {
    return await Promise.race([attempt(), late]);
  } finally {
    cancelTimer();
    stop.removeEventListener('abort', onStop);
  }
}

/** The input that brings an effect's outcome to its machine: `<kind>.done|refused|unknown`. */
export function answerInput(effect: PendingEffect, outcome: EffectOutcome): StepInput {
  const requestId = effect.params['requestId'];
  const fields = {
    ...(outcome.kind === 'done' ? { result: outcome.value } : { reason: outcome.reason }),
    ...(requestId === undefined ? {} : { requestId }),
  };
  return {
    event: { type: `${effect.kind}.${outcome.kind}`, effectId: effect.effectId, ...fields },
    source: 'effect', id: effect.effectId, operationId: null,
    correlation: effect.correlation, causation: effect.effectId, settles: effectKey(effect),
  };
}
