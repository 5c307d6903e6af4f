/**
 * A letter whose bytes are no envelope. It takes its turn like the others, and then is parked as a dead letter that
 * keeps the bytes: the mailbox goes on, and a daemon that can read them may have them put back.
 */
import type { Address } from './address.js';
import type { Envelope } from './envelope.js';

const TYPE = 'letter.undecodable';
/** Bytes that are kept: with base64 they still fit into a transaction beside a record. */
const KEPT_MAX = 192 * 1024;

/** An envelope that stands for the bytes of a znode in a mailbox; `error` says why they are none. */
export const rawEnvelope = (to: Address, name: string, data: Uint8Array, error: string): Envelope => ({
  id: name, from: 'api', to,
  event: { type: TYPE, error, bytes: data.length, raw: Buffer.from(data.subarray(0, KEPT_MAX)).toString('base64') },
  correlation: name, causation: null, senderEpoch: 0, sentAt: 0,
});

/** Why this letter cannot be stepped; null = it can. */
export const whyRaw = ({ event }: Envelope): string | null => event.type === TYPE ? String(event['error']) : null;

/** The letter without its bytes, for a record's tail. */
export const withoutBytes = (envelope: Envelope): Envelope => whyRaw(envelope) === null ? envelope
  : { ...envelope, event: { type: TYPE, bytes: envelope.event['bytes'] } };

/** The bytes as they were; null = not all of them were kept, or it is an envelope like others. */
export function rawBytes({ event }: Envelope): Uint8Array | null {
  if (event.type !== TYPE) return null;
  const data = Buffer.from(String(event['raw']), 'base64');
  return data.length === event['bytes'] ? data : null;
}
