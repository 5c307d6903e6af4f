/**
 * The list of connections: PVC's own file, read and written as PVC does, so that both clients share it.
 * `~/.config/pvc/pvc.json` (or PVC_CLIENT_DIR): {name: {description, host, port, scheme, api_key}}, mode 0600; the
 * entry "local" may be {cfgfile: path} instead.
 */
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Connection } from '../client/connection.js';
import { CliError, EXIT } from './exit.js';
import type { CliHost } from './host.js';

export interface StoredConnection {
  readonly description: string;
  readonly host: string;
  readonly port: number;
  readonly scheme: 'http' | 'https';
  readonly api_key: string | null;
}

/** As it is in the file: entries of other shapes (PVC's "local") are kept when we write. */
export type Store = Record<string, StoredConnection | { readonly cfgfile: string }>;

export const storePath = (host: CliHost): string =>
  join(
    host.env['PVC_CLIENT_DIR'] ??
      (host.env['HOME'] === undefined ? '/tmp/pvc' : join(host.env['HOME'], '.config/pvc')),
    'pvc.json',
  );

/** {} when there is no file. A file that is no JSON object is an error, never overwritten. */
export function readStore(host: CliHost): Store {
  const path = storePath(host);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new CliError(EXIT.failed, `${path} cannot be read: check its owner and mode.`, { cause: error });
  }
  try {
    const parsed: unknown = text.trim() === '' ? {} : JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Store;
    throw new Error('not an object');
  } catch (error) {
    throw new CliError(EXIT.failed, `${path} is not a list of connections (JSON): repair or remove it.`, {
      cause: error,
    });
  }
}

export function writeStore(host: CliHost, store: Store): void {
  const path = storePath(host);
  const mode = Number.parseInt(host.env['PVC_CLIENT_DB_PERMS'] ?? '600', 8);
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
  const sorted = Object.fromEntries(Object.entries(store).sort(([a], [b]) => (a < b ? -1 : 1)));
  // Written beside and renamed: a full disk must not cost the user all his keys.
  writeFileSync(`${path}.new`, `${JSON.stringify(sorted, null, 4)}\n`, { mode });
  chmodSync(`${path}.new`, mode);
  renameSync(`${path}.new`, path);
}

export function isStored(entry: Store[string] | undefined): entry is StoredConnection {
  return entry !== undefined && 'host' in entry;
}

export function connectionOf(name: string, entry: StoredConnection, host: CliHost): Connection {
  return {
    name,
    description: entry.description,
    host: entry.host,
    port: Number(entry.port),
    scheme: entry.scheme === 'https' ? 'https' : 'http',
    apiKey: entry.api_key ?? null,
    verifySsl: host.env['PVC_CLIENT_VERIFY_SSL'] !== 'False' && host.env['PVC_CLIENT_VERIFY_SSL'] !== 'false',
  };
}
