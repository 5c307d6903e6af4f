/** `/events`: the event stream, and the tickets by which a browser opens it. */
import { PvcError } from '../../runtime/errors.js';
import { parseCursor } from '../../runtime/feed.js';
import type { ApiContext } from '../context.js';
import type { EventHub } from '../events/sockets.js';
import { isSameOrigin, knowsProtocol } from '../events/sockets.js';
import { topicFilters } from '../events/client-frames.js';
import { EVENT_LIMITS } from '../events/frames.js';
import type { Tickets } from '../events/tickets.js';
import type { Api, ApiReply, ApiRequest } from '../http.js';
import { Ticket } from '../schemas/cluster.js';
import { answers, args, flag, NoArguments, text, type Static } from '../schemas/schema.js';

const StreamArguments = args({
  topics: text('topic or topic:glob, separated by commas (server-sent events only)', 4096),
  types: text('Event types, separated by commas (server-sent events only)', 4096),
  since: text('A cursor to resume from (server-sent events only)', 512),
  snapshot: flag('The present state first (server-sent events only)'),
  ticket: text('A ticket of POST /events/ticket'),
});

export function eventRoutes(api: Api, context: ApiContext, hub: EventHub, tickets: Tickets): void {
  api.post(
    '/events/ticket',
    {
      schema: { summary: 'A ticket for one event stream', querystring: NoArguments, response: answers(Ticket) },
    },
    (request) => ({ ticket: tickets.issue(context.identityOf(request)), expires_in: EVENT_LIMITS.ticketMs / 1000 }),
  );

  api.route({
    method: 'GET',
    url: '/events',
    config: { ticket: true },
    schema: {
      summary: 'The event stream (docs/events.md)',
      description: 'Upgrade to a websocket (subprotocol pulse.v1.json), or Accept: text/event-stream.',
      querystring: StreamArguments,
    },
    preHandler: (request, reply, done) => {
      const refused = refusal(context, hub, request as ApiRequest);
      if (refused === null) return done();
      void reply.code(refused.status).send({ message: refused.message });
    },
    handler: (request, reply) => serverSent(context, hub, request as ApiRequest, reply as ApiReply, request.query),
    wsHandler: (socket, request) => hub.socket(socket, context.identityOf(request as ApiRequest)),
  });
}

function refusal(
  context: ApiContext,
  hub: EventHub,
  request: ApiRequest,
): { status: number; message: string } | null {
  if (!isSameOrigin(request))
    return { status: 403, message: 'Pages of another origin may not open the event stream' };
  if (!knowsProtocol(request)) return { status: 400, message: 'No known subprotocol: name pulse.v1.json, or none' };
  const full = hub.refusal(context.identityOf(request));
  return full === null ? null : { status: 429, message: full };
}

const list = (text: string | undefined): string[] | undefined => {
  const parts = text
    ?.split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  return parts === undefined || parts.length === 0 ? undefined : parts;
};

function serverSent(
  context: ApiContext,
  hub: EventHub,
  request: ApiRequest,
  reply: ApiReply,
  query: Static<typeof StreamArguments>,
): unknown {
  if (!(request.headers.accept ?? '').includes('text/event-stream')) {
    throw new PvcError('PVC_INVALID', 'The event stream needs a websocket upgrade or Accept: text/event-stream');
  }
  const resumed = request.headers['last-event-id'];
  const since = typeof resumed === 'string' && resumed !== '' ? resumed : query.since;
  const topics = list(query.topics);
  const types = list(query.types);
  const filters = topicFilters(topics);
  if (typeof filters === 'string') throw new PvcError('PVC_INVALID', filters);
  const cursor = since === undefined ? null : parseCursor(since);
  if (since !== undefined && cursor === null)
    throw new PvcError('PVC_INVALID', `'${since.slice(0, 40)}' is not a cursor of this API`);
  if (cursor !== null && query.snapshot !== true) {
    const probe = context.feed.subscribe(cursor, () => undefined);
    probe.close();
    if (probe.gap)
      return reply
        .code(410)
        .send({ message: `Events after '${since ?? ''}' are no longer held: ask for a snapshot` });
  }
  reply.hijack();
  hub.stream(reply.raw, context.identityOf(request), (session) =>
    session.subscribe({
      frame: 'subscribe',
      id: 'sse',
      ...(topics === undefined ? {} : { topics }),
      ...(types === undefined ? {} : { types }),
      ...(since === undefined ? {} : { since }),
      ...(query.snapshot === undefined ? {} : { snapshot: query.snapshot }),
    }),
  );
  return reply;
}
