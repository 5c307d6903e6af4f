/**
 * Does a machine still fit what was stored of an actor? XState fills a missing region silently, and fails late on an
 * unknown state: so the stored state value is compared with the chart before anything is restored from it, and with it
 * what the record says about states by name (timers of `after`, effects bound to a state).
 * The chart is XState's, by the fields named here; test/runtime-upgrade.test.ts pins them.
 */
import type { MachineSnapshot, PendingEffect, Timer } from './record.js';

/** One state of a chart. */
export interface ChartNode {
  readonly id: string;
  readonly type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  readonly states: Readonly<Record<string, ChartNode>>;
  /** Its `after` transitions; `delay`: milliseconds, or the name of one of the machine's delays. */
  readonly after: readonly { readonly eventType: string; readonly delay: unknown }[];
}

export interface Chart {
  readonly root: ChartNode;
  readonly implementations: { readonly delays?: Readonly<Record<string, unknown>> };
}

/** Why the machine cannot go on from this snapshot; null = it can. */
export function fits(machine: Chart, snapshot: Pick<MachineSnapshot, 'value'>): string | null {
  return misplaced(machine.root, snapshot.value, '');
}

const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');
const named = (path: string): string => path === '' ? 'the machine' : `state "${path}"`;
const below = (path: string, key: string): string => path === '' ? key : `${path}.${key}`;
const childrenOf = (node: ChartNode): readonly string[] =>
  Object.keys(node.states).filter((key) => node.states[key]!.type !== 'history');

function misplaced(node: ChartNode, value: unknown, path: string): string | null {
  const keys = typeof value === 'string' ? [value]
    : typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : null;
  if (keys === null) return value === undefined ? misplaced(node, {}, path) : `${named(path)} is stored as no state`;
  const known = childrenOf(node);
  const unknown = keys.filter((key) => !known.includes(key));
  if (unknown.length > 0) return `${named(path)} has no state ${quoted(unknown)} (it has ${quoted(known) || 'none'})`;
  if (node.type === 'parallel') {
    const missing = known.filter((key) => !keys.includes(key));
    if (missing.length > 0 || typeof value === 'string') {
      return `${named(path)} has regions that the record does not: ${quoted(missing)}`;
    }
  } else if (known.length > 0 && keys.length !== 1) {
    const many = keys.length === 0 ? 'none' : 'several';
    return `${named(path)} has states of its own (${quoted(known)}), and the record names ${many} of them`;
  }
  for (const key of keys) {
    const inner = typeof value === 'string' ? undefined : (value as Record<string, unknown>)[key];
    const wrong = misplaced(node.states[key]!, inner, below(path, key));
    if (wrong !== null) return wrong;
  }
  return null;
}

/** What the record has pending under the name of a state that the machine has not (any more); null = nothing. */
export function strayPending(
  machine: Chart, effects: readonly PendingEffect[], timers: readonly Timer[],
): string | null {
  const timer = timers.find((each) => isStrayTimer(machine, each));
  if (timer !== undefined) return `its timer ${timer.timerId} belongs to no state of the machine`;
  const effect = effects.find((each) => isStrayEffect(machine, each));
  return effect === undefined ? null
    : `its pending effect ${effect.kind} is bound to state "${effect.within}", which the machine has not`;
}

const AFTER = 'xstate.after.';

export const isStrayTimer = (machine: Chart, timer: Timer): boolean =>
  timer.event.type.startsWith(AFTER) && !afterEvents(machine).has(timer.event.type);

export function isStrayEffect(machine: Chart, effect: PendingEffect): boolean {
  if (effect.within === null) return false;
  let node: ChartNode | undefined = machine.root;
  for (const key of effect.within.split('.')) node = node?.states[key];
  return node === undefined;
}

const afterEventsOf = new WeakMap<Chart, ReadonlySet<string>>();

function afterEvents(machine: Chart): ReadonlySet<string> {
  const known = afterEventsOf.get(machine);
  if (known !== undefined) return known;
  const found = new Set<string>();
  const collect = (node: ChartNode): void => {
    for (const { eventType } of node.after) found.add(eventType);
    for (const child of Object.values(node.states)) collect(child);
  };
  collect(machine.root);
  afterEventsOf.set(machine, found);
  return found;
}

/** The active states of a value that fits, outermost first. */
function activeNodes(node: ChartNode, value: unknown): ChartNode[] {
  const keys = typeof value === 'string' ? [value] : Object.keys(value as object);
  return [node, ...keys.flatMap((key) => {
    const inner = typeof value === 'string' ? {} : (value as Record<string, unknown>)[key];
    return activeNodes(node.states[key]!, inner);
  })];
}

/** The timers that the active states' `after` would have set, had they been entered now. */
export function afterTimers(machine: Chart, snapshot: MachineSnapshot, nowMs: number): Timer[] {
  const args = { context: snapshot.context, event: { type: 'machine.upgraded' } };
  const resolve = (delay: unknown): unknown => {
    const found = typeof delay === 'string' ? machine.implementations.delays?.[delay] : delay;
    return typeof found === 'function' ? (found as (given: typeof args) => unknown)(args) : found;
  };
  const timers = activeNodes(machine.root, snapshot.value).flatMap((node) => node.after.flatMap((transition) => {
    const delayMs = resolve(transition.delay);
    const type = transition.eventType;
    return typeof delayMs !== 'number' ? [] : [{
      timerId: type, event: { type }, delayMs, setAt: nowMs, policy: 'restart' as const, remainingMs: delayMs,
    }];
  }));
  return timers.filter((timer, index) => timers.findIndex((each) => each.timerId === timer.timerId) === index);
}
