/**
 * The kind `supervisor`: its Behavior, which any host runs like a machine's. It needs no XState: its states are the
 * phases, its transitions the reducer's. Registered once a host, with the behaviors of all kinds it may supervise.
 */
import type { Behavior, Reaction } from '../behavior.js';
import type { Admission } from '../gateway-types.js';
import { oneVersion } from '../migrate.js';
import type { MachineSnapshot } from '../record.js';
import { isSupervisorCommand, readChildren, SUPERVISOR_COMMANDS } from './commands.js';
import type { Probe } from './draft.js';
import { livesOf, reduceSupervisor, supervisorContext } from './reduce.js';
import { PHASES, type Phase, type SupervisorContext, type SupervisorInput } from './state.js';

export const SUPERVISOR_KIND = 'supervisor';
const VERSION = 1;

/** A supervisor's context out of its record's snapshot. */
export const contextOf = (snapshot: MachineSnapshot): SupervisorContext =>
  snapshot.context as unknown as SupervisorContext;

function snapshotOf(context: SupervisorContext, phase: Phase): MachineSnapshot {
  const kept = context as unknown as MachineSnapshot['context'];
  const end = { status: 'done', output: context.end ?? { reason: 'normal', detail: '' } } as const;
  return { value: phase, context: kept, ...(phase === 'ended' ? end : { status: 'active' }) };
}

/** What a machine that is at its end at birth says if its start is to count as ignored: `output: { ignore: true }`. */
const ignores = ({ snapshot }: Reaction): boolean =>
  snapshot.status === 'done' && (snapshot.output as { ignore?: unknown } | null | undefined)?.ignore === true;

/** `behaviors` holds every kind a child may have; it may be filled later, and may hold this one too. */
export function supervisorBehavior(behaviors: ReadonlyMap<string, Behavior>): Behavior {
  const probe: Probe = (kind, input) => {
    const behavior = behaviors.get(kind);
    if (behavior === undefined) return { error: `this daemon knows no machine of kind ${kind}` };
    try {
      return { ignored: ignores(behavior.init(input)) };
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error) };
    }
  };
  const born = (input: unknown, former: SupervisorContext | null): Reaction => (
    { snapshot: snapshotOf(supervisorContext(input as SupervisorInput, former), 'created'), actions: [] });
  return {
    kind: SUPERVISOR_KIND,
    version: VERSION,
    init: (input) => born(input, null),
    react(snapshot, event) {
      const context = contextOf(snapshot);
      const phase = snapshot.value as Phase;
      const reduced = reduceSupervisor(context, phase, event, probe);
      if (reduced.context === context && reduced.phase === phase) return { snapshot, actions: reduced.actions };
      return { snapshot: snapshotOf(reduced.context, reduced.phase), actions: reduced.actions };
    },
    admit: (snapshot, command) => admitCommand(contextOf(snapshot), snapshot.value as Phase, command.type, command),
    ...oneVersion(SUPERVISOR_KIND, VERSION, Object.keys(PHASES)),
    timers: { 'supervisor.due': 'remaining' },
    hasState: () => false,
    tree: {
      begin: (snapshot, input) => born(input, contextOf(snapshot)),
      children: (snapshot) => Object.keys(livesOf(contextOf(snapshot))) as never,
    },
  };
}

/** What only reads is answered at once, with JSON text; the rest is queued, and its operation ends with JSON text. */
function admitCommand(
  context: SupervisorContext, phase: Phase, type: string, command: Parameters<Behavior['admit']>[1],
): Admission {
  if (!isSupervisorCommand(type)) {
    const known = Object.keys(SUPERVISOR_COMMANDS).join(', ');
    return { kind: 'deny', code: 'PVC_INVALID', message: `a supervisor knows no ${type}; it knows ${known}` };
  }
  const read = readChildren(context, command);
  if (read !== null && 'ok' in read) return { kind: 'already', message: JSON.stringify(read) };
  if (read !== null) return { kind: 'deny', code: 'PVC_WRONG_STATE', message: read.error };
  if (phase === 'ended' && (type === 'supervisor.begin' || type === 'supervisor.remove')) return { kind: 'accept' };
  if (phase === 'stopping' || phase === 'ended' || type === 'supervisor.begin' || type === 'supervisor.remove') {
    return { kind: 'deny', code: 'PVC_WRONG_STATE', message: `supervisor ${context.address} is ${phase}` };
  }
  return { kind: 'accept' };
}
