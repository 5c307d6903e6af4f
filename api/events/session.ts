/**
 * One client of the event stream, whatever carries it. Owns its subscriptions and its budget of unsent bytes:
 * above it events are coalesced by key, and a client that stays slow is told its gap and closed. Never unbounded,
 * never silent.
 */
import type { Clock } from '../../runtime/clock.js';
import type { Cursor, Feed, FeedItem } from '../../runtime/feed-types.js';
import { cursorText, parseCursor } from '../../runtime/feed.js';
import { readClientFrame, topicFilters, type TopicFilter } from './client-frames.js';
import {
  CLOSE, EVENT_LIMITS, PROTOCOL, TOPICS, type ClientFrame, type GapFrame, type PulseEvent, type ServerFrame,
} from './frames.js';
import type { Translator } from './translate.js';

/** What carries the frames. `close` also cuts the connection a second later if the other side does not answer. */
export interface Sink {
  send(kind: ServerFrame['frame'], cursor: string | null, text: string): void;
  unsentBytes(): number;
  close(code: number, reason: string): void;
}

export interface StreamCounters { sent: number; coalesced: number; gaps: number; slow: number; rubbish: number }

export interface StreamDeps {
  readonly feed: Feed;
  readonly clock: Clock;
  readonly translator: Translator;
  readonly node: string;
  readonly version: string;
  readonly counters: StreamCounters;
}

interface Subscription {
  readonly id: string;
  readonly filters: readonly TopicFilter[];
  readonly types: ReadonlySet<string> | null;
  close(): void;
}

type SubscribeFrame = Extract<ClientFrame, { frame: 'subscribe' }>;

const SLOW_CHECK_MS = 50;
const texts = new WeakMap<PulseEvent, string>();

function textOf(event: PulseEvent): string {
  let text = texts.get(event);
  if (text === undefined) {
    text = JSON.stringify(event);
    texts.set(event, text);
  }
  return text;
}

export class Session {
  private readonly subscriptions = new Map<string, Subscription>();
  private readonly cancels = new Set<() => void>();
  /** Last event of each subscription and key, while the client is slow; null while it is not. */
  private pending: Map<string, { id: string; event: PulseEvent; count: number }> | null = null;
  private slowSince = 0;
  private rubbish = 0;
  private lastCursor: string | null = null;
  private stopTelemetry: (() => void) | null = null;
  private ended = false;

  constructor(private readonly deps: StreamDeps, private readonly sink: Sink) {
    const { feed, clock, node, version } = deps;
    const cursor = this.head();
    this.send({
      frame: 'hello', protocol: PROTOCOL, server: { name: 'pvc', version, node }, generation: feed.head().generation, cursor,
      time: clock.wallMs(), mark_ms: EVENT_LIMITS.markMs, ping_ms: EVENT_LIMITS.pingMs, topics: TOPICS,
      limits: {
        frame_bytes: EVENT_LIMITS.frameBytes, subscriptions: EVENT_LIMITS.subscriptions,
        rubbish_frames: EVENT_LIMITS.rubbishFrames,
      },
    });
    this.every(EVENT_LIMITS.markMs, () => {
      if (this.pending === null) this.send({ frame: 'mark', cursor: this.head() });
    });
  }

  /** A text frame of the client; null = something that is no text frame. */
  receive(text: string | null): void {
    if (this.ended) return;
    const read = text === null
      ? { ok: false as const, message: 'Only text frames of JSON are understood' } : readClientFrame(text);
    if (!read.ok) return this.fault('bad-frame', read.message, read.id);
    const { frame } = read;
    if (frame.frame === 'ping') return this.send({ frame: 'pong', ...(frame.id === undefined ? {} : { id: frame.id }) });
    if (frame.frame === 'subscribe') return this.subscribe(frame);
    const subscription = this.subscriptions.get(frame.id);
    if (subscription === undefined) return this.fault('unknown-id', `There is no subscription '${frame.id}'`, frame.id);
    subscription.close();
    this.subscriptions.delete(frame.id);
    this.send({ frame: 'unsubscribed', id: frame.id });
  }

