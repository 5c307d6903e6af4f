/**
 * Requests of one session: a bounded number under way, the others waiting in order, each with a deadline, each
 * answered exactly once. Nothing waits while there is no connection: what is not sent at once is refused at once.
 */
import { LIBRARY_ERROR, type WireCallback } from './client.js';
import { ZOOKEEPER_LIMITS } from './limits.js';
import type { WireRequest } from './wire.js';

export type RequestFailure =
  /** The server's answer. */
  | { readonly kind: 'server'; readonly code: number }
  /** Went out, and the connection broke before the answer. */
  | { readonly kind: 'lost' }
  /** Never went out. */
  | { readonly kind: 'unsent'; readonly reason: string }
  | { readonly kind: 'deadline'; readonly afterMs: number }
  | { readonly kind: 'expired' };

/**
 * Gets a failure, or a whole reply frame. May throw over a damaged frame before it has settled anything: it is then
 * called again with a failure.
 */
export type RequestDone = (failure: RequestFailure | null, frame: Buffer) => void;

interface Entry {
  readonly request: WireRequest;
  readonly deadline: number;
  /** null once answered. */
  done: RequestDone | null;
}

/** A queue whose shift does not move the rest. */
class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  first(): T | undefined {
    return this.#items[this.#head];
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head > 1_024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}

export interface RequestsPort {
  /** May a request go out now? */
  ready(): boolean;
  send(request: WireRequest, callback: WireCallback): void;
  /** The reply being handled while a callback of send() runs without an error. */
  frame(): Buffer;
  now(): number;
  readonly timeoutMs: number;
}

const NO_FRAME = Buffer.alloc(0);
const LOST: RequestFailure = { kind: 'lost' };
const EXPIRED: RequestFailure = { kind: 'expired' };

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

  submit(request: WireRequest, done: RequestDone): void {
    if (!this.#port.ready()) return done({ kind: 'unsent', reason: 'not connected' }, NO_FRAME);
    if (this.#waiting.length >= ZOOKEEPER_LIMITS.waiting) {
      return done({ kind: 'unsent', reason: 'too many requests are waiting' }, NO_FRAME);
    }
    const entry: Entry = { request, done, deadline: this.#port.now() + this.#port.timeoutMs };
    this.#open.push(entry);
    if (this.#waiting.length === 0 && this.#hasRoom(request)) return this.#send(entry);
    this.#waiting.push(entry);
  }

  /** Answers what has waited too long, sent or not. A late reply of the server is then dropped. */
  sweep(now: number): void {
    for (let entry = this.#open.first(); entry !== undefined; entry = this.#open.first()) {
      if (entry.done !== null && entry.deadline > now) return;
      this.#open.shift();
      this.#settle(entry, { kind: 'deadline', afterMs: this.#port.timeoutMs });
    }
  }

  /** Answers everything that was never sent. */
  failWaiting(failure: RequestFailure): void {
    for (let entry = this.#waiting.shift(); entry !== undefined; entry = this.#waiting.shift()) {
      this.#settle(entry, failure);
    }
  }

  #hasRoom(request: WireRequest): boolean {
    if (this.#inFlight === 0) return true;
    return this.#inFlight < ZOOKEEPER_LIMITS.inFlight
      && this.#inFlightBytes + request.bytes <= ZOOKEEPER_LIMITS.inFlightBytes;
  }

  #send(entry: Entry): void {
    this.#inFlight += 1;
    this.#inFlightBytes += entry.request.bytes;
    this.#port.send(entry.request, (error) => {
      this.#inFlight -= 1;
      this.#inFlightBytes -= entry.request.bytes;
      this.#settle(entry, error ? failureOf(error.code) : null);
      while (this.#open.first()?.done === null) this.#open.shift();
      this.#pump();
    });
  }

  #pump(): void {
    for (let next = this.#waiting.first(); next !== undefined; next = this.#waiting.first()) {
      // The connection may be going down just now: then failWaiting follows.
      if (next.done !== null && (!this.#port.ready() || !this.#hasRoom(next.request))) return;
      this.#waiting.shift();
      if (next.done !== null) this.#send(next);
    }
  }

  #settle(entry: Entry, failure: RequestFailure | null): void {
    const { done } = entry;
    entry.done = null;
    if (done === null) return;
    if (failure) return done(failure, NO_FRAME);
    try {
      done(null, this.#port.frame());
    } catch (error) {
      done(LOST, NO_FRAME);
      throw error;
    }
  }
}

function failureOf(code: number): RequestFailure {
  if (code === LIBRARY_ERROR.connectionLoss) return LOST;
  if (code === LIBRARY_ERROR.sessionExpired) return EXPIRED;
  return { kind: 'server', code };
}
