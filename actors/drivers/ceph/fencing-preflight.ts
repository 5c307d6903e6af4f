/**
 * What must be so for a storage fence to work, looked at before it is needed: the daemon's key may write to the
 * blocklist and ask OSDs, the guests' key may break the lock of a dead owner, and no setting spoils that. Changes
 * nothing. What the daemon's key may do is asked by new clients: the connection that stands may still have caps that
 * the key has lost, and loses them with its next monitor, which is when a node is lost.
 */
import type { Outcome } from '../outcome.js';
import { done, unknown } from '../outcome.js';
import type { CephCommand, CephConnection, CephReply } from './connection.js';
import { readOsdmap } from './fencing-map.js';

export interface PreflightOptions {
  /** The daemon's user and the guests', without `client.`. */
  readonly user: string;
  readonly guestUser: string;
  readonly deadlineMs: number;
  /** As of CephStorageDeps. */
  flaw?(): string | null;
}

/** What is wrong, with its cure; its key stays the same as long as it is so. */
export interface FencingFlaw { readonly key: string; readonly text: string; readonly cure: string }

/** An address for documentation (RFC 5737): taking it off the blocklist asks for the permission and changes nothing. */
const NOBODY = '192.0.2.1:0/0';
const FORBIDDEN = /\b(EACCES|EPERM)\b/;
const EXPIRE = 'rbd_blocklist_expire_seconds';

type Ask = (command: CephCommand['command'], target?: CephCommand['target']) => Promise<Outcome<CephReply>>;

/** Empty = nothing is wrong; `unknown` = the storage does not answer, so that nobody can say. */
export async function inspectFencing(
  connection: CephConnection, { user, guestUser, deadlineMs, flaw }: PreflightOptions,
): Promise<Outcome<readonly FencingFlaw[]>> {
  const ask: Ask = (command, target = 'mon') => connection.command({ command, target, deadlineMs });
  const askAnew: Ask = (command, target = 'mon') => connection.command({ command, target, anew: true, deadlineMs });
  const blocklist = await askAnew({ prefix: 'osd blocklist', blocklistop: 'rm', addr: NOBODY });
  if (blocklist.kind === 'unknown' || blocklist.kind === 'refused' && !FORBIDDEN.test(blocklist.reason)) {
    return unknown(blocklist.reason);
  }
  const wrong = flaw?.() ?? null;
  const flaws = await Promise.all([
    wrong === null ? null : wrongAddressFlaw(wrong),
    blocklist.kind === 'refused' ? mayNotBlock(user) : null,
    askingOsds(ask, askAnew, user),
    guestCaps(ask, guestUser),
    expiry(ask, guestUser),
  ]);
  return done(flaws.filter((flaw): flaw is FencingFlaw => flaw !== null));
}

/** A refusal's words hold their cure. */
function wrongAddressFlaw(wrong: string): FencingFlaw {
  const [text = wrong, cure = wrong] = wrong.split('. Cure: ');
  return { key: 'fence-address', text, cure };
}

const capsCure = (user: string): string => `ceph auth caps client.${user} mon 'allow *' osd 'allow *' mgr 'allow *'`;

const mayNotBlock = (user: string): FencingFlaw => ({
  key: 'fence-caps-mon',
  text: `client.${user} may not write to Ceph's blocklist: no node can be fenced by its storage`,
  cure: capsCure(user),
});

/** One that answers is enough: all have the key's same caps. */
async function askingOsds(ask: Ask, askAnew: Ask, user: string): Promise<FencingFlaw | null> {
  const dump = await ask({ prefix: 'osd dump' });
  const map = dump.kind === 'done' ? readOsdmap(dump.value.output) : null;
  const up = map?.osds.find(({ isUp }) => isUp);
  if (up === undefined) return null;
  const told = await askAnew({ prefix: 'dump_blocklist' }, `osd.${up.id}`);
  if (told.kind !== 'refused' || !FORBIDDEN.test(told.reason)) return null;
  return {
    key: 'fence-caps-osd',
    text: `client.${user} may not ask OSDs: no storage fence could be known to be in force`,
    cure: capsCure(user),
  };
}

/** A guest's librbd puts the dead owner of its disk on the blocklist before it breaks his lock. */
async function guestCaps(ask: Ask, guestUser: string): Promise<FencingFlaw | null> {
  const got = await ask({ prefix: 'auth get', entity: `client.${guestUser}` });
  const cure = `ceph auth caps client.${guestUser} mon 'profile rbd' osd 'profile rbd' mgr 'profile rbd'`;
  if (got.kind === 'refused' && /^ENOENT/.test(got.reason)) {
    return {
      key: 'guest-user', text: `Ceph has no user client.${guestUser}: guests cannot open RBD disks`,
      cure: cure.replace('auth caps', 'auth get-or-create'),
    };
  }
  if (got.kind !== 'done') return null;
  const [entry] = got.value.output as readonly { readonly caps?: { readonly mon?: string } }[];
  if (/allow \*|profile rbd\b|osd blocklist/.test(entry?.caps?.mon ?? '')) return null;
  return {
    key: 'guest-caps',
    text: `client.${guestUser} may not break the lock of a guest that is gone: after a crash its disk stays read-only`,
    cure,
  };
}

/** Tracker 54613: with a time of its own librbd's blocklist call is refused as invalid, and the lock never broken. */
async function expiry(ask: Ask, guestUser: string): Promise<FencingFlaw | null> {
  const got = await ask({ prefix: 'config get', who: `client.${guestUser}`, key: EXPIRE });
  if (got.kind !== 'done' || Number(got.value.output ?? 0) === 0) return null;
  return {
    key: 'guest-expiry',
    text: `${EXPIRE} is ${String(got.value.output)} for guests: Ceph then refuses to break the lock of a guest that is `
      + 'gone',
    cure: `ceph config rm client ${EXPIRE}; ceph config rm client.${guestUser} ${EXPIRE}`,
  };
}
