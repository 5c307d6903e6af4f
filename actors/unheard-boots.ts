/**
 * Unheard boots: a boot of a node can come and go before the node's actor is told of it (the primary is late, or
 * changes just then). What was handed to it meanwhile names it for ever, and what nobody knows of nobody proves over.
 * The primary looks for boots that VMs name and their node's actor never heard of, and tells it of them; it judges
 * nothing itself. Two looks in a row must find one: what is only under way is told by the watch over leases.
 */
import type { NodeContext } from '../machines/node/messages.js';
import type { BootRef } from '../machines/vm/messages.js';
import { addressOf } from '../runtime/address.js';
import type { ActorEvent } from '../runtime/envelope.js';
import type { Host } from '../runtime/host.js';
import type { Log } from '../runtime/log.js';
import type { Mirror, MirrorActor } from '../runtime/mirror.js';
import type { Primacy } from '../runtime/primacy.js';
import { isFenced } from './claims.js';

export interface UnheardBootsDeps {
  readonly mirror: Mirror;
  readonly host: Host;
  readonly primacy: Primacy;
  readonly log: Log;
  readonly nodes: readonly string[];
}

/** A heartbeat younger than this was written after the look before. */
const FRESH_MS = 10_000;

export class UnheardBoots {
  /** Boot ids as the last look found them. */
  private found: ReadonlySet<string> = new Set();

  constructor(private readonly deps: UnheardBootsDeps) {}

  /** Called now and then, at intervals longer than FRESH_MS and any session. */
  look(): void {
    const { mirror, host, primacy, log } = this.deps;
    const seen = new Set<string>();
    if (primacy.isPrimary()) {
      for (const actor of mirror.actors.values()) {
        if (actor.record.kind !== 'vm' || actor.record.removed) continue;
        for (const boot of (actor.record.snapshot.context as { mayRunOn?: readonly BootRef[] }).mayRunOn ?? []) {
          if (seen.has(boot.bootId) || !this.isUnheard(boot)) continue;
          seen.add(boot.bootId);
          const event = this.found.has(boot.bootId) ? this.newsOf(boot, actor) : null;
          if (event === null) continue;
          log.info('a VM names a boot that nobody was told of', { actor: actor.address, ...boot, as: event.type });
          host.tell(addressOf('node', boot.node), event);
        }
      }
    }
    this.found = seen;
  }

  private isUnheard({ node, bootId }: BootRef): boolean {
    const { mirror, nodes } = this.deps;
    const context = this.contextOf(node);
    if (context === undefined || !nodes.includes(node) || isFenced(mirror.fences.get(node), bootId)) return false;
    if ((mirror.live.get(node) ?? []).some((entry) => entry.bootId === bootId)) return false;
    return [context.boot, context.next, context.proof?.boot].every((known) => known?.bootId !== bootId);
  }

  /**
   * Under the boot that the actor takes for alive, the node has written a heartbeat since the look before: that boot
   * runs, after the other one did, and a machine runs one boot at a time. Without a lease, and the actor's own boot
   * proved over: the unheard one, if the last heartbeat is its own, came after it. It joined, late as the news is; that
   * it is gone is told next, and it is judged as any other. null = wait.
   */
  private newsOf({ node, bootId }: BootRef, { owner }: MirrorActor): ActorEvent | null {
    const { mirror } = this.deps;
    const { boot, incarnation } = this.contextOf(node)!;
    const live = mirror.liveOf(node);
    const heard = mirror.telemetryOf(node);
    const lastBoot = heard?.data['bootId'];
    if (live !== null) {
      const runs = live.incarnation === incarnation && live.bootId === boot?.bootId && lastBoot === live.bootId;
      return runs && heard!.silentMs < FRESH_MS ? { type: 'node.passed', bootId } : null;
    }
    const isOver = boot === null || mirror.fences.get(node)?.has(boot.bootId) === true;
    if (!isOver || incarnation !== null || lastBoot !== bootId) return null;
    const named = owner?.bootId === bootId ? owner.incarnation : `${bootId}.unheard`;
    return { type: 'node.joined', bootId, incarnation: named };
  }

  private contextOf(node: string): NodeContext | undefined {
    const record = this.deps.mirror.actors.get(addressOf('node', node))?.record;
    return record?.snapshot.context as NodeContext | undefined;
  }
}
