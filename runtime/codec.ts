/**
 * Bytes of records, envelopes, owners and blobs (MessagePack). The only file that imports msgpackr. What is read is
 * looked at before it is believed (shape.ts) and brought to today's version (upcast.ts).
 */
// Not from 'msgpackr': its native part decodes small records no faster, and each string of it holds on to all bytes.
import { Packr } from 'msgpackr/pack';
import { compactOwner, compactRecord } from './compact.js';
import type { Envelope } from './envelope.js';
import { READ_VERSIONS, RECORD_VERSION, type ActorRecord, type Owner } from './record.js';
import { RecordBytes } from './record-bytes.js';
import { envelopeMisshape, isMap, recordMisshape } from './shape.js';
import { downcastTo1, upcastRecord, whyVersion2 } from './upcast.js';

const packr = new Packr({ useRecords: false, mapsAsObjects: true });

/** Plain JSON values only: no Map, Date, class. */
export const encode = (value: unknown): Uint8Array => packr.pack(value);
export const decode = <T>(bytes: Uint8Array): T => packr.unpack(bytes) as T;

const recordBytes = new RecordBytes(encode);

/** Bytes that are no record or envelope: cut off, garbage, or of a wrong shape. */
export class UndecodableError extends Error {
  override readonly name: string = 'UndecodableError';
}

/** A record or envelope of a version that this daemon does not read: another may. */
export class RecordVersionError extends UndecodableError {
  override readonly name = 'RecordVersionError';
}

/** In `version`, which must be able to hold it (`WriterVersion.forRecord`): nothing is dropped but what only tells. */
export function encodeRecord(record: ActorRecord, version: number = RECORD_VERSION): Uint8Array {
  if (version === RECORD_VERSION) return recordBytes.of(record);
  const why = whyVersion2(record);
  if (version !== 1 || why !== null) {
    throw new Error(`${record.kind}/${record.id} cannot be written in version ${version}: ${why ?? 'unknown version'}`);
  }
  return encode(downcastTo1(record));
}

/** A record in today's shape, and the version it is stored in. Nobody writes to it: many may hold it. */
export interface DecodedRecord { readonly record: ActorRecord; readonly storedAs: number }

/** Knows what some bytes were decoded to before, or has them decoded. */
export type DecodedBefore = (bytes: Uint8Array, decode: () => DecodedRecord) => DecodedRecord;

let decodedBefore: DecodedBefore | null = null;

/**
 * Many daemons in one process read the same bytes of one store: what one has decoded need not be decoded for the
 * others. For the simulator; a daemon by itself reads everything once. Returns the former one; null = none.
 */
export function setDecodedBefore(next: DecodedBefore | null): DecodedBefore | null {
  const former = decodedBefore;
  decodedBefore = next;
  return former;
}

/** `reads`: versions this daemon reads. Throws UndecodableError. */
export function decodeStored(bytes: Uint8Array, reads: readonly number[] = READ_VERSIONS): DecodedRecord {
  const decodeNow = (): DecodedRecord => {
    const stored = unpack(bytes, 'record');
    return { record: compactRecord(recordFrom(stored, reads)), storedAs: stored['recordVersion'] as number };
  };
  if (decodedBefore === null) return decodeNow();
  const decoded = decodedBefore(bytes, decodeNow);
  return reads.includes(decoded.storedAs) ? decoded : decodeNow();
}

/** Looks at a whole record as it is stored or shown, and brings it to today's shape. Throws UndecodableError. */
export function recordFrom(given: unknown, reads: readonly number[] = READ_VERSIONS): ActorRecord {
  const stored = isMap(given) ? given : {};
  const storedAs = stored['recordVersion'];
  if (typeof storedAs !== 'number') throw new UndecodableError('these bytes are no record: it names no version');
  if (!reads.includes(storedAs)) {
    const which = `record ${String(stored['kind'])}/${String(stored['id'])} has version ${storedAs}`;
    throw new RecordVersionError(`${which}, this daemon reads ${reads.join(', ')}`);
  }
  const wrong = recordMisshape(stored, storedAs);
  if (wrong !== null) throw new UndecodableError(`these bytes are no record: ${wrong}`);
  return upcastRecord(stored, storedAs);
}

/** Reads a record of any version this daemon knows into today's shape. */
export const decodeRecord = (bytes: Uint8Array, reads: readonly number[] = READ_VERSIONS): ActorRecord =>
  decodeStored(bytes, reads).record;

function unpack(bytes: Uint8Array, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = decode(bytes);
  } catch (error) {
    throw new UndecodableError(`these ${bytes.length} bytes are no ${what}`, { cause: error });
  }
  if (!isMap(value)) throw new UndecodableError(`these ${bytes.length} bytes are no ${what}: they are no map`);
  return value;
}

/** One envelope = one map: version 1, which all daemons read. */
export const encodeEnvelope = (envelope: Envelope): Uint8Array => encode(envelope);

/** Throws UndecodableError. A field `v` above 1 marks what is no single envelope, or is from a newer daemon. */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  const value = unpack(bytes, 'envelope');
  if (value['v'] !== undefined) throw new RecordVersionError(`this envelope has version ${String(value['v'])}`);
  const wrong = envelopeMisshape(value);
  if (wrong !== null) throw new UndecodableError(`these bytes are no envelope: ${wrong}`);
  return value as unknown as Envelope;
}

export const encodeOwner = (owner: Owner): Uint8Array => encode(owner);
export const decodeOwner = (bytes: Uint8Array): Owner => compactOwner(decode<Owner>(bytes));
