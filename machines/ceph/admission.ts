/** Admission of what a person says of the storage's faults. */
import { accept, already, denyInvalid, type Admission } from '../admission.js';
import type { CommandView, SnapshotView } from '../definition.js';
import { faultsOf } from './changes.js';
import { CEPH_COMMAND_TYPES, type CephCommand, type CephContext } from './messages.js';

export const cephContext = (snapshot: SnapshotView): CephContext => snapshot.context as unknown as CephContext;

const isCommand = (command: CommandView): command is CephCommand & CommandView =>
  (CEPH_COMMAND_TYPES as readonly string[]).includes(command.type);

/** Pure; called early at the API on the mirrored record, and again at the step. */
export function admitCeph(snapshot: SnapshotView, command: CommandView): Admission {
  if (!isCommand(command)) return denyInvalid(`The storage does not understand "${command.type}"`);
  const faults = faultsOf(cephContext(snapshot)).filter(({ id }) => command.fault === null || id === command.fault);
  if (command.fault !== null && faults.length === 0) {
    return denyInvalid(`No fault "${command.fault}" is open: "pvc cluster fault list" names those that are`);
  }
  if (command.type === 'ceph.acknowledge' && faults.every(({ acknowledgedAt }) => acknowledgedAt !== null)) {
    return already(command.fault === null ? 'No fault of the storage waits to be acknowledged'
      : `Fault "${command.fault}" is acknowledged already`);
  }
  if (faults.length === 0) return already('The storage has no fault');
  return accept;
}
