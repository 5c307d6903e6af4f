/** Effects on pools and volumes: guards of fullness and use, then one call of the driver each. */
import { isOwn } from '../machines/volume/ids.js';
import type { PoolEffects } from '../machines/pool/effects.js';
import type { PoolFacts } from '../machines/pool/messages.js';
import type { VolumeEffects } from '../machines/volume/effects.js';
import { HALF_WRITTEN } from '../machines/volume/messages.js';
import type { Address } from '../runtime/address.js';
import type { Clock } from '../runtime/clock.js';
import type { ActorEvent } from '../runtime/envelope.js';
import { done, refused, unknown, type Outcome } from './drivers/outcome.js';
import type { Bounds, Image, LongBounds, Volumes } from './drivers/volumes.js';
import type { EffectContext } from '../runtime/effects.js';
import { fullness } from './fullness.js';
import type { HandlersOf } from './handlers.js';

export interface VolumeEffectDeps {
  readonly volumes: Volumes | null;
  readonly clock: Clock;
  /** A fact for an actor of this node. */
  tell(to: Address, event: ActorEvent): void;
  /** Compares records with Ceph now. */
  scan(): Promise<Outcome<null>>;
  /** Another name for what stands under this address: makes the actor of the new one. */
  adopt(pool: string, image: string, bounds: Bounds): Promise<Outcome<null>>;
  /** UUIDs of VMs with this disk. */
  vmsWith(disk: string): Promise<readonly string[]>;
  /** `10.0.0.1:0/12` -> whose that is, for people. */
  nameOf(client: string): string;
}

/** Between two tellings of how far an effect is, milliseconds: each is a commit. */
const PROGRESS_MS = 2000;

const NO_STORAGE = 'this cluster has no shared storage';
const AWAY = 'the storage does not answer the primary coordinator';

type Call<Params, Result> = (volumes: Volumes, params: Params, bounds: LongBounds) => Promise<Outcome<Result>>;

export function poolEffects(deps: VolumeEffectDeps): HandlersOf<PoolEffects> {
  const on = calling(deps);
  return {
    'pool.rule': on((volumes, { tier }, bounds) => volumes.ensureRule(tier, bounds)),
    'pool.create': on((volumes, { pool, pgs, rule }, bounds) => volumes.createPool(pool, pgs, rule, bounds)),
    'pool.replicate': on((volumes, { pool, copies, minCopies }, bounds) =>
      volumes.replicatePool(pool, copies, minCopies, bounds)),
    'pool.enable': on((volumes, { pool }, bounds) => volumes.enablePool(pool, bounds)),
    'pool.setPgs': on((volumes, { pool, pgs }, bounds) => volumes.setPgs(pool, pgs, bounds)),
    'pool.look': on(async (volumes, { pool }, bounds) => {
      const pools = await volumes.pools(bounds);
      if (pools.kind !== 'done') return pools;
      const found = pools.value.find(({ name }) => name === pool);
      if (found === undefined) return done<{ facts: PoolFacts | null }>({ facts: null });
      return done<{ facts: PoolFacts | null }>({ facts: poolFacts(found) });
    }),
    'pool.check': on((volumes, { pool }, bounds) => poolUnused(deps, volumes, pool, bounds)),
    'pool.allow': on((volumes, { allowed }, bounds) => volumes.allowDeletion(allowed, bounds)),
    'pool.delete': on(async (volumes, { pool, onlyEmpty }, bounds) => {
      if (onlyEmpty) {
        const images = await volumes.images(pool, bounds);
        if (images.kind === 'unknown') return images;
        if (images.kind === 'done' && images.value.length > 0) return refused(`pool "${pool}" holds images`);
      }
      const outcome = await volumes.deletePool(pool, bounds);
      // Its volumes go with it: their records are told at once.
      if (outcome.kind === 'done') await deps.scan();
      return outcome;
    }),
    'pool.scan': on(() => deps.scan()),
  };
}

