/** What PVC calls the state a machine is in, for any kind of actor. */
import { statePaths, stateSentence } from '../../machines/definition.js';
import { daemonStateWord, domainStateWord, nodeStateText } from '../../machines/node/view.js';
import { MACHINES } from '../../machines/registry.js';
import { vmOccupiesNode, vmStateText, vmStateWord } from '../../machines/vm/view.js';
import type { NodeContext } from '../../machines/node/messages.js';
import type { VmContext } from '../../machines/vm/messages.js';
import type { LightRecord } from '../../runtime/feed-light.js';

/** Of a record or of what the feed keeps of one. */
export type Shown = Pick<LightRecord, 'kind' | 'id' | 'snapshot'>;

export { daemonStateWord, domainStateWord, vmOccupiesNode, vmStateWord };

export const vmContext = (record: Shown): VmContext => record.snapshot.context as unknown as VmContext;
export const nodeContext = (record: Shown): NodeContext => record.snapshot.context as unknown as NodeContext;

/** The state value as one line. */
export const stateOf = (record: Shown): string => statePaths(record.snapshot.value).join('|');

/** PVC's word, or null for kinds PVC has no words for. */
export function wordOf(record: Shown): string | null {
  if (record.kind === 'vm') return vmStateWord(record.snapshot);
  if (record.kind === 'node') return `${daemonStateWord(record.snapshot)},${domainStateWord(record.snapshot)}`;
  return null;
}

/** The name people use: `web1`, `osd.3` (once it has its number), `pool/volume`. */
export function nameOf({ kind, id, snapshot: { context } }: Shown): string {
  const { name, number, pool } = context;
  if (kind === 'osd' && typeof number === 'number') return `osd.${number}`;
  if (typeof name !== 'string') return id;
  return kind === 'volume' && typeof pool === 'string' ? `${pool}/${name}` : name;
}

/** Why the actor waits, for people; null when it does not. */
export function waitingReasonOf({ kind, snapshot: { context } }: Shown): string | null {
  const reason = context[kind === 'osd' ? 'reason' : 'waitingReason'];
  return typeof reason === 'string' ? reason : null;
}

/** The operation under way, if a command started it. */
export function operationOf(record: Shown): { operationId: string; command: string } | null {
  const operation = record.snapshot.context['operation'] as
    { operationId?: unknown; command?: unknown } | null | undefined;
  return operation ? { operationId: String(operation.operationId), command: String(operation.command) } : null;
}

/** What the state means, one sentence; null for a kind without texts. */
export function explanationOf({ kind, snapshot }: Shown): string | null {
  if (kind === 'vm') return vmStateText(snapshot);
  if (kind === 'node') return nodeStateText(snapshot);
  const states = MACHINES.find((machine) => machine.kind === kind)?.states;
  return states === undefined ? null : stateSentence(states, snapshot.value);
}
