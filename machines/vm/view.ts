/** What people see of a VM: PVC's words out of a snapshot. Pure; API, CLI and inspector use these. */
import { stateSentence, statePaths, type SnapshotView } from '../definition.js';
import type { VmContext, VmStateWord } from './messages.js';
import { VM_STATES } from './states.js';

export const vmContext = (snapshot: SnapshotView): VmContext => snapshot.context as unknown as VmContext;

/** The path of the active state: `migrating.copying`. */
const vmStatePath = (snapshot: SnapshotView): string => statePaths(snapshot.value)[0] ?? '';

/** PVC's word for the state. */
export function vmStateWord(snapshot: SnapshotView): VmStateWord {
  const context = vmContext(snapshot);
  const [top, below] = vmStatePath(snapshot).split('.') as [string, string | undefined];
  switch (top) {
    case 'off': return OFF_WORDS[below ?? ''] ?? 'stop';
    case 'removing': case 'removed': return 'delete';
    case 'migrating': return 'migrate';
    case 'stopping': case 'observing': case 'ended': return endingWord(context, below);
    case 'snapshotting': case 'discarding': return context.mayRunOn.length > 0 ? 'start' : restWord(context);
    case 'rollingBack': return restWord(context);
    case 'recovering': return context.desired === 'start' ? 'start' : 'stop';
    default: return 'start';
  }
}

const restWord = (context: VmContext): VmStateWord => context.desired === 'disable' ? 'disable' : 'stop';

/** One that is left alone is still wanted running. */
const OFF_WORDS: Readonly<Record<string, VmStateWord>> = { disabled: 'disable', failed: 'fail', left: 'start' };

function endingWord(context: VmContext, below: string | undefined): VmStateWord {
  switch (context.stop?.then) {
    case 'remove': return 'delete';
    case 'start': return 'restart';
    case 'relocate': return 'migrate';
    case 'rest': return below === 'shuttingDown' ? 'shutdown' : 'stop';
    default: return context.move === null ? 'start' : 'migrate';
  }
}

/** PVC's `migrated`: "no" or "from hv1". */
export const vmMigratedText = (snapshot: SnapshotView): string => {
  const { lastNode } = vmContext(snapshot);
  return lastNode === null ? 'no' : `from ${lastNode}`;
};

/** Why it failed or waits, for people; empty when all is well. */
export const vmReason = (snapshot: SnapshotView): string =>
  vmContext(snapshot).waitingReason ?? (vmStateWord(snapshot) === 'fail' ? vmContext(snapshot).failedReason ?? '' : '');

/** One sentence about the present state. */
export const vmStateText = (snapshot: SnapshotView): string => stateSentence(VM_STATES, snapshot.value);

/** True while a guest of this VM counts as load of its node: it runs there or is about to. */
export function vmOccupiesNode(snapshot: SnapshotView): boolean {
  const path = vmStatePath(snapshot);
  if (/^(snapshotting|discarding|rollingBack|removing)/.test(path)) return vmContext(snapshot).mayRunOn.length > 0;
  return !path.startsWith('off') && path !== 'removed' && path !== 'starting.waiting' && path !== 'starting.placing'
    && !path.startsWith('recovering');
}
