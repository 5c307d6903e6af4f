/** Puts the lease check (qemu-hook.sh) where libvirt looks for it. */
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Beside the sources; the compiled file runs from `dist/actors/guard`. */
const SCRIPT = new URL('../../../actors/guard/qemu-hook.sh', import.meta.url);
const SIGN = 'pvc-lease-hook';
const DEFAULT_LEASE = 'LEASE=/run/pvc/lease\n';

function isForeign(path: string): boolean {
  try {
    return !readFileSync(path, 'utf8').includes(SIGN);
  } catch {
    return false;
  }
}

/**
 * Installs the hook in libvirt's hooks folder (`/etc/libvirt/hooks`), or beside a hook of the
 * administrator's in `qemu.d/` (libvirt >= 6.5 runs both). Idempotent. Returns the file's path and
 * whether it changed: libvirtd looks for hooks at its own start and at SIGHUP, so a first install
 * takes effect only then. Throws when the folder cannot be written.
 */
export function installHook(hooksDir: string, leasePath = '/run/pvc/lease'): { path: string; changed: boolean } {
  const plain = join(hooksDir, 'qemu');
  const path = isForeign(plain) ? join(hooksDir, 'qemu.d', '00-pvc-lease') : plain;
  if (!/^[\w./-]+$/.test(leasePath)) throw new Error(`not a path a shell script can hold: ${leasePath}`);
  const text = readFileSync(SCRIPT, 'utf8').replace(DEFAULT_LEASE, `LEASE=${leasePath}\n`);
  mkdirSync(dirname(path), { recursive: true });
  let present = '';
  try {
    present = readFileSync(path, 'utf8');
  } catch {
    // first install
  }
  if (present !== text) {
    // Not in qemu.d, whose every executable libvirt would run.
    const fresh = join(hooksDir, '.pvc-lease.new');
    writeFileSync(fresh, text, { mode: 0o755 });
    renameSync(fresh, path);
  }
  chmodSync(path, 0o755);
  return { path, changed: present !== text };
}
