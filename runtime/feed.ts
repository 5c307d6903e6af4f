/**
 * The feed: the transitions of all actors in the cluster's own order, (generation, zxid, actor, seq).
 * Reads come back out of zxid order; an item is emitted once everything rung before its reply was read.
 * F1: items go out in ascending order of their cursors, each transition once or within an explicit gap.
 * F2: an item holds no record, only what shows the transition: thousands of them are held.
 */
import type { Cursor, Feed, FeedItem, MirroredActor, StorageItem, TelemetryItem } from './feed-types.js';
import type { Address } from './address.js';
import type { HeldTransition } from './causes.js';
import { lightOf, weightOf } from './feed-light.js';
import { LIMITS } from './limits.js';
import type { Log } from './log.js';
import type { Depth } from './mailbox-depths.js';
import type { Mirror, MirrorActor } from './mirror.js';
import type { ActorRecord } from './record.js';
import type { Tomb } from './tombs.js';

const compareTexts = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0;

export const compareCursors = (a: Cursor, b: Cursor): number =>
  a.generation - b.generation || a.zxid - b.zxid || compareTexts(a.address, b.address) || a.seq - b.seq;

/** A cursor as the opaque text clients keep. */
export const cursorText = (cursor: Cursor): string =>
  Buffer.from(`${cursor.generation}|${cursor.zxid}|${cursor.address}|${cursor.seq}`).toString('base64url');

/** null = not a cursor. */
export function parseCursor(text: string): Cursor | null {
  const [generation, zxid, address, seq, ...rest] = Buffer.from(text, 'base64url').toString().split('|');
  const numbers = [Number(generation), Number(zxid), Number(seq)];
  if (address === undefined || rest.length > 0) return null;
  if (numbers.some((value) => !Number.isSafeInteger(value) || value < 0)) return null;
  return { generation: numbers[0]!, zxid: numbers[1]!, address, seq: numbers[2]! };
}

interface Subscriber { after: Cursor | null; onItem(item: FeedItem): void }

export class MirrorFeed implements Feed {
  private readonly ring: FeedItem[] = [];
  /** Characters that the ring holds on to: of each of its items, and of all. */
  private readonly weights: number[] = [];
  private weight = 0;
  private held: FeedItem[] = [];
  private readonly subscribers = new Set<Subscriber>();
  private readonly telemetryListeners = new Set<(node: string) => void>();
  private last: Cursor;
  /** Items at or before this cursor are not held: older resumptions are gaps. */
  private floor: Cursor;
  private loaded = false;

  constructor(
    private readonly mirror: Mirror, private readonly generation: number, private readonly log: Log,
  ) {
    this.last = this.floor = { generation, zxid: 0, address: '', seq: 0 };
    mirror.listen({
      onRecord: (actor, before) => this.changed(actor, before),
      onRemoved: (actor) => this.removed(actor),
      onSettled: (limit) => this.settle(limit),
      onTelemetry: (node) => { for (const listener of this.telemetryListeners) listener(node); },
    });
  }

  /** Called once the mirror has read everything: what is known now is the snapshot, not news. */
  begin(): void {
    const newest = Math.max(0, ...[...this.mirror.actors.values()].map((actor) => actor.zxid));
    this.loaded = true;
    this.held = [];
    this.last = this.floor = { generation: this.generation, zxid: newest, address: '~', seq: 0 };
  }

  actor(address: Address): MirroredActor | null {
    return this.mirror.actors.get(address) ?? null;
  }

  actors(kind?: string): MirroredActor[] {
    const all = [...this.mirror.actors.values()].filter((actor) => !actor.record.removed);
    return kind === undefined ? all : all.filter((actor) => actor.record.kind === kind);
  }

  tomb(address: Address): Tomb | null {
    return this.mirror.tombs.get(address);
  }

  mailbox(address: Address): Depth | null {
    return this.mirror.depths.of(address);
  }

  mailboxNames(address: Address): readonly string[] {
    return this.mirror.depths.names(address);
  }

  settleMailboxes(addresses: readonly Address[]): Promise<void> {
    return this.mirror.depths.settle(addresses);
  }

  history(): HeldTransition[] {
    const held = new Map<string, HeldTransition>();
    const add = (address: Address, zxid: number | null, transition: HeldTransition['transition']): void => {
      const key = `${address}#${transition.seq}@${transition.at}`;
      if (!held.has(key)) held.set(key, { address, zxid, transition });
    };
    for (const { address, cursor, transition } of this.ring) if (transition) add(address, cursor.zxid, transition);
    for (const { address, record } of [...this.mirror.actors.values(), ...this.mirror.tombs.all()]) {
      for (const transition of record.tail) add(address, null, transition);
    }
    return [...held.values()];
  }

