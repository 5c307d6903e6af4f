/**
 * What an administrator can do for an actor that stopped: begin its cell again, begin its machine anew, put a
 * corrected record in, take it away. Generic; the API and the CLI are made of these. For the list: fault-table.ts.
 *
 * Each is one multi under the versions of owner and record, and raises the owner's epoch without changing the owner. A
 * live owner's host sees the epoch, ends the old cell (whose commits and late answers are refused from then on) and
 * starts another; of a dead owner the next claim finds the new record. So the same command works in both cases.
 */
import { splitAddress, type Address } from './address.js';
import { ActorFaultError } from './actor-fault.js';
import type { Behavior } from './behavior.js';
import type { Clock } from './clock.js';
import { decodeOwner, decodeStored, encodeOwner, encodeRecord, recordFrom, UndecodableError } from './codec.js';
import { deadLetterOp } from './dead-letters.js';
import { envelopesAt } from './letters.js';
import { LIMITS } from './limits.js';
import { causeChain } from './log.js';
import { markRecord, type Mark } from './mark.js';
import type { Paths } from './paths.js';
import type { ActorRecord, Owner } from './record.js';
import { createRecord } from './step.js';
import type { Store, StoredNode, StoreOp } from './store.js';
import { tombOps } from './tombs.js';
import { NeedsVersionError, type WriterVersion } from './versions.js';

export interface RepairDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly clock: Clock;
  /** The node where the command is given: it stands in the actor's tail. */
  readonly node: string;
  readonly behaviors: ReadonlyMap<string, Behavior>;
  /** The mirror's. */
  readonly versions: WriterVersion;
  readonly commitEffectNames: ReadonlySet<string>;
  newCommitId(): string;
}

export type RefusalCode = 'PVC_ACTOR_NOT_FOUND' | 'PVC_INVALID' | 'PVC_WRONG_STATE';
/** `reason` is a sentence for the user; `code` one of errors.ts. */
export type Repaired =
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly code: RefusalCode; readonly reason: string }
  /** Read the actor and see: the store went away in the middle. */
  | { readonly kind: 'unknown'; readonly reason: string };

type Refusal = Extract<Repaired, { kind: 'refused' }>;
const refused = (code: RefusalCode, reason: string): Refusal => ({ kind: 'refused', code, reason });
const gone = (address: Address): Refusal => refused('PVC_ACTOR_NOT_FOUND', `There is no actor "${address}"`);
const isRefusal = (value: object): value is Refusal => 'kind' in value && 'code' in value;

/** What is stored of an actor; `record` is null when it cannot be read, for the reason `why`. */
interface Found {
  readonly owner: Owner;
  readonly ownerVersion: number;
  readonly node: StoredNode;
  readonly record: ActorRecord | null;
  readonly storedAs: number;
  readonly why: string;
  readonly noted: boolean;
}

/** Tries before a command gives up on an actor that is written all the time. */
const TRIES = 32;

/** Clears the fault and begins the cell again from the record: what it had pending is taken up, marked resumed. */
export function restartActor(deps: RepairDeps, address: Address): Promise<Repaired> {
  return rewrite(deps, address, ({ record }, mark) => record === null ? null : {
    ...markRecord(record, { type: 'actor.restarted' }, mark), fault: null, restarts: [], suspect: null,
  });
}

/**
 * Begins the machine anew from `input`, as at its birth: state, timers, effects and requests are forgotten, its place
 * in the tree and messages still to be sent are kept, commands under way end as failed. Works on a record that cannot
 * be read. The machine's definition may forbid it (`mayForget`) unless `force`.
 */
