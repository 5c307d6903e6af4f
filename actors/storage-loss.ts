/**
 * Nodes that live and have no way to the storage: their guests hang in their writes, and nothing of them can be moved
 * live, for that ends with the last write. On the primary: a node that tells so for long enough, while most others
 * reach the storage, has its VMs on RBD begin anew elsewhere, each of which there is a place for. The others wait.
 *
 * Level-triggered by the nodes' own heartbeats; one letter for each state a VM rests in. What is done is the VM's own
 * affair (machines/vm: its copy ends first, then what it had under way is shut out, then it starts), so that nothing
 * here has to be remembered: a new primary counts the time anew.
 */
import { settingsOf } from '../machines/cluster-settings.js';
import type { NodeTelemetry } from '../machines/node/telemetry.js';
import type { BootRef, VmContext, VmDefinition } from '../machines/vm/messages.js';
import { addressOf } from '../runtime/address.js';
import type { Clock } from '../runtime/clock.js';
import { encodeEnvelope } from '../runtime/codec.js';
import type { Envelope } from '../runtime/envelope.js';
import type { Log } from '../runtime/log.js';
import type { Mirror } from '../runtime/mirror.js';
import { envelopeName, type Paths } from '../runtime/paths.js';
import type { Primacy } from '../runtime/primacy.js';
import type { ActorRecord } from '../runtime/record.js';
import type { Store } from '../runtime/store.js';
import type { ClusterView } from './cluster-view.js';
import { UnnotedDisks } from './unnoted-disks.js';

export interface StorageLossDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly mirror: Mirror;
  readonly clock: Clock;
  readonly log: Log;
  readonly primacy: Pick<Primacy, 'isPrimary'>;
  readonly view: ClusterView;
  readonly nodes: readonly string[];
}

const definitionOf = ({ snapshot }: ActorRecord): VmDefinition => (snapshot.context as unknown as VmContext).definition;

/** Between two plans for the same node, milliseconds. */
const AGAIN_MS = 5000;
/** Told only while it is true: heartbeats without the word need not be decoded. */
const OUT_OF_REACH = 'storageOutOfReach' satisfies keyof NodeTelemetry;

export class StorageLoss {
  private stopped = false;
  /** By node: since when its boot has told so while most did not, and when its VMs were last planned for. */
  private readonly lost = new Map<string, { readonly bootId: string; sinceMs: number; plannedMs: number }>();

  private readonly unnoted: UnnotedDisks;

  constructor(private readonly deps: StorageLossDeps) {
    this.unnoted = new UnnotedDisks(deps);
    deps.mirror.listen({ onTelemetry: (node) => this.hear(node), onPrimary: () => this.forget() });
  }

  stop(): void {
    this.stopped = true;
  }

  /** Every heartbeat asks for it on all but one node, and there is next to never anything to forget. */
  private forget(): void {
    if (this.lost.size > 0) this.lost.clear();
  }

  private hear(node: string): void {
    if (this.stopped) return;
    if (!this.deps.primacy.isPrimary()) return this.forget();
    if (!this.deps.nodes.includes(node)) return;
    this.note(node);
    if (this.lost.size > 0) this.judge();
  }

  private telemetryOf(node: string): NodeTelemetry | null {
    const told = this.deps.mirror.telemetryOf(node)?.data as unknown as NodeTelemetry | undefined;
    return told !== undefined && this.deps.mirror.liveOf(node)?.bootId === told.bootId ? told : null;
  }

  private note(node: string): void {
    const told = this.deps.mirror.mayTell(node, OUT_OF_REACH) ? this.telemetryOf(node) : null;
    if (told?.[OUT_OF_REACH] !== true) {
      if (this.lost.delete(node)) this.deps.log.info('a node has a way to the storage again', { node });
      return;
    }
    if (this.lost.get(node)?.bootId === told.bootId) return;
    this.lost.set(node, { bootId: told.bootId, sinceMs: this.deps.clock.monotonicMs(), plannedMs: -Infinity });
    this.deps.log.warn('a node has no way to the storage: its guests on RBD hang', { node });
  }

  private judge(): void {
    const { mirror, clock, nodes, log } = this.deps;
    const { storageLoss, storageLossAfterS, maintenance } = settingsOf(mirror.settings());
    const now = clock.monotonicMs();
    // The time counts while others reach it: when it comes back to all, one hears of some before the rest.
    if (!this.mostReachIt(nodes)) for (const each of this.lost.values()) each.sinceMs = now;
    if (storageLoss !== 'move' || maintenance) return;
    for (const [node, each] of this.lost) {
      if (mirror.liveOf(node)?.bootId !== each.bootId) this.lost.delete(node);
      else if (now - each.sinceMs >= storageLossAfterS * 1000 && now - each.plannedMs >= AGAIN_MS) {
        each.plannedMs = now;
        this.move({ node, bootId: each.bootId })
          .catch((error: unknown) => log.debug('a node without storage is looked at later', { error }));
      }
    }
  }

  /** If it is away from most, it is the storage that is away, and nobody is better off elsewhere. */
  private mostReachIt(nodes: readonly string[]): boolean {
    const live = nodes.map((node) => this.telemetryOf(node)).filter((told) => told !== null);
    return live.filter((told) => told.storage === true).length * 2 > live.length;
  }

  /** The cluster's to move, all that it can write to is RBD, and by which volumes is known. */
  private isMovable({ definition, meta }: VmContext): boolean {
    const disks = definition.rbdDisks ?? this.unnoted.of(definition) ?? [];
    return meta.ha !== false && definition.rbdOnly && disks.some((disk) => !disk.readOnly);
  }

  private async move(boot: BootRef): Promise<void> {
    const { view, mirror, log } = this.deps;
    await this.unnoted.read([...mirror.actors.values()].filter(({ record }) => record.kind === 'vm' && !record.removed)
      .map(({ record }) => definitionOf(record)));
    for (const { uuid, target } of view.evacuate(boot.node, false, (vm) => this.isMovable(vm)).moves) {
      const record = mirror.actors.get(addressOf('vm', uuid))?.record;
      if (this.stopped || target === null || record === undefined) continue;
      const rbdDisks = this.unnoted.of(definitionOf(record));
      const noted = rbdDisks === null ? {} : { rbdDisks };
      if (await this.tell(record, { type: 'vm.forsake', boot, target, ...noted })) {
        log.warn('a VM whose node has no way to the storage begins anew elsewhere', { vm: uuid, to: target.node });
      }
    }
  }

  /** False = it was sent before. */
  private async tell({ id, seq }: ActorRecord, event: Envelope['event']): Promise<boolean> {
    const { store, paths, clock } = this.deps;
    const to = addressOf('vm', id);
    const envelope: Envelope = {
      id: `forsake~${id}~${seq}`, from: 'api', to, event, correlation: `storage-loss-${id}-${seq}`, causation: null,
      senderEpoch: 0, sentAt: clock.wallMs(),
    };
    const path = paths.envelope(to, envelopeName(envelope));
    const result = await store.multi([{ op: 'create', path, data: encodeEnvelope(envelope) }]);
    return result.kind === 'done';
  }
}
