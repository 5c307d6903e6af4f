/**
 * The primary's look at Ceph: every few seconds one blob to `/pvc/storage`, from which every node's API answers. It
 * rests while nobody is primary here, and backs off while Ceph does not answer. Written under the check of who is
 * primary, so that a former primary never overwrites what the present one told.
 */
import type { CephTelemetry } from '../machines/ceph/telemetry.js';
import type { Clock } from '../runtime/clock.js';
import { encode } from '../runtime/codec.js';
import type { Log } from '../runtime/log.js';
import type { Mirror } from '../runtime/mirror.js';
import type { Paths } from '../runtime/paths.js';
import { StoreError, type Store } from '../runtime/store.js';
import type { CephConnection } from './drivers/ceph/connection.js';
import { readCeph } from './drivers/ceph/osds-reading.js';
import type { Outcome } from './drivers/outcome.js';

/** One look: `by` = the node that looks, `at` = when, wall-clock milliseconds. */
export type ReadStorage = (by: string, at: number, deadlineMs: number) => Promise<Outcome<CephTelemetry>>;

/** That of the real Ceph where there is one, else what is given in its place; null = there is nothing to look at. */
export const readStorageOf = (
  { readStorage, ceph }: { readonly readStorage?: ReadStorage; readonly ceph?: CephConnection },
): ReadStorage | null => readStorage ?? (ceph === undefined ? null
  : (by, at, deadlineMs) => readCeph(ceph, by, at, deadlineMs));

export interface StorageTelemetryDeps {
  readonly read: ReadStorage;
  readonly store: Store;
  readonly paths: Paths;
  readonly mirror: Pick<Mirror, 'primary'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly node: string;
  isPrimary(): boolean;
  /** Told after each look, on the primary only. */
  onLooked?(looked: Outcome<CephTelemetry>): void;
}

/** Between two looks; while Ceph does not answer, each pause is longer than the last up to the second figure. */
const PERIOD_MS = 3000;
const PERIOD_MAX_MS = 15_000;
const DEADLINE_MS = 5000;

export class StorageTelemetry {
  private stopped = false;
  private looking = false;
  private again = false;
  private failures = 0;
  private cancel: () => void = () => undefined;

  constructor(private readonly deps: StorageTelemetryDeps) {}

  start(): void {
    this.look();
  }

  stop(): void {
    this.stopped = true;
    this.cancel();
  }

  /** Something was changed: what is told is soon what is so. */
  soon(): void {
    if (this.looking) this.again = true;
    else this.look();
  }

  private look(): void {
    if (this.stopped) return;
    this.cancel();
    this.looking = true;
    void this.lookOnce().catch((error: unknown) => {
      if (!(error instanceof StoreError)) this.deps.log.error('storage telemetry', { error });
    }).finally(() => {
      this.looking = false;
      if (this.stopped) return;
      const pause = this.again ? 0 : Math.min(PERIOD_MAX_MS, PERIOD_MS * 2 ** Math.min(this.failures, 3));
      this.again = false;
      this.cancel = this.deps.clock.after(pause, () => this.look(), true);
    });
  }

  private async lookOnce(): Promise<void> {
    const { read, store, paths, mirror, clock, node } = this.deps;
    if (!this.deps.isPrimary()) return;
    const looked = await read(node, clock.wallMs(), DEADLINE_MS);
    this.failures = looked.kind === 'done' ? 0 : this.failures + 1;
    if (this.stopped || !this.deps.isPrimary()) return;
    this.deps.onLooked?.(looked);
    const primary = mirror.primary();
    if (looked.kind !== 'done' || primary === null) return;
    await store.multi([
      { op: 'check', path: paths.primary, version: primary.version },
      { op: 'set', path: paths.storage, data: encode(looked.value), version: 'any' },
    ]);
  }
}
