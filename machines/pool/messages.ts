/** What is said to a pool, and what it keeps. Sizes are bytes. */
import type { AnswersOf } from '../effects.js';
import type { PoolEffects } from './effects.js';

/** Device classes that a pool may be bound to (PVC's tiers); `default` = any. */
export const POOL_TIERS = ['default', 'hdd', 'ssd', 'nvme'] as const;
export type PoolTier = (typeof POOL_TIERS)[number];

/** What Ceph says of a pool; its usage is told by the storage's telemetry. */
export interface PoolFacts {
  readonly id: number;
  readonly pgs: number;
  readonly copies: number;
  readonly minCopies: number;
  readonly tier: PoolTier;
}

/** facts null = it is still to be made; else it was found. */
export interface PoolInput {
  readonly name: string;
  readonly facts: PoolFacts | null;
}

export type PoolCommand =
  | {
      readonly type: 'pool.create';
      readonly pgs: number;
      readonly tier: PoolTier;
      readonly copies: number;
      readonly minCopies: number;
    }
  | { readonly type: 'pool.setPgs'; readonly pgs: number }
  | { readonly type: 'pool.remove' }
  | { readonly type: 'pool.scan' };

export const POOL_COMMAND_TYPES = [
  'pool.create', 'pool.setPgs', 'pool.remove', 'pool.scan',
] as const satisfies readonly PoolCommand['type'][];

interface Stamped { readonly at: number }

/** From the keeper: what Ceph has now, or that it has no such pool. */
export type PoolFact =
  | { readonly type: 'pool.observed'; readonly facts: PoolFacts }
  | { readonly type: 'pool.vanished' };

export type PoolEvent =
  | (PoolCommand & Stamped & { readonly operationId: string })
  | (PoolFact & Stamped)
  | AnswersOf<PoolEffects>;

export interface PoolContext extends PoolInput {
  readonly operation: { readonly operationId: string; readonly command: string } | null;
  readonly job: PoolCommand | null;
  readonly failure: string | null;
  /** Name of the crush rule, once it is known. */
  readonly rule: string | null;
}
