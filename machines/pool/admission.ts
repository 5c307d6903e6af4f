/** Admission of commands to pools: one thing at a time. */
import { accept, denyInvalid, denyState, type Admission } from '../admission.js';
import { stateSentence, statePaths, type CommandView, type SnapshotView } from '../definition.js';
import { POOL_COMMAND_TYPES, type PoolCommand, type PoolContext } from './messages.js';
import { POOL_STATES } from './states.js';

const isCommand = (command: CommandView): command is PoolCommand & CommandView =>
  (POOL_COMMAND_TYPES as readonly string[]).includes(command.type);

const sentence = ({ value }: SnapshotView): string => stateSentence(POOL_STATES, value);

/** Pure; called early at the API on the mirrored record, and again at the step. */
export function admitPool(snapshot: SnapshotView, command: CommandView): Admission {
  const context = snapshot.context as unknown as PoolContext;
  const pool = `Pool "${context.name}"`;
  if (!isCommand(command)) return denyInvalid(`${pool} does not understand "${command.type}"`);
  const state = statePaths(snapshot.value)[0] ?? '';
  if (state === 'planned') {
    return command.type === 'pool.create' ? accept : denyState(`${pool} is not made yet: try again in a moment`);
  }
  if (command.type === 'pool.create') return denyInvalid(`${pool} exists already`);
  return state === 'available' ? accept
    : denyState(`${pool} is busy: ${sentence(snapshot)} Try again when that is over`);
}

/** Its record may be thrown away while nothing is under way: the keeper makes it again from what Ceph has. */
export function poolMayForget(snapshot: SnapshotView | null): string | null {
  if (snapshot === null || ['available', 'planned'].includes(statePaths(snapshot.value)[0] ?? '')) return null;
  return `something is under way with it: ${sentence(snapshot)}`;
}
