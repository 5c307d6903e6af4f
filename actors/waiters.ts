/**
 * Waiters: VMs that no node could take look again as soon as a node came, left or changed what it takes,
 * or the settings did (maintenance is over). VMs that are queued behind others have their turn once those are settled.
 * They are owned by the primary while they wait; their own timer is the safety net.
 */
import { daemonStateWord, domainStateWord } from '../machines/node/view.js';
import { isSettled, type Awaited } from '../machines/order.js';
import type { VmContext } from '../machines/vm/messages.js';
import { addressOf, type Address } from '../runtime/address.js';
import { stateText } from '../runtime/behavior.js';
import type { Host } from '../runtime/host.js';
import type { Mirror, MirrorActor } from '../runtime/mirror.js';

const WAITING = 'starting.waiting';
const QUEUED = 'starting.queueing';

export class Waiters {
  private readonly seen = new Map<string, string>();
  /** VMs that are queued, with the last transition that was known when they were told that it is their turn. */
  private readonly queued = new Map<Address, number>();

  constructor(private readonly mirror: Mirror, private readonly host: Host) {
    const turns = (): void => this.turns();
    mirror.listen({
      onRecord: (actor) => this.look(actor), onSettings: () => this.ring(), onRemoved: turns, onLive: turns,
    });
    for (const actor of mirror.actors.values()) this.look(actor);
  }

  private look({ record, address }: MirrorActor): void {
    if (record.kind === 'vm') {
      if (stateText(record.snapshot.value) !== QUEUED) this.queued.delete(address);
      else if (!this.queued.has(address)) this.queued.set(address, -1);
      this.turns();
    }
    if (record.kind !== 'node') return;
    const boot = (record.snapshot.context as { boot?: { bootId?: string } | null }).boot?.bootId ?? '';
    const now = `${daemonStateWord(record.snapshot)},${domainStateWord(record.snapshot)},${boot}`;
    if (this.seen.get(address) === now) return;
    this.seen.set(address, now);
    this.ring();
  }

  private turns(): void {
    for (const [address, told] of this.queued) {
      const record = this.mirror.actors.get(address)?.record;
      if (record === undefined || record.seq === told) continue;
      const { after = [] } = record.snapshot.context as Partial<VmContext>;
      if (!after.every((uuid) => isSettled(this.awaited(uuid)))) continue;
      if (this.host.tell(address, { type: 'vm.turn' })) this.queued.set(address, record.seq);
    }
  }

  private awaited(uuid: string): Awaited | null {
    const record = this.mirror.actors.get(addressOf('vm', uuid))?.record;
    if (record === undefined || record.removed) return null;
    const { mayRunOn = [], meta } = record.snapshot.context as Partial<VmContext>;
    return {
      value: record.snapshot.value, autostart: meta?.autostart === true,
      livesSomewhere: mayRunOn.some((boot) => this.mirror.liveOf(boot.node)?.bootId === boot.bootId),
    };
  }

  private ring(): void {
    for (const actor of this.mirror.actors.values()) {
      if (actor.record.kind === 'vm' && stateText(actor.record.snapshot.value) === WAITING) {
        this.host.tell(actor.address, { type: 'cluster.changed' });
      }
    }
  }
}
