/**
 * Homing: every actor finds an owner that can answer for it. The primary claims what a dead incarnation
 * left behind as far as no fence is needed (the rest is claimed by the fence's own plan); a node claims
 * its agent and what its own boot's earlier session owned; who holds cluster-wide actors without being
 * primary gives them on. Level-triggered; safe to run at any time, by anybody.
 */
import { splitAddress, type Address } from '../runtime/address.js';
import type { Clock } from '../runtime/clock.js';
import type { Host } from '../runtime/host.js';
import type { Log } from '../runtime/log.js';
import type { Mirror, MirrorActor } from '../runtime/mirror.js';
import type { Primacy } from '../runtime/primacy.js';
import type { ActorRecord } from '../runtime/record.js';
import { claim, giveTo, needsFence, type ClaimDeps } from './claims.js';

export interface HomingDeps extends ClaimDeps {
  readonly mirror: Mirror;
  readonly host: Host;
  readonly primacy: Primacy;
  readonly clock: Clock;
  readonly log: Log;
}

const TICK_MS = 1000;

interface VmHome { readonly mayRunOn?: readonly unknown[]; readonly heldAs?: string }

export class Homing {
  private stopped = false;
  private busy = false;
  private again = false;

  constructor(private readonly deps: HomingDeps) {
    deps.mirror.listen({ onLive: () => this.kick(), onPrimary: () => this.kick(), onRescan: () => this.kick() });
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

  private kick(): void {
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
    for (const actor of this.deps.mirror.actors.values()) {
      if (this.isLeftBehind(actor)) await this.deps.host.bury(actor.address);
      else if (this.mayClaim(actor)) orphans.push(actor.address);
      else if (this.mustGive(actor)) strays.push(actor.address);
    }
    for (const address of orphans) {
      if (this.stopped) return;
      const result = await claim(this.deps, address);
      if (result === 'claimed') this.deps.log.info('claimed an actor', { actor: address });
    }
    const primary = this.deps.mirror.primary();
    if (primary === null) return;
    for (const address of strays) {
      if (this.stopped) return;
      if (!await giveTo(this.deps, address, primary, (record) => isIdle(record))) continue;
      this.deps.log.info('gave an actor to the primary', { actor: address, to: primary.node });
    }
  }

  /** A tombstone whose owner died before it was buried. */
  private isLeftBehind({ owner, record }: MirrorActor): boolean {
    const { mirror, primacy } = this.deps;
    return record.removed && primacy.isPrimary() && (owner === null || !mirror.isLive(owner.incarnation, owner.node));
  }

  private mayClaim({ address, owner, record }: MirrorActor): boolean {
    const { mirror, self, primacy } = this.deps;
    if (owner === null || record.removed || mirror.isLive(owner.incarnation, owner.node)) return false;
    if (address === `agent/${self.node}`) return true;
    if (owner.node === self.node && owner.bootId === self.bootId) return !this.fenced(owner.node, owner.bootId);
    if (splitAddress(address).kind === 'agent' || !primacy.isPrimary()) return false;
    // What may still run there is claimed by the fence's own plan (cluster.rehome), all in one.
    return !needsFence(record, owner);
  }

  private fenced(node: string, bootId: string): boolean {
    return this.deps.mirror.fences.get(node)?.has(bootId) ?? false;
  }

  private mustGive({ address, owner, record }: MirrorActor): boolean {
    const { mirror, self, primacy } = this.deps;
    const primary = mirror.primary();
    if (owner === null || owner.incarnation !== self.incarnation || record.removed || primacy.isPrimary()) return false;
    if (primary === null || !mirror.isLive(primary.incarnation, primary.node)) return false;
    return splitAddress(address).kind !== 'agent' && record.ownerEpoch >= owner.epoch && isIdle(record);
  }
}

/** Bound to no node: cluster-wide, or a VM of which there is no copy and for which nothing is under way. */
function isIdle(record: ActorRecord): boolean {
  if (record.kind === 'node') return true;
  const { mayRunOn, heldAs } = record.snapshot.context as VmHome;
  return record.kind === 'vm' && (mayRunOn ?? []).length === 0 && heldAs !== 'runner' && record.effects.length === 0;
}
