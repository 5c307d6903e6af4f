/**
 * Requests of one session: a bounded number under way, the others waiting in order, each with a deadline, each
 * answered exactly once. Nothing waits while there is no connection: what is not sent at once is refused at once.
 */
import type { StoreCounters, StoreRequestKind } from '../store-metrics.js';
import { LIBRARY_ERROR } from './client.js';
import type { RequestFailure } from './failures.js';
import { Fifo } from './fifo.js';
import { ZOOKEEPER_LIMITS } from './limits.js';
import type { Packet } from './pipe.js';

/**
 * Gets a failure, or a whole reply frame. May throw over a damaged frame before it has settled anything: it is then
 * called again with a failure.
 */
export type RequestDone = (failure: RequestFailure | null, frame: Buffer) => void;

export interface RequestsPort {
  readonly counters: StoreCounters;
  /** May a request go out now? */
  ready(): boolean;
  send(packet: Packet, nowMs: number): void;
  now(): number;
  readonly timeoutMs: number;
}

const NO_FRAME = Buffer.alloc(0);
const LOST: RequestFailure = { kind: 'lost' };
const EXPIRED: RequestFailure = { kind: 'expired' };

/** One request, and all that is kept for it until its answer: it is its own packet and header. */
class Entry implements Packet {
  readonly request = this;
  readonly header = this;
  readonly buffer: Buffer;
  readonly sinceMs: number;
  xid = 0;
  /** null once answered. */
  done: RequestDone | null;
  readonly #owner: Requests;

  constructor(owner: Requests, buffer: Buffer, sinceMs: number, done: RequestDone) {
    this.#owner = owner;
    this.buffer = buffer;
    this.sinceMs = sinceMs;
    this.done = done;
  }

  callback(error: { readonly code: number } | null | undefined, frame?: Buffer): void {
    this.#owner.answered(this, error?.code ?? 0, frame);
  }
}

export class Requests {
  readonly #port: RequestsPort;
  readonly #waiting = new Fifo<Entry>();
  /** All not yet answered, oldest first: with one time-out for all, this is the order of their deadlines. */
  readonly #open = new Fifo<Entry>();
  #inFlight = 0;
  #inFlightBytes = 0;

  constructor(port: RequestsPort) {
    this.#port = port;
  }

  get gauges(): { inFlight: number; inFlightBytes: number; waiting: number } {
    return { inFlight: this.#inFlight, inFlightBytes: this.#inFlightBytes, waiting: this.#waiting.length };
  }

  /** `buffer`: a whole request, its xid to be filled in. */
  submit(kind: StoreRequestKind, buffer: Buffer, done: RequestDone): void {
    const { counters } = this.#port;
    if (!this.#port.ready()) return done({ kind: 'unsent', reason: 'not connected' }, NO_FRAME);
    if (this.#waiting.length >= ZOOKEEPER_LIMITS.waiting) {
      return done({ kind: 'unsent', reason: 'too many requests are waiting' }, NO_FRAME);
    }
    counters.requests[kind] += 1;
    const now = this.#port.now();
    const entry = new Entry(this, buffer, now, done);
    this.#open.push(entry);
    if (this.#waiting.length === 0 && this.#hasRoom(buffer)) return this.#send(entry, now);
    counters.queued += 1;
    this.#waiting.push(entry);
  }

  /** Answers what has waited too long, sent or not. A late reply of the server is then dropped. */
  sweep(now: number): void {
    const { timeoutMs } = this.#port;
    for (let entry = this.#open.first(); entry !== undefined; entry = this.#open.first()) {
      if (entry.done !== null && entry.sinceMs + timeoutMs > now) break;
      this.#open.shift();
      this.#fail(entry, { kind: 'deadline', afterMs: timeoutMs });
    }
    // The answered ones among the waiting must not take the places of new ones.
    while (this.#waiting.first()?.done === null) this.#waiting.shift();
  }

  /** Answers everything that was never sent. */
  failWaiting(failure: RequestFailure): void {
    for (let entry = this.#waiting.shift(); entry !== undefined; entry = this.#waiting.shift()) {
      this.#fail(entry, failure);
    }
  }

  /** The library's word (no frame: the connection went) or the server's. */
  answered(entry: Entry, code: number, frame: Buffer | undefined): void {
    this.#inFlight -= 1;
    this.#inFlightBytes -= entry.buffer.length;
    try {
      if (frame === undefined) this.#fail(entry, code === LIBRARY_ERROR.sessionExpired ? EXPIRED : LOST);
      else this.#reply(entry, code, frame);
    } finally {
      while (this.#open.first()?.done === null) this.#open.shift();
    }
    if (this.#waiting.length > 0) this.#pump();
  }

  #reply(entry: Entry, code: number, frame: Buffer): void {
    this.#port.counters.reply(this.#port.now() - entry.sinceMs);
    if (code !== 0) return this.#fail(entry, { kind: 'server', code });
    const { done } = entry;
    entry.done = null;
    try {
      done?.(null, frame);
    } catch (error) {
      done?.(LOST, NO_FRAME);
      throw error;
    }
  }

  #fail(entry: Entry, failure: RequestFailure): void {
    const { done } = entry;
    entry.done = null;
    done?.(failure, NO_FRAME);
  }

  #hasRoom(buffer: Buffer): boolean {
    if (this.#inFlight === 0) return true;
    return this.#inFlight < ZOOKEEPER_LIMITS.inFlight
      && this.#inFlightBytes + buffer.length <= ZOOKEEPER_LIMITS.inFlightBytes;
  }

  #send(entry: Entry, now: number): void {
    this.#inFlight += 1;
    this.#inFlightBytes += entry.buffer.length;
    this.#port.send(entry, now);
  }

  #pump(): void {
    for (let next = this.#waiting.first(); next !== undefined; next = this.#waiting.first()) {
      // The connection may be going down just now: then failWaiting follows.
      if (next.done !== null && (!this.#port.ready() || !this.#hasRoom(next.buffer))) return;
      this.#waiting.shift();
      if (next.done === null) continue;
      const now = this.#port.now();
      this.#port.counters.queueWaitMs += now - next.sinceMs;
      this.#send(next, now);
    }
  }
}
