/**
 * Makes faults durable: into the record of an actor that this node owns where it can be written, else as a note under
 * `/pvc/faults`. A record nobody's cell reads is noted by its owner, or, if that is gone, by the first live node.
 * One a daemon; made by the host.
 */
import type { Address } from './address.js';
import { ActorFaultError, faultText, type FaultKind } from './actor-fault.js';
import type { Clock } from './clock.js';
import { decodeOwner, decodeStored, encode, encodeRecord, UndecodableError } from './codec.js';
import type { FaultNote } from './fault-table.js';
import { causeChain, type Log } from './log.js';
import { markRecord } from './mark.js';
import type { Mirror } from './mirror.js';
import type { Paths } from './paths.js';
import type { ActorRecord, Owner } from './record.js';
import type { Store } from './store.js';

export interface FaultKeeperDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly mirror: Mirror;
  readonly clock: Clock;
  readonly log: Log;
  readonly self: { readonly node: string; readonly incarnation: string };
  newCommitId(): string;
}

/** Pause before a fault is written again that could not be, milliseconds. */
const AGAIN_MS = 200;

/** A fault that no restart of the cell would mend. */
export const isLasting = (error: unknown): error is ActorFaultError | UndecodableError =>
  error instanceof ActorFaultError || error instanceof UndecodableError;

export class FaultKeeper {
  constructor(private readonly deps: FaultKeeperDeps) {
    const { mirror } = deps;
    const reportAll = (): void => { for (const address of mirror.faults.unreadable.keys()) this.report(address); };
    mirror.listen({
      onUnreadable: (address) => this.report(address),
      onLive: reportAll,
      onRescan: reportAll,
      onRecord: (actor) => {
        const note = mirror.faults.notes.get(actor.address);
        if (note !== undefined && actor.zxid > note.mzxid) this.forget(actor.address);
      },
    });
  }

  /** Puts on record why an actor of this node stopped, however long the store is away. `epoch`: it was run under. */
  async stopped(address: Address, epoch: number, error: unknown): Promise<void> {
    const { store, clock, log } = this.deps;
    while (store.state !== 'expired' && store.state !== 'closed') {
      try {
        return await this.putOnRecord(address, epoch, error);
      } catch (why) {
        log.debug('a fault is put on record later', { actor: address, error: why });
        await clock.sleep(AGAIN_MS);
      }
    }
  }

  private async putOnRecord(address: Address, epoch: number, error: unknown): Promise<void> {
    const { store, paths, mirror, clock, self } = this.deps;
    const kind: FaultKind = error instanceof ActorFaultError ? error.kind
      : error instanceof UndecodableError ? 'undecodable' : 'crashes';
    const [ownerNode, node] = await Promise.all([store.read(paths.owner(address)), store.read(paths.record(address))]);
    if (ownerNode === null || node === null) return;
    const owner = decodeOwner(ownerNode.data);
    if (owner.incarnation !== self.incarnation || owner.epoch !== epoch) return;
    const reason = causeChain(error);
    const writable = kind === 'newer' ? null : readable(node.data, mirror.versions.reads);
    if (writable === null) return this.write(address, owner, { kind, reason, mzxid: node.stat.mzxid });
    if (writable.record.fault !== null) return;
    const text = faultText(kind, `${reason} (${paths.record(address)})`);
    const at = clock.wallMs();
    const marked = markRecord(writable.record, { type: 'actor.fault', kind, reason }, {
      node: self.node, epoch, nowMs: at, commitId: this.deps.newCommitId(),
    });
    const record = { ...marked, fault: text, lastError: { text: reason, at } };
    const result = await store.multi([
      { op: 'check', path: paths.owner(address), version: ownerNode.stat.version },
      {
        op: 'set', path: paths.record(address), version: node.stat.version,
        data: encodeRecord(record, mirror.versions.forRecord(record, writable.storedAs)),
      },
    ]);
    if (result.kind !== 'done') throw new Error(`the fault of ${address} was not written down`);
  }

  /** A record that this daemon cannot read at all. */
  private report(address: Address): void {
    const { mirror, store, paths, self, log } = this.deps;
    const found = mirror.faults.unreadable.get(address);
    if (found === undefined || mirror.faults.notes.get(address)?.mzxid === found.mzxid) return;
    const work = async (): Promise<void> => {
      const node = await store.read(paths.owner(address));
      if (node === null) return;
      const owner = decodeOwner(node.data);
      const first = [...mirror.live].filter(([, leases]) => leases.length > 0).map(([name]) => name).sort()[0];
      const mine = mirror.isLive(owner.incarnation, owner.node)
        ? owner.incarnation === self.incarnation : first === self.node;
      if (mine) await this.write(address, owner, found);
    };
    work().catch((error: unknown) => log.debug('a fault is noted later', { actor: address, error }));
  }

  private async write(
    address: Address, owner: Owner, found: { kind: FaultKind; reason: string; mzxid: number },
  ): Promise<void> {
    const { store, paths, clock, self } = this.deps;
    const path = paths.fault(address);
    const note: FaultNote = {
      address, znode: paths.record(address), ...found, node: self.node, epoch: owner.epoch, at: clock.wallMs(),
    };
    const created = await store.multi([{ op: 'create', path, data: encode(note) }]);
    if (created.kind === 'refused' && created.code === 'node-exists') {
      await store.multi([{ op: 'set', path, data: encode(note), version: 'any' }]);
    }
  }

  private forget(address: Address): void {
    const { store, paths, mirror, self } = this.deps;
    if (mirror.actors.get(address)?.owner?.node !== self.node) return;
    void store.multi([{ op: 'delete', path: paths.fault(address), version: 'any' }]);
  }
}

function readable(data: Uint8Array, reads: readonly number[]): { record: ActorRecord; storedAs: number } | null {
  try {
    return decodeStored(data, reads);
  } catch {
    return null;
  }
}
