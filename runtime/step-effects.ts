/**
 * The part of a step that is about world effects and timers: pure functions from a record's pending things and one
 * action or answer to the next ones. Used by step.ts; pending.ts runs what they leave in the record.
 */
import type { EmittedAction } from './behavior.js';
import type { ActorEvent } from './envelope.js';
import { LIMITS } from './limits.js';
import type { ActorRecord, PendingEffect, RetryPolicy, Timer, TimerPolicy } from './record.js';

/** A timer set anew under the same name is another one: what the old one still says does not end it. */
export const timerKey = (timer: Timer): string => `${timer.timerId}@${timer.setAt}`;

/** One try of an effect: what an earlier try still says does not end a later one. */
export const effectKey = ({ effectId, attempt }: Pick<PendingEffect, 'effectId' | 'attempt'>): string =>
  attempt === 1 ? effectId : `${effectId}#${attempt}`;

/** What names the states and timers of a machine: the parts of a Behavior that are needed here. */
export interface Naming {
  /** Policies by timer id, by the name of a delay, or by an event's type; what is not named is `restart`. */
  readonly timers: Readonly<Record<string, TimerPolicy>>;
  /** Is there a state of this dotted path (`migrating.copying`)? */
  hasState(path: string): boolean;
}

/** Is the state with this dotted path among the active ones? `a` is active whenever `a.b` is. */
export function isActive(value: unknown, path: string): boolean {
  let at = value;
  for (const key of path.split('.')) {
    if (at === key) {
      at = undefined;
      continue;
    }
    if (typeof at !== 'object' || at === null || !(key in at)) return false;
    at = (at as Record<string, unknown>)[key];
  }
  return true;
}

/**
 * The innermost state of which there is only one: down to the leaf, or to the parallel state whose regions follow.
 * null = the machine is parallel at its root.
 */
function innermost(value: unknown): string | null {
  const path: string[] = [];
  for (let at = value; at !== undefined; ) {
    if (typeof at === 'string') {
      if (at !== '') path.push(at);
      break;
    }
    const below: [string, unknown][] = Object.entries(at as Record<string, unknown>);
    if (below.length !== 1) break;
    path.push(below[0]![0]);
    at = below[0]![1];
  }
  return path.length === 0 ? null : path.join('.');
}

/**
 * The state that an action's `within` binds its effect to. `true` is the innermost state that is active after the
 * step; a machine that is parallel there gets the parallel state itself, and must name a region's state if it means
 * one. Throws on a state the machine has not, and on `true` where no single state is active.
 */
function boundTo(within: unknown, kind: string, value: unknown, naming: Naming): string | null {
  if (within === undefined || within === null || within === false) return null;
  if (within === true) {
    const path = innermost(value);
    if (path === null) throw new Error(`effect ${kind}: no single state is active, so "within" must name one`);
    return path;
  }
  if (typeof within !== 'string' || !naming.hasState(within)) {
    throw new Error(`effect ${kind}: "within" names no state of the machine: ${JSON.stringify(within)}`);
  }
  return within;
}

/** An action's `retry`. Throws on one that makes no sense: that is a mistake in the machine. */
function retryOf(given: unknown, kind: string): RetryPolicy | null {
  if (given === undefined || given === null) return null;
  const { attempts, delayMs = 1000, factor = 2, maxDelayMs = 30_000 } = given as Partial<RetryPolicy>;
  const whole = Number.isInteger(attempts) && attempts! >= 1 && attempts! <= LIMITS.effectAttempts;
  const bounded = [delayMs, maxDelayMs].every((each) => Number.isFinite(each) && each >= 0) && factor >= 1;
  if (!whole || !bounded) throw new Error(`effect ${kind}: this retry makes no sense: ${JSON.stringify(given)}`);
  return { attempts: attempts!, delayMs, factor, maxDelayMs };
}

/** Stamps of a new effect. */
export interface EffectStamp { readonly effectId: string; readonly epoch: number; readonly correlation: string }

