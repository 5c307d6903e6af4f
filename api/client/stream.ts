/**
 * The event stream "pulse/1" (docs/events.md) as a client sees it: one subscription on one websocket, kept alive.
 * A lost connection is made again and resumed from the last cursor, so that a listener sees no hole; where the
 * server no longer holds that cursor the listener is told of the gap and given the present state instead.
 * `ws` is loaded only when a stream is opened.
 */
import type { ClientOptions as SocketOptions, WebSocket as Socket } from 'ws';
import { systemClock, type Clock } from '../../runtime/clock.js';
import {
  CLOSE,
  SUBPROTOCOL,
  type ClientFrame,
  type GapFrame,
  type PulseEvent,
  type ServerFrame,
} from '../events/frames.js';
import { API_PREFIX, originOf, type Connection } from './connection.js';
import { NoAnswer } from './http.js';

export interface Subscription {
  /** `topic` or `topic:glob`; left out = all but `metric`. */
  readonly topics?: readonly string[];
  readonly types?: readonly string[];
  /** Begin after this cursor instead of now. */
  readonly since?: string;
  /** Begin with the present state. */
  readonly snapshot?: boolean;
}

export interface StreamListener {
  onEvent(event: PulseEvent): void;
  /** The present state, after `snapshot` or a gap. */
  onSnapshot?(items: readonly PulseEvent[]): void;
  onGap?(gap: GapFrame): void;
  /** The connection was lost (reason) and is being made again, or is back (null). */
  onInterruption?(reason: string | null): void;
}

export interface EventStream {
  /** Everything up to it has been handed to the listener. */
  cursor(): string | null;
  close(): void;
  /** Resolves after close(); rejects when the stream cannot go on (key revoked, protocol error). */
  readonly ended: Promise<void>;
}

/** The server refused the stream: `status` is the HTTP status of the upgrade, or a websocket close code >= 4000. */
export class StreamRefused extends Error {
  override readonly name = 'StreamRefused';
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const SUBSCRIPTION_ID = 'main';
const HANDSHAKE_TIMEOUT_MS = 5_000;
/** The server sends a mark every 5 s; this long without any frame means the connection is dead. */
const SILENCE_MS = 20_000;
const RECONNECT_MIN_MS = 200;
const RECONNECT_MAX_MS = 5_000;

/**
 * Opens a stream and subscribes. Resolves once the server has confirmed the subscription: nothing that happens
 * after that is missed. Rejects with StreamRefused, or NoAnswer when the API cannot be reached.
 */
export async function openEventStream(
  connection: Connection,
  subscription: Subscription,
  listener: StreamListener,
  clock: Clock = systemClock,
): Promise<EventStream> {
  const { WebSocket } = await import('ws');
  const stream = new Stream(
    connection,
    subscription,
    listener,
    clock,
    (url, options) => new WebSocket(url, SUBPROTOCOL, options),
  );
  await stream.start();
  return stream;
}

/** What is no frame is told as an error frame, as a faulty server deserves. */
function frameOf(text: string): ServerFrame {
  try {
    return JSON.parse(text) as ServerFrame;
  } catch {
    return { frame: 'error', code: 'bad-frame', message: 'the server sent something that is no JSON' };
  }
}

class Stream implements EventStream {
  readonly ended: Promise<void>;
  private finish!: { resolve: () => void; reject: (error: Error) => void };
  private socket: Socket | null = null;
  /** Everything up to it has been handed on: where a lost connection is resumed. */
  private last: string | null;
  /** Cursor of the newest event, which may have brothers to come, and what was seen of them. */
  private newest: { readonly cursor: string; readonly seen: Set<string> } | null = null;
  private closed = false;
  private cancelTimer: () => void = () => undefined;

  constructor(
    private readonly connection: Connection,
    private readonly subscription: Subscription,
    private readonly listener: StreamListener,
    private readonly clock: Clock,
    private readonly connect: (url: string, options: SocketOptions) => Socket,
  ) {
    this.last = subscription.since ?? null;
    this.ended = new Promise((resolve, reject) => {
      this.finish = { resolve, reject };
    });
    // Whoever does not await `ended` must not die of it.
    this.ended.catch(() => undefined);
  }

  cursor(): string | null {
    return this.last;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.cancelTimer();
    this.socket?.close(1000);
    this.finish.resolve();
  }

