/**
 * The outbox: what an actor has sent and what waits in its record because the receiver's mailbox is full
 * (LIMITS.mailboxHard). Order of a sender and a lane is kept: while something for a receiver waits, newer envelopes for
 * it queue up behind. It is tried again with growing pauses, and at once by whoever loads the record.
 *
 * Back-pressure: with more than LIMITS.outboxHigh parked envelopes an actor takes no letters of the normal lane, so its
 * own mailbox fills, and its senders park in turn. Two actors that flood each other would so stand still for ever:
 * what could not be sent for LIMITS.outboxPatienceMs becomes dead letters. An actor's sends to itself never wait.
 */
import type { Address } from './address.js';
import type { Clock } from './clock.js';
import type { Envelope, Lane } from './envelope.js';
import { LIMITS } from './limits.js';
import type { ActorRecord } from './record.js';

export type IsFull = (to: Address, lane: Lane) => boolean;

export interface Routed {
  /** To be created in mailboxes by this commit, in order. */
  readonly send: readonly Envelope[];
  /** The record's outbox after it. */
  readonly outbox: readonly Envelope[];
  /** Waited too long. */
  readonly givenUp: readonly Envelope[];
}

const NONE: readonly Envelope[] = [];
const keyOf = ({ to, lane }: Envelope): string => `${lane ?? 'normal'} ${to}`;

/** What of the outbox and of what was sent now goes out. `hopeless`: keys (Outbox.hopeless) to be given up. */
export function route(
  outbox: readonly Envelope[], outgoing: readonly Envelope[], isFull: IsFull, hopeless: ReadonlySet<string>,
): Routed {
  if (outbox.length === 0 && !outgoing.some(({ to, lane }) => isFull(to, lane ?? 'normal'))) {
    return { send: outgoing, outbox, givenUp: NONE };
  }
  const send: Envelope[] = [];
  const parked: Envelope[] = [];
  const givenUp: Envelope[] = [];
  const blocked = new Set<string>();
  for (const envelope of [...outbox, ...outgoing]) {
    const key = keyOf(envelope);
    const isBlocked = blocked.has(key) || isFull(envelope.to, envelope.lane ?? 'normal');
    if (!isBlocked && send.length < LIMITS.outgoingPerStep) {
      send.push(envelope);
      continue;
    }
    blocked.add(key);
    const giveUp = hopeless.has(key) && givenUp.length < LIMITS.outgoingPerBatch;
    (giveUp ? givenUp : parked).push(envelope);
  }
  return { send, outbox: parked, givenUp };
}

/** When one cell tries its outbox again. */
export class Outbox {
  /** For each receiver and lane: what waits first, and since when (monotonic). */
  private readonly since = new Map<string, { readonly id: string; readonly at: number }>();
  private pauseMs: number = LIMITS.outboxRetryMs;
  private cancel: (() => void) | null = null;
  private isDue = false;
  private parked = 0;
  private heavy = false;

  constructor(private readonly clock: Clock, private readonly wake: () => void) {}

  /** The next turn tries to send what is parked. */
  get due(): boolean {
    return this.isDue;
  }

  /** The actor takes no letters of the normal lane. */
  get holdsNormal(): boolean {
    return this.parked >= LIMITS.outboxHigh || this.heavy;
  }

  /** The actor takes nothing. */
  get holdsAll(): boolean {
    return this.parked >= LIMITS.outboxFull || this.heavy;
  }

  /** Receivers and lanes that took nothing for too long. */
  hopeless(): ReadonlySet<string> {
    if (this.since.size === 0) return new Set();
    const before = this.clock.monotonicMs() - LIMITS.outboxPatienceMs;
    return new Set([...this.since].filter(([, { at }]) => at < before).map(([key]) => key));
  }

  /** The record was loaded: it is tried at once. */
  begin(record: ActorRecord): void {
    this.follow(record, 0);
    this.stop();
    this.isDue = record.outbox.length > 0;
  }

  /** A turn begins and tries. */
  tried(): void {
    this.isDue = false;
  }

  /** The record was committed, or nothing could be sent. */
  follow({ outbox }: ActorRecord, recordBytes: number): void {
    if (outbox.length === 0 && this.parked === 0) return;
    const sent = outbox.length < this.parked;
    this.parked = outbox.length;
    this.heavy = outbox.length > 0 && recordBytes > LIMITS.recordBytes;
    this.note(outbox);
    if (outbox.length === 0) return this.stop();
    if (sent) this.pauseMs = LIMITS.outboxRetryMs;
    if (this.isDue || this.cancel !== null) return;
    this.cancel = this.clock.after(this.pauseMs, () => {
      this.cancel = null;
      this.isDue = true;
      this.wake();
    }, true);
    this.pauseMs = Math.min(this.pauseMs * 2, LIMITS.outboxRetryMaxMs);
  }

  stop(): void {
    this.cancel?.();
    this.cancel = null;
    this.isDue = false;
    this.pauseMs = LIMITS.outboxRetryMs;
  }

  private note(outbox: readonly Envelope[]): void {
    const heads = new Map<string, string>();
    for (const envelope of outbox) if (!heads.has(keyOf(envelope))) heads.set(keyOf(envelope), envelope.id);
    for (const key of this.since.keys()) if (!heads.has(key)) this.since.delete(key);
    for (const [key, id] of heads) {
      if (this.since.get(key)?.id !== id) this.since.set(key, { id, at: this.clock.monotonicMs() });
    }
  }
}
