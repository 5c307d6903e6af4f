/** World effects of pools (`pool/<name>`): all run on the primary, all may be run again. */
import type { Effect } from '../effects.js';
import type { PoolFacts, PoolTier } from './messages.js';

interface OfPool { readonly pool: string }

export interface PoolEffects {
  /** The crush rule of the tier, made if there is none. Refused if no OSD is of that class. */
  'pool.rule': Effect<OfPool & { tier: PoolTier }, { rule: string }>;
  /** done = a pool of this name is there. Refused if one was there before. */
  'pool.create': Effect<OfPool & { pgs: number; rule: string }, null>;
  'pool.replicate': Effect<OfPool & { copies: number; minCopies: number }, null>;
  /** done = Ceph knows that RBD uses it. */
  'pool.enable': Effect<OfPool, null>;
  'pool.setPgs': Effect<OfPool & { pgs: number }, null>;
  /** null = there is none. */
  'pool.look': Effect<OfPool, { facts: PoolFacts | null }>;
  /** done = nobody has an image of it open. */
  'pool.check': Effect<OfPool, null>;
  /** Monitors delete pools (mon_allow_pool_delete), or do not. */
  'pool.allow': Effect<OfPool & { allowed: boolean }, null>;
  /** done = gone. onlyEmpty: refused if it holds an image. */
  'pool.delete': Effect<OfPool & { onlyEmpty: boolean }, null>;
  /** done = every image of the pool has its record, and no record is without its image. */
  'pool.scan': Effect<OfPool, null>;
}

export const POOL_EFFECT_NAMES = [
  'pool.rule',
  'pool.create',
  'pool.replicate',
  'pool.enable',
  'pool.setPgs',
  'pool.look',
  'pool.check',
  'pool.allow',
  'pool.delete',
  'pool.scan',
] as const satisfies readonly (keyof PoolEffects)[];
