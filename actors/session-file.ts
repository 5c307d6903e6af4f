/** What a node keeps for one boot, in tmpfs: the session that a restarted pvcd carries on, and the lease. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SessionIdentity } from '../runtime/store.js';
import { writeDisarmed } from './guard/disarm-file.js';
import { writeLease, type Lease } from './guard/lease-file.js';

/** The port: what must outlive the daemon and not the boot. */
export interface BootState {
  /** null = none saved, or not readable. */
  loadSession(): SessionIdentity | null;
  saveSession(session: SessionIdentity): void;
  /** Tells the guard and the libvirt hook; throws when they cannot be told. */
  writeLease(lease: Lease): void;
  /** Tells the guard whether guests run on without a lease; throws when it cannot be told. */
  setDisarmed(disarmed: boolean): void;
}

/** BootState in the files of `run` (the configuration's paths.run). */
export function bootStateIn(run: string): BootState {
  const session = join(run, 'session.json');
  return {
    loadSession: () => loadSession(session),
    saveSession: (identity) => saveSession(session, identity),
    writeLease: (lease) => writeLease(join(run, 'lease'), lease),
    setDisarmed: (disarmed) => writeDisarmed(join(run, 'disarmed'), disarmed),
  };
}

function loadSession(path: string): SessionIdentity | null {
  try {
    const saved = JSON.parse(readFileSync(path, 'utf8')) as Partial<SessionIdentity>;
    return typeof saved.id === 'string' && typeof saved.password === 'string' && typeof saved.timeoutMs === 'number'
      ? { id: saved.id, password: saved.password, timeoutMs: saved.timeoutMs } : null;
  } catch {
    return null;
  }
}

function saveSession(path: string, session: SessionIdentity): void {
  const fresh = `${path}.new`;
  writeFileSync(fresh, JSON.stringify(session), { mode: 0o600 });
  renameSync(fresh, path);
}
