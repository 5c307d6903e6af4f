/** Asks another node's API on the cluster network, with the caller's own key: the only daemon-to-daemon call. */
import type { ApiDeps } from './deps.js';
import { keyIn } from './auth.js';
import type { ApiRequest } from './http.js';

/** Names the node that passed the request on: who gets it answers by itself or not at all. */
const FORWARDED_HEADER = 'x-pvc-forwarded-by';
const PEER_DEADLINE_MS = 4000;

export const isForwarded = (request: ApiRequest): boolean => request.headers[FORWARDED_HEADER] !== undefined;

export type PeerAnswer =
  { readonly kind: 'answered'; readonly status: number; readonly body: unknown } | { readonly kind: 'silent' };

/** A kept connection may be to an earlier boot of the peer, which the new one resets: a fresh one is tried then. */
const ATTEMPTS = 3;

/** GETs the same address from `node`. Never rejects. */
export async function askPeer(deps: ApiDeps, request: ApiRequest, node: string): Promise<PeerAnswer> {
  const address = deps.config.addresses[node]?.cluster;
  if (address === undefined) return { kind: 'silent' };
  const host = address.includes(':') ? `[${address}]` : address;
  const url = `http://${host}:${deps.config.api.port}${request.url}`;
  const key = keyIn(request.headers);
  const abort = new AbortController();
  const cancel = deps.clock.after(PEER_DEADLINE_MS, () => abort.abort(), true);
  const headers = {
    [FORWARDED_HEADER]: deps.node,
    'X-Request-Id': request.id,
    ...(key === null ? {} : { 'X-Api-Key': key }),
  };
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = await fetch(url, { headers, redirect: 'error', signal: abort.signal });
        return { kind: 'answered', status: answer.status, body: await answer.json() };
      } catch (error) {
        deps.log.debug('a peer did not answer', { node, attempt, error });
        if (attempt >= ATTEMPTS || abort.signal.aborted) return { kind: 'silent' };
      }
    }
  } finally {
    cancel();
  }
}
