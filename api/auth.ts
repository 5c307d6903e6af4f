/**
 * Who may ask. A key is compared whole and in constant time: both sides are hashed, every key of the
 * configuration is looked at. (PVC compares by substring in one place; that is not copied.)
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { PvcConfig } from '../actors/config.js';

export interface Identity {
  /** The key's description, for the log. */
  readonly description: string;
  /** Names the key without telling it. */
  readonly digest: string;
}

export type Authentication =
  { readonly kind: 'known'; readonly identity: Identity } | { readonly kind: 'refused'; readonly message: string };

const OPEN: Identity = { description: 'authentication is off', digest: 'open' };
const hashOf = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest();

/** Checks the headers of a request: `X-Api-Key`, Bearer, or Basic with the key as password. */
export function createAuthenticator(config: PvcConfig['api']): (headers: IncomingHttpHeaders) => Authentication {
  const keys = config.tokens
    .filter((key) => key.token !== '')
    .map((key) => ({ hash: hashOf(key.token), description: key.description }));
  return (headers) => {
    if (!config.authentication) return { kind: 'known', identity: OPEN };
    const given = keyIn(headers);
    if (given === null) return { kind: 'refused', message: 'X-Api-Key Authentication required.' };
    const hash = hashOf(given);
    let match: Identity | null = null;
    for (const key of keys) {
      if (timingSafeEqual(hash, key.hash))
        match = { description: key.description, digest: hash.toString('hex').slice(0, 16) };
    }
    return match === null
      ? { kind: 'refused', message: 'X-Api-Key Authentication failed.' }
      : { kind: 'known', identity: match };
  };
}

/** The key a request carries, or null. */
export function keyIn(headers: IncomingHttpHeaders): string | null {
  const direct = headers['x-api-key'];
  if (typeof direct === 'string') return direct;
  const [scheme = '', value = ''] = (headers.authorization ?? '').split(' ', 2);
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() !== 'basic') return null;
  const text = Buffer.from(value, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? null : text.slice(colon + 1);
}
