/** Admission of node commands: legal states named in every denial. */
import { accept, already, denyInvalid, denyState, listOf, type Admission } from '../admission.js';
import type { CommandView, SnapshotView } from '../definition.js';
import { NODE_COMMAND_TYPES, type NodeCommandType } from './messages.js';
import { nodeContext, daemonStateWord, domainStateWord, nodeIsIn } from './view.js';

const word = (type: NodeCommandType): string => type.slice('node.'.length);

/** What node commands are legal now: for help and denials. */
function legalNodeCommands(snapshot: SnapshotView): readonly NodeCommandType[] {
  const legal: NodeCommandType[] = [];
  if (mayBeConfirmed(snapshot)) legal.push('node.confirm-fenced');
  if (!nodeIsIn(snapshot, 'life.alive')) return legal;
  if (!nodeIsIn(snapshot, 'domain.flushed') && !nodeIsIn(snapshot, 'domain.flushing')) legal.push('node.flush');
  if (!nodeIsIn(snapshot, 'domain.ready') && !nodeIsIn(snapshot, 'domain.readying')) legal.push('node.ready');
  if (nodeContext(snapshot).coordinator) legal.push('node.primary', 'node.secondary');
  return legal;
}

/** A person may vouch for a node whose session is gone or that is being fenced. */
const mayBeConfirmed = (snapshot: SnapshotView): boolean =>
  nodeIsIn(snapshot, 'life.judging.case.suspected') || nodeIsIn(snapshot, 'life.judging.case.fencing');

/** Pure; called early at the API on the mirrored record, and again at the step. */
export function admitNode(snapshot: SnapshotView, command: CommandView): Admission {
  const { name, coordinator } = nodeContext(snapshot);
  if (!(NODE_COMMAND_TYPES as readonly string[]).includes(command.type)) {
    return denyInvalid(`Node "${name}" does not understand "${command.type}"`);
  }
  const type = command.type as NodeCommandType;
  const alreadySo = alreadyText(snapshot, type, name);
  if (alreadySo !== null) return already(alreadySo);
  if ((type === 'node.primary' || type === 'node.secondary') && !coordinator) {
    return denyInvalid(`Node "${name}" is not a coordinator: it can be neither primary nor secondary`);
  }
  const legal = legalNodeCommands(snapshot);
  // Said by a service manager, not by people: legal wherever it means anything, and in no list of what else to do.
  if (type === 'node.leave' && nodeIsIn(snapshot, 'life.alive')) return accept;
  if (legal.includes(type)) return accept;
  return denyState(
    `Node "${name}" is in daemon state "${daemonStateWord(snapshot)}" ` +
      `and domain state "${domainStateWord(snapshot)}": ` +
      `it cannot ${word(type)} now; legal commands: ${listOf(legal.map(word))}`,
  );
}

function alreadyText(snapshot: SnapshotView, type: NodeCommandType, name: string): string | null {
  if (type === 'node.confirm-fenced') {
    return nodeIsIn(snapshot, 'life.proved') ? `Node "${name}" is proved to be off already` : null;
  }
  if (!nodeIsIn(snapshot, 'life.alive')) return null;
  if (type === 'node.flush' && nodeIsIn(snapshot, 'domain.flushed')) return `Node "${name}" is already flushed`;
  if (type === 'node.flush' && nodeIsIn(snapshot, 'domain.flushing'))
    return `Node "${name}" is already being flushed`;
  if (type === 'node.ready' && nodeIsIn(snapshot, 'domain.ready')) return `Node "${name}" is already ready`;
  return type === 'node.ready' && nodeIsIn(snapshot, 'domain.readying')
    ? `Node "${name}" is already being made ready`
    : null;
}
