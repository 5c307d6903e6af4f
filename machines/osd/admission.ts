/** Admission of an OSD's commands: one job at a time; every denial says what is legal. */
import { accept, denyInvalid, denyState, type Admission } from '../admission.js';
import { stateSentence, statePaths, type CommandView, type SnapshotView } from '../definition.js';
import { OSD_COMMAND_TYPES, type OsdContext } from './messages.js';
import { OSD_STATES } from './states.js';

export const osdContext = (snapshot: SnapshotView): OsdContext => snapshot.context as unknown as OsdContext;

export const osdIsIn = (snapshot: SnapshotView, path: string): boolean =>
  statePaths(snapshot.value).some((active) => active === path || active.startsWith(`${path}.`));

export const osdStateText = (snapshot: SnapshotView): string => stateSentence(OSD_STATES, snapshot.value);

const LEGAL_IN: Readonly<Record<string, readonly string[]>> = {
  'osd.add': ['new'], 'osd.replace': ['serving', 'empty'], 'osd.refresh': ['serving'],
  'osd.remove': ['serving', 'empty'], 'osd.cancel': ['removing.draining'],
  'osd.share': ['new'], 'osd.bury': ['new'],
};

/** Why an OSD's job is not ended early, and what to do instead. */
const NOT_CANCELLED: readonly (readonly [state: string, why: string])[] = [
  ['serving', 'nothing is under way'], ['empty', 'nothing is under way'], ['undoing', 'it is being unmade already'],
  ['removing.marking', 'it is not taken out yet: try again in a moment'],
  ['removing.returning', 'it is being brought in again already'],
  ['removing', 'its data are elsewhere, and its number and device are being given back. Let it end, then add it anew'],
  ['checking', 'it is over in a moment'], ['judging', 'it is over in a moment'],
  ['leaving', 'its old device is given up already. Let the replacement end'],
  ['building', 'half an OSD is of no use. Let it end, then remove it'],
];

/** Pure; called early at the API on the mirrored record, and again at the step. */
export function admitOsd(snapshot: SnapshotView, command: CommandView): Admission {
  const { number, uuid } = osdContext(snapshot);
  const name = `OSD ${number ?? uuid}`;
  if (!(OSD_COMMAND_TYPES as readonly string[]).includes(command.type)) {
    return denyInvalid(`${name} does not understand "${command.type}"`);
  }
  const place = command['place'] as { device?: unknown } | undefined;
  if (place !== undefined && (typeof place.device !== 'string' || place.device === '')) {
    return denyInvalid(`${name} needs a device: a path, or detect:NAME:SIZE:N`);
  }
  if (LEGAL_IN[command.type]?.some((path) => osdIsIn(snapshot, path)) === true) return accept;
  if (command.type === 'osd.remove' && osdIsIn(snapshot, 'removing.draining')) {
    if (command['force'] === true) return accept;
    return denyState(`${name} is being removed already: force does not wait for its data, cancel keeps it`);
  }
  if (command.type === 'osd.cancel') {
    const why = NOT_CANCELLED.find(([path]) => osdIsIn(snapshot, path))?.[1] ?? 'this is over in a moment';
    return denyState(`${name}: nothing is cancelled, for ${why}. ${osdStateText(snapshot)}`);
  }
  return denyState(`${name} cannot do that now. ${osdStateText(snapshot)}`);
}