  /** Told to the client before the connection is closed. */
  end(code: number, reason: string): void {
    if (this.ended) return;
    this.send({ frame: 'bye', reason, cursor: this.lastCursor ?? this.head() });
    this.dispose();
    this.sink.close(code, reason);
  }

  /** Frees everything; the connection is gone or about to go. */
  dispose(): void {
    this.ended = true;
    for (const subscription of this.subscriptions.values()) subscription.close();
    this.subscriptions.clear();
    for (const cancel of this.cancels) cancel();
    this.cancels.clear();
    this.stopTelemetry?.();
    this.pending = null;
  }

  subscribe(frame: SubscribeFrame): void {
    const { id } = frame;
    if (this.subscriptions.has(id)) return this.fault('id-in-use', `The subscription '${id}' exists already`, id);
    if (this.subscriptions.size >= EVENT_LIMITS.subscriptions) {
      return this.fault('too-many', `At most ${EVENT_LIMITS.subscriptions} subscriptions on one connection`, id);
    }
    const filters = topicFilters(frame.topics);
    if (typeof filters === 'string') return this.fault('unknown-topic', filters, id);
    const since = frame.since === undefined ? null : parseCursor(frame.since);
    if (frame.since !== undefined && since === null) return this.fault('bad-cursor', 'The field since is not a cursor of this API', id);
    let close = (): void => undefined;
    const subscription: Subscription = {
      id, filters, types: frame.types === undefined ? null : new Set(frame.types), close: () => close(),
    };
    this.subscriptions.set(id, subscription);
    this.send({ frame: 'subscribed', id, cursor: frame.since ?? this.head() });
    if (filters.some(({ topic }) => topic === 'metric')) this.watchTelemetry();
    const follow = (from: Cursor): boolean => {
      const followed = this.deps.feed.subscribe(from, (item) => this.take(subscription, item));
      close = followed.close;
      return followed.gap;
    };
    if (since !== null && !follow(since)) return;
    close();
    close = () => undefined;
    if (since !== null) {
      this.gap({ frame: 'gap', id, from: frame.since ?? null, to: this.head(), reason: 'expired' });
      if (frame.snapshot !== true) return this.end(CLOSE.expired, 'the cursor is no longer held');
    }
    if (frame.snapshot === true) void this.snapshot(subscription, follow);
    else follow(this.deps.feed.head());
  }

  /** The present state in batches as the client takes them, then what happened since the first batch, then live. */
  private async snapshot(subscription: Subscription, follow: (from: Cursor) => boolean): Promise<void> {
    const { feed, translator, clock } = this.deps;
    const { id } = subscription;
    const from = feed.head();
    const addresses = feed.actors().map(({ address }) => address);
    const begun = clock.monotonicMs();
    for (let at = 0; at < addresses.length; at += EVENT_LIMITS.snapshotBatch) {
      const items = addresses.slice(at, at + EVENT_LIMITS.snapshotBatch).flatMap((address) => {
        const actor = feed.actor(address);
        return actor === null || actor.record.removed ? [] : translator.present(actor);
      }).filter((event) => this.wants(subscription, event));
      if (items.length > 0) this.send({ frame: 'snapshot', id, items });
      while (this.sink.unsentBytes() > EVENT_LIMITS.coalesceBytes && !this.ended) {
        if (clock.monotonicMs() - begun > EVENT_LIMITS.coalesceMsMax) return this.tooSlow();
        await clock.sleep(SLOW_CHECK_MS);
      }
      if (this.subscriptions.get(id) !== subscription) return;
    }
    this.send({ frame: 'mark', sync: true, id, cursor: cursorText(from) });
    if (follow(from)) this.gap({ frame: 'gap', id, from: cursorText(from), to: this.head(), reason: 'expired' });
  }

  private take(subscription: Subscription, item: FeedItem): void {
    if (item.missing !== null && !item.record.removed && subscription.filters.some(({ topic }) => topic !== 'metric')) {
      const cursor = cursorText(item.cursor);
      this.gap({
        frame: 'gap', id: subscription.id, from: this.lastCursor, to: cursor, reason: 'missed', actor: item.address,
        from_seq: item.missing.fromSeq, to_seq: item.missing.toSeq,
      });
    }
    for (const event of this.deps.translator.events(item)) this.deliver(subscription, event);
  }

