/**
 * Claims: taking actors over from an owner that is gone. One multi proves the dead incarnation absent and ours
 * standing (and, where the user of the runtime asks for it, a proof of that boot's death on file) and raises the
 * epochs of up to CLAIMS_PER_MULTI actors; what somebody else was quicker about is left out, the rest is sent again.
 */
import type { Address } from './address.js';
import { decodeOwner, decodeRecord, encodeOwner } from './codec.js';
import type { RuntimeMetrics } from './metrics.js';
import type { Paths } from './paths.js';
import type { ActorRecord, Owner } from './record.js';
import type { Store, StoreOp } from './store.js';

/** An incarnation as an owner. */
export interface Claimant { readonly node: string; readonly incarnation: string; readonly bootId: string }

export interface ClaimDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly self: Claimant;
  /**
   * May the dead owner's boot still act for this actor in the world? Then the claim holds only together with the
   * proof of that boot's death (`/pvc/fences/<node>/<boot>`). null = a lease that is gone is enough for every actor.
   */
  readonly needsFence: ((record: ActorRecord, owner: Owner) => boolean) | null;
  /** Where the proof stands that such a claim holds together with; default: that of the boot's death. */
  readonly fenceOf?: (node: string, bootId: string) => string;
  readonly metrics?: RuntimeMetrics | undefined;
}

/**
 * `alive` = the old owner's lease stands; `unfenced` = its boot is not proved dead; `moved` = somebody else was
 * quicker, or the record changed under us; `lapsed` = our own lease is gone; `unreadable` = fences matter, and this
 * daemon cannot read the record; `unknown` = the connection went: ask again.
 */
export type ClaimResult =
  'claimed' | 'alive' | 'unfenced' | 'moved' | 'gone' | 'lapsed' | 'unreadable' | 'unknown';

/** Actors of one multi: two operations each and a few for all, far below what a transaction holds (500). */
export const CLAIMS_PER_MULTI = 100;
/** Multis under way at once. */
const MULTIS_AT_ONCE = 4;
/** Times one group is sent again because a member was taken by somebody else. */
const ROUNDS_MAX = 8;

interface Orphan {
  readonly address: Address;
  readonly owner: Owner;
  readonly ownerVersion: number;
  /** null = the record was not judged and may be anything. */
  readonly recordVersion: number | null;
  readonly fence: boolean;
}

/** Claims one actor for this process. */
export async function claim(deps: ClaimDeps, address: Address): Promise<ClaimResult> {
  return (await claimAll(deps, [address])).get(address) ?? 'unknown';
}

/**
 * Claims actors for this process; says of each how it went. Owners (and records, where fences matter) are read
 * afresh: a mirror may lag. Rejects (StoreError) when they cannot be read.
 */
export async function claimAll(
  deps: ClaimDeps, addresses: readonly Address[],
): Promise<ReadonlyMap<Address, ClaimResult>> {
  const results = new Map<Address, ClaimResult>();
  const groups = await groupsOf(deps, addresses, results);
  const worker = async (): Promise<void> => {
    for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
      await claimGroup(deps, group, results);
    }
  };
  await Promise.all(Array.from({ length: MULTIS_AT_ONCE }, worker));
  if (deps.metrics) for (const result of results.values()) if (result === 'claimed') deps.metrics.claims += 1;
  return results;
}

