/**
 * What a QEMU that did not end by itself (killed on a node without a way to Ceph, for one) still had under way. Its
 * process is gone, but the kernel goes on sending what it had written to its sockets, for a minute or two: should the
 * way come back meanwhile, that would land beneath the guest's next copy. Writes to an image with exclusive-lock are
 * its lock's owner's, so that the owner's own address and nonce on the blocklist is enough; it dies with that
 * process, and nobody has to lift it.
 */
import type { Clock } from '../../../runtime/clock.js';
import { done, refused, unknown, type Outcome } from '../outcome.js';
import type { CephCommand, CephConnection, CephReply, ImageRef } from './connection.js';
import { ipOf, isBlocked, type Osdmap } from './fencing-map.js';
import { confirmEverywhere } from './fencing-osds.js';

/** Life of such an entry, seconds: far longer than a kernel sends for the dead. Not whole: fencing.ts, EXPIRE_S. */
const EXPIRE_S = 3600.5;

export interface ShuttingOut {
  readonly connection: CephConnection;
  readonly clock: Clock;
  /** The nodes' addresses on the storage network; null = there is no such node any more. */
  readonly addresses: readonly (string | null)[];
  /** Ceph's clients there may speak from another address. */
  readonly isFlawed: boolean;
  /** By `clock.monotonicMs`. */
  readonly untilMs: number;
  readMap(untilMs: number): Promise<Osdmap | null>;
  command(command: CephCommand['command'], untilMs: number): Promise<Outcome<CephReply>>;
}

/** `pool/name`; null = that is none. */
export function imageRef(image: string): ImageRef | null {
  const [pool, name, ...rest] = image.split('/');
  return pool && name && rest.length === 0 ? { pool, image: name } : null;
}

/** See the port. */
export async function shutOut(
  parts: ShuttingOut, images: readonly string[],
): Promise<Outcome<{ readonly osdmapEpoch: number }>> {
  const { connection, clock, untilMs, readMap, command } = parts;
  const found = await Promise.all(images.map((image) => deadOwner(parts, image)));
  const failed = found.find(({ kind }) => kind !== 'done');
  if (failed !== undefined && failed.kind !== 'done') return failed;
  const dead = [...new Set(found.flatMap((each) => each.kind === 'done' && each.value !== null ? [each.value] : []))];
  const before = await readMap(untilMs);
  if (before === null) return unknown(SILENT);
  const missing = dead.filter((client) => !isBlocked(before, client));
  const put = await Promise.all(missing.map((addr) => command({
    prefix: 'osd blocklist', blocklistop: 'add', addr, expire: EXPIRE_S,
  }, untilMs)));
  const refusal = put.find(({ kind }) => kind !== 'done');
  if (refusal !== undefined && refusal.kind !== 'done') return refusal;
  let osdmapEpoch = before.epoch;
  // Of one whose whole address is on the blocklist there is no entry of its own to be looked for.
  for (const entry of dead.filter((client) => before.blocklist.has(client) || missing.includes(client))) {
    const confirmed = await confirmEverywhere({ connection, clock, entry, untilMs, readMap });
    if (confirmed.kind === 'waiting') return unknown(confirmed.reason);
    if (confirmed.kind === 'gone') return unknown(`the entry of ${entry} was taken off again meanwhile`);
    osdmapEpoch = Math.max(osdmapEpoch, confirmed.map.epoch);
  }
  return done({ osdmapEpoch });
}

const SILENT = 'the monitors did not answer in time';

/** The client that holds the image's lock and is dead; null = none is. */
async function deadOwner(
  { connection, addresses, isFlawed, clock, untilMs }: ShuttingOut, image: string,
): Promise<Outcome<string | null>> {
  const ref = imageRef(image);
  if (ref === null) return refused(`EINVAL: "${image}" is no image: pool/name is`);
  const left = (): { deadlineMs: number } => ({ deadlineMs: Math.max(1, untilMs - clock.monotonicMs()) });
  const owner = await connection.lockOwner(ref, left());
  if (owner.kind === 'refused' && /^ENOENT\b/.test(owner.reason)) return done(null);
  if (owner.kind !== 'done') return owner;
  if (owner.value === null) return done(null);
  const client = owner.value.address.replace(/^(v1|v2|any):/, '');
  if (addresses.includes(ipOf(client))) return done(client);
  const watching = await connection.watchers(ref, left());
  if (watching.kind !== 'done') return watching;
  if (!watching.value.some((each) => each.address === owner.value?.address)) return done(client);
  // Alive, or dead for less than a watch lasts (30 s).
  return isFlawed ? unknown(`${client} may hold ${image}: its watch has not run out yet`) : done(null);
}
