/**
 * Admission of VM commands. Nothing a user asked may vanish in an unmatched transition: a command is
 * accepted only in states whose chart handles it (tested), is `already` so, or is denied with the
 * legal ones named.
 */
import { accept, already, denyInvalid, denyState, listOf, type Admission } from '../admission.js';
import { statePaths, type CommandView, type SnapshotView } from '../definition.js';
import { commandWord } from './changes.js';
import { VM_COMMAND_TYPES, type VmCommand, type VmCommandType, type VmContext } from './messages.js';
import { VM_LIMITS } from './timing.js';
import { vmStateText, vmStateWord } from './view.js';

const always = ['vm.meta', 'vm.tag', 'vm.modify'] as const;
const ends = ['vm.shutdown', 'vm.stop', 'vm.disable', 'vm.undefine'] as const;
const devices = ['vm.attach', 'vm.detach', 'vm.limit'] as const;
const snapshots = ['vm.snapshot', 'vm.dropSnapshot'] as const;
const moves = ['vm.migrate', 'vm.move', 'vm.unmigrate'] as const;

type Row = { readonly accepts: readonly VmCommandType[]; readonly already: readonly VmCommandType[] };
const row = (accepts: readonly VmCommandType[], alreadySo: readonly VmCommandType[] = []): Row => ({
  accepts,
  already: alreadySo,
});

const resizing = row(['vm.restart', ...ends, ...moves, ...devices, ...snapshots], ['vm.start']);

/** Longest matching state path wins. vm.meta, vm.tag and vm.modify are legal everywhere but in `removed`. */
const TABLE: Readonly<Record<string, Row>> = {
  'off.stopped': row(
    ['vm.start', ...devices, ...snapshots, 'vm.rollback', 'vm.disable', 'vm.undefine', ...moves],
    ['vm.stop', 'vm.shutdown'],
  ),
  'off.disabled': row(
    ['vm.start', ...devices, ...snapshots, 'vm.rollback', 'vm.stop', 'vm.undefine', ...moves], ['vm.disable'],
  ),
  'off.left': row(['vm.start', ...devices, 'vm.stop', 'vm.disable', 'vm.undefine', ...moves]),
  'off.failed': row(['vm.start', ...devices, 'vm.stop', 'vm.disable', 'vm.undefine', ...moves]),
  starting: row(ends, ['vm.start']),
  'starting.transferring': row([], ['vm.start']),
  running: row(['vm.restart', ...ends, ...moves, ...devices, ...snapshots], ['vm.start']),
  snapshotting: row([]),
  'snapshotting.thawingAgain': row(ends),
  'snapshotting.thawingStill': row(ends),
  discarding: row(ends),
  rollingBack: row([]),
  changing: row(ends, ['vm.start']),
  'changing.resizing': resizing,
  'changing.resizingAgain': resizing,
  'stopping.shuttingDown': row(['vm.stop', 'vm.disable', 'vm.undefine'], ['vm.shutdown']),
  'stopping.destroying': row([], ['vm.stop', 'vm.shutdown']),
  'stopping.destroyingAgain': row([], ['vm.stop', 'vm.shutdown']),
  observing: row(ends),
  migrating: row([], ['vm.start']),
  'migrating.lookingAtSource': row(ends, ['vm.start']),
  'migrating.lookingAtSourceAgain': row(ends, ['vm.start']),
  'migrating.lookingAtTarget': row(ends, ['vm.start']),
  'migrating.clearingTarget': row(ends, ['vm.start']),
  'migrating.pausing': row(ends, ['vm.start']),
  recovering: row(ends, ['vm.start']),
  removing: row([]),
};

/** What VM commands are legal in this state value: for help and denials. */
function legalVmCommands(value: unknown): readonly VmCommandType[] {
  const found = rowOf(value);
  return found === null ? [] : [...found.accepts, ...always];
}

function rowOf(value: unknown): Row | null {
  const path = statePaths(value)[0] ?? '';
  return TABLE[path] ?? TABLE[path.split('.', 1)[0]!] ?? null;
}

/** PVC calls all of these "start" or "stop": what keeps the VM for a moment is said besides. */
const BUSY = ['starting', 'changing', 'snapshotting', 'discarding', 'rollingBack', 'observing', 'removing'];

function busyWith(snapshot: SnapshotView): string {
  if (!BUSY.includes(statePaths(snapshot.value)[0]?.split('.', 1)[0] ?? '')) return '';
  const sentence = vmStateText(snapshot);
  return ` (${sentence.charAt(0).toLowerCase()}${sentence.slice(1).replace(/[.?]$/, '')})`;
}

