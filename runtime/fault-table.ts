/**
 * What stopped actors, as the mirror knows it: the notes of `/pvc/faults`, and records that this daemon cannot read. A
 * fault that could be written into its record stands there (`record.fault`). Kept by the mirror; readers only look.
 */
import type { Address } from './address.js';
import { parseFault, type FaultKind } from './actor-fault.js';
import { decode, decodeStored, RecordVersionError } from './codec.js';
import { causeChain, type Log } from './log.js';
import type { MirrorActor } from './mirror.js';
import type { Paths } from './paths.js';
import type { ActorRecord } from './record.js';
import type { StoredNode } from './store.js';

/** `/pvc/faults/<kind>~<id>`: a fault that could not be written into its record. */
export interface FaultNote {
  readonly address: Address;
  /** The znode at fault. */
  readonly znode: string;
  readonly kind: FaultKind;
  readonly reason: string;
  /** Who found it, under which epoch of its owner, and when (wall-clock milliseconds). */
  readonly node: string;
  readonly epoch: number;
  readonly at: number;
  /** mzxid of the record then: one written later was read by somebody, and the note is void. */
  readonly mzxid: number;
}

export interface ActorFault extends Omit<FaultNote, 'node' | 'epoch' | 'at' | 'mzxid'> {
  /** null = not written down anywhere yet: this daemon alone has seen it. */
  readonly node: string | null;
  readonly epoch: number | null;
  readonly at: number | null;
}

export interface Unreadable {
  readonly kind: 'undecodable' | 'newer';
  readonly reason: string;
  readonly mzxid: number;
}

export class FaultTable {
  readonly notes = new Map<Address, FaultNote>();
  readonly unreadable = new Map<Address, Unreadable>();

  constructor(private readonly paths: Paths, private readonly log: Log) {}

  /** The address a note's path is about; null = it is none. */
  addressOf(path: string): Address | null {
    const name = path.startsWith(`${this.paths.faults}/`) ? path.slice(this.paths.faults.length + 1) : '';
    return name.includes('~') ? name.replace('~', '/') as Address : null;
  }

  /** A note was read; null = it is gone. One that is no note says so itself. */
  note(address: Address, data: Uint8Array | null): void {
    if (data === null) this.notes.delete(address);
    else this.notes.set(address, decode<FaultNote>(data));
  }

  /** A record as it was read; null = this daemon cannot read it: that is told once, and what was known of it stands. */
  decoded(
    address: Address, node: StoredNode, reads: readonly number[],
  ): { record: ActorRecord; storedAs: number } | null {
    try {
      const stored = decodeStored(node.data, reads);
      this.unreadable.delete(address);
      return stored;
    } catch (error) {
      const { mzxid } = node.stat;
      if (this.unreadable.get(address)?.mzxid !== mzxid) {
        this.log.error('a record cannot be read by this daemon', { znode: this.paths.record(address), error });
      }
      const kind = error instanceof RecordVersionError ? 'newer' : 'undecodable';
      this.unreadable.set(address, { kind, reason: causeChain(error), mzxid });
      return null;
    }
  }
}

/** Every actor that stopped, or that this daemon cannot read, by address. */
export function listFaults(
  mirror: { readonly actors: ReadonlyMap<Address, MirrorActor>; readonly faults: FaultTable }, paths: Paths,
): ActorFault[] {
  const found = new Map<Address, ActorFault>();
  for (const [address, { kind, reason }] of mirror.faults.unreadable) {
    found.set(address, { address, znode: paths.record(address), kind, reason, node: null, epoch: null, at: null });
  }
  for (const [address, note] of mirror.faults.notes) {
    if ((mirror.actors.get(address)?.zxid ?? 0) <= note.mzxid) found.set(address, note);
  }
  for (const { address, record, owner } of mirror.actors.values()) {
    if (record.fault === null || record.removed) continue;
    const { kind, reason } = parseFault(record.fault);
    const mark = record.tail.findLast((transition) => transition.event.type === 'actor.fault');
    found.set(address, {
      address, znode: paths.record(address), kind, reason,
      node: mark?.node ?? owner?.node ?? null, epoch: record.ownerEpoch, at: mark?.at ?? record.lastError?.at ?? null,
    });
  }
  return [...found.values()].sort((a, b) => a.address < b.address ? -1 : 1);
}
