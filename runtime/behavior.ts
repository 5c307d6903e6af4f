/**
 * Behavior: what the runtime knows of a machine. XState is used as a function: `machine.transition`
 * with one inert scope collects the actions as data and runs nothing. The scope's shape is XState's
 * private contract (5.33.3): test/behavior.test.ts pins it.
 */
import { createActor, createMachine, type AnyMachineSnapshot, type AnyStateMachine } from 'xstate';
import type { Address } from './address.js';
import type { ActorEvent } from './envelope.js';
import type { Admission } from './gateway-types.js';
import { ActorFaultError } from './actor-fault.js';
import { LIMITS } from './limits.js';
import { checkChart, type ChartReport, type CheckedChart } from './machine-check.js';
import { misfit, upgraded } from './migrate.js';
import { notPlain } from './plain.js';
import type { ActorRecord, MachineSnapshot, TimerPolicy } from './record.js';
import type { Chart } from './structure.js';

/** Structural type of a machine's registration; machines/ exports objects of this shape. */
export interface MachineDefinition {
  readonly kind: string;
  readonly version: number;
  readonly machine: AnyStateMachine;
  admit(snapshot: MachineSnapshot, command: ActorEvent): Admission;
  /**
   * What a new owner does with a timer, by the timer's id (a raise's `id`, `xstate.after.<delay>.<state>`) or by the
   * name of its delay. What is not named here is `restart`.
   */
  readonly timers?: Readonly<Record<string, TimerPolicy>>;
  /**
   * At index n: from a snapshot of version n to one of n + 1; pure. A record of an older version is brought up when its
   * owner loads it; the machine is then told `machine.upgraded {from, to}` (`always` does not run on a restore), and
   * the next commit stores the new version. A version without a step here cannot be carried on: its actors are refused.
   */
  readonly migrate?: Readonly<Record<number, (snapshot: MachineSnapshot) => MachineSnapshot>>;
  /** What is wrong with the shape of a stored context, in words, or null. */
  checkContext?(context: Readonly<Record<string, unknown>>): string | null;
  /**
   * Why what is stored of this actor may not be thrown away (by a reset or a removal by force), or null: a record may
   * be all that says where something runs. null given = it cannot be read.
   */
  mayForget?(snapshot: MachineSnapshot | null): string | null;
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
  /** What was found in the machine's chart before it ran; absent where there is no chart. */
  readonly report?: ChartReport;
  /** Why the machine cannot go on from this record (of its own version); null = it can. */
  misfit(record: Pick<ActorRecord, 'snapshot' | 'effects' | 'timers'>): string | null;
  /**
   * The record as this version of the machine has it; the same object if it is of this version. Throws ActorFaultError:
   * `newer` if a newer machine wrote it, `misfit` if it cannot be carried on.
   */
  current(record: ActorRecord, nowMs: number): ActorRecord;
  /** Why what is stored may not be thrown away; null = it may, or nobody minds. */
  mayForget(snapshot: MachineSnapshot | null): string | null;
  admit(snapshot: MachineSnapshot, command: ActorEvent): Admission;
  readonly timers: Readonly<Record<string, TimerPolicy>>;
  /** Is there a state of this dotted path (`migrating.copying`)? */
  hasState(path: string): boolean;
  /** Of a kind that has children (supervision/behavior.ts). */
  readonly tree?: Tree;
}

/** What an actor's lifecycle must know of a kind that has children. */
export interface Tree {
  /** The first state of the next life; what it must remember of the last one is in `before`. */
  begin(before: MachineSnapshot, input: unknown): Reaction;
  /** Actors that go with it when it is removed. */
  children(snapshot: MachineSnapshot): readonly Address[];
}

/** Texts of state values that are objects: each is asked for twice, when its state is entered and when it is left. */
const texts = new WeakMap<object, string>();

/** The state value as one line: `running`, `migrating.copying`, `a.b|c`. The value must not be changed afterwards. */
export function stateText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return String(value);
  const known = texts.get(value);
  if (known !== undefined) return known;
  const text = textOf(value as Readonly<Record<string, unknown>>);
  texts.set(value, text);
  return text;
}

function textOf(value: Readonly<Record<string, unknown>>): string {
  let text = '';
  for (const key in value) {
    const inner = value[key];
    const below = typeof inner === 'string' ? inner : textOf(inner as Readonly<Record<string, unknown>>);
    text += `${text === '' ? '' : '|'}${key}${below === '' ? '' : `.${below}`}`;
  }
  return text;
}

/**
 * Restored states of one machine, by the snapshot they are the live form of, so that an actor's next step need not
 * restore what the last one made. Two generations bound what they hold on to: the newest `GENERATION` to twice as many
 * are found, all others are restored again.
 */
class LiveStates {
  private young = new WeakMap<MachineSnapshot, AnyMachineSnapshot>();
  private old = new WeakMap<MachineSnapshot, AnyMachineSnapshot>();
  private count = 0;

  get(snapshot: MachineSnapshot): AnyMachineSnapshot | undefined {
    return this.young.get(snapshot) ?? this.old.get(snapshot);
  }

