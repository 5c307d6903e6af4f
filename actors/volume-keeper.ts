/**
 * The keeper of volumes: on the primary, compares Ceph's pools and images with the records, every minute and on demand.
 * What nobody told us of gets its actor; a record whose image is gone is told so; what has changed is noted. Nothing
 * in Ceph is ever removed here but what is known to be a leftover of ours: an upload that no volume is being filled
 * with, that nobody has open, and that was seen in two looks `LEFTOVER_MS` apart.
 */
import { isOwn, poolId, volumeId } from '../machines/volume/ids.js';
import type { PoolContext } from '../machines/pool/messages.js';
import type { VolumeContext, VolumeInput } from '../machines/volume/messages.js';
import { addressOf, type Address } from '../runtime/address.js';
import type { Behavior } from '../runtime/behavior.js';
import type { Clock } from '../runtime/clock.js';
import { createActor, type BirthDeps } from '../runtime/create.js';
import type { ActorEvent } from '../runtime/envelope.js';
import type { Log } from '../runtime/log.js';
import type { Mirror, MirrorActor } from '../runtime/mirror.js';
import type { DriftDesk } from './ceph-watch.js';
import { done, unknown, type Outcome } from './drivers/outcome.js';
import type { Bounds, Image, PoolState, Volumes } from './drivers/volumes.js';
import { poolFacts, withoutOwn } from './effects-volumes.js';
import { VolumeDrift } from './volume-drift.js';

export interface VolumeKeeperDeps extends BirthDeps {
  readonly volumes: Volumes;
  readonly mirror: Mirror;
  readonly clock: Clock;
  readonly log: Log;
  readonly behaviors: ReadonlyMap<string, Behavior>;
  isPrimary(): boolean;
  /** Who is told of what Ceph and the records do not agree about; null = nobody. */
  drift?(): DriftDesk | null;
  /** A fact for an actor of this node. */
  tell(to: Address, event: ActorEvent): void;
}

const LOOK_MS = 60_000;
const FIRST_LOOK_MS = 2_000;
const CALL_MS = 30_000;
/** Images whose facts are read anew in each look, known ones: a thousand are through in twenty minutes. */
const REREAD = 50;
/** Images that are asked about at a time. */
const TOGETHER = 16;
/** An upload is begun long before this. */
const LEFTOVER_MS = 15 * 60_000;

const BOUNDS: Bounds = { deadlineMs: CALL_MS };
const atRest = ({ record }: MirrorActor): boolean => record.snapshot.value === 'available' && !record.removed;
const volumeOf = ({ record }: MirrorActor): VolumeContext => record.snapshot.context as unknown as VolumeContext;
const poolOf = ({ record }: MirrorActor): PoolContext => record.snapshot.context as unknown as PoolContext;
const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/** Facts that no user changes, and that change with every access. */
const steady = (facts: VolumeContext['facts']): unknown =>
  facts === null ? null : { ...facts, accessedAt: null, modifiedAt: null };

export class VolumeKeeper {
  private stopped = false;
  private running: Promise<Outcome<null>> | null = null;
  private cursor = 0;
  /** `pool/image` of ours -> when it was seen first. */
  private readonly leftovers = new Map<string, number>();
  private readonly drift: VolumeDrift;

  constructor(private readonly deps: VolumeKeeperDeps) {
    this.drift = new VolumeDrift(deps.mirror, () => deps.drift?.() ?? null);
  }

  start(): void {
    const again = (): void => {
      if (this.stopped) return;
      if (this.deps.isPrimary()) void this.look();
      this.deps.clock.after(LOOK_MS, again, true);
    };
    this.deps.clock.after(FIRST_LOOK_MS, again, true);
  }

  stop(): void {
    this.stopped = true;
  }

  /** A look that begins after this call. Never rejects. */
  async look(): Promise<Outcome<null>> {
    while (this.running !== null) await this.running;
    this.running = this.compare().catch((error: unknown) => {
      this.deps.log.debug('pools and volumes are compared later', { error });
      return unknown(error instanceof Error ? error.message : String(error));
    });
    try {
      return await this.running;
    } finally {
      this.running = null;
    }
  }

  /** The actor of an image that is there under this name. done if there is one already. */
  async adopt(image: Image, bounds: Bounds): Promise<Outcome<null>> {
    const facts = await this.deps.volumes.look(image, bounds);
    if (facts.kind !== 'done') return facts;
    if (facts.value === null) return done(null);
    const input: VolumeInput = { pool: image.pool, name: image.image, facts: withoutOwn(facts.value) };
    await this.create('volume', volumeId(image.pool, image.image), input);
    return done(null);
  }

  private async compare(): Promise<Outcome<null>> {
    const before = this.records();
    const pools = await this.deps.volumes.pools(BOUNDS);
    if (pools.kind !== 'done') return pools;
    this.drift.begin(pools.value.map(({ name }) => name));
    await this.comparePools(pools.value, before);
    for (const pool of pools.value) {
      if (this.stopped) return done(null);
      const images = await this.deps.volumes.images(pool.name, BOUNDS);
      if (images.kind === 'unknown') return images;
      if (images.kind !== 'done') continue;
      this.drift.has(pool.name, images.value);
      await this.compareImages(pool.name, images.value, before);
    }
    this.drift.end();
    await this.rereadSome();
    return done(null);
  }

