/**
 * The lease: this node's right to touch the world.
 * L1: it lasts until leaseDeadlineMs(send time of the last acknowledged quorum write); pings prove nothing.
 * L2: it is lost for good with the session, or when a fence removed the incarnation.
 * L3: a boot with a proof of death against it, or that is cut off from storage, never gets a lease again.
 * L4: it lists the record versions this daemon reads, so that writers can keep to what all read.
 */
import { BlobBytes } from './blob-bytes.js';
import type { Clock } from './clock.js';
import { encode } from './codec.js';
import type { LeaseGate } from './effects.js';
import { leaseDeadlineMs } from './limits.js';
import type { Log } from './log.js';
import type { Paths } from './paths.js';
import { READ_VERSIONS } from './record.js';
import { StoreError, type Store } from './store.js';

export interface LeaseOptions {
  readonly store: Store;
  readonly paths: Paths;
  readonly clock: Clock;
  readonly log: Log;
  readonly node: string;
  readonly bootId: string;
  readonly tickMs: number;
  readonly stopMs: number;
  readonly heartbeatMs: number;
  /** Versions of records this daemon reads; fewer than all only to test an older daemon. */
  readonly recordVersions?: readonly number[];
  /** The telemetry blob: what every heartbeat writes (blob-bytes.ts). Must be quick and not throw. */
  blob(): Readonly<Record<string, unknown>>;
  /** After each acknowledged write, before anything else: tells the guard. */
  onRenewed(deadlineMs: number): void;
}

/** Not a fence: this daemon has no key to the tree, or another than the daemon that made it. */
const NOT_ALLOWED = 'this node may not register itself at ZooKeeper (database.zookeeper.auth in pvc.conf)';

export class FencedBootError extends Error {
  override readonly name = 'FencedBootError';
}

export class Lease implements LeaseGate {
  readonly incarnation: string;
  /** Resolves with the reason when the lease is lost for good. */
  readonly lost: Promise<string>;
  resumed = false;
  private lose!: (reason: string) => void;
  private deadlineMs = 0;
  private over = false;
  private waiting: (() => void)[] = [];
  private readonly bytes = new BlobBytes();
  private readonly paths: { readonly lease: string; readonly telemetry: string };
  private cancel: () => void = () => undefined;
  private beating = false;
  private unlisten: () => void = () => undefined;

  constructor(private readonly options: LeaseOptions) {
    this.incarnation = `${options.bootId}.${options.store.session.id}`;
    const { paths, node } = options;
    this.paths = { lease: paths.incarnation(node, this.incarnation), telemetry: paths.telemetry(node) };
    this.lost = new Promise((resolve) => {
      this.lose = (reason) => {
        this.over = true;
        resolve(reason);
      };
    });
  }

  /** Creates (or finds, on a resumed session) the ephemeral, makes the first quorum write, goes on beating. */
  async start(): Promise<void> {
    const { store, paths, node, bootId } = this.options;
    this.unlisten = store.onState((state) => {
      if (state === 'expired') this.lose('the session expired');
      if (state === 'connected') void this.beat();
    });
    const path = this.paths.lease;
    const { recordVersions = READ_VERSIONS } = this.options;
    const data = encode({ node, bootId, recordVersions });
    for (let attempt = 0; ; attempt += 1) {
      const result = await store.multi([
        { op: 'absent', path: paths.fence(node, bootId) },
        { op: 'absent', path: paths.storageFence(node, bootId) },
        { op: 'create', path, data, ephemeral: true },
      ]);
      if (result.kind === 'done') break;
      if (result.kind === 'refused' && result.code === 'no-auth') throw new StoreError('no-auth', NOT_ALLOWED);
      if (result.kind === 'refused' && result.index <= 1) {
        throw new FencedBootError(
          `this boot (${bootId}) of ${node} was fenced: it must be rebooted before it may join again`);
      }
      if (result.kind === 'refused' && result.code === 'node-exists') {
        // A session carried on: an earlier process, perhaps of another version, wrote what it read.
        const again = await store.multi([{ op: 'set', path, data, version: 'any' }]);
        if (again.kind === 'done') {
          this.resumed = true;
          break;
        }
      }
      if (attempt > 20) throw new Error(`could not register ${path}`);
      await this.options.clock.sleep(100);
    }
    await this.beat();
  }

  held(): boolean {
    return !this.over && this.options.clock.boottimeMs() < this.deadlineMs;
  }

  remainingMs(): number {
    return this.over ? 0 : Math.max(0, this.deadlineMs - this.options.clock.boottimeMs());
  }

  whenHeld(signal: AbortSignal): Promise<void> {
    if (this.held() || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  stop(): void {
    this.over = true;
    this.cancel();
    this.unlisten();
  }

  /** One heartbeat: a quorum write that only succeeds while our ephemeral stands. */
  private async beat(): Promise<void> {
    if (this.beating || this.over) return;
    this.beating = true;
    this.cancel();
    const { store, clock } = this.options;
    try {
      const sentAt = clock.boottimeMs();
      const result = await store.multi([
        { op: 'check', path: this.paths.lease, version: 'exists' },
        { op: 'set', path: this.paths.telemetry, data: this.bytes.of(this.options.blob()), version: 'any' },
      ]);
      if (result.kind === 'done') this.renew(sentAt);
      else if (result.kind === 'refused') {
        if (result.index === 0 && result.code !== 'no-auth') this.lose('this boot was fenced: its lease was removed');
        else this.options.log.error('the heartbeat was refused', { code: result.code });
      }
    } catch (error) {
      // The guard was not told, or the blob was no good: the next beat tries again, and the deadline stands.
      this.options.log.error('a heartbeat failed on this side', { error });
    } finally {
      this.beating = false;
      if (!this.over) this.cancel = clock.after(this.options.heartbeatMs, () => void this.beat());
    }
  }

  private renew(sentAtMs: number): void {
    const { store, tickMs, stopMs } = this.options;
    const deadlineMs = leaseDeadlineMs(sentAtMs, { sessionTimeoutMs: store.session.timeoutMs, tickMs, stopMs });
    this.options.onRenewed(deadlineMs);
    this.deadlineMs = deadlineMs;
    const waiting = this.waiting;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }
}
