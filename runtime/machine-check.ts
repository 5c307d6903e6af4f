/**
 * What is wrong with a machine before any actor of it runs: things XState notices only when they are reached, or never.
 * (An unknown target throws where the machine is created: test/runtime-upgrade.test.ts holds it to that.)
 */
import type { ChartNode } from './structure.js';
import { LIFECYCLE_EFFECTS } from './supervision/protocol.js';

type Named = string | { readonly type: string } | (((...given: never[]) => unknown) & { readonly type?: string });

interface CheckedTransition { readonly actions: readonly Named[]; readonly guard?: Named | undefined }

export interface CheckedNode extends ChartNode {
  readonly states: Readonly<Record<string, CheckedNode>>;
  readonly entry: readonly Named[];
  readonly exit: readonly Named[];
  readonly invoke: readonly { readonly src: unknown }[];
  readonly transitions: ReadonlyMap<string, readonly CheckedTransition[]>;
  readonly always?: readonly CheckedTransition[];
  readonly initial?: { readonly actions: readonly Named[] };
}

export interface CheckedChart {
  readonly root: CheckedNode;
  readonly implementations: {
    readonly actions?: Readonly<Record<string, unknown>>;
    readonly guards?: Readonly<Record<string, unknown>>;
    readonly delays?: Readonly<Record<string, unknown>>;
  };
}

export interface ChartReport {
  /** Custom actions by name: each must be something the runtime or its host can do. */
  readonly actions: ReadonlySet<string>;
  /** What can never work, in words, with its state. */
  readonly defects: readonly string[];
}

/** Of XState's own actions those with a meaning when a machine is a function; the rest needs live actors. */
const PURE: readonly string[] = ['xstate.assign', 'xstate.raise', 'xstate.cancel', 'xstate.enqueueActions'];

export function checkChart(chart: CheckedChart): ChartReport {
  const actions = new Set<string>();
  const defects = new Set<string>();
  const { implementations } = chart;
  const action = (given: Named, where: string): void => {
    const name = typeof given === 'string' ? given : given.type ?? '';
    const made = typeof given === 'function' ? given : implementations.actions?.[name];
    const type = (made as { readonly type?: unknown } | undefined)?.type;
    if (typeof made === 'function' && 'resolve' in made) {
      if (!PURE.includes(String(type))) defects.add(`${where}: ${String(type)} needs live actors`);
    } else if (typeof given === 'function') defects.add(`${where}: an action is a function: give it a name instead`);
    else if (name.startsWith('xstate.')) defects.add(`${where}: ${name} needs live actors`);
    else actions.add(name);
  };
  const guard = (given: Named | undefined, where: string): void => {
    if (given === undefined || typeof given === 'function') return;
    const name = typeof given === 'string' ? given : given.type;
    if (implementations.guards?.[name] === undefined) defects.add(`${where}: there is no guard "${name}"`);
  };
  const visit = (node: CheckedNode): void => {
    const where = `state "${node.id}"`;
    if (node.invoke.length > 0) defects.add(`${where}: it invokes, which needs live actors`);
    for (const each of [...node.entry, ...node.exit, ...node.initial?.actions ?? []]) action(each, where);
    for (const transition of [...[...node.transitions.values()].flat(), ...node.always ?? []]) {
      guard(transition.guard, where);
      for (const each of transition.actions) action(each, where);
    }
    for (const { delay } of node.after) {
      const isKnown = typeof delay !== 'string' || implementations.delays?.[delay] !== undefined;
      if (!isKnown) defects.add(`${where}: there is no delay "${String(delay)}"`);
    }
    for (const child of Object.values(node.states)) visit(child);
  };
  visit(chart.root);
  return { actions, defects: [...defects] };
}

/** What the runtime itself does for a machine. */
const RUNTIME_ACTIONS: readonly string[] = [
  'tell', 'ask', 'reply', 'request.cancel', 'effect.cancel', 'operation.end', 'owner.transfer', 'actor.remove',
];

export class MachineError extends Error {
  override readonly name = 'MachineError';
}

/** Throws a MachineError that lists all that is wrong with all machines: a daemon does not start with it. */
export function assertMachines(
  behaviors: Iterable<{ readonly kind: string; readonly report?: ChartReport }>,
  commitEffects: ReadonlySet<string>, worldEffects: Readonly<Record<string, unknown>>,
): void {
  const knows = (name: string): boolean =>
    RUNTIME_ACTIONS.includes(name) || LIFECYCLE_EFFECTS.has(name) || commitEffects.has(name)
    || worldEffects[name] !== undefined;
  const wrong = [...behaviors].flatMap(({ kind, report }) => report === undefined ? [] : [
    ...report.defects.map((defect) => `machine ${kind}: ${defect}`),
    ...[...report.actions].filter((name) => !knows(name))
      .map((name) => `machine ${kind}: nothing here can do "${name}"`),
  ]);
  if (wrong.length > 0) throw new MachineError(`these machines cannot be run:\n${wrong.join('\n')}`);
}
