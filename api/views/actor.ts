/** Any actor -> a row of the inspector's list. */
import type { MirroredActor } from '../../runtime/feed-types.js';
import type { ActorRow } from '../schemas/cluster.js';
import type { Static } from '../schemas/schema.js';
import { nameOf, operationOf, stateOf, waitingReasonOf, wordOf } from './words.js';

export function actorRow({ address, record, owner }: MirroredActor): Static<typeof ActorRow> {
  const last = record.tail.at(-1);
  return {
    address, kind: record.kind, id: record.id, name: nameOf(record), state: stateOf(record), word: wordOf(record),
    owner: owner?.node ?? null, epoch: owner?.epoch ?? null, revision: record.revision, seq: record.seq,
    pending: record.effects.length, timers: record.timers.length, operation: operationOf(record), fault: record.fault,
    waiting_reason: waitingReasonOf(record), at: last?.at ?? null, event: last?.event.type ?? null,
  };
}
