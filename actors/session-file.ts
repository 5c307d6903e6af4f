/** The session of this boot, kept in tmpfs so that a restarted pvcd carries it on: a restart is no death. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { SessionIdentity } from '../runtime/store.js';

/** null = none saved, or not readable. */
export function loadSession(path: string): SessionIdentity | null {
  try {
    const saved = JSON.parse(readFileSync(path, 'utf8')) as Partial<SessionIdentity>;
    return typeof saved.id === 'string' && typeof saved.password === 'string' && typeof saved.timeoutMs === 'number'
      ? { id: saved.id, password: saved.password, timeoutMs: saved.timeoutMs } : null;
  } catch {
    return null;
  }
}

export function saveSession(path: string, session: SessionIdentity): void {
  const fresh = `${path}.new`;
  writeFileSync(fresh, JSON.stringify(session), { mode: 0o600 });
  renameSync(fresh, path);
}
