/**
 * Bringing a record up to its machine's present version, and telling whether a machine can go on from a record. Pure.
 */
import { ActorFaultError } from './actor-fault.js';
import type { Address } from './address.js';
import type { Behavior, MachineDefinition } from './behavior.js';
import type { Clock } from './clock.js';
import { causeChain, type Log } from './log.js';
import type { Paths } from './paths.js';
import { notPlain } from './plain.js';
import type { ActorRecord } from './record.js';
import { policyOf } from './step-effects.js';
import type { StepInput } from './step.js';
import { afterTimers, fits, isStrayEffect, isStrayTimer, strayPending, type Chart } from './structure.js';

export function misfit(
  definition: MachineDefinition, chart: Chart, record: Pick<ActorRecord, 'snapshot' | 'effects' | 'timers'>,
): string | null {
  const wrong = fits(chart, record.snapshot) ?? strayPending(chart, record.effects, record.timers);
  if (wrong !== null) return wrong;
  const context = definition.checkContext?.(record.snapshot.context) ?? null;
  return context === null ? null : `its context is not what the machine expects: ${context}`;
}

/** Timers of states that are no more are dropped, those of the present states armed in full. */
export function upgraded(definition: MachineDefinition, chart: Chart, record: ActorRecord, nowMs: number): ActorRecord {
  const { kind, version, migrate } = definition;
  const from = record.machineVersion;
  if (from > version) {
    throw new ActorFaultError('newer', `machine ${kind} ${from} wrote it, this daemon knows version ${version}`);
  }
  let snapshot = record.snapshot;
  for (let at = from; at < version; at += 1) {
    const step = migrate?.[at];
    if (step === undefined) throw new ActorFaultError('misfit', `machine ${kind} has no way from ${at} to ${at + 1}`);
    try {
      snapshot = step(snapshot);
    } catch (error) {
      throw new ActorFaultError('misfit', `machine ${kind}: its way from version ${at} threw`, { cause: error });
    }
  }
  const wrong = fits(chart, snapshot) ?? notPlain(snapshot.context, 'context');
  if (wrong !== null) throw new ActorFaultError('misfit', `machine ${kind} ${from} -> ${version}: ${wrong}`);
  const kept = record.timers.filter((timer) => !isStrayTimer(chart, timer));
  const missing = snapshot.status === 'done' ? [] : afterTimers(chart, snapshot, nowMs)
    .filter((timer) => !kept.some((each) => each.timerId === timer.timerId))
    .map((timer) => ({ ...timer, policy: policyOf(timer.timerId, { timers: definition.timers ?? {} }) }));
  return {
    ...record, machineVersion: version, snapshot, timers: [...kept, ...missing],
    effects: record.effects.filter((effect) => !isStrayEffect(chart, effect)),
  };
}

/**
 * A record as its owner's cell takes it up: of the machine's version, and checked. `told`: what the machine is to be
 * told first, if it was upgraded (in memory: its next commit stores it). Throws ActorFaultError.
 */
export function readyRecord(
  behavior: Behavior, stored: ActorRecord, nowMs: number,
): { readonly record: ActorRecord; readonly told: StepInput | null } {
  const { machineVersion: from, kind, id } = stored;
  const record = behavior.current(stored, nowMs);
  const wrong = behavior.misfit(record);
  if (wrong !== null) throw new ActorFaultError('misfit', `machine ${kind} ${behavior.version} does not fit: ${wrong}`);
  if (record === stored) return { record, told: null };
  const name = `${kind}/${id}:upgraded:${from}-${behavior.version}`;
  const event = { type: 'machine.upgraded', from, to: behavior.version };
  return {
    record,
    told: { event, source: 'owner', id: name, operationId: null, correlation: name, causation: null, settles: null },
  };
}

/** The checks of a behavior that is no XState chart and has one version so far; `states`: its state values. */
export function oneVersion(
  kind: string, version: number, states: readonly string[],
): Pick<Behavior, 'misfit' | 'current' | 'mayForget'> {
  return {
    misfit: ({ snapshot: { value } }) => states.includes(String(value)) ? null : `it has no state "${String(value)}"`,
    current(record) {
      if (record.machineVersion === version) return record;
      throw new ActorFaultError(
        record.machineVersion > version ? 'newer' : 'misfit', `machine ${kind} ${record.machineVersion} wrote it`);
    },
    mayForget: () => null,
  };
}

export interface MisfitDeps {
  readonly mirror: { readonly actors: ReadonlyMap<Address, { readonly record: ActorRecord }> };
  readonly behaviors: ReadonlyMap<string, Behavior>;
  readonly paths: Paths;
  readonly clock: Clock;
}

/** Tells of all of them at once when a daemon starts; each becomes its actor's fault when its owner takes it up. */
export function reportMisfits(deps: MisfitDeps & { readonly log: Log }): void {
  const wrong = misfits(deps);
  if (wrong.length > 0) deps.log.error('records that no machine here can carry on', { count: wrong.length, wrong });
}

/** Every record that this daemon's machines cannot carry on, as `<znode>: <reason>`. */
export function misfits({ mirror, behaviors, paths, clock }: MisfitDeps): readonly string[] {
  const nowMs = clock.wallMs();
  return [...mirror.actors].flatMap(([address, { record }]) => {
    const behavior = behaviors.get(record.kind);
    if (behavior === undefined || record.removed) return [];
    try {
      readyRecord(behavior, record, nowMs);
      return [];
    } catch (error) {
      return [`${paths.record(address)}: ${causeChain(error)}`];
    }
  });
}
