/** Any actor -> a row of the list, and its page. */
import type { Envelope } from '../../runtime/envelope.js';
import type { Feed, MirroredActor } from '../../runtime/feed-types.js';
import type { ParkedLetter, WaitingLetter } from '../actor-desk.js';
import type { ActorRow, DeadLetterView, Letter } from '../schemas/actor.js';
import type { Static } from '../schemas/schema.js';
import { nameOf, operationOf, stateOf, waitingReasonOf, wordOf } from './words.js';

export function actorRow(feed: Feed, { address, record, owner }: MirroredActor): Static<typeof ActorRow> {
  const last = record.tail.at(-1);
  const depth = record.removed ? { letters: 0, oldestMs: null } : feed.mailbox(address);
  const { kind, id, revision, seq, counts, fault } = record;
  return {
    address, kind, id, name: nameOf(record), state: stateOf(record), word: wordOf(record),
    owner: owner?.node ?? null, epoch: owner?.epoch ?? null, revision, seq,
    letters: depth?.letters ?? null,
    oldest_letter_ms: depth === null || depth.oldestMs === null ? null : Math.round(depth.oldestMs),
    ...counts, pending: record.effects.length, timers: record.timers.length, outbox: record.outbox.length,
    requests: record.requests.length, operation: operationOf(record), fault, last_error: record.lastError,
    parent: record.parent, life: record.life, exit: record.exit?.reason ?? null,
    waiting_reason: waitingReasonOf(record), at: last?.at ?? null, event: last?.event.type ?? null,
  };
}

export const effectViews = ({ record }: MirroredActor) => record.effects.map((effect) => ({
  effect_id: effect.effectId, kind: effect.kind, attempt: effect.attempt, attempts: effect.retry?.attempts ?? null,
  deadline_ms: Math.round(effect.deadlineMs), within: effect.within, correlation: effect.correlation,
  epoch: effect.epoch,
}));

/** What is left of each timer, as of when it was set. */
export const timerViews = ({ record }: MirroredActor, nowMs: number) => record.timers.map((timer) => ({
  timer_id: timer.timerId, event: timer.event.type, delay_ms: Math.round(timer.delayMs), policy: timer.policy,
  left_ms: Math.max(0, Math.round(timer.setAt + timer.delayMs - nowMs)),
}));

export function letterView({ name, envelope, fault }: WaitingLetter): Static<typeof Letter> {
  if (envelope === null) {
    return {
      name, fault, id: null, from: null, type: null, lane: null, operation: null, correlation: null, sent_at: null,
      expires_at: null, event: null,
    };
  }
  return {
    name, fault, id: envelope.id, from: envelope.from, type: envelope.event.type, lane: envelope.lane ?? 'normal',
    operation: envelope.operationId ?? null, correlation: envelope.correlation, sent_at: envelope.sentAt,
    expires_at: envelope.expiresAt ?? null, event: { ...envelope.event },
  };
}

export function deadLetterView(letter: ParkedLetter): Static<typeof DeadLetterView> {
  const { name, actor, error, at, state } = letter;
  const envelope: Envelope = letter.envelope;
  return {
    name, actor, error, at, state, type: envelope.event.type, from: envelope.from, sent_at: envelope.sentAt,
    correlation: envelope.correlation, operation: envelope.operationId ?? null, event: { ...envelope.event },
  };
}