  /** As they are now: what is judged by a list must have been at rest before the list was made, and unchanged since. */
  private records(): Map<Address, MirrorActor> {
    return new Map([...this.deps.mirror.actors].filter(([, { record }]) =>
      record.kind === 'pool' || record.kind === 'volume'));
  }

  private unchanged(actor: MirrorActor): boolean {
    return this.deps.mirror.actors.get(actor.address)?.record.commitId === actor.record.commitId;
  }

  private async comparePools(pools: readonly PoolState[], before: Map<Address, MirrorActor>): Promise<void> {
    const { log, tell } = this.deps;
    const names = new Set(pools.map(({ name }) => name));
    for (const pool of pools) {
      const address = addressOf('pool', poolId(pool.name));
      const known = this.deps.mirror.actors.get(address);
      const facts = poolFacts(pool);
      if (known === undefined || known.record.removed) {
        if (await this.create('pool', poolId(pool.name), { name: pool.name, facts })) {
          log.info('found a pool', { pool: pool.name });
        }
      } else if (atRest(known) && !same(poolOf(known).facts, facts)) tell(address, { type: 'pool.observed', facts });
    }
    for (const actor of before.values()) {
      if (!atRest(actor) || !this.unchanged(actor)) continue;
      const pool = actor.record.kind === 'pool' ? poolOf(actor).name : volumeOf(actor).pool;
      if (!names.has(pool)) this.vanished(actor);
    }
  }

  private vanished(actor: MirrorActor): void {
    this.deps.log.warn('what a record stands for is gone from Ceph', { actor: actor.address });
    if (actor.record.kind === 'volume') this.drift.isGone(volumeOf(actor).pool, volumeOf(actor).name);
    this.deps.tell(actor.address, { type: `${actor.record.kind}.vanished` });
  }

  private async compareImages(
    pool: string, images: readonly string[], before: Map<Address, MirrorActor>,
  ): Promise<void> {
    const names = new Set(images);
    for (const actor of before.values()) {
      if (actor.record.kind !== 'volume' || volumeOf(actor).pool !== pool) continue;
      if (atRest(actor) && this.unchanged(actor) && !names.has(volumeOf(actor).name)) this.vanished(actor);
    }
    const unknownOnes = images.filter((image) => !isOwn(image)
      && !this.deps.mirror.actors.has(addressOf('volume', volumeId(pool, image))));
    for (let at = 0; at < unknownOnes.length && !this.stopped; at += TOGETHER) {
      const some = unknownOnes.slice(at, at + TOGETHER);
      await Promise.all(some.map((image) => this.adopt({ pool, image }, BOUNDS)));
    }
    if (unknownOnes.length > 0) this.deps.log.info('found volumes', { pool, count: unknownOnes.length });
    await this.clear(pool, images.filter(isOwn));
  }

  /** Uploads that were begun and that nobody goes on with. */
  private async clear(pool: string, images: readonly string[]): Promise<void> {
    const { clock, volumes, mirror, log } = this.deps;
    const here = `${pool}/`;
    for (const key of this.leftovers.keys()) {
      if (key.startsWith(here) && !images.includes(key.slice(here.length))) this.leftovers.delete(key);
    }
    const needed = new Set([...mirror.actors.values()].filter(({ record }) => record.kind === 'volume')
      .map((actor) => volumeOf(actor).job).map((job) => (job?.type === 'volume.fill' ? job.source : null)));
    for (const image of images) {
      const since = this.leftovers.get(`${here}${image}`) ?? clock.monotonicMs();
      this.leftovers.set(`${here}${image}`, since);
      if (needed.has(image) || clock.monotonicMs() - since < LEFTOVER_MS) continue;
      const users = await volumes.users({ pool, image }, BOUNDS);
      if (users.kind !== 'done' || users.value.length > 0) continue;
      const outcome = await volumes.remove({ pool, image }, BOUNDS);
      log.info('removed the leftover of an upload', { pool, image, outcome: outcome.kind });
    }
  }

  /** A few of the known ones in turn: what was changed by other hands is seen in time. */
  private async rereadSome(): Promise<void> {
    const all = [...this.records().values()].filter((actor) => actor.record.kind === 'volume');
    const some = Array.from({ length: Math.min(REREAD, all.length) }, (_, at) => all[(this.cursor + at) % all.length]!);
    this.cursor = all.length === 0 ? 0 : (this.cursor + some.length) % all.length;
    for (let at = 0; at < some.length && !this.stopped; at += TOGETHER) {
      await Promise.all(some.slice(at, at + TOGETHER).map((actor) => this.reread(actor)));
    }
  }

  private async reread(actor: MirrorActor): Promise<void> {
    const { pool, name, facts: known } = volumeOf(actor);
    if (!atRest(actor)) return;
    const facts = await this.deps.volumes.look({ pool, image: name }, BOUNDS);
    if (facts.kind !== 'done' || facts.value === null || !this.unchanged(actor)) return;
    const now = withoutOwn(facts.value);
    if (!same(steady(known), steady(now))) this.deps.tell(actor.address, { type: 'volume.observed', facts: now });
  }

  private create(kind: 'pool' | 'volume', id: string, input: unknown): Promise<boolean> {
    return createActor(this.deps, this.deps.behaviors.get(kind)!, id, input);
  }
}
