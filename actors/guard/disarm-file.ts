/**
 * Disarmed: a file in tmpfs, beside the lease, that says that guests of this boot run on without a lease. Written by
 * pvcd while the cluster's settings say so, for work on the network. Gone with the boot.
 *
 * safety: the guard stops nobody while it stands. What keeps two copies from running then is that maintenance begins
 * no recovery, and that recovery afterwards needs a proof about the boot as ever: switched off, or back under another.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readBootId } from './lease-file.js';

/** Takes effect at the guard's next look. Throws when the folder cannot be written. */
export function writeDisarmed(path: string, disarmed: boolean, bootId: string = readBootId()): void {
  if (!disarmed) return rmSync(path, { force: true });
  const fresh = `${path}.new`;
  writeFileSync(fresh, `${bootId}\n`, { mode: 0o644 });
  renameSync(fresh, path);
}

/** False for a file that is absent, unreadable, or of another boot. */
export function isDisarmed(path: string, bootId: string): boolean {
  try {
    return readFileSync(path, 'latin1') === `${bootId}\n`;
  } catch {
    return false;
  }
}
