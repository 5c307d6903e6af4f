/**
 * Behavior: what the runtime knows of a machine. XState is used as a function: `machine.transition`
 * with one inert scope collects the actions as data and runs nothing. The scope's shape is XState's
 * private contract (5.33.3): test/behavior.test.ts pins it.
 */
import { createActor, type AnyStateMachine } from 'xstate';
import type { ActorEvent } from './envelope.js';
import type { Admission } from './gateway-types.js';
import type { MachineSnapshot } from './record.js';

/** Structural type of a machine's registration; machines/ exports objects of this shape. */
export interface MachineDefinition {
  readonly kind: string;
  readonly version: number;
  readonly machine: AnyStateMachine;
  admit(snapshot: MachineSnapshot, command: ActorEvent): Admission;
}

export interface EmittedAction {
  readonly type: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export interface Reaction {
  readonly snapshot: MachineSnapshot;
  readonly actions: readonly EmittedAction[];
}

export interface Behavior {
  readonly kind: string;
  readonly version: number;
  init(input: unknown): Reaction;
  react(snapshot: MachineSnapshot, event: ActorEvent): Reaction;
  admit(snapshot: MachineSnapshot, command: ActorEvent): Admission;
}

/** The state value as one line: `running`, `migrating.copying`, `a.b|c`. */
export function stateText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value).map(([key, inner]) => {
    const below = stateText(inner);
    return below === '' ? key : `${key}.${below}`;
  }).join('|');
}

interface LooseSnapshot { value: unknown; context: Record<string, unknown>; status: string; error?: unknown }

/** Wraps a machine as pure functions. Throws what a guard or an assign of the machine throws. */
export function behaviorOf(definition: MachineDefinition): Behavior {
  const { machine } = definition;
  let collected: EmittedAction[] = [];
  const self = createActor(machine, { input: undefined as never, logger: () => undefined });
  const scope = {
    self, id: '', sessionId: '', system: self.system,
    defer: () => undefined, emit: () => undefined, logger: () => undefined, stopChild: () => undefined,
    actionExecutor: (action: { type: string; params?: unknown }) => {
      collected.push({ type: action.type, params: (action.params ?? {}) as Record<string, unknown> });
    },
  };
  const finish = (next: LooseSnapshot): Reaction => {
    const actions = collected;
    collected = [];
    if (next.status === 'error') throw next.error;
    return {
      snapshot: { value: next.value, context: next.context, status: next.status === 'done' ? 'done' : 'active' },
      actions,
    };
  };
  return {
    kind: definition.kind,
    version: definition.version,
    init(input) {
      collected = [];
      return finish(machine.getInitialSnapshot(scope as never, input as never) as unknown as LooseSnapshot);
    },
    react(snapshot, event) {
      collected = [];
      if (snapshot.status === 'done' || event.type.startsWith('xstate.') && !isTimerEvent(event.type)) {
        return { snapshot, actions: [] };
      }
      const restored = machine.resolveState({ value: snapshot.value as never, context: snapshot.context as never });
      return finish(machine.transition(restored, event as never, scope as never) as unknown as LooseSnapshot);
    },
    admit: definition.admit,
  };
}

/** Only the runtime's own timers may bring XState's `after` events in. */
const isTimerEvent = (type: string): boolean => type.startsWith('xstate.after.');
