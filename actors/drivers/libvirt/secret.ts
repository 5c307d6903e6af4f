/**
 * The key of the storage's user, as a libvirt secret on this node: QEMU is given it when it opens an RBD image, also on
 * the target of a migration. It lives in libvirtd's memory only (ephemeral), nobody reads it back (private), and it
 * goes with libvirtd: it is defined anew with every connection, and before every start that needs it.
 */
import { readFileSync } from 'node:fs';
import type { Pointer } from '../foreign.js';
import { done, refused, type Outcome } from '../outcome.js';
import { failed } from './domains.js';
import { LibvirtFailure, type Lane } from './lane.js';
import { local, remote } from './library.js';

export interface SecretOptions {
  readonly uuid: string;
  /** Ceph user without `client.`. */
  readonly username: string;
  /** A Ceph keyring that holds the user, or its key alone. */
  readonly keyFile: string;
}

/** The key (base64) of a user out of a keyring, or a key that stands alone; null = there is none. */
export function keyOf(text: string, username: string): string | null {
  const section = text.split(/^\s*\[/m).find((part) => part.startsWith(`client.${username}]`));
  const alone = /^\s*([A-Za-z0-9+/]{20,}={0,2})\s*$/.exec(text)?.[1];
  return (section === undefined ? alone : /^\s*key\s*=\s*(\S+)/m.exec(section)?.[1]) ?? null;
}

function readKey({ keyFile, username }: SecretOptions): Outcome<Buffer> {
  try {
    const key = keyOf(readFileSync(keyFile, 'utf8'), username);
    return key === null
      ? refused(`${keyFile} holds no key of client.${username}`) : done(Buffer.from(key, 'base64'));
  } catch (error) {
    return refused(`the key of the storage's user cannot be read: ${(error as Error).message}`);
  }
}

const secretXml = ({ uuid, username }: SecretOptions): string =>
  `<secret ephemeral='yes' private='yes'><uuid>${uuid}</uuid>`
  + `<usage type='ceph'><name>client.${username} of pvc</name></usage></secret>`;

/** Idempotent. Refused with what is wrong with the key, or with libvirt. */
export async function defineSecret(lane: Lane, options: SecretOptions): Promise<Outcome<null>> {
  const key = readKey(options);
  if (key.kind !== 'done') return key;
  let secret: Pointer | null = null;
  try {
    secret = await lane.call<Pointer>(remote.defineSecret, lane.connection, secretXml(options), 0);
    await lane.call<number>(remote.setSecret, secret, key.value, key.value.length, 0);
    return done(null);
  } catch (error) {
    if (!(error instanceof LibvirtFailure)) throw error;
    return failed(error);
  } finally {
    if (secret !== null) local.freeSecret(secret);
  }
}
