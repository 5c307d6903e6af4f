/** The API server of one node: routes, authentication, event stream, inspector, put together. Any node answers. */
import swagger from '@fastify/swagger';
import { cursorText } from '../runtime/feed.js';
import type { Gateway } from '../runtime/gateway-types.js';
import { createAuthenticator, type Authentication, type Identity } from './auth.js';
import { readArguments } from './arguments.js';
import { BegunTasks } from './begun-tasks.js';
import type { ApiContext } from './context.js';
import type { ApiDeps } from './deps.js';
import { createEventHub, registerSockets, type EventHub } from './events/sockets.js';
import type { StreamCounters } from './events/stream-types.js';
import { createTickets, type Tickets } from './events/tickets.js';
import { createTranslator } from './events/translate.js';
import { createHttp, type Api, type ApiReply, type ApiRequest } from './http.js';
import { registerInspector } from './inspect/page.js';
import { createApiMetrics } from './metrics.js';
import { openApiOptions } from './openapi.js';
import { actorRoutes } from './routes/actors.js';
import { clusterFaultRoutes } from './routes/cluster-faults.js';
import { clusterRoutes } from './routes/cluster.js';
import { deadLetterRoutes } from './routes/dead-letters.js';
import { eventRoutes } from './routes/events.js';
import { faultRoutes } from './routes/faults.js';
import { nodeRoutes } from './routes/node.js';
import { policyRoutes } from './routes/policy.js';
import { probeRoutes } from './routes/probes.js';
import { storagePoolRoutes } from './routes/storage-pools.js';
import { storageSnapshotRoutes } from './routes/storage-snapshots.js';
import { storageUploadRoutes } from './routes/storage-upload.js';
import { storageVolumeRoutes } from './routes/storage-volumes.js';
import { storageBenchmarkRoutes } from './routes/storage-benchmark.js';
import { storageOsdRoutes } from './routes/storage-osds.js';
import { storageStatusRoutes } from './routes/storage-status.js';
import { taskRoutes } from './routes/tasks.js';
import { vmDiskRoutes } from './routes/vm-disks.js';
import { vmElementRoutes } from './routes/vm-element.js';
import { vmSnapshotRoutes } from './routes/vm-snapshots.js';
import { vmRoutes } from './routes/vm.js';
import { anyObject, NoArguments } from './schemas/schema.js';
import { createDocuments } from './views/documents.js';

export type { Api, ApiDeps, Gateway };

/** Route options of ours: `open` = no key asked; `ticket` = a one-time ticket will do. */
interface RouteConfig {
  readonly open?: boolean;
  readonly ticket?: boolean;
}

/** A server ready to listen; `close()` ends the event streams first (1012). */
export async function createApiServer(deps: ApiDeps): Promise<Api> {
  const api = createHttp(deps.log);
  const counters: StreamCounters = { sent: 0, coalesced: 0, gaps: 0, slow: 0, rubbish: 0 };
  const identities = new WeakMap<object, Identity>();
  const context: ApiContext = {
    ...deps,
    documents: createDocuments(deps.cluster, deps.log),
    begun: new BegunTasks(deps.clock),
    identityOf: (request) => identities.get(request) ?? { description: 'nobody', digest: 'nobody' },
  };
  const translator = createTranslator(deps.feed, deps.clock.wallMs);
  const hub = createEventHub({
    feed: deps.feed,
    clock: deps.clock,
    node: deps.node,
    version: deps.version,
    translator,
    counters,
  });
  // The translator remembers where each VM was: it must see every item, whether or not a client listens.
  const seeing = deps.feed.subscribe(deps.feed.head(), (item) => {
    translator.events(item);
    if (item.transition !== null) metrics.lagged((deps.clock.wallMs() - item.transition.at) / 1000);
  });
  const metrics = createApiMetrics(deps, counters, hub.open);
  const tickets = createTickets(deps.clock);
  const authenticate = authenticationHook(deps, tickets, identities);

  await registerSockets(api, hub.endAll);
  await api.register(swagger, openApiOptions(deps.version));
  api.addHook('onResponse', (request, reply, done) => {
    const seconds = reply.elapsedTime / 1000;
    metrics.answered(request.method, request.routeOptions.url ?? 'unknown', reply.statusCode, seconds);
    done();
  });
  api.addHook('onClose', (_instance, done) => {
    seeing.close();
    done();
  });
  probeRoutes(api, context, { authenticate, metrics });
  await registerInspector(api);
  await api.register(async (scope) => versionOne(scope as Api, context, hub, tickets, authenticate), {
    prefix: '/api/v1',
  });
  return api;
}

async function versionOne(
  api: Api,
  context: ApiContext,
  hub: EventHub,
  tickets: Tickets,
  authenticate: Hook,
): Promise<void> {
  api.addHook('onRequest', (request, reply, done) => {
    void reply.headers({
      'X-Request-Id': request.id,
      'X-Cluster-Cursor': cursorText(context.feed.head()),
      'Cache-Control': 'no-store',
    });
    authenticate(request as ApiRequest, reply as ApiReply, done);
  });
  api.addHook('preValidation', (request, _reply, done) => {
    const schema = request.routeOptions.schema?.querystring as Parameters<typeof readArguments>[2] | undefined;
    if (request.is404 || schema === undefined) return done();
    try {
      request.query = readArguments(request.query, request.body, schema);
      request.body = undefined;
      done();
    } catch (error) {
      done(error as Error);
    }
  });
  clusterRoutes(api, context);
  clusterFaultRoutes(api, context);
  nodeRoutes(api, context);
  policyRoutes(api, context);
  vmRoutes(api, context);
  vmElementRoutes(api, context);
  vmDiskRoutes(api, context);
  vmSnapshotRoutes(api, context);
  actorRoutes(api, context);
  deadLetterRoutes(api, context);
  faultRoutes(api, context);
  storagePoolRoutes(api, context);
  storageVolumeRoutes(api, context);
  storageUploadRoutes(api, context);
  storageSnapshotRoutes(api, context);
  storageStatusRoutes(api, context);
  storageOsdRoutes(api, context);
  storageBenchmarkRoutes(api, context);
  taskRoutes(api, context);
  eventRoutes(api, context, hub, tickets);
  api.get(
    '/openapi.json',
    {
      schema: { summary: 'This description', querystring: NoArguments, response: { 200: anyObject() } },
    },
    () => api.swagger() as unknown as Record<string, unknown>,
  );
}

type Hook = (request: ApiRequest, reply: ApiReply, done: () => void) => void;

/** Answers 401 itself; else remembers who asked and goes on. */
function authenticationHook(deps: ApiDeps, tickets: Tickets, identities: WeakMap<object, Identity>): Hook {
  const check = createAuthenticator(deps.config.api);
  return (request, reply, done) => {
    const config = request.routeOptions.config as RouteConfig;
    if (config.open === true) return done();
    const ticket = config.ticket === true ? (request.query as { ticket?: unknown }).ticket : undefined;
    let answer: Authentication = check(request.headers);
    if (answer.kind === 'refused' && typeof ticket === 'string') {
      const identity = tickets.redeem(ticket);
      answer =
        identity === null
          ? { kind: 'refused', message: 'The ticket is unknown, used or older than 30 s.' }
          : { kind: 'known', identity };
    }
    if (answer.kind === 'refused') {
      void reply.code(401).header('WWW-Authenticate', 'Bearer realm="pvc"').send({ message: answer.message });
      return;
    }
    identities.set(request, answer.identity);
    done();
  };
}
