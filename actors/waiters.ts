/**
 * Waiters: VMs that no node could take look again as soon as a node came, left or changed what it takes,
 * or the settings did (maintenance is over).
 * They are owned by the primary while they wait; their own timer is the safety net.
 */
import { daemonStateWord, domainStateWord } from '../machines/node/view.js';
import { stateText } from '../runtime/behavior.js';
import type { Host } from '../runtime/host.js';
import type { Mirror, MirrorActor } from '../runtime/mirror.js';

const WAITING = 'starting.waiting';

export class Waiters {
  private readonly seen = new Map<string, string>();

  constructor(private readonly mirror: Mirror, private readonly host: Host) {
    mirror.listen({ onRecord: (actor) => this.look(actor), onSettings: () => this.ring() });
  }

  private look({ record, address }: MirrorActor): void {
    if (record.kind !== 'node') return;
    const boot = (record.snapshot.context as { boot?: { bootId?: string } | null }).boot?.bootId ?? '';
    const now = `${daemonStateWord(record.snapshot)},${domainStateWord(record.snapshot)},${boot}`;
    if (this.seen.get(address) === now) return;
    this.seen.set(address, now);
    this.ring();
  }

  private ring(): void {
    for (const actor of this.mirror.actors.values()) {
      if (actor.record.kind === 'vm' && stateText(actor.record.snapshot.value) === WAITING) {
        this.host.tell(actor.address, { type: 'cluster.changed' });
      }
    }
  }
}
