/**
 * The commit: one `multi` that makes a turn of one actor real.
 * C1: it checks the owner's version; a deposed owner writes nothing.
 * C2: it sets the record at the version it was read; two cells of one actor collide here.
 * C3: consumed envelopes go and outgoing ones come in the same transaction.
 * C4: an unknown outcome is read back by commit id, never repeated blindly.
 */
import type { Address } from './address.js';
import { encodeOwner, encodeRecord } from './codec.js';
import { deadLetterOp, type Dead } from './dead-letters.js';
import type { Envelope } from './envelope.js';
import type { Consumed } from './letters.js';
import { undeliverableOp } from './last-mail.js';
import { LIMITS } from './limits.js';
import { encodeMail, parcels, type Parcel } from './pack.js';
import type { Paths } from './paths.js';
import type { ActorRecord, Owner } from './record.js';
import { recordTooLarge } from './record-size.js';
import type { Store, StoreOp } from './store.js';
import { afterBirthRefused, type Newborn } from './supervision/births.js';

export interface Turn {
  readonly address: Address;
  readonly record: ActorRecord;
  readonly recordVersion: number;
  /** Format version the record is written in. */
  readonly writeAs: number;
  readonly owner: Owner;
  readonly ownerVersion: number;
  /** The owner after this commit, when the turn hands the actor over. */
  readonly newOwner: Owner | null;
  readonly consumed: readonly Consumed[];
  readonly outgoing: readonly Envelope[];
  /** Actors that this turn brings into being. */
  readonly births?: readonly Newborn[];
  /** Operations of the turn's other commit effects; a node that exists already is as good as created. */
  readonly extra: readonly StoreOp[];
  /** Envelopes parked instead of stepped or sent. */
  readonly dead: readonly Dead[];
}

/** A turn as operations, measured. */
export interface PreparedTurn {
  readonly turn: Turn;
  readonly operations: readonly Tagged[];
  readonly recordBytes: number;
  /** What is wrong with its size, or null. */
  readonly tooLarge: string | null;
}

export type CommitOutcome =
  /** `zxid` is null where the store did not tell. */
  | {
    readonly kind: 'committed'; readonly recordVersion: number; readonly zxid: number | null;
    readonly undeliverable: readonly Envelope[];
  }
  /** Somebody else owns the actor, or it is gone. */
  | { readonly kind: 'deposed'; readonly reason: string }
  /** The record or mailbox is not what we knew: read again and decide anew. */
  | { readonly kind: 'stale' }
  /** Something that the turn holds to (a `check` among its extra operations) is not so; nothing was written. */
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unknown' };

interface Tagged {
  readonly op: StoreOp;
  readonly tag: 'owner' | 'record' | 'consume' | 'birth' | 'tell' | 'extra';
  readonly newborn?: Newborn;
  readonly parcel?: Parcel;
}

/** Tries to make actors whose addresses are not free, burials included, before the turn is given up. */
const BIRTHS_REFUSED_MAX = 200;

export async function commitTurn(store: Store, paths: Paths, prepared: PreparedTurn): Promise<CommitOutcome> {
  const { turn } = prepared;
  const undeliverable: Envelope[] = [];
  let refusedBirths = 0;
  let { operations } = prepared;
  for (;;) {
    const result = await store.multi(operations.map((tagged) => tagged.op));
    if (result.kind === 'unknown') return { kind: 'unknown' };
    if (result.kind === 'done') {
      const at = operations.findIndex((tagged) => tagged.tag === 'record');
      const recordVersion = result.stats[at]?.version ?? turn.recordVersion + 1;
      return { kind: 'committed', recordVersion, zxid: result.zxid, undeliverable };
    }
    const culprit = operations[result.index];
    if (culprit === undefined) return { kind: 'deposed', reason: result.code };
    if (culprit.tag === 'owner') return { kind: 'deposed', reason: `owner ${result.code}` };
    if (culprit.tag === 'record') return { kind: 'stale' };
    if (culprit.tag === 'consume' && (result.code === 'no-node' || result.code === 'bad-version')) {
      return { kind: 'stale' };
    }
    if (culprit.newborn !== undefined) {
      const { newborn } = culprit;
      const instead = await afterBirthRefused(store, paths, newborn);
      refusedBirths += 1;
      if (refusedBirths > BIRTHS_REFUSED_MAX) throw new Error(`no ${newborn.address} could be made: ${result.code}`);
      const at = operations.findIndex((tagged) => tagged.newborn === newborn);
      const others = operations.filter((tagged) => tagged.newborn !== newborn);
      const birth = instead.map((op): Tagged => ({ op, tag: 'birth', newborn }));
      operations = [...others.slice(0, at), ...birth, ...others.slice(at)];
    } else if (culprit.tag === 'tell' && result.code === 'no-node' && culprit.parcel) {
      const { envelopes } = culprit.parcel;
      undeliverable.push(...envelopes);
      const at = envelopes[0]!.sentAt;
      operations = replaceAt(operations, result.index, envelopes.map((envelope): Tagged => (
        { op: undeliverableOp(paths, envelope, 'there is no such actor', at), tag: 'extra' })));
    } else if ((culprit.tag === 'tell' || culprit.tag === 'extra') && isAlreadySo(culprit.op, result.code)) {
      operations = replaceAt(operations, result.index, []);
    } else if (culprit.tag === 'extra' && culprit.op.op === 'check') {
      return { kind: 'refused', reason: `${culprit.op.path}: ${result.code}` };
    } else {
      throw new Error(`commit of ${turn.address} refused at ${culprit.op.op} ${culprit.op.path}: ${result.code}`);
    }
  }
}

