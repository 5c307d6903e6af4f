/**
 * One client of the event stream, whatever carries it. Owns its subscriptions and its budget of unsent bytes:
 * above it events are coalesced by key, and a client that stays slow is told its gap and closed. Never unbounded,
 * never silent.
 */
import type { Cursor, FeedItem } from '../../runtime/feed-types.js';
import { cursorText, parseCursor } from '../../runtime/feed.js';
import { Coalescer, ROOM_LOOK_MS } from './coalescer.js';
import { readClientFrame, topicFilters, type TopicFilter } from './client-frames.js';
import {
  CLOSE,
  EVENT_LIMITS,
  PROTOCOL,
  TOPICS,
  type ClientFrame,
  type GapFrame,
  type HelloFrame,
  type PulseEvent,
  type ServerFrame,
} from './frames.js';
import type { Sink, StreamDeps } from './stream-types.js';

interface Subscription {
  readonly id: string;
  readonly filters: readonly TopicFilter[];
  readonly types: ReadonlySet<string> | null;
  /** Items that wait behind a replay for room on the connection; null = live. */
  queue: FeedItem[] | null;
  close(): void;
}

type SubscribeFrame = Extract<ClientFrame, { frame: 'subscribe' }>;

/** A replay longer than this belongs to a client that will never catch up. */
const QUEUE_MAX = 100_000;
const texts = new WeakMap<PulseEvent, string>();

function textOf(event: PulseEvent): string {
  let text = texts.get(event);
  if (text === undefined) {
    text = JSON.stringify(event);
    texts.set(event, text);
  }
  return text;
}

const hello = ({ feed, clock, node, version }: StreamDeps): HelloFrame => ({
  frame: 'hello',
  protocol: PROTOCOL,
  server: { name: 'pvc', version, node },
  generation: feed.head().generation,
  cursor: cursorText(feed.head()),
  time: clock.wallMs(),
  mark_ms: EVENT_LIMITS.markMs,
  ping_ms: EVENT_LIMITS.pingMs,
  topics: TOPICS,
  limits: {
    frame_bytes: EVENT_LIMITS.frameBytes,
    subscriptions: EVENT_LIMITS.subscriptions,
    rubbish_frames: EVENT_LIMITS.rubbishFrames,
  },
});

/** Does this subscription ask for this event? A snapshot's items are wanted whatever the types. */
const wants = ({ filters, types }: Subscription, event: PulseEvent): boolean =>
  (types === null || types.has(event.type) || event.type === 'present') &&
  filters.some((filter) => filter.topic === event.topic && filter.matches(event.key));

export class Session {
  private readonly subscriptions = new Map<string, Subscription>();
  private readonly coalescer: Coalescer;
  private cancelMark: () => void = () => undefined;
  private rubbish = 0;
  private lastCursor: string | null = null;
  private stopTelemetry: (() => void) | null = null;
  private ended = false;

  constructor(
    private readonly deps: StreamDeps,
    private readonly sink: Sink,
  ) {
    this.coalescer = new Coalescer(deps.clock, {
      unsentBytes: () => sink.unsentBytes(),
      send: (id, event, count) => this.sendEvent(id, event, count),
      tooSlow: () => this.tooSlow(),
    });
    this.send(hello(deps));
    this.markLater();
  }

