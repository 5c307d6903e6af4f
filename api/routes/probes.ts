/** `/healthz`, `/readyz` (open, without content) and `/metrics` (with a key). */
import type { ApiContext } from '../context.js';
import type { Api, ApiReply, ApiRequest } from '../http.js';
import type { ApiMetrics } from '../metrics.js';

export interface ProbeSources {
  authenticate(request: ApiRequest, reply: ApiReply, done: () => void): void;
  readonly metrics: ApiMetrics;
}

export function probeRoutes(api: Api, context: ApiContext, sources: ProbeSources): void {
  const hidden = { schema: { hide: true } };
  api.get('/healthz', hidden, () => ({ message: 'alive' }));

  // Ready = this node's own lease is seen in the mirror, and somebody is primary: commands go somewhere.
  api.get('/readyz', hidden, (_request, reply) => {
    const { feed, node } = context;
    const missing = feed.primary() === null ? 'the cluster has no primary'
      : !feed.telemetry().some((item) => item.node === node && item.live) ? 'this node holds no lease' : null;
    if (missing !== null) reply.code(503);
    return { message: missing ?? 'ready' };
  });

  const metrics = {
    ...hidden,
    onRequest: (request: ApiRequest, reply: ApiReply, done: () => void) => sources.authenticate(request, reply, done),
  };
  for (const path of ['/metrics', '/api/v1/metrics']) {
    api.get(path, metrics, async (_request, reply) =>
      reply.type(sources.metrics.contentType).send(await sources.metrics.text()));
  }
}
