/** A transition that no machine made: what the runtime or an administrator did to an actor, for tail and feed. */
import { stateText } from './behavior.js';
import type { ActorEvent } from './envelope.js';
import { LIMITS } from './limits.js';
import type { ActorRecord } from './record.js';

export interface Mark {
  readonly node: string;
  readonly epoch: number;
  readonly nowMs: number;
  readonly commitId: string;
  readonly correlation?: string;
}

/** The record as the next revision, its tail saying what happened; the machine is where it was. */
export function markRecord(record: ActorRecord, event: ActorEvent, mark: Mark): ActorRecord {
  const state = stateText(record.snapshot.value);
  const seq = record.seq + 1;
  const { node, epoch, nowMs, commitId } = mark;
  const transition = {
    seq, at: nowMs, node, epoch, event, from: state, to: state, effects: [], sent: [],
    operationId: null, correlation: mark.correlation ?? commitId, causation: null,
  };
  return {
    ...record, revision: record.revision + 1, commitId, ownerEpoch: epoch, seq,
    tail: [...record.tail, transition].slice(-LIMITS.tailLength),
  };
}