export function resetActor(
  deps: RepairDeps, address: Address, input: unknown, options: { readonly force?: boolean } = {},
): Promise<Repaired> {
  const { kind, id } = splitAddress(address);
  const behavior = deps.behaviors.get(kind);
  if (behavior === undefined) return Promise.resolve(refused('PVC_INVALID', `this daemon knows no machine "${kind}"`));
  return rewrite(deps, address, ({ record, node }, mark) => {
    const forbidden = options.force === true ? null : behavior.mayForget(record?.snapshot ?? null);
    if (forbidden !== null) return refused('PVC_WRONG_STATE', forbidden);
    // Of an unreadable record neither revision nor seq is known: above what its znode's version allows, it is both.
    const above = (node.stat.version + 1) * LIMITS.tailLength;
    const { revision, seq } = record ?? { revision: above, seq: above };
    const meta = { ...mark, revision: revision + 1, commitEffects: deps.commitEffectNames };
    const born = createRecord(behavior, id, input, meta, mark.commitId, mark.commitId);
    // As for a newborn: stepped under no owner yet.
    const anew = {
      ...markRecord({ ...born, seq, tail: record?.tail ?? [] }, { type: 'actor.reset' }, mark),
      revision: revision + 1, ownerEpoch: mark.epoch - 1,
    };
    if (record === null) return anew;
    return {
      ...anew,
      // Version 1 counts no lives: while it is in force the number stays.
      life: deps.versions.current >= 2 ? record.life + 1 : record.life, parent: record.parent, outbox: record.outbox,
      counts: { ...record.counts, restarts: record.counts.restarts + 1 },
      operations: record.operations.map((operation) => operation.endedAt !== null ? operation : {
        ...operation, state: 'failed' as const, message: 'the actor was begun anew', endedAt: mark.nowMs,
      }),
    };
  });
}

/**
 * Puts a corrected record in: `given` is a whole record as the API shows it (of any version this daemon reads), checked
 * for its shape, its name and by the machine. Revision, commit, epoch and fault are set here.
 */
export function repairRecord(deps: RepairDeps, address: Address, given: unknown): Promise<Repaired> {
  const { kind, id } = splitAddress(address);
  const behavior = deps.behaviors.get(kind);
  if (behavior === undefined) return Promise.resolve(refused('PVC_INVALID', `this daemon knows no machine "${kind}"`));
  return rewrite(deps, address, ({ record }, mark) => {
    try {
      const wanted = recordFrom(given);
      if (wanted.kind !== kind || wanted.id !== id) {
        return refused('PVC_INVALID', `that is a record of ${wanted.kind}/${wanted.id}`);
      }
      const wrong = behavior.misfit(behavior.current(wanted, mark.nowMs));
      if (wrong !== null) return refused('PVC_INVALID', wrong);
      const seq = Math.max(wanted.seq, record?.seq ?? 0);
      const revision = Math.max(wanted.revision, record?.revision ?? 0);
      return {
        ...markRecord({ ...wanted, seq, revision }, { type: 'actor.repaired' }, mark),
        fault: null, restarts: [], suspect: null, removed: false,
      };
    } catch (error) {
      if (error instanceof UndecodableError || error instanceof ActorFaultError) {
        return refused('PVC_INVALID', causeChain(error));
      }
      throw error;
    }
  });
}

/** null = leave the record as it is; its note goes and its epoch rises all the same. */
type Rewrite = (found: Found, mark: Mark) => ActorRecord | Refusal | null;

async function rewrite(deps: RepairDeps, address: Address, make: Rewrite): Promise<Repaired> {
  const { store, paths } = deps;
  const commitId = deps.newCommitId();
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const found = await find(deps, address);
    if ('kind' in found) return found;
    if (found.record?.commitId === commitId) return { kind: 'done' };
    if (found.record?.removed === true) return gone(address);
    const owner = { ...found.owner, epoch: found.owner.epoch + 1 };
    const next = make(found, { node: deps.node, epoch: owner.epoch, nowMs: deps.clock.wallMs(), commitId });
    if (next !== null && isRefusal(next)) return next;
    const data = next === null ? null : encoded(deps, next, found.storedAs);
    if (data !== null && !(data instanceof Uint8Array)) return data;
    const result = await store.multi([
      { op: 'set', path: paths.owner(address), data: encodeOwner(owner), version: found.ownerVersion },
      data === null
        ? { op: 'check', path: paths.record(address), version: found.node.stat.version }
        : { op: 'set', path: paths.record(address), data, version: found.node.stat.version },
      ...(found.noted ? [{ op: 'delete', path: paths.fault(address), version: 'any' } as const] : []),
    ]);
    if (result.kind === 'done') return { kind: 'done' };
    if (result.kind === 'unknown' && store.state !== 'connected') return { kind: 'unknown', reason: result.reason };
  }
  return { kind: 'unknown', reason: `${address} is written by its owner all the time: it was not touched` };
}