/** What an action asks of the world, as the record keeps it. `value` is the machine's state after the step. */
export function pendingEffect(
  action: EmittedAction, stamp: EffectStamp, value: unknown, naming: Naming,
): PendingEffect {
  const { retry, within, ...params } = action.params;
  const deadlineMs = params['deadlineMs'];
  return {
    effectId: stamp.effectId, kind: action.type, params, epoch: stamp.epoch,
    deadlineMs: typeof deadlineMs === 'number' ? deadlineMs : LIMITS.effectDeadlineMs,
    correlation: stamp.correlation, attempt: 1,
    retry: retryOf(retry, action.type), within: boundTo(within, action.type, value, naming),
  };
}

/**
 * Without the effects whose state is not active after the step. Values are compared, so a state that one step leaves
 * and enters again keeps its effects; a state that one step only passes through never begins its own.
 */
export function withoutLeft(effects: readonly PendingEffect[], value: unknown): readonly PendingEffect[] {
  if (effects.every(({ within }) => within === null)) return effects;
  return effects.filter(({ within }) => within === null || isActive(value, within));
}

/**
 * The record with one more try noted, if the input says that an effect ended `unknown` and it may be tried again; its
 * machine hears nothing of that. null = the input is not of that kind. A refusal is an answer and never tried again.
 */
export function triedAgain(record: ActorRecord, input: SettlingInput): ActorRecord | null {
  if (input.source !== 'effect') return null;
  const effect = record.effects.find((each) => effectKey(each) === input.settles);
  if (effect === undefined || effect.retry === null || effect.attempt >= effect.retry.attempts) return null;
  if (input.event.type !== `${effect.kind}.unknown`) return null;
  const next = { ...effect, attempt: effect.attempt + 1 };
  return { ...record, effects: record.effects.map((each) => each === effect ? next : each) };
}

/** The part of a StepInput that says what it ends. */
export interface SettlingInput {
  readonly event: ActorEvent;
  readonly source: 'mailbox' | 'effect' | 'timer' | 'owner';
  /** Of an effect's answer its effectKey, of a timer its timerKey. */
  readonly settles: string | null;
}

/** Removes the pending effect or timer that the input answers; null if it is no longer pending. */
export function settle(record: ActorRecord, input: SettlingInput): ActorRecord | null {
  if (record.removed) return null;
  if (input.source === 'effect') {
    const effects = record.effects.filter((effect) => effectKey(effect) !== input.settles);
    return effects.length === record.effects.length ? null : { ...record, effects };
  }
  if (input.source === 'timer') {
    const timers = record.timers.filter((timer) => timerKey(timer) !== input.settles);
    return timers.length === record.timers.length ? null : { ...record, timers };
  }
  return record;
}

/** `xstate.after.<delay>.<state>` -> the delay's name. */
const delayName = (timerId: string): string | null => /^xstate\.after\.([^.]+)\./.exec(timerId)?.[1] ?? null;

/** What a new owner does with a timer, as the machine's definition has it. */
export function policyOf(timerId: string, { timers }: Pick<Naming, 'timers'>): TimerPolicy {
  return timers[timerId] ?? timers[delayName(timerId) ?? ''] ?? 'restart';
}

/** The timers after an `xstate.raise`; one without a delay is none. `before` are those before the step. */
export function raiseTimer(
  timers: readonly Timer[], params: EmittedAction['params'], nowMs: number, naming: Naming, before: readonly Timer[],
  correlation: string,
): readonly Timer[] {
  const delayMs = params['delay'];
  if (typeof delayMs !== 'number') return timers;
  const event = params['event'] as ActorEvent;
  const timerId = String(params['id'] ?? event.type);
  // Twice in one millisecond is two timers all the same.
  const last = before.find((timer) => timer.timerId === timerId)?.setAt ?? -Infinity;
  return [...timers.filter((timer) => timer.timerId !== timerId), {
    timerId, event, delayMs, setAt: last === nowMs ? nowMs + 1 : nowMs,
    policy: policyOf(timerId, naming), remainingMs: delayMs, correlation,
  }];
}
