/**
 * Births: the commit effect `child.start` as a record and its operations, in the supervisor's own transaction. If the
 * address turns out to be taken, a letter to the supervisor itself goes out in their place, in the same transaction:
 * it learns of it for certain. The tombstone of an earlier actor of that address is buried on the way.
 */
import { splitAddress, type Address } from '../address.js';
import type { Behavior, EmittedAction } from '../behavior.js';
import { burialOps } from '../burial.js';
import { encodeEnvelope } from '../codec.js';
import { createActorOps } from '../create.js';
import type { Envelope } from '../envelope.js';
import { envelopeName, type Paths } from '../paths.js';
import type { ActorRecord, Owner } from '../record.js';
import { createRecord } from '../step.js';
import type { Store, StoreOp } from '../store.js';
import type { WriterVersion } from '../versions.js';

/** One actor to be made. */
export interface Newborn {
  readonly address: Address;
  readonly ops: readonly StoreOp[];
  /** What the supervisor is told if the address is taken. */
  readonly refusal: Envelope;
}

export interface BirthDeps {
  readonly paths: Paths;
  readonly versions: WriterVersion;
  readonly behaviors: ReadonlyMap<string, Behavior>;
  readonly commitEffectNames: ReadonlySet<string>;
  resolveOwner(to: string, epoch: number): Owner | null;
  newCommitId(): string;
}

/** The supervisor's side of a birth. `prefix` begins the ids of what this commit sends. */
export interface Parent {
  readonly address: Address;
  readonly owner: Owner;
  readonly prefix: string;
  readonly nowMs: number;
}

/** The actors that a turn's actions make. Throws what a machine's init throws: the supervisor has tried it before. */
export function birthsOf(deps: BirthDeps, parent: Parent, actions: readonly EmittedAction[]): readonly Newborn[] {
  return actions.filter(({ type }) => type === 'child.start')
    .map(({ params }, index) => birthOf(deps, parent, params, `${parent.prefix}.y${String(index).padStart(3, '0')}`));
}

function birthOf(deps: BirthDeps, parent: Parent, params: EmittedAction['params'], id: string): Newborn {
  const address = params['address'] as Address;
  const { kind, id: name } = splitAddress(address);
  const behavior = deps.behaviors.get(kind);
  if (behavior === undefined) throw new Error(`${parent.address} starts a child of an unknown kind: ${kind}`);
  const wanted = typeof params['node'] === 'string' ? deps.resolveOwner(params['node'], 1) : null;
  const owner: Owner = { ...(wanted ?? parent.owner), epoch: 1, cause: 'created' };
  const record = createRecord(behavior, name, params['input'], {
    node: owner.node, epoch: 1, nowMs: parent.nowMs, revision: 0, commitEffects: deps.commitEffectNames,
  }, id, deps.newCommitId());
  const born: ActorRecord = { ...record, parent: parent.address, life: params['life'] === 0 ? 0 : 1 };
  return {
    address, ops: createActorOps(deps.paths, address, born, owner, deps.versions),
    refusal: {
      id, from: parent.address, to: parent.address, correlation: id, causation: null, lane: 'control',
      senderEpoch: parent.owner.epoch, sentAt: parent.nowMs,
      event: { type: 'child.refused', address, life: 1, detail: `there is an actor ${address} already` },
    },
  };
}

/** What takes the place of a birth that was refused: the same after a burial, or the letter that says it is taken. */
export async function afterBirthRefused(store: Store, paths: Paths, newborn: Newborn): Promise<readonly StoreOp[]> {
  const { address, ops, refusal } = newborn;
  const burial = await burialOps(store, paths, { wallMs: () => refusal.sentAt }, address);
  if (burial !== null) return [...burial, ...ops];
  return [{ op: 'create', path: paths.envelope(refusal.to, envelopeName(refusal)), data: encodeEnvelope(refusal) }];
}
