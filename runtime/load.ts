/** Reading an actor as its owner's cell takes it up: whose it is, its record brought up to date and checked. */
import type { Address } from './address.js';
import type { Behavior } from './behavior.js';
import type { Clock } from './clock.js';
import { decodeOwner, decodeStored } from './codec.js';
import { readyRecord } from './migrate.js';
import type { MirrorActor } from './mirror-types.js';
import type { Paths } from './paths.js';
import type { ActorRecord, Owner } from './record.js';
import type { StepInput } from './step.js';
import type { Store } from './store.js';
import type { WriterVersion } from './versions.js';

export interface LoadDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly clock: Clock;
  readonly behavior: Behavior;
  readonly versions: WriterVersion;
  readonly self: { readonly node: string; readonly incarnation: string };
}

/** An actor as stored. */
export interface StoredActor {
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

export interface LoadedActor extends StoredActor {
  /** What the machine is to be told first: that it was upgraded. */
  readonly told: StepInput | null;
}

/**
 * A text = why its cell ends here (`gone`, `owned elsewhere`, `removed`, `fault`). Throws ActorFaultError or
 * UndecodableError for a record that nobody of this version can carry on; rejects (StoreError) out of reach.
 */
export async function loadActor(deps: LoadDeps, address: Address): Promise<LoadedActor | string> {
  const { store, paths, self } = deps;
  const [ownerNode, node] = await Promise.all([store.read(paths.owner(address)), store.read(paths.record(address))]);
  if (ownerNode === null || node === null) return 'gone';
  const owner = decodeOwner(ownerNode.data);
  if (owner.node !== self.node || owner.incarnation !== self.incarnation) return 'owned elsewhere';
  const { version: recordVersion, czxid: born } = node.stat;
  const stored = decodeStored(node.data, deps.versions.reads);
  return readyActor(deps, { ...stored, owner, ownerVersion: ownerNode.stat.version, recordVersion, born });
}

/** The same of what has been read already. */
export function readyActor(deps: Pick<LoadDeps, 'behavior' | 'clock'>, stored: StoredActor): LoadedActor | string {
  if (stored.record.removed) return 'removed';
  if (stored.record.fault !== null) return 'fault';
  const { owner, ownerVersion, recordVersion, storedAs, born } = stored;
  const { record, told } = readyRecord(deps.behavior, stored.record, deps.clock.wallMs());
  return { owner, ownerVersion, record, recordVersion, storedAs, born, told };
}

/**
 * What the mirror knows of an actor, if a cell may begin from it; else it has to be read. An owner that has just
 * changed is to be read anyway, since the record may have changed with it; so is a record with effects, since those
 * are begun before anything is committed.
 */
export function mirroredActor(actor: MirrorActor | undefined): StoredActor | null {
  if (actor === undefined || actor.owner === null || actor.record.effects.length > 0) return null;
  return { ...actor, owner: actor.owner };
}

/** Of what waits inside this is told first, after that the machine was upgraded. */
export function tellFirst(waiting: StepInput[], input: StepInput): void {
  waiting.splice(waiting[0]?.event.type === 'machine.upgraded' ? 1 : 0, 0, input);
}
