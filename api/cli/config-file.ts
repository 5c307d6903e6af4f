/** The little of /etc/pvc/pvc.conf that the CLI needs: where the API listens, and a key. */
import { readFileSync } from 'node:fs';
import { CliError, EXIT } from './exit.js';
import type { CliHost } from './host.js';

export interface ApiSection {
  readonly address: string;
  readonly port: number;
  readonly ssl: boolean;
  readonly token: string | null;
}

interface ConfigFile {
  readonly api?: {
    readonly listen?: { readonly address?: string; readonly port?: number };
    readonly ssl?: { readonly enabled?: boolean };
    readonly authentication?: { readonly enabled?: boolean };
    readonly token?: readonly { readonly token?: string }[];
  };
}

/** Throws a CliError when the file has no usable `api` section. */
export async function readApiSection(host: CliHost, path: string): Promise<ApiSection> {
  let file: ConfigFile | null;
  try {
    file = (await host.parseYaml(readFileSync(path, 'utf8'))) as ConfigFile | null;
  } catch (error) {
    throw new CliError(EXIT.failed, `${path} cannot be read: ${(error as Error).message}.`, { cause: error });
  }
  const listen = file?.api?.listen;
  if (listen?.address === undefined || listen.port === undefined) {
    throw new CliError(EXIT.failed, `${path} does not say where the API listens (api: listen: address, port).`);
  }
  const enabled = file?.api?.authentication?.enabled !== false;
  return {
    address: listen.address,
    port: listen.port,
    ssl: file?.api?.ssl?.enabled === true,
    token: enabled ? (file?.api?.token?.[0]?.token ?? null) : null,
  };
}
