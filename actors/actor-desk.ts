/** What people may ask of and do to any actor: the runtime's commands, on this node's store. */
import type { VmContext } from '../machines/vm/messages.js';
import { splitAddress, type Address } from '../runtime/address.js';
import { discardDeadLetter, listDeadLetters, requeueDeadLetter } from '../runtime/dead-letters.js';
import { listFaults, type ActorFault } from '../runtime/fault-table.js';
import { removeActor, resetActor, restartActor, type RepairDeps, type Repaired } from '../runtime/faults.js';
import { readMailbox } from '../runtime/mailbox-reading.js';
import type { Mirror } from '../runtime/mirror.js';
import type { ActorRecord } from '../runtime/record.js';
import type { StoreOp } from '../runtime/store.js';
import { agentInput, nodeInput } from './births.js';
import type { PvcConfig } from './config.js';

export interface DeskDeps extends RepairDeps {
  readonly mirror: Mirror;
  readonly config: PvcConfig;
}

const refused = (reason: string): Repaired => ({ kind: 'refused', code: 'PVC_INVALID', reason });

export class ActorDesk {
  constructor(private readonly deps: DeskDeps) {}

  letters(actor: Address, most: number): ReturnType<typeof readMailbox> {
    return readMailbox(this.deps.store, this.deps.paths, actor, most);
  }

  deadLetters(actor?: Address): ReturnType<typeof listDeadLetters> {
    return listDeadLetters(this.deps.store, this.deps.paths, actor);
  }

  requeue(name: string): ReturnType<typeof requeueDeadLetter> {
    return requeueDeadLetter(this.deps.store, this.deps.paths, name);
  }

  discard(name: string): ReturnType<typeof discardDeadLetter> {
    return discardDeadLetter(this.deps.store, this.deps.paths, name);
  }

  faults(): readonly ActorFault[] {
    return listFaults(this.deps.mirror, this.deps.paths);
  }

  restart(actor: Address): Promise<Repaired> {
    return restartActor(this.deps, actor);
  }

  /** Its input is made anew from the configuration, or for a VM from what its record says of its definition. */
  async reset(actor: Address, force: boolean): Promise<Repaired> {
    const input = this.inputOf(actor);
    if (input === null) return refused('What it was defined with cannot be read: remove it and define it anew');
    return resetActor(this.deps, actor, input, { force });
  }

  async remove(actor: Address, force: boolean): Promise<Repaired> {
    const { kind, id } = splitAddress(actor);
    if (kind !== 'vm' && this.deps.config.allNodes.includes(id)) {
      return refused(`It belongs to node ${id}, which is in the configuration: it can be reset, not removed`);
    }
    return removeActor(this.deps, actor, { force, extra: await this.nameOps(actor) });
  }

  private inputOf(actor: Address): unknown {
    const { kind, id } = splitAddress(actor);
    const { config, mirror } = this.deps;
    if (kind === 'node') return nodeInput(config, id);
    if (kind === 'agent') return agentInput(id);
    if (kind === 'ceph') return { name: id };
    const record = mirror.actors.get(actor)?.record;
    return kind === 'vm' && record !== undefined ? vmInput(record) : null;
  }

  /** The entry of the name index, if it is this very VM's. */
  private async nameOps(actor: Address): Promise<readonly StoreOp[]> {
    const { store, paths, mirror } = this.deps;
    const { kind, id } = splitAddress(actor);
    const name = mirror.actors.get(actor)?.record.snapshot.context['name'];
    if (kind !== 'vm' || typeof name !== 'string') return [];
    const path = paths.name('vm', name);
    const entry = await store.read(path);
    const isItsOwn = entry !== null && Buffer.from(entry.data).toString() === id;
    return isItsOwn ? [{ op: 'delete', path, version: entry.stat.version }] : [];
  }
}

/** What the VM was defined with. */
function vmInput({ snapshot }: ActorRecord): unknown {
  const { uuid, name, node, definition, meta, tags, shutdownMs } = snapshot.context as unknown as VmContext;
  return { uuid, name, node, definition, meta, tags, shutdownMs };
}