function encoded(deps: RepairDeps, record: ActorRecord, storedAs: number): Uint8Array | Refusal {
  try {
    return encodeRecord(record, deps.versions.forRecord(record, storedAs));
  } catch (error) {
    if (error instanceof NeedsVersionError) return refused('PVC_WRONG_STATE', error.message);
    throw error;
  }
}

async function find(deps: RepairDeps, address: Address): Promise<Found | Repaired> {
  const { store, paths, versions } = deps;
  await store.sync(paths.record(address));
  const [ownerNode, node, note] = await Promise.all([
    store.read(paths.owner(address)), store.read(paths.record(address)), store.read(paths.fault(address)),
  ]);
  if (ownerNode === null || node === null) return gone(address);
  const base = { owner: decodeOwner(ownerNode.data), ownerVersion: ownerNode.stat.version, node, noted: note !== null };
  try {
    return { ...base, ...decodeStored(node.data, versions.reads), why: '' };
  } catch (error) {
    return { ...base, record: null, storedAs: 0, why: causeChain(error) };
  }
}

/** Letters that one multi of a removal parks and deletes. */
const REMOVED_TOGETHER = 100;

/**
 * Takes an actor away, whatever its record is and whoever owns it. Letters that wait for it become dead letters.
 * `extra`: operations of the same multi (an entry of a name index). The definition may forbid it unless `force`.
 */
export async function removeActor(
  deps: RepairDeps, address: Address, options: { readonly extra?: readonly StoreOp[]; readonly force?: boolean } = {},
): Promise<Repaired> {
  const { store, paths } = deps;
  const remove = (path: string, node?: StoredNode): StoreOp =>
    ({ op: 'delete', path, version: node?.stat.version ?? 'any' });
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const [actor, owner, record, note] = await Promise.all([
      store.read(paths.actor(address)), store.read(paths.owner(address)), store.read(paths.record(address)),
      store.read(paths.fault(address)),
    ]);
    if (actor === null) return attempt === 0 ? gone(address) : { kind: 'done' };
    const forbidden = options.force === true ? null : mayForget(deps, address, record);
    if (forbidden !== null) return refused('PVC_WRONG_STATE', forbidden);
    const letters = (await store.children(paths.mailbox(address)))?.names ?? [];
    if (letters.length > REMOVED_TOGETHER) {
      await store.multi(await parkedLetters(deps, address, letters.slice(0, REMOVED_TOGETHER)));
      continue;
    }
    const result = await store.multi([
      ...(owner === null ? [] : [remove(paths.owner(address), owner)]),
      ...(record === null ? [] : [remove(paths.record(address), record)]),
      ...(record === null ? [] : tombOps(paths, deps.clock, address, record)),
      ...await parkedLetters(deps, address, letters), remove(paths.mailbox(address)), remove(paths.actor(address)),
      ...(note === null ? [] : [remove(paths.fault(address))]), ...(options.extra ?? []),
    ]);
    if (result.kind === 'done') return { kind: 'done' };
    if (result.kind === 'unknown' && store.state !== 'connected') return { kind: 'unknown', reason: result.reason };
  }
  return { kind: 'unknown', reason: `${address} is written all the time: it was not removed` };
}

function mayForget(deps: RepairDeps, address: Address, node: StoredNode | null): string | null {
  const behavior = deps.behaviors.get(splitAddress(address).kind);
  if (behavior === undefined) return null;
  try {
    return behavior.mayForget(node === null ? null : decodeStored(node.data, deps.versions.reads).record.snapshot);
  } catch {
    return behavior.mayForget(null);
  }
}

async function parkedLetters(deps: RepairDeps, address: Address, names: readonly string[]): Promise<StoreOp[]> {
  const { store, paths } = deps;
  const operations = await Promise.all(names.map(async (name): Promise<StoreOp[]> => {
    const path = paths.envelope(address, name);
    const node = await store.read(path);
    if (node === null) return [];
    const at = deps.clock.wallMs();
    const error = 'the actor was removed';
    const parked = envelopesAt(address, path, name, node.data)
      .map((envelope) => deadLetterOp(paths, { envelope, error, at, state: null }));
    // One that was parked before and put back is there already.
    const missing = await Promise.all(parked.map(async (op) => await store.read(op.path) === null ? [op] : []));
    return [
      ...missing.flat(), { op: 'delete', path, version: 'any' },
    ];
  }));
  return operations.flat();
}