/** What a repeated create or delete means: it has been done before. */
const isAlreadySo = (op: StoreOp, code: string): boolean =>
  (op.op === 'create' && code === 'node-exists') || (op.op === 'delete' && code === 'no-node');

function replaceAt(operations: readonly Tagged[], index: number, by: readonly Tagged[]): Tagged[] {
  return [...operations.slice(0, index), ...by, ...operations.slice(index + 1)];
}

/** Encodes a turn once, for all tries of its commit. `packMax` = 1 where a reader of packs may be missing. */
export function prepareTurn(paths: Paths, given: Turn, packMax: number = LIMITS.pack): PreparedTurn {
  const { record, data } = encodedRecord(given.record, given.writeAs);
  const turn = record === given.record ? given : { ...given, record };
  const ownerPath = paths.owner(turn.address);
  const owner: StoreOp = turn.newOwner === null
    ? { op: 'check', path: ownerPath, version: turn.ownerVersion }
    : { op: 'set', path: ownerPath, data: encodeOwner(turn.newOwner), version: turn.ownerVersion };
  const operations: Tagged[] = [
    { op: owner, tag: 'owner' },
    { op: { op: 'set', path: paths.record(turn.address), data, version: turn.recordVersion }, tag: 'record' },
  ];
  for (const each of turn.consumed) operations.push({ op: consumeOp(paths, turn.address, each), tag: 'consume' });
  for (const newborn of turn.births ?? []) {
    for (const op of newborn.ops) operations.push({ op, tag: 'birth', newborn });
  }
  if (turn.outgoing.length > 0) {
    for (const parcel of parcels(turn.outgoing, packMax)) {
      const path = paths.envelope(parcel.to, parcel.name);
      operations.push({ op: { op: 'create', path, data: parcel.data }, tag: 'tell', parcel });
    }
  }
  for (const op of turn.extra) operations.push({ op, tag: 'extra' });
  for (const dead of turn.dead) operations.push({ op: deadLetterOp(paths, dead), tag: 'extra' });
  const tooLarge = recordTooLarge(record, data.length) ?? sizeFault(operations, data.length);
  return { turn, operations, recordBytes: data.length, tooLarge };
}

/** A letter goes; of a pack that was taken in part the rest stays, in its place (a set keeps the czxid). */
function consumeOp(paths: Paths, address: Address, { letter, count }: Consumed): StoreOp {
  const path = paths.envelope(address, letter.name);
  if (count === letter.envelopes.length) return { op: 'delete', path, version: 'any' };
  return { op: 'set', path, data: encodeMail(letter.envelopes.slice(count)), version: letter.version };
}

/** A record that is too large tells of its last transitions without what their events held. */
function encodedRecord(record: ActorRecord, writeAs: number): { record: ActorRecord; data: Uint8Array } {
  const data = encodeRecord(record, writeAs);
  if (data.length <= LIMITS.recordBytes) return { record, data };
  const tail = record.tail.map((transition) => ({ ...transition, event: { type: transition.event.type } }));
  const lean = { ...record, tail };
  return { record: lean, data: encodeRecord(lean, writeAs) };
}

/** What an operation needs beside its path and data, generously. */
const OPERATION_BYTES = 64;

function sizeFault(operations: readonly Tagged[], recordBytes: number): string | null {
  let bytes = 0;
  for (const { op } of operations) bytes += OPERATION_BYTES + op.path.length + ('data' in op ? op.data.length : 0);
  if (bytes <= LIMITS.commitBytes && operations.length <= LIMITS.commitOperations) return null;
  return `a commit of ${operations.length} operations and ${bytes} bytes (the record: ${recordBytes}), `
    + `above ${LIMITS.commitOperations} operations or ${LIMITS.commitBytes} bytes`;
}
