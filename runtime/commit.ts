/**
 * The commit: one `multi` that makes a turn of one actor real.
 * C1: it checks the owner's version; a deposed owner writes nothing.
 * C2: it sets the record at the version it was read; two cells of one actor collide here.
 * C3: consumed envelopes go and outgoing ones come in the same transaction.
 * C4: an unknown outcome is read back by commit id, never repeated blindly.
 */
import type { Address } from './address.js';
import { encode, encodeEnvelope, encodeOwner, encodeRecord } from './codec.js';
import type { Envelope } from './envelope.js';
import { envelopeName, type Paths } from './paths.js';
import type { ActorRecord, Owner } from './record.js';
import type { Store, StoreOp } from './store.js';

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
  readonly consumed: readonly string[];
  readonly outgoing: readonly Envelope[];
  /** Operations of the turn's other commit effects; a node that exists already is as good as created. */
  readonly extra: readonly StoreOp[];
  /** Inputs parked because their step threw. */
  readonly dead: readonly { readonly envelope: Envelope; readonly error: string }[];
}

export type CommitOutcome =
  | { readonly kind: 'committed'; readonly recordVersion: number; readonly undeliverable: readonly Envelope[] }
  /** Somebody else owns the actor, or it is gone. */
  | { readonly kind: 'deposed'; readonly reason: string }
  /** The record or mailbox is not what we knew: read again and decide anew. */
  | { readonly kind: 'stale' }
  /** Something that the turn holds to (a `check` among its extra operations) is not so; nothing was written. */
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unknown' };

interface Tagged {
  readonly op: StoreOp;
  readonly tag: 'owner' | 'record' | 'consume' | 'tell' | 'extra';
  readonly envelope?: Envelope;
}

export async function commitTurn(store: Store, paths: Paths, turn: Turn): Promise<CommitOutcome> {
  const undeliverable: Envelope[] = [];
  let operations = operationsOf(paths, turn);
  for (;;) {
    const result = await store.multi(operations.map((tagged) => tagged.op));
    if (result.kind === 'unknown') return { kind: 'unknown' };
    if (result.kind === 'done') {
      const at = operations.findIndex((tagged) => tagged.tag === 'record');
      return { kind: 'committed', recordVersion: result.stats[at]?.version ?? turn.recordVersion + 1, undeliverable };
    }
    const culprit = operations[result.index];
    if (culprit === undefined) return { kind: 'deposed', reason: result.code };
    if (culprit.tag === 'owner') return { kind: 'deposed', reason: `owner ${result.code}` };
    if (culprit.tag === 'record') return { kind: 'stale' };
    if (culprit.tag === 'consume' && result.code === 'no-node') return { kind: 'stale' };
    if (culprit.tag === 'tell' && result.code === 'no-node' && culprit.envelope) {
      undeliverable.push(culprit.envelope);
      operations = replaceAt(operations, result.index, deadLetter(paths, culprit.envelope, 'there is no such actor'));
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

function operationsOf(paths: Paths, turn: Turn): Tagged[] {
  const ownerPath = paths.owner(turn.address);
  const owner: StoreOp = turn.newOwner === null
    ? { op: 'check', path: ownerPath, version: turn.ownerVersion }
    : { op: 'set', path: ownerPath, data: encodeOwner(turn.newOwner), version: turn.ownerVersion };
  const data = encodeRecord(turn.record, turn.writeAs);
  return [
    { op: owner, tag: 'owner' },
    { op: { op: 'set', path: paths.record(turn.address), data, version: turn.recordVersion }, tag: 'record' },
    ...turn.consumed.map((name): Tagged => (
      { op: { op: 'delete', path: paths.envelope(turn.address, name), version: 'any' }, tag: 'consume' })),
    ...turn.outgoing.map((envelope): Tagged => ({
      op: { op: 'create', path: paths.envelope(envelope.to, envelopeName(envelope)), data: encodeEnvelope(envelope) },
      tag: 'tell', envelope,
    })),
    ...turn.extra.map((op): Tagged => ({ op, tag: 'extra' })),
    ...turn.dead.flatMap(({ envelope, error }) => deadLetter(paths, envelope, error)),
  ];
}

function deadLetter(paths: Paths, envelope: Envelope, error: string): Tagged[] {
  const path = paths.deadLetter(envelope.to, envelopeName(envelope));
  return [{ op: { op: 'create', path, data: encode({ envelope, error }) }, tag: 'extra' }];
}
