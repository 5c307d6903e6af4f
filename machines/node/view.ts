/** What people see of a node: PVC's words out of a snapshot. Pure; API, CLI and inspector use these. */
import { statePaths, stateSentence, type SnapshotView } from '../definition.js';
import type { DaemonStateWord, DomainStateWord, NodeContext } from './messages.js';
import { NODE_STATES } from './states.js';

export const nodeContext = (snapshot: SnapshotView): NodeContext => snapshot.context as unknown as NodeContext;

/** True if a state at or below this path is active: `inState(s, 'life.judging.case.fencing')`. */
export const nodeIsIn = (snapshot: SnapshotView, path: string): boolean =>
  statePaths(snapshot.value).some((active) =>
    active.startsWith(path) && (active.length === path.length || active[path.length] === '.'));

/** PVC's daemon state. */
export function daemonStateWord(snapshot: SnapshotView): DaemonStateWord {
  if (nodeIsIn(snapshot, 'life.unknown')) return 'unknown';
  if (nodeIsIn(snapshot, 'life.alive.restarting')) return 'shutdown';
  if (nodeIsIn(snapshot, 'life.alive')) return 'run';
  if (nodeIsIn(snapshot, 'life.judging.case.doubted') && !nodeContext(snapshot).leaseOver) return 'run';
  if (!nodeIsIn(snapshot, 'life.proved')) return 'dead';
  return nodeContext(snapshot).goesDown === true ? 'stop' : 'fenced';
}

/** PVC's domain state. While a fence moves its VMs: fence-flush; after that: flushed, until it is back. */
export function domainStateWord(snapshot: SnapshotView): DomainStateWord {
  if (nodeIsIn(snapshot, 'life.proved')) return isEmptiedByFence(snapshot) ? 'flushed' : 'fence-flush';
  if (nodeIsIn(snapshot, 'life.judging.case.fencing')) return 'fence-flush';
  if (nodeIsIn(snapshot, 'domain.flushing')) return 'flush';
  if (nodeIsIn(snapshot, 'domain.flushed')) return 'flushed';
  return nodeIsIn(snapshot, 'domain.readying') ? 'unflush' : 'ready';
}

/** States of `life.proved` in which its VMs have their plan. */
const AFTER_REHOMING = ['awaitingReturn', 'poweringOn', 'poweringOnAgain', 'cyclingOff', 'cyclingPause', 'lifting',
  'liftingAgain'] as const;

const isEmptiedByFence = (snapshot: SnapshotView): boolean =>
  AFTER_REHOMING.some((state) => nodeIsIn(snapshot, `life.proved.${state}`));

/**
 * Why a fence or a flush waits, for people; empty when nothing waits. A fence that is stuck names the way out:
 * a person who knows that the node is off may say so (proof P4).
 */
export function nodeReason(snapshot: SnapshotView): string {
  const { name, waitingReason, storageReason } = nodeContext(snapshot);
  const reason = [waitingReason, storageReason && `Storage: ${storageReason}`].filter(Boolean).join('. ');
  return nodeIsIn(snapshot, 'life.judging.case.fencing.stuck')
    ? `${reason}. If you know that it is off: pvc node confirm-fenced ${name}` : reason;
}

/** `judging.case.fencing.readPower`: the life region's deepest state that is not the lease's. */
export const nodeLifePath = (snapshot: SnapshotView): string =>
  (
    statePaths(snapshot.value).find((path) => path.startsWith('life.') && !path.includes('.lease.')) ?? 'life.unknown'
  ).slice('life.'.length);

export const nodeStateText = (snapshot: SnapshotView): string => stateSentence(NODE_STATES, snapshot.value);
