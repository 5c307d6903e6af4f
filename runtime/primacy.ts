/**
 * Primacy: which coordinator owns the cluster-wide actors. `/pvc/primary` is set by a multi that proves
 * the old primary's lease gone and ours standing; its epoch rises with every change.
 */
import type { Clock } from './clock.js';
import { decode, encode } from './codec.js';
import type { Log } from './log.js';
import type { Mirror, PrimaryEntry } from './mirror.js';
import type { Paths } from './paths.js';
import type { Store } from './store.js';

export interface PrimacyDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly mirror: Mirror;
  readonly clock: Clock;
  readonly log: Log;
  readonly self: { readonly node: string; readonly incarnation: string; readonly bootId: string };
  /** Names in the order in which they contend; a node that is not in it never does. */
  readonly coordinators: readonly string[];
  onChange(): void;
}

/** Head start of each coordinator over the next when the primary is gone, so that few contend at once. */
const STAGGER_MS = 30;

export class Primacy {
  private sinceMs = 0;
  private was = false;
  private contending = false;
  private stopped = false;

  constructor(private readonly deps: PrimacyDeps) {
    deps.mirror.listen({ onPrimary: () => this.look(), onLive: () => this.look(), onRescan: () => this.look() });
  }

  start(): void {
    this.look();
  }

  stop(): void {
    this.stopped = true;
  }

  isPrimary(): boolean {
    return this.deps.mirror.primary()?.incarnation === this.deps.self.incarnation;
  }

  /** How long this process has been primary without a break, milliseconds (monotonic). */
  heldForMs(): number {
    return this.isPrimary() ? this.deps.clock.monotonicMs() - this.sinceMs : 0;
  }

  /** Gives the role to a live coordinator (null = any other). Returns the new primary's name, or null. */
  async offer(to: string | null): Promise<string | null> {
    const { mirror, self, coordinators } = this.deps;
    if (!this.isPrimary()) return null;
    const next = coordinators.filter((node) => node !== self.node && (to === null || node === to))
      .map((node) => mirror.liveOf(node)).find((entry) => entry !== null);
    const current = mirror.primary();
    if (!next || !current) return null;
    const { node, incarnation, bootId } = next;
    const entry: PrimaryEntry = { node, incarnation, bootId, epoch: current.epoch + 1 };
    const result = await this.deps.store.multi([
      { op: 'check', path: this.deps.paths.incarnation(next.node, next.incarnation), version: 'exists' },
      { op: 'set', path: this.deps.paths.primary, data: encode(entry), version: current.version },
    ]);
    return result.kind === 'done' ? next.node : null;
  }

  private look(): void {
    if (this.stopped) return;
    const now = this.isPrimary();
    if (now !== this.was) {
      this.was = now;
      this.sinceMs = this.deps.clock.monotonicMs();
      this.deps.log.info(now ? 'this node is primary now' : 'this node is no longer primary');
    }
    this.deps.onChange();
    const rank = this.deps.coordinators.indexOf(this.deps.self.node);
    if (rank >= 0 && this.vacant() && !this.contending && !this.stopped) {
      this.contending = true;
      this.deps.clock.after(rank * STAGGER_MS, () => void this.contend());
    }
  }

  private vacant(): boolean {
    const primary = this.deps.mirror.primary();
    return primary === null || !this.deps.mirror.isLive(primary.incarnation, primary.node);
  }

  private async contend(): Promise<void> {
    const { store, paths, mirror, self, clock } = this.deps;
    try {
      if (!this.vacant() || this.stopped) return;
      // Read anew: the mirror may lag behind another coordinator that was quicker.
      const node = await store.read(paths.primary);
      if (node === null) return;
      const current = node.data.length === 0 ? null : decode<PrimaryEntry>(node.data);
      if (current !== null && mirror.isLive(current.incarnation, current.node)) return;
      const entry: PrimaryEntry = { ...self, epoch: (current?.epoch ?? 0) + 1 };
      const before = current === null ? null : paths.incarnation(current.node, current.incarnation);
      const result = await store.multi([
        { op: 'check', path: paths.incarnation(self.node, self.incarnation), version: 'exists' },
        ...(before === null ? [] : [{ op: 'absent' as const, path: before }]),
        { op: 'set', path: paths.primary, data: encode(entry), version: node.stat.version },
      ]);
      if (result.kind === 'refused') this.deps.log.debug('somebody else became primary', { code: result.code });
    } catch (error) {
      this.deps.log.debug('could not contend for primary', { error });
    } finally {
      this.contending = false;
      if (!this.stopped && this.vacant()) clock.after(200, () => this.look(), true);
    }
  }
}
