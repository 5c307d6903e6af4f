/** MachineDefinition: what the runtime, the API and the inspector know of a kind of actor. */
import type { AnyStateMachine } from 'xstate';
import type { Admission } from './admission.js';

/** Structurally the runtime's MachineSnapshot: a state value and plain JSON context. */
export interface SnapshotView {
  readonly value: unknown;
  readonly context: Readonly<Record<string, unknown>>;
  readonly status: 'active' | 'done';
}

/** Structurally the runtime's ActorEvent. */
export interface CommandView {
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface MachineDefinition {
  /** First part of the address: `vm`, `node`, `agent`. */
  readonly kind: string;
  /** +1 whenever an old snapshot would not mean the same to the new machine. */
  readonly version: number;
  readonly machine: AnyStateMachine;
  /** At n: from a snapshot of version n to one of n + 1. Pure. */
  readonly migrate?: Readonly<Record<number, (snapshot: SnapshotView) => SnapshotView>>;
  admit(snapshot: SnapshotView, command: CommandView): Admission;
  /** Why its record may not be thrown away now (null = it may be); `snapshot` is null when it cannot be read. */
  mayForget?(snapshot: SnapshotView | null): string | null;
  /** Sentence for a state path as statePaths() gives it; every state of the machine has one. */
  readonly states: Readonly<Record<string, string>>;
  /** Names of the commands of users; every other event is a fact from the runtime or another actor. */
  readonly commands: readonly string[];
  /** Names of the world effects: each is answered `<name>.done`, `.refused` or `.unknown`. */
  readonly worldEffects: readonly string[];
}

/** Paths of state values that are objects: a node's are asked for many times a second. */
const known = new WeakMap<object, readonly string[]>();

/**
 * The active leaf states of a state value as dotted paths: `running` -> [`running`],
 * `{migrating: 'copying'}` -> [`migrating.copying`], a parallel value -> one path a region. The value must not be
 * changed afterwards.
 */
export function statePaths(value: unknown): readonly string[] {
  if (typeof value === 'string') return value === '' ? [] : [value];
  if (typeof value !== 'object' || value === null) return [];
  let paths = known.get(value);
  if (paths === undefined) known.set(value, paths = pathsOf(value));
  return paths;
}

const pathsOf = (value: object): readonly string[] => Object.entries(value).flatMap(([key, inner]) => {
  const below = statePaths(inner);
  return below.length === 0 ? [key] : below.map((path) => `${key}.${path}`);
});

/** What the present state means, one sentence a region; for help, inspector and denials. */
export function stateSentence(states: Readonly<Record<string, string>>, value: unknown): string {
  return statePaths(value).map((path) => states[path] ?? path).join(' ');
}