  set(snapshot: MachineSnapshot, state: AnyMachineSnapshot): void {
    if (this.count === GENERATION) {
      this.old = this.young;
      this.young = new WeakMap();
      this.count = 0;
    }
    this.count += 1;
    this.young.set(snapshot, state);
  }
}
/** Some 700 bytes each while their snapshots live. */
const GENERATION = 1024;

const made = new WeakMap<MachineDefinition, Behavior>();

/** As behaviorOf, made once a definition: for many daemons in one process, which all take the very same one. */
export function behaviorOnce(definition: MachineDefinition): Behavior {
  const known = made.get(definition) ?? behaviorOf(definition);
  made.set(definition, known);
  return known;
}

/** Wraps a machine as pure functions. Throws what a guard or an assign of the machine throws. */
export function behaviorOf(definition: MachineDefinition): Behavior {
  const { machine } = definition;
  const chart = machine as unknown as Chart;
  boundLoops(machine.options as { maxIterations?: number });
  let collected: EmittedAction[] = [];
  // An actor of no machine: one of this machine would be run without the input that it may need.
  const self = createActor(createMachine({}), { logger: () => undefined });
  const scope = {
    self, id: '', sessionId: '', system: self.system,
    defer: () => undefined, emit: () => undefined, logger: () => undefined, stopChild: () => undefined,
    actionExecutor: (action: { type: string; params?: unknown }) => {
      collected.push({ type: action.type, params: (action.params ?? {}) as Record<string, unknown> });
    },
  };
  const live = new LiveStates();
  // A record does not hold what history states remember: a step must not know more than the next owner's would.
  const forgets = hasHistory(machine.root);
  const finish = (next: AnyMachineSnapshot, before?: MachineSnapshot['context']): Reaction => {
    const actions = collected;
    collected = [];
    if (next.status === 'error') throw next.error;
    const { value, context } = next;
    const wrong = notPlain(context, 'context', before) ?? notPlainAction(actions);
    if (wrong !== null) throw new ActorFaultError('machine', `machine ${definition.kind} made no plain JSON: ${wrong}`);
    const snapshot: MachineSnapshot = next.status === 'done'
      ? { value, context, status: 'done', output: next.output as unknown } : { value, context, status: 'active' };
    if (!forgets) live.set(snapshot, next);
    return { snapshot, actions };
  };
  let reported: ChartReport | null = null;
  const behavior: Behavior = {
    kind: definition.kind,
    version: definition.version,
    init(input) {
      collected = [];
      return finish(endless(definition.kind, () => machine.getInitialSnapshot(scope as never, input as never)));
    },
    react(snapshot, event) {
      collected = [];
      if (snapshot.status === 'done' || event.type.startsWith('xstate.') && !isTimerEvent(event.type)) {
        return { snapshot, actions: [] };
      }
      const state = live.get(snapshot) ?? machine.resolveState({
        value: snapshot.value as never, context: snapshot.context as never,
      });
      const next = endless(definition.kind, () => machine.transition(state, event as never, scope as never));
      return finish(next, snapshot.context);
    },
    get report() {
      return (reported ??= withBirth(checkChart(machine as unknown as CheckedChart), () => behavior.init(undefined)));
    },
    misfit: (record) => misfit(definition, chart, record),
    current: (record, nowMs) => record.machineVersion === definition.version
      ? record : upgraded(definition, chart, record, nowMs),
    mayForget: (snapshot) => definition.mayForget?.(snapshot) ?? null,
    admit: definition.admit,
    timers: definition.timers ?? {},
    hasState: (path) => hasState(machine.root, path),
  };
  return behavior;
}

const hasHistory = (node: AnyStateMachine['root']): boolean =>
  Object.values(node.states).some((below) => below.type === 'history' || hasHistory(below));

interface StateTree { readonly states: Readonly<Record<string, StateTree>> }

function hasState(root: StateTree, path: string): boolean {
  let at: StateTree | undefined = root;
  for (const key of path.split('.')) at = at?.states[key];
  return at !== undefined;
}

/** XState bounds the steps of an endless `always` or raise only when it is told to. */
function boundLoops(options: { maxIterations?: number }): void {
  if (!Number.isFinite(options.maxIterations ?? Infinity)) options.maxIterations = LIMITS.microsteps;
}

function endless<T>(kind: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('Infinite loop detected')) throw error;
    throw new ActorFaultError('machine', `machine ${kind} does not come to rest`, { cause: error });
  }
}

/** A first context that is no plain JSON is a defect; a birth that fails for want of an input is none. */
function withBirth(report: ChartReport, birth: () => unknown): ChartReport {
  try {
    birth();
  } catch (error) {
    if (error instanceof ActorFaultError) return { ...report, defects: [...report.defects, error.message] };
  }
  return report;
}

function notPlainAction(actions: readonly EmittedAction[]): string | null {
  for (const { type, params } of actions) {
    const wrong = type.startsWith('xstate.') ? null : notPlain(params, type);
    if (wrong !== null) return wrong;
  }
  return null;
}

/** Only the runtime's own timers may bring XState's `after` events in. */
const isTimerEvent = (type: string): boolean => type.startsWith('xstate.after.');