  private wants({ filters, types }: Subscription, event: PulseEvent): boolean {
    return (types === null || types.has(event.type) || event.type === 'present')
      && filters.some((filter) => filter.topic === event.topic && filter.matches(event.key));
  }

  private deliver(subscription: Subscription, event: PulseEvent): void {
    if (this.ended || !this.wants(subscription, event)) return;
    if (this.pending === null && this.sink.unsentBytes() <= EVENT_LIMITS.coalesceBytes) {
      return this.sendEvent(subscription.id, event, 1);
    }
    if (this.pending === null) this.beginCoalescing();
    const key = `${subscription.id}\n${event.topic}\n${event.key}`;
    const before = this.pending?.get(key);
    // Deleted first, so that the map stays in the order of the newest events.
    this.pending?.delete(key);
    this.pending?.set(key, { id: subscription.id, event, count: (before?.count ?? 0) + 1 });
    if (before !== undefined) this.deps.counters.coalesced += 1;
    if ((this.pending?.size ?? 0) > EVENT_LIMITS.coalescedKeysMax) this.tooSlow();
  }

  private sendEvent(id: string, event: PulseEvent, count: number): void {
    const text = count === 1 ? textOf(event) : JSON.stringify({ ...event, coalesced: count });
    this.deps.counters.sent += 1;
    if (event.cursor !== '') this.lastCursor = event.cursor;
    this.sink.send('event', event.cursor, `{"frame":"event","ids":[${JSON.stringify(id)}],"event":${text}}`);
  }

  private beginCoalescing(): void {
    this.pending = new Map();
    this.slowSince = this.deps.clock.monotonicMs();
    const stop = this.every(SLOW_CHECK_MS, () => {
      const unsent = this.sink.unsentBytes();
      const slowMs = this.deps.clock.monotonicMs() - this.slowSince;
      if (unsent > EVENT_LIMITS.unsentBytesMax || slowMs > EVENT_LIMITS.coalesceMsMax) return this.tooSlow();
      if (unsent > EVENT_LIMITS.coalesceBytes / 4) return;
      stop();
      const held = this.pending;
      this.pending = null;
      for (const { id, event, count } of held?.values() ?? []) if (this.subscriptions.has(id)) this.sendEvent(id, event, count);
    });
  }

  private tooSlow(): void {
    if (this.ended) return;
    this.deps.counters.slow += 1;
    this.gap({ frame: 'gap', from: this.lastCursor, to: this.head(), reason: 'slow-consumer' });
    this.end(CLOSE.slowConsumer, 'too slow');
  }

  private fault(code: string, message: string, id?: string): void {
    this.rubbish += 1;
    this.deps.counters.rubbish += 1;
    this.send({ frame: 'error', code, message, ...(id === undefined ? {} : { id }) });
    if (this.rubbish >= EVENT_LIMITS.rubbishFrames) this.end(CLOSE.rubbish, `${this.rubbish} faulty frames`);
  }

  private gap(frame: GapFrame): void {
    this.deps.counters.gaps += 1;
    this.send(frame);
  }

  private watchTelemetry(): void {
    const { feed, translator } = this.deps;
    this.stopTelemetry ??= feed.onTelemetry((node) => {
      const item = feed.telemetry().find((one) => one.node === node);
      if (item === undefined) return;
      const event = translator.telemetry(item);
      for (const subscription of this.subscriptions.values()) this.deliver(subscription, event);
    });
  }

  private head(): string {
    return cursorText(this.deps.feed.head());
  }

  private send(frame: ServerFrame): void {
    if (this.ended) return;
    this.sink.send(frame.frame, 'cursor' in frame ? frame.cursor : null, JSON.stringify(frame));
  }

  /** Calls back again and again until the session ends or the returned function is called. */
  private every(delayMs: number, callback: () => void): () => void {
    let cancel = (): void => undefined;
    const stop = (): void => {
      cancel();
      this.cancels.delete(stop);
    };
    const arm = (): void => {
      cancel = this.deps.clock.after(delayMs, () => {
        arm();
        callback();
      }, true);
    };
    this.cancels.add(stop);
    arm();
    return stop;
  }
}