/** Reads what is to be claimed; groups have one dead incarnation and one need of a fence in common. */
async function groupsOf(
  deps: ClaimDeps, addresses: readonly Address[], results: Map<Address, ClaimResult>,
): Promise<Orphan[][]> {
  const groups = new Map<string, Orphan[]>();
  for (const found of await Promise.all(addresses.map((address) => look(deps, address)))) {
    if (typeof found.orphan === 'string') results.set(found.address, found.orphan);
    else {
      const { owner, fence } = found.orphan;
      const key = `${owner.node}/${owner.incarnation}/${fence}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [found.orphan]);
      else group.push(found.orphan);
    }
  }
  return [...groups.values()].flatMap((group) => chunks(group, CLAIMS_PER_MULTI));
}

function chunks<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, at) => list.slice(at * size, (at + 1) * size));
}

async function look(deps: ClaimDeps, address: Address): Promise<{ address: Address; orphan: Orphan | ClaimResult }> {
  const { store, paths, self, needsFence } = deps;
  const [ownerNode, recordNode] = await Promise.all([
    store.read(paths.owner(address)), needsFence === null ? null : store.read(paths.record(address)),
  ]);
  if (ownerNode === null || needsFence !== null && recordNode === null) return { address, orphan: 'gone' };
  const owner = decodeOwner(ownerNode.data);
  if (owner.incarnation === self.incarnation) return { address, orphan: 'claimed' };
  // Our own boot's earlier session: what it left in the world, if anything, is ours to look at.
  const ownBoot = owner.node === self.node && owner.bootId === self.bootId;
  let fence = false;
  try {
    fence = needsFence !== null && recordNode !== null && needsFence(decodeRecord(recordNode.data), owner);
  } catch {
    return { address, orphan: 'unreadable' };
  }
  return {
    address, orphan: {
      address, owner, ownerVersion: ownerNode.stat.version, recordVersion: recordNode?.stat.version ?? null,
      fence: fence && !ownBoot,
    },
  };
}

async function claimGroup(
  deps: ClaimDeps, first: readonly Orphan[], results: Map<Address, ClaimResult>,
): Promise<void> {
  const all = (group: readonly Orphan[], result: ClaimResult): void => {
    for (const { address } of group) results.set(address, result);
  };
  let group = first;
  for (let round = 0; group.length > 0; round += 1) {
    const operations = operationsOf(deps, group);
    const result = await deps.store.multi(operations.map(({ op }) => op));
    if (result.kind === 'done') return all(group, 'claimed');
    if (result.kind === 'unknown') return all(group, 'unknown');
    const culprit = operations[result.index]?.of;
    if (culprit === undefined) return all(group, 'lapsed');
    if (typeof culprit === 'string') return all(group, culprit);
    results.set(culprit.address, result.code === 'no-node' ? 'gone' : 'moved');
    group = group.filter((member) => member !== culprit);
    if (round >= ROUNDS_MAX) return all(group, 'unknown');
    group = await stillThere(deps, group, results);
  }
}

/** After one was found taken: those that are taken as well are left out at once, not one a round. */
async function stillThere(
  deps: ClaimDeps, group: readonly Orphan[], results: Map<Address, ClaimResult>,
): Promise<Orphan[]> {
  const nodes = await Promise.all(group.map((member) => deps.store.read(deps.paths.owner(member.address))));
  return group.filter((member, at) => {
    const version = nodes[at]?.stat.version;
    if (version !== member.ownerVersion) results.set(member.address, version === undefined ? 'gone' : 'moved');
    return version === member.ownerVersion;
  });
}

/** `of`: whom a refusal is about: one actor, or what it means for all. */
interface Tagged { readonly op: StoreOp; readonly of: Orphan | 'lapsed' | 'alive' | 'unfenced' }

function operationsOf({ paths, self, fenceOf = paths.fence }: ClaimDeps, group: readonly Orphan[]): Tagged[] {
  const { owner: { node, incarnation, bootId }, fence } = group[0]!;
  const operations: Tagged[] = [
    { op: { op: 'check', path: paths.incarnation(self.node, self.incarnation), version: 'exists' }, of: 'lapsed' },
    { op: { op: 'absent', path: paths.incarnation(node, incarnation) }, of: 'alive' },
  ];
  const proof: StoreOp = { op: 'check', path: fenceOf(node, bootId), version: 'exists' };
  if (fence) operations.push({ op: proof, of: 'unfenced' });
  for (const member of group) {
    const { address, owner, ownerVersion, recordVersion } = member;
    const data = encodeOwner({ ...self, epoch: owner.epoch + 1, cause: 'claimed' });
    operations.push({ op: { op: 'set', path: paths.owner(address), version: ownerVersion, data }, of: member });
    if (recordVersion === null) continue;
    operations.push({ op: { op: 'check', path: paths.record(address), version: recordVersion }, of: member });
  }
  return operations;
}
