/** Bytes of records, envelopes, owners and blobs (MessagePack). The only file that imports msgpackr. */
import { Packr } from 'msgpackr';
import type { Envelope } from './envelope.js';
import { RECORD_VERSION, type ActorRecord, type Owner } from './record.js';

const packr = new Packr({ useRecords: false, mapsAsObjects: true });

/** Plain JSON values only: no Map, Date, class. */
export const encode = (value: unknown): Uint8Array => packr.pack(value);
export const decode = <T>(bytes: Uint8Array): T => packr.unpack(bytes) as T;

export class RecordVersionError extends Error {
  override readonly name = 'RecordVersionError';
}

export const encodeRecord = (record: ActorRecord): Uint8Array => encode(record);

/** Reads a record of any version this daemon knows into today's shape (upcasters belong here). */
export function decodeRecord(bytes: Uint8Array): ActorRecord {
  const record = decode<ActorRecord>(bytes);
  if (record.recordVersion !== RECORD_VERSION) {
    const found = `record ${record.kind}/${record.id} has version ${String(record.recordVersion)}`;
    throw new RecordVersionError(`${found}, this daemon reads ${RECORD_VERSION}`);
  }
  return record;
}

export const encodeEnvelope = (envelope: Envelope): Uint8Array => encode(envelope);
export const decodeEnvelope = (bytes: Uint8Array): Envelope => decode<Envelope>(bytes);
export const encodeOwner = (owner: Owner): Uint8Array => encode(owner);
export const decodeOwner = (bytes: Uint8Array): Owner => decode<Owner>(bytes);
