/**
 * Stray guests: domains of this node whose VM belongs elsewhere (or nowhere). A copy is destroyed only
 * after reading, through the leader, a record that names this node neither owner nor target (rule 1).
 */
import { addressOf } from '../runtime/address.js';
import type { Claimant } from '../runtime/claims.js';
import type { Clock } from '../runtime/clock.js';
import { decodeOwner, decodeRecord } from '../runtime/codec.js';
import type { LeaseGate } from '../runtime/effects.js';
import type { Host } from '../runtime/host.js';
import type { Log } from '../runtime/log.js';
import type { Paths } from '../runtime/paths.js';
import type { Store } from '../runtime/store.js';
import type { DomainInfo, Hypervisor } from './drivers/hypervisor.js';

export interface StrayDeps {
  readonly hypervisor: Hypervisor;
  readonly store: Store;
  readonly paths: Paths;
  readonly clock: Clock;
  readonly gate: LeaseGate;
  readonly host: Host;
  readonly log: Log;
  readonly self: Claimant;
}

const ROUND_MS = 10_000;

interface Copies { readonly mayRunOn?: readonly { readonly node: string; readonly bootId: string }[] }

export class StrayGuests {
  private stopped = false;
  private readonly reported = new Set<string>();

  constructor(private readonly deps: StrayDeps) {}

  start(): void {
    const round = (): void => {
      if (this.stopped) return;
      void this.look().catch((error: unknown) =>
        this.deps.log.debug('a look at stray guests was cut short', { error }));
      this.deps.clock.after(ROUND_MS, round, true);
    };
    this.deps.clock.after(ROUND_MS, round, true);
  }

  stop(): void {
    this.stopped = true;
  }

  private async look(): Promise<void> {
    const outcome = await this.deps.hypervisor.list();
    if (outcome.kind !== 'done') return;
    for (const domain of outcome.value) {
      if (this.stopped || !this.deps.gate.held()) return;
      if (domain.state !== 'off' && !this.deps.host.owns(addressOf('vm', domain.uuid))) await this.judge(domain);
    }
  }

  private async judge(domain: DomainInfo): Promise<void> {
    const { store, paths, self, log, hypervisor } = this.deps;
    const address = addressOf('vm', domain.uuid);
    await store.sync(paths.record(address));
    const [ownerNode, recordNode] = await Promise.all([
      store.read(paths.owner(address)), store.read(paths.record(address)),
    ]);
    if (domain.epoch === null || ownerNode === null || recordNode === null) {
      const guest = { uuid: domain.uuid, name: domain.name };
      const news = !this.reported.has(domain.uuid);
      if (news) log.warn('a guest that is none of this cluster runs here and is left alone', guest);
      this.reported.add(domain.uuid);
      return;
    }
    const owner = decodeOwner(ownerNode.data);
    const boots = (decodeRecord(recordNode.data).snapshot.context as Copies).mayRunOn ?? [];
    if (owner.node === self.node || boots.some((boot) => boot.bootId === self.bootId)) return;
    const copy = { vm: domain.name, uuid: domain.uuid, owner: owner.node };
    log.warn('a copy of a VM that belongs elsewhere is ended', copy);
    await hypervisor.destroy(domain.uuid);
  }
}
