/**
 * Requests: a message that is answered, or not, by a deadline. All of it is record and mailbox, so it outlives owners.
 *
 * - `ask {to, event, as, deadlineMs}` sends the event and notes a PendingRequest with the timer `request:<id>`.
 * - The receiver's machine finds `event.replyTo = {address, requestId}` and answers, in this step or a later one, with
 *   `reply {to: event.replyTo, event}`.
 * - The requester's machine gets exactly one of: `<as>.reply` (the answer's fields and `requestId`), `<as>.timeout` at
 *   the deadline, `<as>.gone` if there is no such actor (any more). What comes later, or again, is dropped.
 * - `request.cancel {as}` forgets all requests of that name.
 *
 * Pure; used by step.ts, and where envelopes cannot be delivered.
 */
import type { Address } from './address.js';
import type { EmittedAction } from './behavior.js';
import type { ActorEvent, Envelope } from './envelope.js';
import type { ActorRecord, PendingRequest, Timer } from './record.js';
import type { StepInput, StepMeta } from './step.js';

/** How an actor is answered: what `event.replyTo` holds, and `reply` takes. */
export interface ReplyTo {
  readonly address: Address;
  readonly requestId: string;
}

/** Of an answer's input: which request it ends, and how. */
export interface Answers {
  readonly requestId: string;
  readonly how: 'reply' | 'gone';
}

const GONE = 'request.gone';
const TIMER = 'request:';

/** Actions of a machine that send. */
export const SENDING: ReadonlySet<string> = new Set(['tell', 'ask', 'reply']);

/** The envelope that such an action sends. `lane: 'control'` and `expiresMs` are its own. */
export function envelopeOf(
  { type, params }: EmittedAction, id: string, from: Address, input: StepInput, meta: StepMeta,
): Envelope {
  const envelope: Envelope = {
    id, from, to: params['to'] as Address, event: params['event'] as ActorEvent,
    correlation: input.correlation, causation: input.id, senderEpoch: meta.epoch, sentAt: meta.nowMs,
  };
  const { lane, expiresMs } = params;
  if (type === 'tell' && lane === undefined && expiresMs === undefined) return envelope;
  const postage = {
    ...(lane === 'control' ? { lane } as const : {}),
    ...(typeof expiresMs === 'number' ? { expiresAt: meta.nowMs + expiresMs } : {}),
  };
  if (type === 'tell') return { ...envelope, ...postage };
  if (type === 'ask') return { ...envelope, ...postage, requestId: id };
  const { address, requestId } = params['to'] as ReplyTo;
  return { ...envelope, ...postage, to: address, requestId, answer: true };
}

/** What `ask` leaves in the record beside its envelope. */
export function requestOf({ params }: EmittedAction, { id, to }: Envelope): {
  readonly request: PendingRequest; readonly timer: EmittedAction['params'];
} {
  const { as, deadlineMs } = params;
  if (typeof as !== 'string' || typeof deadlineMs !== 'number') {
    throw new Error(`a request to ${to} needs a name (as) and a deadline (deadlineMs)`);
  }
  return {
    request: { requestId: id, to, as },
    timer: { id: `${TIMER}${id}`, delay: deadlineMs, event: { type: `${as}.timeout`, requestId: id, to } },
  };
}

/** Requests and timers without the requests named `as`. */
export function cancelled(
  requests: readonly PendingRequest[], timers: readonly Timer[], as: unknown,
): { requests: readonly PendingRequest[]; timers: readonly Timer[] } {
  const gone = new Set(requests.filter((each) => each.as === as).map(({ requestId }) => `${TIMER}${requestId}`));
  return {
    requests: requests.filter((each) => each.as !== as), timers: timers.filter(({ timerId }) => !gone.has(timerId)),
  };
}

/**
 * A request's end: the record without it, and the event as its machine knows it. null = it is not pending (any more).
 * Other inputs pass unchanged.
 */
export function settleRequest(
  record: ActorRecord, { event, answers, settles, source }: StepInput,
): { readonly record: ActorRecord; readonly event: ActorEvent } | null {
  if (answers === undefined) {
    if (source !== 'timer' || settles?.startsWith(TIMER) !== true) return { record, event };
    const requests = record.requests.filter(({ requestId }) => requestId !== event['requestId']);
    return { record: { ...record, requests }, event };
  }
  const { requestId, how } = answers;
  const request = record.requests.find((each) => each.requestId === requestId);
  if (request === undefined) return null;
  return {
    record: {
      ...record, requests: record.requests.filter((each) => each !== request),
      timers: record.timers.filter(({ timerId }) => timerId !== `${TIMER}${requestId}`),
    },
    event: { ...event, type: `${request.as}.${how}`, requestId },
  };
}

/** What the receiver of a request, or of an answer, needs beside the event. */
export function asInput({ event, from, requestId, answer }: Envelope): Pick<StepInput, 'event' | 'answers'> {
  if (requestId === undefined) return { event };
  if (answer === true) return { event, answers: { requestId, how: event.type === GONE ? 'gone' : 'reply' } };
  return { event: { ...event, replyTo: { address: from, requestId } } };
}

/** What comes back of a request whose receiver is no more; null = it is no request of an actor. */
export function goneAnswer(envelope: Envelope): Envelope | null {
  const { id, from, to, requestId, answer, lane: _lane, expiresAt: _expires, ...rest } = envelope;
  if (requestId === undefined || answer === true || from === 'api') return null;
  return { ...rest, id: `${id}.gone`, from: to, to: from, requestId, answer: true, event: { type: GONE, to } };
}
