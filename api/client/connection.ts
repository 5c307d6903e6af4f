/** How to reach one cluster. The fields of PVC's own store, in our spelling. */
export interface Connection {
  readonly name: string;
  readonly description: string;
  readonly host: string;
  readonly port: number;
  readonly scheme: 'http' | 'https';
  /** null where the API asks for no key. */
  readonly apiKey: string | null;
  /** False: accept any certificate (PVC does so for "local"). */
  readonly verifySsl: boolean;
}

export const API_PREFIX = '/api/v1';

/** `http://127.0.0.1:7370`, with brackets round an IPv6 address. */
export function originOf(connection: Connection): string {
  const host = connection.host.includes(':') ? `[${connection.host}]` : connection.host;
  return `${connection.scheme}://${host}:${connection.port}`;
}
