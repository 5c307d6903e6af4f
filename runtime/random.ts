/** The only file that makes up identities. */
import { randomBytes, randomUUID } from 'node:crypto';

export const newUuid = (): string => randomUUID();
/** 2 * bytes hex digits. */
export const newToken = (bytes = 8): string => randomBytes(bytes).toString('hex');
/** A number in [0, 1). */
export const newFraction = (): number => randomBytes(4).readUInt32BE() / 2 ** 32;