  /** A text frame of the client; null = something that is no text frame. */
  receive(text: string | null): void {
    if (this.ended) return;
    const read =
      text === null
        ? { ok: false as const, message: 'Only text frames of JSON are understood' }
        : readClientFrame(text);
    if (!read.ok) return this.fault('bad-frame', read.message, read.id);
    const { frame } = read;
    if (frame.frame === 'ping')
      return this.send({ frame: 'pong', ...(frame.id === undefined ? {} : { id: frame.id }) });
    if (frame.frame === 'subscribe') return this.subscribe(frame);
    const subscription = this.subscriptions.get(frame.id);
    if (subscription === undefined)
      return this.fault('unknown-id', `There is no subscription '${frame.id}'`, frame.id);
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
    this.cancelMark();
    this.coalescer.stop();
    this.stopTelemetry?.();
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
    if (frame.since !== undefined && since === null)
      return this.fault('bad-cursor', 'The field since is not a cursor of this API', id);
    let close = (): void => undefined;
    const subscription: Subscription = {
      id,
      filters,
      types: frame.types === undefined ? null : new Set(frame.types),
      queue: null,
      close: () => close(),
    };
    this.subscriptions.set(id, subscription);
    this.send({ frame: 'subscribed', id, cursor: frame.since ?? this.head() });
    if (filters.some(({ topic }) => topic === 'metric')) this.watchTelemetry();
    const follow = (from: Cursor): boolean => {
      close();
      subscription.queue = [];
      const followed = this.deps.feed.subscribe(from, (item) => this.take(subscription, item));
      close = followed.close;
      void this.drain(subscription);
      return followed.gap;
    };
    if (since !== null && !follow(since)) return;
    if (since !== null) {
      close();
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
      const items = addresses
        .slice(at, at + EVENT_LIMITS.snapshotBatch)
        .flatMap((address) => {
          const actor = feed.actor(address);
          return actor === null || actor.record.removed ? [] : translator.present(actor);
        })
        .filter((event) => wants(subscription, event));
      if (items.length > 0) this.send({ frame: 'snapshot', id, items });
      while (this.sink.unsentBytes() > EVENT_LIMITS.coalesceBytes && !this.ended) {
        if (clock.monotonicMs() - begun > EVENT_LIMITS.coalesceMsMax) return this.tooSlow();
        await clock.sleep(ROOM_LOOK_MS);
      }
      if (this.subscriptions.get(id) !== subscription) return;
    }
    this.send({ frame: 'mark', sync: true, id, cursor: cursorText(from) });
    if (follow(from)) this.gap({ frame: 'gap', id, from: cursorText(from), to: this.head(), reason: 'expired' });
  }

  private take(subscription: Subscription, item: FeedItem): void {
    if (subscription.queue === null) return this.tell(subscription, item);
    subscription.queue.push(item);
    if (subscription.queue.length > QUEUE_MAX) this.tooSlow();
  }

  /** A replay goes out as fast as the client takes it and whole: it is not coalesced. */
  private async drain(subscription: Subscription): Promise<void> {
    const { clock } = this.deps;
    const { queue } = subscription;
    let roomAt = clock.monotonicMs();
    for (let at = 0; queue !== null && at < queue.length && subscription.queue === queue && !this.ended; ) {
      if (this.sink.unsentBytes() <= EVENT_LIMITS.coalesceBytes / 2) {
        roomAt = clock.monotonicMs();
        this.tell(subscription, queue[at++] as FeedItem);
      } else if (clock.monotonicMs() - roomAt > EVENT_LIMITS.coalesceMsMax) {
        return this.tooSlow();
      } else {
        await clock.sleep(ROOM_LOOK_MS);
      }
    }
    if (subscription.queue === queue) subscription.queue = null;
  }

  private tell(subscription: Subscription, item: FeedItem): void {
    const { missing, address } = item;
    if (missing !== null && !item.record.removed && subscription.filters.some(({ topic }) => topic !== 'metric')) {
      const { fromSeq: from_seq, toSeq: to_seq } = missing;
      const to = cursorText(item.cursor);
      const missed = { reason: 'missed', actor: address, from_seq, to_seq } as const;
      this.gap({ frame: 'gap', id: subscription.id, from: this.lastCursor, to, ...missed });
    }
    for (const event of this.deps.translator.events(item)) this.deliver(subscription, event);
  }

  private deliver(subscription: Subscription, event: PulseEvent): void {
    if (this.ended || !wants(subscription, event)) return;
    if (this.coalescer.offer(subscription.id, event)) this.deps.counters.coalesced += 1;
  }

  private sendEvent(id: string, event: PulseEvent, count: number): void {
    if (!this.subscriptions.has(id)) return;
    const text = count === 1 ? textOf(event) : JSON.stringify({ ...event, coalesced: count });
    this.deps.counters.sent += 1;
    if (event.cursor !== '') this.lastCursor = event.cursor;
    this.sink.send('event', event.cursor, `{"frame":"event","ids":[${JSON.stringify(id)}],"event":${text}}`);
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

  /** A mark says that everything before it was sent: so not while something is held back. */
  private markLater(): void {
    this.cancelMark = this.deps.clock.after(
      EVENT_LIMITS.markMs,
      () => {
        this.markLater();
        const waits = [...this.subscriptions.values()].some(({ queue }) => queue !== null);
        if (!waits && !this.coalescer.holds) this.send({ frame: 'mark', cursor: this.head() });
      },
      true,
    );
  }
}
