/**
 * Claims: taking an actor over from an owner that is gone. One multi proves the old incarnation absent
 * (and, where a copy may have run there, a proof of that boot's death on file) and raises the epoch.
 */
import type { Address } from '../runtime/address.js';
import { decodeOwner, decodeRecord, encodeOwner } from '../runtime/codec.js';
import type { Paths } from '../runtime/paths.js';
import type { ActorRecord, Owner } from '../runtime/record.js';
import type { Store, StoreOp } from '../runtime/store.js';

export interface Claimant { readonly node: string; readonly incarnation: string; readonly bootId: string }

export interface ClaimDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly self: Claimant;
}

interface MayRunOn { readonly mayRunOn?: readonly { readonly node: string; readonly bootId: string }[] }

/** May the dead owner's boot hold a copy of what this actor stands for? Then its fence must be on file. */
export function needsFence(record: ActorRecord, owner: Owner): boolean {
  const boots = (record.snapshot.context as MayRunOn).mayRunOn ?? [];
  return boots.some((boot) => boot.bootId === owner.bootId);
}

export type ClaimResult = 'claimed' | 'alive' | 'unfenced' | 'moved' | 'gone' | 'unknown';

/**
 * Claims one actor for this process. `alive` = the old owner's lease stands; `unfenced` = its boot is not
 * proved dead; `moved` = somebody else was quicker. Reads owner and record afresh: a mirror may lag.
 */
export async function claim(deps: ClaimDeps, address: Address): Promise<ClaimResult> {
  const { store, paths, self } = deps;
  const [ownerNode, recordNode] = await Promise.all([
    store.read(paths.owner(address)), store.read(paths.record(address)),
  ]);
  if (ownerNode === null || recordNode === null) return 'gone';
  const owner = decodeOwner(ownerNode.data);
  if (owner.incarnation === self.incarnation) return 'claimed';
  const record = decodeRecord(recordNode.data);
  // Our own boot's earlier session: its guests, if any are left, are ours to look at.
  const ownBoot = owner.node === self.node && owner.bootId === self.bootId;
  const fence = needsFence(record, owner) && !ownBoot;
  const fenced = { op: 'check', path: paths.fence(owner.node, owner.bootId), version: 'exists' } as const;
  const operations: StoreOp[] = [
    { op: 'check', path: paths.incarnation(self.node, self.incarnation), version: 'exists' },
    { op: 'absent', path: paths.incarnation(owner.node, owner.incarnation) },
    {
      op: 'set', path: paths.owner(address), version: ownerNode.stat.version,
      data: encodeOwner({ ...self, epoch: owner.epoch + 1, cause: 'claimed' }),
    },
    { op: 'check', path: paths.record(address), version: recordNode.stat.version },
    ...(fence ? [fenced] : []),
  ];
  const result = await store.multi(operations);
  if (result.kind === 'done') return 'claimed';
  if (result.kind === 'unknown') return 'unknown';
  return result.index === 1 ? 'alive' : result.index === 4 ? 'unfenced' : 'moved';
}

/**
 * Moves an idle actor of this process to the primary: it is not bound to this node any more. `idle` judges the
 * record as it is now, and the multi holds it to that: an actor that begins something in between stays.
 */
export async function giveTo(
  deps: ClaimDeps, address: Address, to: Claimant, idle: (record: ActorRecord) => boolean,
): Promise<boolean> {
  const { store, paths, self } = deps;
  const [node, recordNode] = await Promise.all([store.read(paths.owner(address)), store.read(paths.record(address))]);
  if (node === null || recordNode === null) return false;
  const owner = decodeOwner(node.data);
  const record = decodeRecord(recordNode.data);
  // What has not been stepped under this owner was only just handed over: it came for something.
  if (owner.incarnation !== self.incarnation || record.ownerEpoch < owner.epoch || !idle(record)) return false;
  const { incarnation, bootId } = to;
  const next = encodeOwner({ node: to.node, incarnation, bootId, epoch: owner.epoch + 1, cause: 'transferred' });
  const result = await store.multi([
    { op: 'check', path: paths.incarnation(to.node, incarnation), version: 'exists' },
    { op: 'set', path: paths.owner(address), version: node.stat.version, data: next },
    { op: 'check', path: paths.record(address), version: recordNode.stat.version },
  ]);
  return result.kind === 'done';
}
