/**
 * The resource guard: what stands at a resource and keeps zombies and repetitions out. An effect reaches the world
 * after its commit, so a deposed owner may still have one on its way, and a new owner runs a pending one again. Only
 * the resource itself can tell: every effect comes with a stamp, and the resource remembers what it has seen.
 * R1: an effect of a smaller epoch than its actor's newest one seen here is refused.
 * R2: the same effect id is done once: a repetition waits for the first and is given its outcome.
 * R3: an outcome `unknown` is none: the same effect may be tried again.
 * What is remembered must live as long as the resource's state does (a domain's metadata, an image's, a file beside
 * it): `ResourceGuard` is the reference, in memory, for a resource that lives in one process.
 */
import type { Address } from './address.js';
import type { EffectOutcome } from './effects.js';

/** What an effect is stamped with: fields of its EffectContext. */
export interface Stamp {
  readonly address: Address;
  readonly effectId: string;
  /** Epoch of the owner that runs it now, not of the one that committed it. */
  readonly epoch: number;
}

/** A resource behind its guard. */
export interface StampedResource {
  /**
   * Lets the effect act, or answers for it. Never rejects: what `act` throws is `unknown`.
   * `act` is called at most once at a time for one effect id.
   */
  apply(stamp: Stamp, act: () => Promise<EffectOutcome>): Promise<EffectOutcome>;
}

interface Seen {
  epoch: number;
  /** Outcomes by effect id, oldest first; a promise while the effect acts. */
  readonly outcomes: Map<string, Promise<EffectOutcome> | EffectOutcome>;
}

export class ResourceGuard implements StampedResource {
  private readonly seen = new Map<Address, Seen>();

  /** `outcomesKept`: outcomes remembered for each actor; at least as many as it may have pending. */
  constructor(private readonly outcomesKept = 64) {}

  async apply(stamp: Stamp, act: () => Promise<EffectOutcome>): Promise<EffectOutcome> {
    const seen = this.seen.get(stamp.address) ?? { epoch: 0, outcomes: new Map() };
    this.seen.set(stamp.address, seen);
    if (stamp.epoch < seen.epoch) {
      return { kind: 'refused', reason: `epoch ${stamp.epoch} is over: the owner is at ${seen.epoch}` };
    }
    seen.epoch = stamp.epoch;
    const first = seen.outcomes.get(stamp.effectId);
    if (first !== undefined) {
      const outcome = await first;
      return outcome.kind === 'unknown' ? this.apply(stamp, act) : outcome;
    }
    const acting = this.act(act).then((outcome) => {
      if (outcome.kind === 'unknown') seen.outcomes.delete(stamp.effectId);
      else seen.outcomes.set(stamp.effectId, outcome);
      return outcome;
    });
    seen.outcomes.set(stamp.effectId, acting);
    for (const effectId of seen.outcomes.keys()) {
      if (seen.outcomes.size <= this.outcomesKept) break;
      if (effectId !== stamp.effectId) seen.outcomes.delete(effectId);
    }
    return acting;
  }

  private async act(act: () => Promise<EffectOutcome>): Promise<EffectOutcome> {
    try {
      return await act();
    } catch (error) {
      return { kind: 'unknown', reason: error instanceof Error ? error.message : String(error) };
    }
  }
}
