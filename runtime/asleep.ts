/**
 * Actors of a host that sleep: owned here, and without a cell, since nothing of theirs is under way. All that is kept
 * of one is an entry here beside the mirror's. What wakes it: a letter, a fact of this node, a change of its owner or
 * of its record, a planned move. Used by the host only.
 */
import type { Address } from './address.js';
import type { Behavior } from './behavior.js';
import { acquiredInput } from './causes.js';
import type { Clock } from './clock.js';
import { LIMITS } from './limits.js';
import type { Paths } from './paths.js';
import type { ActorRecord, Owner } from './record.js';
import { step } from './step.js';
import type { Store } from './store.js';

/** Is something of the actor under way that only a cell can carry on? Letters apart: those are in its mailbox. */
export function hasWork(record: ActorRecord): boolean {
  if (record.outbox.length > 0 || record.suspect !== null) return true;
  // After an exit the rest is inert.
  return record.exit === null
    && (record.timers.length > 0 || record.effects.length > 0 || record.requests.length > 0);
}

export interface SleepDeps {
  readonly behaviors: ReadonlyMap<string, Behavior>;
  readonly clock: Clock;
  readonly commitEffectNames: ReadonlySet<string>;
  readonly self: { readonly node: string; readonly bootId: string };
}

/**
 * At the start of a process: the machine has been told of this owner by an earlier process of it, nothing is under
 * way, and being told of a restart would change nothing. Many actors are so, and then none of them needs a cell.
 */
export function mayStayAsleep(deps: SleepDeps, record: ActorRecord, owner: Owner): boolean {
  const { behaviors, clock, commitEffectNames: commitEffects, self } = deps;
  const behavior = behaviors.get(record.kind);
  if (behavior === undefined || record.ownerEpoch < owner.epoch || hasWork(record)) return false;
  if (record.machineVersion !== behavior.version || behavior.misfit(record) !== null) return false;
  try {
    const output = step(behavior, record, acquiredInput(`${record.kind}/${record.id}`, record, owner, self), {
      node: self.node, epoch: owner.epoch, nowMs: clock.wallMs(), revision: record.revision + 1, commitEffects,
    });
    return output === null || output.record === record;
  } catch {
    // Its cell will tell what is wrong with it.
    return false;
  }
}

export class Asleep {
  /** Epoch under which each fell asleep: under another one it is to be told of its owner first. */
  private readonly epochs = new Map<Address, number>();

  constructor(private readonly store: Store, private readonly paths: Paths) {}

  get size(): number {
    return this.epochs.size;
  }

  put(address: Address, epoch: number): void {
    this.epochs.set(address, epoch);
  }

  /** Its epoch; undefined = it does not sleep here. */
  epochOf(address: Address): number | undefined {
    return this.epochs.get(address);
  }

  delete(address: Address): boolean {
    return this.epochs.delete(address);
  }

  clear(): void {
    this.epochs.clear();
  }

  addresses(): Address[] {
    return [...this.epochs.keys()];
  }

  /**
   * Those with letters in their mailboxes: the doorbell's safety net, and what the start looks at, since letters may
   * have come before the doorbell was in place. One small read each, many to a request. Rejects with a StoreError.
   */
  async withLetters(onFound: (address: Address) => void): Promise<void> {
    const all = this.addresses();
    for (let at = 0; at < all.length; at += LIMITS.readTogether) {
      const some = all.slice(at, at + LIMITS.readTogether);
      const found = await this.store.readMany(some.map((address) => this.paths.mailbox(address)));
      found.forEach((node, index) => {
        if (node !== null && node.stat.numChildren > 0) onFound(some[index]!);
      });
    }
  }
}
