/**
 * Places given out that no record names yet: they count, or two VMs would take the same one at the same moment.
 *
 * A promise holds from the answer of `cluster.place` to the commit that took it up. The mirror may be behind on both
 * ends: what it hears first of a VM after the answer may be the very commit that asked.
 */
import type { ActorRecord } from '../runtime/record.js';

type Asking = Pick<ActorRecord, 'id' | 'seq' | 'effects'>;

interface Promised {
  readonly node: string;
  readonly effectId: string;
  /** Of the record as this node's mirror had it when the place was given. */
  readonly seq: number;
  /** Was the question seen in the record? */
  heard: boolean;
}

export class PromisedPlaces {
  private readonly places = new Map<string, Promised>();

  /** `effectId`: of the effect that asked. */
  give(record: Asking, node: string, effectId: string): void {
    this.places.set(record.id, { node, effectId, seq: record.seq, heard: false });
  }

  /** The node that was promised; null = none, or the record has moved on and says by itself where it goes. */
  of({ id, seq, effects }: Asking): string | null {
    const promise = this.places.get(id);
    if (promise === undefined) return null;
    const asks = effects.some(({ effectId }) => effectId === promise.effectId);
    if (asks) promise.heard = true;
    if (asks || (!promise.heard && promise.seq === seq)) return promise.node;
    this.places.delete(id);
    return null;
  }
}
