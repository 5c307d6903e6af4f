import type { Address } from './address.js';

/** What a machine receives: a type and plain JSON fields. Types starting with `xstate.` are refused. */
export interface ActorEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/**
 * A message in a mailbox. `id` is fixed by its sender (actor, revision, index; or a request id), so
 * that creating it twice is noticed. A command carries an operation; a fact does not.
 */
export interface Envelope {
  readonly id: string;
  readonly from: Address | 'api';
  readonly to: Address;
  readonly event: ActorEvent;
  /** Present on commands of users: the operation that this message is. */
  readonly operationId?: string;
  /** Id of the API request (or first message) that all of this follows from. */
  readonly correlation: string;
  /** Id of the envelope whose step sent this one. */
  readonly causation: string | null;
  /** Sender's epoch at the time of sending; 0 for the API. */
  readonly senderEpoch: number;
  /** Wall-clock time of sending, milliseconds since 1970. For people and retention only. */
  readonly sentAt: number;
  /** Absent = `normal`. Letters of the control lane (stop, kill, restart, replies of fences) go before all others. */
  readonly lane?: Lane;
  /**
   * Wall-clock time (the receiver's owner's clock decides) after which nobody waits for it any more and it is not
   * stepped: a command's operation ends as failed, anything else is parked as a dead letter.
   */
  readonly expiresAt?: number;
  /** On a request: the name its answer must carry back. On an answer: the request it answers. */
  readonly requestId?: string;
  /** Present on answers. */
  readonly answer?: true;
}

export type Lane = 'control' | 'normal';
