/** Admission of commands to volumes: one thing at a time, and names of snapshots as they are now. */
import { accept, denyInvalid, denyState, type Admission } from '../admission.js';
import { stateSentence, statePaths, type CommandView, type SnapshotView } from '../definition.js';
import { VOLUME_COMMAND_TYPES, type VolumeCommand, type VolumeContext } from './messages.js';
import { VOLUME_STATES } from './states.js';

const BIRTHS: readonly string[] = ['volume.create', 'volume.clone'];
const CANCELLABLE: readonly string[] = ['flattening', 'filling.inspecting', 'filling.converting'];
/** Why what is under way in a state is not ended early, and what to do instead. */
const NOT_CANCELLED: Readonly<Record<string, string>> = {
  removing: 'a removal that has begun cannot be undone, and half an image is of no use to anybody. It ends by itself; '
    + 'what is still wanted has to come from a backup',
  rollingBack: 'half of a rollback is neither the one content nor the other, and no disk for a guest. Let it end, then '
    + 'roll back to another snapshot if this was the wrong one',
  droppingSnapshot: 'a snapshot is gone with its first step; Ceph clears its data by itself',
  'filling.tidying': 'it has ended, and what it needed is being removed',
  'filling.undoing': 'it has ended, and what it made is being removed',
  available: 'nothing is under way',
  planned: 'nothing is under way',
  removed: 'it is gone',
};
const SOON_OVER = 'this is over in a moment';

const isCommand = (command: CommandView): command is VolumeCommand & CommandView =>
  (VOLUME_COMMAND_TYPES as readonly string[]).includes(command.type);

/** Pure; called early at the API on the mirrored record, and again at the step. */
export function admitVolume(snapshot: SnapshotView, command: CommandView): Admission {
  const context = snapshot.context as unknown as VolumeContext;
  const volume = `Volume "${context.name}" in pool "${context.pool}"`;
  if (!isCommand(command)) return denyInvalid(`${volume} does not understand "${command.type}"`);
  const state = statePaths(snapshot.value)[0] ?? '';
  if (command.type === 'volume.cancel') {
    return CANCELLABLE.includes(state) ? accept
      : denyState(`${volume}: nothing is cancelled, for ${NOT_CANCELLED[state] ?? SOON_OVER}. ${sentence(snapshot)}`);
  }
  if (state === 'planned') {
    return BIRTHS.includes(command.type) || command.type === 'volume.fill' ? accept
      : denyState(`${volume} is not made yet: try again in a moment`);
  }
  if (BIRTHS.includes(command.type)) return denyInvalid(`${volume} exists already`);
  if (state !== 'available') return denyState(`${volume} is busy: ${sentence(snapshot)} Try again when that is over`);
  return admitContent(context, command, volume);
}

const sentence = ({ value }: SnapshotView): string => stateSentence(VOLUME_STATES, value);

function admitContent(context: VolumeContext, command: VolumeCommand, volume: string): Admission {
  const has = (name: string): boolean => context.facts?.snapshots.some((each) => each.name === name) === true;
  switch (command.type) {
    case 'volume.resize':
      return command.sizeBytes < (context.facts?.sizeBytes ?? 0)
        ? denyInvalid(`${volume} has ${context.facts?.sizeBytes} bytes: making it smaller would cut off data`) : accept;
    case 'volume.rename':
      return command.to === context.name ? denyInvalid(`${volume} has that name already`) : accept;
    case 'volume.flatten':
      return context.facts?.parent === null
        ? denyInvalid(`${volume} is no clone: there is nothing to flatten`) : accept;
    case 'volume.snapshot':
      return has(command.snapshot) ? denyInvalid(`${volume} has a snapshot "${command.snapshot}" already`) : accept;
    case 'volume.renameSnapshot':
      if (has(command.to)) return denyInvalid(`${volume} has a snapshot "${command.to}" already`);
      return has(command.snapshot) ? accept : denyInvalid(`${volume} has no snapshot "${command.snapshot}"`);
    case 'volume.dropSnapshot':
    case 'volume.rollback':
      return has(command.snapshot) ? accept : denyInvalid(`${volume} has no snapshot "${command.snapshot}"`);
    case 'volume.remove': {
      const names = context.facts?.snapshots.map((each) => each.name) ?? [];
      return names.length === 0 ? accept
        : denyState(`${volume} has snapshots: remove them first (${names.slice(0, 5).join(', ')})`);
    }
    default:
      return accept;
  }
}

/** Its record may be thrown away while nothing is under way: the keeper makes it again from what Ceph has. */
export function volumeMayForget(snapshot: SnapshotView | null): string | null {
  if (snapshot === null || ['available', 'planned'].includes(statePaths(snapshot.value)[0] ?? '')) return null;
  return `something is under way with it: ${sentence(snapshot)}`;
}
