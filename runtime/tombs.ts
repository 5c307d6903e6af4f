/**
 * Tombstones: a removed actor's znodes go at once, so that its name is free again; what its last transitions were is
 * kept for a while beside them, in the same transaction. A mirror that came too late to read the last revision finds
 * it there, and a person can still ask what became of the actor.
 */
import type { Address } from './address.js';
import { decode, decodeRecord, encode, encodeRecord, UndecodableError } from './codec.js';
import type { Clock } from './clock.js';
import { lightOf } from './feed-light.js';
import { LIMITS } from './limits.js';
import type { Paths } from './paths.js';
import type { ActorRecord } from './record.js';
import type { Store, StoredNode, StoreOp } from './store.js';

export interface Tomb {
  readonly address: Address;
  /** czxid of the record it is about: names one life of an address that may be used again. */
  readonly born: number;
  /** mzxid of the last revision. */
  readonly zxid: number;
  /** Wall-clock milliseconds of the burial. */
  readonly at: number;
  /** The last revision, without what only a running actor needs. */
  readonly record: ActorRecord;
}

interface Stored { readonly address: Address; readonly at: number; readonly zxid: number; readonly born: number }

const idle = (record: ActorRecord): ActorRecord => ({
  ...record, snapshot: lightOf(record).snapshot, effects: [], timers: [], outbox: [], requests: [], restarts: [],
});

/** The operations that leave a tombstone for the record as read; part of the transaction that deletes it. */
export function tombOps(
  paths: Paths, clock: Pick<Clock, 'wallMs'>, address: Address, { data, stat }: StoredNode,
): StoreOp[] {
  const stored: Stored = { address, at: clock.wallMs(), zxid: stat.mzxid, born: stat.czxid };
  const record = readable(data);
  if (record === null) return [];
  const bytes = encode({ ...stored, record: encodeRecord(idle(record)) });
  return [{ op: 'create', path: paths.tomb(address, stat.czxid), data: bytes }];
}

/** null = of a version this daemon does not read: nobody must fail to be buried for it. */
function readable(bytes: Uint8Array): ActorRecord | null {
  try {
    return decodeRecord(bytes);
  } catch (error) {
    if (error instanceof UndecodableError) return null;
    throw error;
  }
}

/** What a mirror knows of tombstones: one for each life of an address. */
export class Tombs {
  private readonly kept = new Map<string, Tomb>();

  constructor(private readonly store: Store, private readonly paths: Paths) {}

  /** Of the address's last life that ended. */
  get(address: Address): Tomb | null {
    return this.all().filter((tomb) => tomb.address === address).sort((a, b) => b.born - a.born)[0] ?? null;
  }

  all(): readonly Tomb[] {
    return [...this.kept.values()];
  }

  /** Reads one. `isNews` = it was not read before. null = there is none. */
  async read(path: string): Promise<{ readonly tomb: Tomb; readonly isNews: boolean } | null> {
    const node = await this.store.read(path);
    if (node === null) {
      this.kept.delete(path);
      return null;
    }
    const { record: bytes, ...stored } = decode<Stored & { record: Uint8Array }>(node.data);
    const record = readable(bytes);
    if (record === null) return null;
    const isNews = !this.kept.has(path);
    const tomb = { ...stored, record };
    this.kept.set(path, tomb);
    return { tomb, isNews };
  }

  /** Takes away what was kept long enough, and the oldest of too many. Every node may: a second delete is none. */
  async sweep(nowMs: number): Promise<void> {
    const oldestFirst = [...this.kept].sort(([, a], [, b]) => a.at - b.at);
    const over = oldestFirst.length - LIMITS.tombsKept;
    const due = oldestFirst.filter(([, tomb], index) => index < over || nowMs - tomb.at > LIMITS.tombKeptMs);
    for (const [path] of due) await this.store.multi([{ op: 'delete', path, version: 'any' }]);
  }
}
