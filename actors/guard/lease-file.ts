/**
 * The lease as pvcd tells it to the guard and to the libvirt hook: one line of text in tmpfs,
 * `<deadline, boottime ms> <boot id> <incarnation>`. Written after each acknowledged quorum write.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { LEASE_AHEAD_MAX_MS } from '../../runtime/limits.js';

export interface Lease {
  /** On Clock.boottimeMs; whole milliseconds. */
  readonly deadlineMs: number;
  readonly bootId: string;
  /** Name of the ephemeral below `nodes/<node>/live`. */
  readonly incarnation: string;
}

const LINE = /^(\d{1,15}) ([0-9A-Za-z-]{1,64}) (\S{1,200})\n$/;
const BOOT_ID_PATH = '/proc/sys/kernel/random/boot_id';

/** The id of this boot, as the kernel tells it. */
export const readBootId = (): string => readFileSync(BOOT_ID_PATH, 'latin1').trim();

/** Replaces the lease at once for every reader (new file, rename). Throws when the folder cannot be written. */
export function writeLease(path: string, lease: Lease): void {
  const line = `${Math.floor(lease.deadlineMs)} ${lease.bootId} ${lease.incarnation}\n`;
  // A line its readers would not take for a lease must fail here, where somebody notices.
  if (!LINE.test(line)) throw new Error(`not a lease: ${JSON.stringify(line)}`);
  const fresh = `${path}.new`;
  writeFileSync(fresh, line, { mode: 0o644 });
  renameSync(fresh, path);
}

/** Gives the lease up: the guard acts at once when it next looks, and the hook refuses from now on. */
export const clearLease = (path: string): void => rmSync(path, { force: true });

/** null = no lease: absent, unreadable, malformed, or of another boot. Says nothing about its deadline. */
export function readLease(path: string, bootId: string = readBootId()): Lease | null {
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch {
    return null;
  }
  const match = LINE.exec(text);
  if (match === null || match[2] !== bootId) return null;
  return { deadlineMs: Number(match[1]), bootId, incarnation: match[3] as string };
}

/** What is left of a lease, milliseconds; 0 = none. A deadline absurdly far ahead is a broken file: none. */
export function leaseRemainingMs(lease: Lease | null, nowBoottimeMs: number): number {
  const remaining = lease === null ? 0 : lease.deadlineMs - nowBoottimeMs;
  return remaining > 0 && remaining <= LEASE_AHEAD_MAX_MS ? remaining : 0;
}
