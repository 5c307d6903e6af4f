/** What the API needs for pools and volumes beyond feed and gateway: announcing them, and taking in uploads. */
import type { Readable } from 'node:stream';
import type { PoolInput } from '../machines/pool/messages.js';
import { OWN_PREFIX, poolId, volumeId } from '../machines/volume/ids.js';
import type { VolumeInput } from '../machines/volume/messages.js';
import { addressOf, type Address } from '../runtime/address.js';
import type { Behavior } from '../runtime/behavior.js';
import type { Clock } from '../runtime/clock.js';
import { createActorOps } from '../runtime/create.js';
import { PvcError } from '../runtime/errors.js';
import type { Mirror } from '../runtime/mirror.js';
import type { Paths } from '../runtime/paths.js';
import { newToken } from '../runtime/random.js';
import { createRecord } from '../runtime/step.js';
import type { Store } from '../runtime/store.js';
import { refused, type Outcome } from './drivers/outcome.js';
import type { Volumes } from './drivers/volumes.js';
import { mayReceive } from './fullness.js';

export interface VolumeDeskDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly mirror: Mirror;
  readonly clock: Clock;
  readonly behaviors: ReadonlyMap<string, Behavior>;
  readonly commitEffectNames: ReadonlySet<string>;
  readonly volumes: Volumes | null;
}

/** A look at pools, milliseconds. */
const LOOK_MS = 10_000;
/** Uploading a large image over a slow line, milliseconds. */
const UPLOAD_MS = 24 * 3_600_000;

export class VolumeDesk {
  constructor(private readonly deps: VolumeDeskDeps) {}

  /** The cluster has shared storage. */
  get hasStorage(): boolean {
    return this.deps.volumes !== null;
  }

  /** Announces a pool: its actor is there, and waits for `pool.create`. null = there is one of this name. */
  planPool(name: string, correlation: string): Promise<Address | null> {
    const input: PoolInput = { name, facts: null };
    return this.plan('pool', poolId(name), input, correlation);
  }

  /** Announces a volume: its actor is there, and waits for what makes it. null = there is one of this name. */
  planVolume(pool: string, name: string, correlation: string): Promise<Address | null> {
    const input: VolumeInput = { pool, name, facts: null };
    return this.plan('volume', volumeId(pool, name), input, correlation);
  }

  /** A name of ours for a while: nobody else's, and known by its beginning. */
  ownName(): string {
    return `${OWN_PREFIX}${newToken(8)}`;
  }

  /** Takes a file in as the image `image` of the pool. */
  async receive(
    pool: string, image: string, body: Readable, signal?: AbortSignal,
  ): Promise<Outcome<{ bytes: number }>> {
    const { volumes } = this.deps;
    if (volumes === null) return refused('this cluster has no shared storage');
    if (!volumes.connected) return refused('the storage does not answer this node: try another one');
    // In a full pool it would wait for room, with its client's connection, for as long as that takes.
    const full = await mayReceive(volumes, pool, { deadlineMs: LOOK_MS });
    if (full !== null) return full;
    const bounds = { deadlineMs: UPLOAD_MS, ...(signal === undefined ? {} : { signal }) };
    return volumes.receive({ pool, image }, body, bounds);
  }

  private async plan(kind: string, id: string, input: unknown, correlation: string): Promise<Address | null> {
    const { store, paths, mirror, clock, behaviors, commitEffectNames } = this.deps;
    const primary = mirror.primary();
    if (primary === null) throw new PvcError('PVC_NO_PRIMARY');
    const { node, incarnation, bootId } = primary;
    const address = addressOf(kind, id);
    const record = createRecord(behaviors.get(kind)!, id, input, {
      node, epoch: 1, nowMs: clock.wallMs(), revision: 0, commitEffects: commitEffectNames,
    }, correlation, `create-${newToken()}`);
    const result = await store.multi([
      { op: 'check', path: paths.primary, version: primary.version },
      ...createActorOps(paths, address, record, { node, incarnation, bootId, epoch: 1, cause: 'created' },
        mirror.versions),
    ]);
    if (result.kind === 'done') return address;
    if (result.kind === 'unknown') {
      throw new PvcError('PVC_NOT_COMMITTED', 'It is not known whether that was begun: list what is there, try again');
    }
    if (result.index === 0) throw new PvcError('PVC_NO_PRIMARY');
    return null;
  }
}