  /** For whoever counts: items held for resuming subscribers, items not yet in order, subscribers. */
  readonly levels = {
    feed_items: () => this.ring.length, feed_characters: () => this.weight, feed_held_back: () => this.held.length,
    feed_subscribers: () => this.subscribers.size,
  };

  telemetry(): TelemetryItem[] {
    return this.mirror.nodesHeard().flatMap((node) => {
      const heard = this.mirror.telemetryOf(node);
      if (heard === null) return [];
      return [{ node, data: heard.data, staleMs: heard.silentMs, live: this.mirror.liveOf(node) !== null }];
    });
  }

  buried(): readonly Tomb[] {
    return this.mirror.tombs.all();
  }

  storage(): StorageItem | null {
    const told = this.mirror.storage();
    return told === null ? null : { data: told.data, staleMs: told.silentMs };
  }

  primary(): { node: string; epoch: number } | null {
    return this.mirror.primary();
  }

  head(): Cursor {
    return this.last;
  }

  subscribe(since: Cursor | null, onItem: (item: FeedItem) => void): { gap: boolean; close: () => void } {
    const foreign = since !== null && since.generation !== this.generation;
    const gap = since !== null && (foreign || compareCursors(since, this.floor) < 0);
    const subscriber: Subscriber = { after: foreign ? null : since, onItem };
    if (since !== null && !gap) {
      for (const item of this.ring) if (compareCursors(item.cursor, since) > 0) onItem(item);
    }
    this.subscribers.add(subscriber);
    return { gap, close: () => void this.subscribers.delete(subscriber) };
  }

  onTelemetry(listener: (node: string) => void): () => void {
    this.telemetryListeners.add(listener);
    return () => void this.telemetryListeners.delete(listener);
  }

  private changed(actor: MirrorActor, before: ActorRecord | null): void {
    if (!this.loaded) return;
    const { zxid, address, owner } = actor;
    const seen = before?.seq ?? 0;
    const cursorAt = (seq: number): Cursor => ({ generation: this.generation, zxid, address, seq });
    const fresh = actor.record.tail.filter((transition) => transition.seq > seen);
    const first = fresh[0]?.seq ?? actor.record.seq + 1;
    const record = lightOf(actor.record, before);
    if (first > seen + 1) {
      const missing = { fromSeq: seen + 1, toSeq: first - 1 };
      this.held.push({ cursor: cursorAt(first - 1), address, transition: null, missing, record, owner });
    }
    for (const transition of fresh) {
      this.held.push({ cursor: cursorAt(transition.seq), address, transition, missing: null, record, owner });
    }
  }

  /** Gone without a word: at least one transition, the last, was missed. One that was seen off needs no more. */
  private removed(actor: MirrorActor): void {
    if (!this.loaded || actor.record.removed) return;
    const seq = actor.record.seq + 1;
    const { address, zxid } = actor;
    this.held.push({
      cursor: { generation: this.generation, zxid, address, seq },
      address, transition: null, missing: { fromSeq: seq, toSeq: seq }, owner: null,
      record: { ...lightOf(actor.record, actor.record), removed: true, seq },
    });
  }

  private settle(limit: number): void {
    if (this.held.length === 0) return;
    const ready = this.held.filter((item) => item.cursor.zxid <= limit);
    if (ready.length === 0) return;
    this.held = this.held.filter((item) => item.cursor.zxid > limit);
    ready.sort((a, b) => compareCursors(a.cursor, b.cursor));
    for (const item of ready) this.emit(item);
  }

  private emit(found: FeedItem): void {
    // One whose place in the order is not known (a removal nobody recorded), or that was read while this process
    // began, comes right after what is out already: a cursor never goes back.
    const item = compareCursors(found.cursor, this.last) > 0 ? found
      : { ...found, cursor: { ...this.last, seq: this.last.seq + 1 } };
    const weight = weightOf(item.transition, item.record);
    this.ring.push(item);
    this.weights.push(weight);
    this.last = item.cursor;
    this.weight += weight;
    while (this.ring.length > LIMITS.feedItems || (this.weight > LIMITS.feedCharacters && this.ring.length > 1)) {
      this.floor = this.ring.shift()!.cursor;
      this.weight -= this.weights.shift()!;
    }
    for (const subscriber of this.subscribers) {
      if (subscriber.after === null || compareCursors(item.cursor, subscriber.after) > 0) this.hand(subscriber, item);
    }
  }

  /** A subscriber that throws is let go: the others must not lose what comes after. */
  private hand(subscriber: Subscriber, item: FeedItem): void {
    try {
      subscriber.onItem(item);
    } catch (error) {
      this.subscribers.delete(subscriber);
      this.log.error('a subscriber of the feed failed and is let go', { error });
    }
  }
}
