/**
 * Homing: every actor finds an owner that can answer for it. The primary claims what a dead incarnation
 * left behind as far as no fence is needed (the rest is claimed by the fence's own plan); a node claims
 * its agent and what its own boot's earlier session owned; who holds cluster-wide actors without being
 * primary gives them on. Level-triggered; safe to run at any time, by anybody. It sleeps until the mirror shows
 * something to do; what a sweep could not do at once is looked at again soon.
 */
import { splitAddress, type Address } from '../runtime/address.js';
import { bury } from '../runtime/burial.js';
import { claimAll, type Claimant } from '../runtime/claims.js';
import type { Clock } from '../runtime/clock.js';
import type { Host } from '../runtime/host.js';
import type { Log } from '../runtime/log.js';
import type { Mirror, MirrorActor } from '../runtime/mirror.js';
import type { Primacy } from '../runtime/primacy.js';
import type { Paths } from '../runtime/paths.js';
import type { Home } from '../runtime/placer.js';
import type { ActorRecord, Owner } from '../runtime/record.js';
import type { Store } from '../runtime/store.js';
import { isFenced, needsFence } from './claims.js';

export interface HomingDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly self: Claimant;
  readonly mirror: Mirror;
  readonly host: Host;
  readonly primacy: Primacy;
  readonly clock: Clock;
  readonly log: Log;
}

/** A net only: everything that makes a sweep needful rings. */
const TICK_MS = 10_000;
/** After a sweep that found something to do: did it all go through? */
const AGAIN_MS = 1000;

interface VmHome { readonly mayRunOn?: readonly unknown[]; readonly heldAs?: string }

export class Homing {
  private stopped = false;
  private busy = false;
  private again = false;

  constructor(private readonly deps: HomingDeps) {
    const kick = (): void => this.kick();
    const look = (address: Address): void => {
      const actor = deps.mirror.actors.get(address);
      if (actor !== undefined && this.concerns(actor)) this.kick();
    };
    deps.mirror.listen({
      onLive: kick, onPrimary: kick, onRescan: kick, onOwner: look, onRecord: (actor) => look(actor.address),
    });
  }

  start(): void {
    const tick = (): void => {
      if (this.stopped) return;
      this.kick();
      this.deps.clock.after(TICK_MS, tick, true);
    };
    tick();
  }

  stop(): void {
    this.stopped = true;
  }

  /** Actors of this process that the primary is to have, as far as they are idle. */
  strays(): Address[] {
    return [...this.deps.mirror.actors.values()].filter((actor) => this.mustGive(actor)).map(({ address }) => address);
  }

  private kick(): void {
    if (this.stopped) return;
    if (this.busy) {
      this.again = true;
      return;
    }
    this.busy = true;
    void this.sweep().catch((error: unknown) => this.deps.log.debug('homing was cut short', { error })).finally(() => {
      this.busy = false;
      if (this.again && !this.stopped) {
        this.again = false;
        this.kick();
      }
    });
  }

  private async sweep(): Promise<void> {
    const orphans: Address[] = [];
    const strays: Address[] = [];
    const buried: Address[] = [];
    for (const actor of this.deps.mirror.actors.values()) {
      if (this.isLeftBehind(actor)) buried.push(actor.address);
      else if (this.mayClaim(actor)) orphans.push(actor.address);
      else if (this.mustGive(actor)) strays.push(actor.address);
    }
    if (buried.length + orphans.length + strays.length > 0) {
      this.deps.clock.after(AGAIN_MS, () => this.kick(), true);
    }
    for (const address of buried) await bury(this.deps, address);
    if (orphans.length > 0) {
      for (const [actor, result] of await claimAll({ ...this.deps, needsFence }, orphans)) {
        if (result === 'claimed') this.deps.log.info('claimed an actor', { actor });
      }
    }
    const to = this.deps.mirror.primary()?.node ?? '';
    for (const actor of strays) {
      if (this.stopped) return;
      // Only nodes leave with effects under way (isIdle), and theirs are repeatable (N5): no fence waits for them.
      const result = await this.deps.host.handOver(actor, to, { fits: mayLeave, mayResume: () => true });
      if (result.kind === 'moved') this.deps.log.info('gave an actor to the primary', { actor, to });
    }
  }

  private concerns(actor: MirrorActor): boolean {
    return !this.stopped && (this.isLeftBehind(actor) || this.mayClaim(actor) || this.mustGive(actor));
  }

  /** A tombstone whose owner died before it was buried. */
  private isLeftBehind({ owner, record }: MirrorActor): boolean {
    const { mirror, primacy } = this.deps;
    return record.removed && primacy.isPrimary() && (owner === null || !mirror.isLive(owner.incarnation, owner.node));
  }

  private mayClaim({ address, owner, record }: MirrorActor): boolean {
    const { mirror, self, primacy } = this.deps;
    if (owner === null || record.removed || mirror.isLive(owner.incarnation, owner.node)) return false;
    const { kind } = splitAddress(address);
    // Bound to the node's own hardware, under whatever boot: nobody else could do anything for it.
    if (kind === 'agent' || kind === 'osd') return owner.node === self.node;
    if (owner.node === self.node && owner.bootId === self.bootId) return !this.fenced(owner.node, owner.bootId);
    if (!primacy.isPrimary()) return false;
    // What may still run there is claimed by the fence's own plan (cluster.rehome), all in one.
    return !needsFence(record, owner);
  }

  private fenced(node: string, bootId: string): boolean {
    return isFenced(this.deps.mirror.fences.get(node), bootId);
  }

  private mustGive({ owner, record }: MirrorActor): boolean {
    const { mirror, self, primacy } = this.deps;
    const primary = mirror.primary();
    if (owner === null || owner.incarnation !== self.incarnation || record.removed || primacy.isPrimary()) return false;
    if (primary === null || !mirror.isLive(primary.incarnation, primary.node)) return false;
    return mayLeave(record, owner);
  }
}

/** Where an actor of PVC belongs: to the primary, unless its node's copy, or the node itself, binds it to its owner. */
const homeOf = (record: ActorRecord, owner: Owner): Home => isIdle(record) ? 'primary' : { node: owner.node };

/** What has not been stepped under this owner was only just handed over: it came for something. */
const mayLeave = (record: ActorRecord, owner: Owner): boolean =>
  record.ownerEpoch >= owner.epoch && homeOf(record, owner) === 'primary';

const CLUSTER_WIDE: ReadonlySet<string> = new Set(['node', 'pool', 'volume']);

/** Bound to no node: cluster-wide, or a VM of which there is no copy and for which nothing is under way. */
function isIdle(record: ActorRecord): boolean {
  if (CLUSTER_WIDE.has(record.kind)) return true;
  const { mayRunOn, heldAs } = record.snapshot.context as VmHome;
  return record.kind === 'vm' && (mayRunOn ?? []).length === 0 && heldAs !== 'runner' && record.effects.length === 0;
}