export function volumeEffects(deps: VolumeEffectDeps): HandlersOf<VolumeEffects> {
  const on = calling(deps);
  return {
    'volume.create': on(async (volumes, { pool, image, sizeBytes, force }, bounds) => {
      const full = await fullness(volumes, pool, sizeBytes, force, bounds);
      return full ?? volumes.create({ pool, image }, sizeBytes, bounds);
    }),
    'volume.look': on(async (volumes, { pool, image }, bounds) => {
      const facts = await volumes.look({ pool, image }, bounds);
      if (facts.kind !== 'done') return facts;
      return done({ facts: facts.value === null ? null : withoutOwn(facts.value) });
    }),
    'volume.resize': on(async (volumes, { pool, image, sizeBytes, force }, bounds) => {
      const now = await volumes.look({ pool, image }, bounds);
      if (now.kind !== 'done') return now;
      const more = sizeBytes - (now.value?.sizeBytes ?? 0);
      if (more < 0) return refused(`it has ${now.value?.sizeBytes} bytes: making it smaller would cut off data`);
      const full = await fullness(volumes, pool, more, force, bounds);
      return full ?? volumes.resize({ pool, image }, sizeBytes, bounds);
    }),
    'volume.announce': on(async (_volumes, { pool, image }) => done({ vms: await deps.vmsWith(`${pool}/${image}`) })),
    'volume.rename': on(async (volumes, { pool, image, to }, bounds) => {
      const blocked = await inUse(deps, volumes, { pool, image }, 'renamed', bounds);
      if (blocked !== null) return blocked;
      const renamed = await volumes.rename({ pool, image }, to, bounds);
      return renamed.kind === 'done' ? deps.adopt(pool, to, bounds) : renamed;
    }),
    'volume.remove': on(async (volumes, { pool, image, own = false }, bounds) =>
      await inUse(deps, volumes, { pool, image }, 'removed', bounds, own)
        ?? volumes.remove({ pool, image }, bounds)),
    'volume.mark': on(async (volumes, { pool, image, snapshot, force }, bounds) => {
      const now = await volumes.look({ pool, image }, bounds);
      if (now.kind !== 'done') return now;
      if (now.value === null) return refused(`there is no volume "${image}" in pool "${pool}"`);
      const full = await fullness(volumes, pool, now.value.sizeBytes, force, bounds);
      return full ?? volumes.createSnapshot({ pool, image, snapshot }, bounds);
    }),
    'volume.clone': on((volumes, { pool, image, from, snapshot }, bounds) =>
      volumes.clone({ pool, image: from, snapshot }, { pool, image }, bounds)),
    'volume.unmark': on((volumes, { pool, image, snapshot }, bounds) =>
      volumes.removeSnapshot({ pool, image, snapshot }, bounds)),
    'volume.flatten': on((volumes, { pool, image }, bounds) => volumes.flatten({ pool, image }, bounds)),
    'volume.snapshot': on((volumes, params, bounds) => volumes.createSnapshot(params, bounds)),
    'volume.dropSnapshot': on((volumes, params, bounds) => volumes.removeSnapshot(params, bounds)),
    'volume.renameSnapshot': on((volumes, params, bounds) => volumes.renameSnapshot(params, params.to, bounds)),
    'volume.rollback': on(async (volumes, params, bounds) =>
      await inUse(deps, volumes, params, 'rolled back', bounds) ?? volumes.rollback(params, bounds)),
    'volume.inspect': on((volumes, { pool, image, format }, bounds) =>
      volumes.inspect({ pool, image }, format, bounds)),
    'volume.convert': on(async (volumes, { pool, image, source, format, fresh = true }, bounds) => {
      const blocked = await inUse(deps, volumes, { pool, image }, 'overwritten', bounds);
      if (blocked !== null) return blocked;
      const outcome = await volumes.convert({ pool, image: source }, format, { pool, image }, bounds);
      return outcome.kind === 'refused' && !fresh ? refused(`${outcome.reason}; ${HALF_WRITTEN}`) : outcome;
    }),
    'volume.discard': on(async (volumes, { pool, image }, bounds) => isOwn(image)
      ? await inUse(deps, volumes, { pool, image }, 'removed', bounds, true) ?? volumes.remove({ pool, image }, bounds)
      : refused(`"${image}" is no upload`)),
  };
}