const isVmCommand = (command: CommandView): command is VmCommand & CommandView =>
  (VM_COMMAND_TYPES as readonly string[]).includes(command.type);

/** Pure; called early at the API on the mirrored record, and again at the step. */
export function admitVm(snapshot: SnapshotView, command: CommandView): Admission {
  const context = snapshot.context as unknown as VmContext;
  if (!isVmCommand(command)) return denyInvalid(`VM "${context.name}" does not understand "${command.type}"`);
  const found = rowOf(snapshot.value);
  const word = commandWord(command.type);
  if (found === null) return denyState(`VM "${context.name}" is being removed: no command is legal any more`);
  if ((always as readonly string[]).includes(command.type)) return admitProperties(context, command);
  // The opposite wish was given before (a start or a fence, a restart or a cold move): it is not "already" so.
  const startsAgain = context.stop?.then === 'start' || context.stop?.then === 'relocate';
  const overtaken =
    command.type === 'vm.start' ? context.stop !== null || context.desired !== 'start' : startsAgain;
  if (found.already.includes(command.type) && !overtaken && !removing(context)) {
    return already(`VM "${context.name}" is already in state "${vmStateWord(snapshot)}": nothing to do for ${word}`);
  }
  if (!found.accepts.includes(command.type) || removing(context)) {
    return denyState(
      `VM "${context.name}" is in state "${vmStateWord(snapshot)}"${busyWith(snapshot)}: it cannot ${word} now; ` +
        'legal commands: ' +
        listOf(legalVmCommands(snapshot.value).map(commandWord)),
    );
  }
  const wrong = wrongSnapshot(context, command);
  if (wrong !== null) return denyInvalid(wrong);
  return admitMove(context, command, snapshot);
}

function wrongSnapshot(context: VmContext, command: VmCommand): string | null {
  if (!('snapshot' in command)) return null;
  const names = (context.snapshots ?? []).map((each) => each.name);
  const isThere = names.includes(command.snapshot);
  if (command.type !== 'vm.snapshot') {
    const has = `it has ${names.join(', ') || 'none'}`;
    return isThere ? null : `VM "${context.name}" has no snapshot "${command.snapshot}": ${has}`;
  }
  if (isThere) return `VM "${context.name}" has a snapshot "${command.snapshot}" already: choose another name`;
  return names.length < VM_LIMITS.snapshotsMax ? null
    : `VM "${context.name}" has ${names.length} snapshots: remove one first`;
}

const removing = (context: VmContext): boolean => context.stop?.then === 'remove';

function admitProperties(context: VmContext, command: VmCommand): Admission {
  if (command.type !== 'vm.tag') return accept;
  const held = context.tags.find((tag) => tag.name === command.tag);
  if (command.action === 'remove' && held === undefined) {
    return denyInvalid(`VM "${context.name}" has no tag "${command.tag}"`);
  }
  if (command.action === 'remove' && held?.protected === true) {
    return denyInvalid(`Tag "${command.tag}" of VM "${context.name}" is protected: make it unprotected first`);
  }
  return accept;
}

function admitMove(context: VmContext, command: VmCommand, snapshot: SnapshotView): Admission {
  if (command.type !== 'vm.migrate' && command.type !== 'vm.move' && command.type !== 'vm.unmigrate') return accept;
  const off = statePaths(snapshot.value)[0]?.startsWith('off') === true;
  if (command.type === 'vm.unmigrate') {
    return context.lastNode === null
      ? denyState(`VM "${context.name}" is not migrated: there is no node to return it to`)
      : accept;
  }
  const { target } = command;
  if (target !== null && context.meta.nodeLimit !== null && !context.meta.nodeLimit.includes(target)) {
    return denyInvalid(
      `Node "${target}" is not in the node limit of VM "${context.name}": ${context.meta.nodeLimit.join(', ')}`,
    );
  }
  if (off && target === null)
    return denyInvalid(`VM "${context.name}" does not run: name the node that it is to have`);
  if (command.type === 'vm.migrate' && context.lastNode !== null && !command.force) {
    return denyState(
      `VM "${context.name}" is already migrated from "${context.lastNode}": unmigrate it, or use force`,
    );
  }
  if (target === context.node && !(command.type === 'vm.move' && context.lastNode !== null)) {
    return denyInvalid(`VM "${context.name}" is on node "${target}" already`);
  }
  return accept;
}
