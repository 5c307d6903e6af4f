/**
 * Fenced boots: a VM of this node that names a fenced boot as a possible holder of a copy is told of the proof. The
 * fence's own plan tells those it finds; a VM whose record came to name the boot just after the plan had read it is
 * told by this net, once the plan has surely had its turn.
 */
import type { Proof } from '../machines/node/messages.js';
import { covers } from '../machines/vm/copies.js';
import type { BootRef, VmContext } from '../machines/vm/messages.js';
import type { Clock } from '../runtime/clock.js';
import { decode } from '../runtime/codec.js';
import type { Host } from '../runtime/host.js';
import type { Log } from '../runtime/log.js';
import type { Mirror, MirrorActor } from '../runtime/mirror.js';
import type { Paths } from '../runtime/paths.js';
import type { Store } from '../runtime/store.js';
import { isFenced } from './claims.js';
import type { UnheardBoots } from './unheard-boots.js';

export interface FencedBootsDeps {
  readonly mirror: Mirror;
  readonly host: Host;
  readonly store: Store;
  readonly paths: Paths;
  readonly clock: Clock;
  readonly log: Log;
  /** Looks at each look of this. */
  readonly unheard: UnheardBoots;
}

/** Between two looks; who is found by two of them in a row is told. Longer than a plan takes. */
const LOOK_MS = 20_000;

export class FencedBoots {
  private stopped = false;
  /** `<vm> <boot>` as the last look found them. */
  private found: ReadonlySet<string> = new Set();

  constructor(private readonly deps: FencedBootsDeps) {}

  start(): void {
    const look = (): void => {
      if (this.stopped) return;
      this.deps.unheard.look();
      void this.look().catch((error: unknown) =>
        this.deps.log.debug('a look for fenced boots was cut short', { error }));
      this.deps.clock.after(LOOK_MS, look, true);
    };
    this.deps.clock.after(LOOK_MS, look, true);
  }

  stop(): void {
    this.stopped = true;
  }

  private async look(): Promise<void> {
    const { mirror, host, store, paths, log } = this.deps;
    const seen = new Set<string>();
    // As a rule nothing is fenced, while there are many actors.
    const isAnyFenced = [...mirror.fences.values()].some((names) => names.size > 0);
    for (const actor of isAnyFenced ? mirror.actors.values() : []) {
      if (actor.record.kind !== 'vm' || !host.owns(actor.address)) continue;
      for (const boot of this.fencedOf(actor)) {
        const key = `${actor.address} ${boot.bootId}`;
        seen.add(key);
        if (!this.found.has(key)) continue;
        const node = await store.read(paths.fence(boot.node, boot.bootId))
          ?? await store.read(paths.storageFence(boot.node, boot.bootId));
        if (node === null || this.stopped) continue;
        const proof = decode<Proof>(node.data);
        if (!covers(proof, actor.record.snapshot.context as unknown as VmContext)) continue;
        log.info('a VM is told of a fence that its plan did not know of', { actor: actor.address, ...boot });
        host.tell(actor.address, { type: 'boot.fenced', proof });
      }
    }
    this.found = seen;
  }

  private fencedOf({ record }: MirrorActor): readonly BootRef[] {
    const boots = (record.snapshot.context as { mayRunOn?: readonly BootRef[] }).mayRunOn ?? [];
    return boots.filter((boot) => isFenced(this.deps.mirror.fences.get(boot.node), boot.bootId));
  }
}