/** Handlers as calls: without storage refused, without a connection unknown; how far they are is told now and then. */
const calling = ({ volumes, clock, tell }: VolumeEffectDeps) =>
  <Params extends { readonly deadlineMs: number }, Result>(call: Call<Params, Result>) =>
    async (params: Params, context: EffectContext): Promise<Outcome<Result>> => {
      if (volumes === null) return refused(NO_STORAGE);
      if (!volumes.connected) return unknown(AWAY);
      let toldAt = clock.monotonicMs();
      const progress = (fraction: number): void => {
        if (clock.monotonicMs() - toldAt < PROGRESS_MS) return;
        toldAt = clock.monotonicMs();
        tell(context.address, { type: 'volume.progressed', fraction: Math.round(fraction * 1000) / 1000 });
      };
      const { deadlineMs } = params;
      const outcome = await call(volumes, params, {
        deadlineMs, again: context.resumed, progress, signal: context.signal,
      });
      return outcome;
    };

/**
 * Null = nobody has it open; else why nothing is done. What we left open ourselves is no foreign user's, and is let go
 * soon: by this node's connection when its call has ended, of a program or a daemon that died within 30 s. So it is
 * unknown, which is tried again: who has an `own` image open; who has it open when this is no first try.
 */
async function inUse(
  deps: VolumeEffectDeps, volumes: Volumes, image: Image, verb: string, bounds: Bounds, own = false,
): Promise<Outcome<never> | null> {
  const users = await volumes.users({ pool: image.pool, image: image.image }, bounds);
  if (users.kind !== 'done') return users;
  if (users.value.length === 0) return null;
  if (users.value.every((each) => volumes.clients.includes(each))) {
    return unknown('what was done with it before has not let go of it yet');
  }
  const vms = await deps.vmsWith(`${image.pool}/${image.image}`);
  const whose = vms.length === 0 ? '' : ` (a disk of VM ${vms.join(', ')})`;
  const reason = `it is in use by ${users.value.map((each) => deps.nameOf(each)).join(', ')}${whose}, and cannot be `
    + `${verb}: stop what uses it first`;
  return own || bounds.again === true ? unknown(reason) : refused(reason);
}

/** As many images as are asked about at a time. */
const TOGETHER = 16;

async function poolUnused(
  deps: VolumeEffectDeps, volumes: Volumes, pool: string, bounds: Bounds,
): Promise<Outcome<null>> {
  const images = await volumes.images(pool, bounds);
  if (images.kind !== 'done') return images.kind === 'unknown' ? images : done(null);
  for (let at = 0; at < images.value.length; at += TOGETHER) {
    const some = images.value.slice(at, at + TOGETHER);
    const found = await Promise.all(some.map((image) => volumes.users({ pool, image }, bounds)));
    for (const [index, users] of found.entries()) {
      if (users.kind === 'unknown') return users;
      if (users.kind !== 'done' || users.value.length === 0) continue;
      return refused(`volume "${some[index]}" of pool "${pool}" is in use by `
        + `${users.value.map((each) => deps.nameOf(each)).join(', ')}: stop what uses it first`);
    }
  }
  return done(null);
}

/** What the record keeps of a pool. */
export const poolFacts = ({ id, pgs, copies, minCopies, tier }: PoolFacts): PoolFacts =>
  ({ id, pgs, copies, minCopies, tier });

/** Snapshots of ours that hold a moment for a clone are nobody's business. */
export const withoutOwn = <Facts extends { readonly snapshots: readonly { readonly name: string }[] }>(
  facts: Facts,
): Facts => ({ ...facts, snapshots: facts.snapshots.filter(({ name }) => !isOwn(name)) });
