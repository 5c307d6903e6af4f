/** Bytes of records, envelopes, owners and blobs (MessagePack). The only file that imports msgpackr. */
import { Packr } from 'msgpackr';
import type { Envelope } from './envelope.js';
import { FRESH_FIELDS, RECORD_VERSION, type ActorRecord, type Owner } from './record.js';

const packr = new Packr({ useRecords: false, mapsAsObjects: true });

/** Plain JSON values only: no Map, Date, class. */
export const encode = (value: unknown): Uint8Array => packr.pack(value);
export const decode = <T>(bytes: Uint8Array): T => packr.unpack(bytes) as T;

export class RecordVersionError extends Error {
  override readonly name = 'RecordVersionError';
}

export const encodeRecord = (record: ActorRecord): Uint8Array => encode(record);

/** Reads a record of any version this daemon knows into today's shape. */
export function decodeRecord(bytes: Uint8Array): ActorRecord {
  const record = decode<ActorRecord>(bytes);
  const version = record.recordVersion as number;
  if (version === 1) return fromVersion1(record);
  if (version !== RECORD_VERSION) {
    const found = `record ${record.kind}/${record.id} has version ${String(version)}`;
    throw new RecordVersionError(`${found}, this daemon reads 1 to ${RECORD_VERSION}`);
  }
  return record;
}

/** Version 1 knew no lives, lanes, requests, retries or timer policies. */
function fromVersion1(record: ActorRecord): ActorRecord {
  return {
    ...record, ...FRESH_FIELDS, recordVersion: RECORD_VERSION,
    effects: record.effects.map((effect) => ({ ...effect, attempt: 1, retry: null, within: null })),
    timers: record.timers.map((timer) => ({ ...timer, policy: 'restart', remainingMs: timer.delayMs })),
  };
}

export const encodeEnvelope = (envelope: Envelope): Uint8Array => encode(envelope);
export const decodeEnvelope = (bytes: Uint8Array): Envelope => decode<Envelope>(bytes);
export const encodeOwner = (owner: Owner): Uint8Array => encode(owner);
export const decodeOwner = (bytes: Uint8Array): Owner => decode<Owner>(bytes);
