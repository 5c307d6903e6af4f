/** The only file that makes up identities, and the only one that draws lots. */
import { randomBytes } from 'node:crypto';

/** Gives so many random bytes. */
export type RandomSource = (bytes: number) => Buffer;

let source: RandomSource = randomBytes;

/** The simulator's chance comes from a seed: same seed, same names. Returns the former source. */
export function setRandomSource(next: RandomSource): RandomSource {
  const former = source;
  source = next;
  return former;
}

/** A version 4 UUID. */
export function newUuid(): string {
  const bytes = source(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** 2 * bytes hex digits. */
export const newToken = (bytes = 8): string => source(bytes).toString('hex');

/** Even between 0 (included) and 1 (not). */
export const newFraction = (): number => source(4).readUInt32BE(0) / 2 ** 32;
