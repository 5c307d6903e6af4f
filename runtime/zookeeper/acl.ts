/** Who we are and whom our nodes let in: authentication, ACLs, and the other requests that have a fixed xid. */
import type { StoreAuth } from '../store.js';

/** xids of pings, of authentications, of watch events. */
export const PING_XID = -2;
export const AUTH_XID = -4;
export const NOTIFICATION_XID = -1;

const OPCODE = { ping: 11, auth: 100 } as const;

/** Integers of 4 bytes, and texts with their length before them. */
function jute(...values: readonly (number | string)[]): Buffer {
  return Buffer.concat(values.flatMap((value) => {
    const text = typeof value === 'string' ? Buffer.from(value) : null;
    const head = Buffer.alloc(4);
    head.writeInt32BE(text?.length ?? Number(value), 0);
    return text ? [head, text] : [head];
  }));
}

/** Length 4, then the rest. */
const framed = (body: Buffer): Buffer => Buffer.concat([jute(body.length), body]);

export const pingRequest = (): Buffer => framed(jute(PING_XID, OPCODE.ping));
export const authRequest = ({ scheme, id }: StoreAuth): Buffer =>
  framed(jute(AUTH_XID, OPCODE.auth, 0, scheme, id));

/** All rights: read 1, write 2, create 4, delete 8, administer 16. */
const ALL = 31;
const READ = 1;

/** ACLs as ZooKeeper's vectors: count, then rights, scheme and identity of each. */
export const OPEN_ACL = jute(1, ALL, 'world', 'anyone');
/**
 * For whoever this session has authenticated as. The server puts the identity in: it alone digests keys, in the way it
 * is set up to; and it refuses such a node (-114) to a session that has not authenticated.
 */
const GUARDED_ACL = jute(1, ALL, 'auth', '');
const READABLE_ACL = jute(2, ALL, 'auth', '', READ, 'world', 'anyone');

/** The ACL of every node that a session with this authentication creates. */
export function aclOf(auth: StoreAuth | undefined): Buffer {
  switch (auth === undefined ? 'open' : auth.nodes ?? 'guarded') {
    case 'open': return OPEN_ACL;
    case 'readable': return READABLE_ACL;
    case 'guarded': return GUARDED_ACL;
  }
}
