/**
 * What a slow client gets instead of everything: of each subscription and key only the last event, sent once the
 * connection has room again. Bounded in keys, bytes and time; beyond that the client is too slow.
 */
import type { Clock } from '../../runtime/clock.js';
import { EVENT_LIMITS, type PulseEvent } from './frames.js';

export const ROOM_LOOK_MS = 50;

export interface Outlet {
  unsentBytes(): number;
  /** count = how many events this one stands for. */
  send(id: string, event: PulseEvent, count: number): void;
  tooSlow(): void;
}

export class Coalescer {
  /** In the order of the newest events; null while the client keeps up. */
  private held: Map<string, { id: string; event: PulseEvent; count: number }> | null = null;
  private since = 0;
  private cancel: () => void = () => undefined;

  constructor(
    private readonly clock: Clock,
    private readonly outlet: Outlet,
  ) {}

  get holds(): boolean {
    return this.held !== null;
  }

  /** True if an older event of the same key was replaced. */
  offer(id: string, event: PulseEvent): boolean {
    if (this.held === null && this.outlet.unsentBytes() <= EVENT_LIMITS.coalesceBytes) {
      this.outlet.send(id, event, 1);
      return false;
    }
    if (this.held === null) this.begin();
    const held = this.held ?? new Map();
    const key = `${id}\n${event.topic}\n${event.key}`;
    const count = held.get(key)?.count ?? 0;
    held.delete(key);
    held.set(key, { id, event, count: count + 1 });
    if (held.size > EVENT_LIMITS.coalescedKeysMax) this.outlet.tooSlow();
    return count > 0;
  }

  stop(): void {
    this.cancel();
    this.held = null;
  }

  private begin(): void {
    this.held = new Map();
    this.since = this.clock.monotonicMs();
    this.lookLater();
  }

  private lookLater(): void {
    this.cancel = this.clock.after(ROOM_LOOK_MS, () => this.look(), true);
  }

  private look(): void {
    const unsent = this.outlet.unsentBytes();
    const slowMs = this.clock.monotonicMs() - this.since;
    if (unsent > EVENT_LIMITS.unsentBytesMax || slowMs > EVENT_LIMITS.coalesceMsMax) return this.outlet.tooSlow();
    if (unsent > EVENT_LIMITS.coalesceBytes / 4) return this.lookLater();
    const held = this.held;
    this.held = null;
    for (const { id, event, count } of held?.values() ?? []) this.outlet.send(id, event, count);
  }
}
