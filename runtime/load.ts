/** What a cell begins from: an actor's owner and record, as stored, with the versions its first commit holds to. */
import type { Address } from './address.js';
import { decodeOwner, decodeStored } from './codec.js';
import type { Paths } from './paths.js';
import type { ActorRecord, Owner } from './record.js';
import type { Store } from './store.js';
import type { WriterVersion } from './versions.js';

export interface Loaded {
  readonly owner: Owner;
  /** The owner znode's version. */
  readonly ownerVersion: number;
  readonly record: ActorRecord;
  /** The record znode's version. */
  readonly recordVersion: number;
  /** Format version the record is stored in. */
  readonly storedAs: number;
  /** The record's czxid: tells this actor from earlier ones of its address. */
  readonly born: number;
}

export interface LoadDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly versions: WriterVersion;
  readonly self: { readonly node: string; readonly incarnation: string };
}

/** Reads both. A text = why there is nothing to run here. Rejects with what decoding the record throws. */
export async function loadActor(deps: LoadDeps, address: Address): Promise<Loaded | string> {
  const { store, paths, versions, self } = deps;
  const [ownerNode, node] = await Promise.all([store.read(paths.owner(address)), store.read(paths.record(address))]);
  if (ownerNode === null || node === null) return 'gone';
  const owner = decodeOwner(ownerNode.data);
  if (owner.node !== self.node || owner.incarnation !== self.incarnation) return 'owned elsewhere';
  const { record, storedAs } = decodeStored(node.data, versions.reads);
  const { version: recordVersion, czxid: born } = node.stat;
  return { owner, ownerVersion: ownerNode.stat.version, record, recordVersion, storedAs, born };
}
