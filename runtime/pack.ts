/**
 * What one turn sends to one receiver on one lane, as the data of one znode. One envelope alone is a MessagePack map,
 * as it always was; two and more are an array that begins with its version, and then says once what all have in common:
 * `[1, from, to, senderEpoch, lane, [[id, event, correlation, causation, sentAt, rest | null], ...]]`.
 */
import type { Address } from './address.js';
import { decode, decodeEnvelope, encode, encodeEnvelope, RecordVersionError, UndecodableError } from './codec.js';
import type { ActorEvent, Envelope, Lane } from './envelope.js';
import { LIMITS } from './limits.js';
import { envelopeName, packName } from './paths.js';

const PACK_VERSION = 1;

/** What few envelopes have. */
type Rest = Pick<Envelope, 'operationId' | 'expiresAt' | 'requestId' | 'answer'>;
type Entry = readonly [string, ActorEvent, string, string | null, number, Rest | null];
type Pack = readonly [number, Address | 'api', Address, number, Lane, readonly Entry[]];

/** One znode to be created in the mailbox of `to`. */
export interface Parcel {
  readonly to: Address;
  readonly name: string;
  readonly data: Uint8Array;
  readonly envelopes: readonly Envelope[];
}

const laneIn = (envelope: Envelope): Lane => envelope.lane ?? 'normal';

function restOf({ operationId, expiresAt, requestId, answer }: Envelope): Rest | null {
  if (operationId === undefined && expiresAt === undefined && requestId === undefined) return null;
  return {
    ...(operationId === undefined ? {} : { operationId }), ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(requestId === undefined ? {} : { requestId }), ...(answer === undefined ? {} : { answer }),
  };
}

/** The data of a znode that holds these: all of one sender, one receiver and one lane, in order. */
export function encodeMail(envelopes: readonly Envelope[]): Uint8Array {
  const first = envelopes[0]!;
  if (envelopes.length === 1) return encodeEnvelope(first);
  const entries = envelopes.map((envelope): Entry => [
    envelope.id, envelope.event, envelope.correlation, envelope.causation, envelope.sentAt, restOf(envelope),
  ]);
  return encode([PACK_VERSION, first.from, first.to, first.senderEpoch, laneIn(first), entries] satisfies Pack);
}

/** The envelopes of a znode, in order. Throws an UndecodableError that says what is wrong with it. */
export function decodeMail(data: Uint8Array): readonly Envelope[] {
  if (!isArray(data)) return [decodeEnvelope(data)];
  const pack = unpacked(data);
  const [version, from, to, senderEpoch, lane, entries] = pack;
  if (version !== PACK_VERSION) {
    throw new RecordVersionError(`a pack of version ${String(version)}, this daemon reads ${PACK_VERSION}`);
  }
  if (!Array.isArray(entries) || entries.length === 0) throw new UndecodableError('a pack without envelopes');
  return entries.map(([id, event, correlation, causation, sentAt, rest]): Envelope => {
    if (typeof id !== 'string' || typeof event?.type !== 'string') {
      throw new UndecodableError('a pack that holds something else than envelopes');
    }
    return {
      id, from, to, event, correlation, causation, senderEpoch, sentAt,
      ...(lane === 'control' ? { lane } : {}), ...rest,
    };
  });
}

/** MessagePack's first byte of an array: fixarray, array 16, array 32. */
const isArray = (data: Uint8Array): boolean => {
  const first = data[0] ?? 0;
  return (first & 0xf0) === 0x90 || first === 0xdc || first === 0xdd;
};

function unpacked(data: Uint8Array): Pack {
  try {
    return decode<Pack>(data);
  } catch (error) {
    throw new UndecodableError(`these ${data.length} bytes are no pack`, { cause: error });
  }
}

/**
 * Envelopes as znodes, in order: those of one receiver and lane together, at most `packMax` (1 = none are packed) and
 * LIMITS.packBytes in one. Envelopes that are larger than that go alone.
 */
export function parcels(envelopes: readonly Envelope[], packMax: number = LIMITS.pack): readonly Parcel[] {
  if (envelopes.length === 1) return parcelsOf(envelopes);
  const groups = new Map<string, Envelope[]>();
  const all: Envelope[][] = [];
  for (const envelope of envelopes) {
    const key = `${laneIn(envelope)} ${envelope.to} ${envelope.from} ${envelope.senderEpoch}`;
    const group = groups.get(key);
    if (group !== undefined && group.length < packMax) {
      group.push(envelope);
      continue;
    }
    const fresh = [envelope];
    groups.set(key, fresh);
    all.push(fresh);
  }
  return all.flatMap(parcelsOf);
}

/** One znode, or two halves of what is too large for one. */
function parcelsOf(envelopes: readonly Envelope[]): readonly Parcel[] {
  const first = envelopes[0]!;
  const data = encodeMail(envelopes);
  if (envelopes.length > 1 && data.length > LIMITS.packBytes) {
    const half = envelopes.length >> 1;
    return [...parcelsOf(envelopes.slice(0, half)), ...parcelsOf(envelopes.slice(half))];
  }
  const name = envelopes.length === 1 ? envelopeName(first) : packName(first, envelopes.length);
  return [{ to: first.to, name, data, envelopes }];
}
