/** The operations that bring a new actor into being; part of somebody's multi. */
import type { Address } from './address.js';
import { encodeOwner, encodeRecord } from './codec.js';
import type { Paths } from './paths.js';
import type { ActorRecord, Owner } from './record.js';
import type { StoreOp } from './store.js';
import { WriterVersion } from './versions.js';

/**
 * Four creates: the actor, its owner, record and mailbox. Refused (node-exists) at the first if it is there.
 * `versions` is the mirror's; throws NeedsVersionError for a record that not all registered nodes could read.
 */
export function createActorOps(
  paths: Paths, address: Address, record: ActorRecord, owner: Owner, versions: WriterVersion = new WriterVersion(),
): StoreOp[] {
  const empty = new Uint8Array(0);
  return [
    { op: 'create', path: paths.actor(address), data: empty },
    { op: 'create', path: paths.owner(address), data: encodeOwner(owner) },
    { op: 'create', path: paths.record(address), data: encodeRecord(record, versions.forRecord(record, 0)) },
    { op: 'create', path: paths.mailbox(address), data: empty },
  ];
}