  /** One connection: resolves at the confirmed subscription, then lives on until the socket closes. */
  start(first = true): Promise<void> {
    const url = `${originOf(this.connection).replace(/^http/, 'ws')}${API_PREFIX}/events`;
    const socket = this.connect(url, {
      headers: this.connection.apiKey === null ? {} : { 'X-Api-Key': this.connection.apiKey },
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      perMessageDeflate: false,
      rejectUnauthorized: this.connection.verifySsl,
    });
    this.socket = socket;
    return new Promise((resolve, reject) => {
      let phase: 'opening' | 'live' | 'dead' = 'opening';
      const refuse = (error: Error): void => {
        // Refused while opening: the caller decides. Refused when live: the stream is over.
        if (phase === 'opening') reject(error);
        else if (phase === 'live') this.fail(error);
        phase = 'dead';
        socket.terminate();
      };
      const origin = originOf(this.connection);
      socket.on('unexpected-response', (_request, response) => {
        const status = response.statusCode ?? 0;
        refuse(new StreamRefused(status, `${url} refused the event stream with status ${status}`));
      });
      socket.on('error', (error: NodeJS.ErrnoException) => {
        const text = `${origin} cannot be reached (${error.code ?? error.message})`;
        if (phase === 'opening') refuse(new NoAnswer('unreachable', text, { cause: error }));
      });
      socket.on('message', (data) => {
        this.expectSound();
        const frame = frameOf(String(data));
        if (frame.frame === 'hello') socket.send(JSON.stringify(this.subscribeFrame(first)));
        else if (frame.frame === 'error') refuse(new StreamRefused(CLOSE.rubbish, frame.message));
        else if (frame.frame === 'subscribed') {
          phase = 'live';
          this.last ??= frame.cursor;
          resolve();
        } else this.take(frame);
      });
      socket.on('ping', () => this.expectSound());
      socket.on('close', (code, reason) => {
        this.cancelTimer();
        const atOnce = `${url} closed the event stream at once (${code})`;
        if (phase === 'opening') reject(new NoAnswer('unreachable', atOnce));
        else if (phase === 'live' && !this.closed) this.resume(code, String(reason));
        phase = 'dead';
      });
      this.expectSound();
    });
  }

  private fail(error: Error): void {
    this.closed = true;
    this.cancelTimer();
    this.finish.reject(error);
  }

  private subscribeFrame(first: boolean): ClientFrame {
    const { topics, types, snapshot } = this.subscription;
    // After a loss the present state is asked for too: the server sends it only if it cannot resume.
    return {
      frame: 'subscribe',
      id: SUBSCRIPTION_ID,
      ...(topics === undefined ? {} : { topics }),
      ...(types === undefined ? {} : { types }),
      ...(this.last === null ? {} : { since: this.last }),
      ...(snapshot === true || !first ? { snapshot: true } : {}),
    };
  }

  private take(frame: ServerFrame): void {
    if (this.closed) return;
    if (frame.frame === 'event') {
      if (this.isNew(frame.event)) this.listener.onEvent(frame.event);
    } else if (frame.frame === 'snapshot') {
      this.listener.onSnapshot?.(frame.items);
    } else if (frame.frame === 'mark' || frame.frame === 'bye') {
      this.last = frame.cursor;
      this.newest = null;
    } else if (frame.frame === 'gap') {
      this.listener.onGap?.(frame);
    }
  }

  /** A step makes several events of one cursor: it is passed only when the next comes. False: seen before a loss. */
  private isNew(event: PulseEvent): boolean {
    // Telemetry stands outside the cluster's order and has no cursor.
    if (event.cursor === '') return true;
    if (this.newest?.cursor !== event.cursor) {
      this.last = this.newest?.cursor ?? this.last;
      this.newest = { cursor: event.cursor, seen: new Set() };
    }
    const name = `${event.topic} ${event.type} ${event.key}`;
    if (this.newest.seen.has(name)) return false;
    this.newest.seen.add(name);
    return true;
  }

  private resume(code: number, reason: string): void {
    // A cursor that is no longer held ends only a stream that asked for it without a snapshot: after a loss both
    // are asked for.
    if (code >= 4000 && code < 5000 && code !== CLOSE.slowConsumer) {
      this.fail(new StreamRefused(code, reason === '' ? `the server closed the event stream (${code})` : reason));
      return;
    }
    this.listener.onInterruption?.(reason === '' ? `closed with code ${code}` : reason);
    this.retry(RECONNECT_MIN_MS);
  }

  private retry(delayMs: number): void {
    this.cancelTimer = this.clock.after(delayMs, () => {
      this.start(false).then(
        () => this.listener.onInterruption?.(null),
        (error: Error) => {
          if (this.closed) return;
          if (error instanceof StreamRefused && (error.status < 500 || error.status >= 4000)) this.fail(error);
          else this.retry(Math.min(delayMs * 2, RECONNECT_MAX_MS));
        },
      );
    });
  }

  private expectSound(): void {
    this.cancelTimer();
    this.cancelTimer = this.clock.after(SILENCE_MS, () => this.socket?.terminate());
  }
}
