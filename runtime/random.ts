/** The only file that makes up identities. */
import { randomBytes, randomUUID } from 'node:crypto';

export const newUuid = (): string => randomUUID();
/** 2 * bytes hex digits. */
export const newToken = (bytes = 8): string => randomBytes(bytes).toString('hex');
