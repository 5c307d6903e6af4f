/** The only file that imports Fastify: one HTTP server with our limits, parsers and answers to every fault. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type RawServerDefault,
} from 'fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { systemClock } from '../runtime/clock.js';
import { causeChain, type Log } from '../runtime/log.js';
import { newUuid } from '../runtime/random.js';
import { parseForm, parseJson, parseQuery } from './arguments.js';
import { describeFault } from './faults.js';

export type Api = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;
export type ApiRequest = FastifyRequest;
export type ApiReply = FastifyReply;

const BODY_BYTES_MAX = 1 << 20;
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 65_000;
const REQUEST_ID = /^[\w.:-]{1,64}$/;

interface Known {
  readonly method: string;
  readonly pattern: RegExp;
}

/** A server without routes. Every fault is answered `{"message": text}`; only our own defects are 5xx, and logged. */
export function createHttp(log: Log): Api {
  const known: Known[] = [];
  const api = Fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    // Kept per request below: an upload takes as long as it takes.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: true,
    genReqId: (raw) => {
      const given = raw.headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : newUuid();
    },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: true, allErrors: false } },
    routerOptions: { querystringParser: parseQuery, maxParamLength: 256 },
    frameworkErrors: (error, _request, reply) => void answerFault(log, error, null, reply as unknown as ApiReply),
  }) as unknown as Api;
  for (const [type, parse] of [
    ['application/x-www-form-urlencoded', parseForm],
    ['application/json', parseJson],
  ] as const) {
    api.removeContentTypeParser(type);
    api.addContentTypeParser(type, { parseAs: 'buffer' }, (_request, body, done) => {
      try {
        done(null, parse(body as Buffer));
      } catch (error) {
        done(error as Error);
      }
    });
  }
  api.addHook('onRequest', (request, _reply, done) => {
    boundBody(request as ApiRequest);
    done();
  });
  api.addHook('onRoute', (route) => {
    for (const method of [route.method].flat()) known.push({ method, pattern: patternOf(route.url) });
  });
  api.setErrorHandler((error: FastifyError, request, reply) =>
    answerFault(log, error, request as ApiRequest, reply as ApiReply),
  );
  api.setNotFoundHandler((request, reply) => answerUnknown(known, request as ApiRequest, reply as ApiReply));
  return api;
}

/** A body that does not end is not waited for, but on routes whose config says `endless`. */
function boundBody({ raw, routeOptions }: ApiRequest): void {
  if ((routeOptions.config as { endless?: boolean }).endless === true) return;
  const cancel = systemClock.after(REQUEST_TIMEOUT_MS, () => { if (!raw.complete) raw.destroy(); }, true);
  raw.once('close', cancel);
}

const patternOf = (url: string): RegExp =>
  new RegExp(
    `^${url
      .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
      .replace(/:\w+/g, '[^/]+')
      .replace(/\\\*$/, '.*')}$`,
  );

function answerFault(log: Log, error: unknown, request: ApiRequest | null, reply: ApiReply): unknown {
  const fault = describeFault(error);
  if (fault.status >= 500 && fault.unexpected) {
    const stack = error instanceof Error ? error.stack : undefined;
    log.error('request failed', { request: request?.id, url: request?.url, error: causeChain(error), stack });
  }
  const text = fault.unexpected
    ? `Internal error; the log of this node has it under request ${request?.id ?? '?'}`
    : fault.message;
  if (fault.status === 429) void reply.header('Retry-After', '2');
  return reply.code(fault.status).type('application/json').send({ message: text });
}

function answerUnknown(known: readonly Known[], request: ApiRequest, reply: ApiReply): unknown {
  const path = request.url.split('?', 1)[0] ?? '';
  const methods = [...new Set(known.filter((one) => one.pattern.test(path)).map((one) => one.method))].filter(
    (one) => one !== 'HEAD',
  );
  if (methods.length > 0) {
    return reply
      .code(405)
      .header('Allow', methods.join(', '))
      .send({ message: `${request.method} is not possible on ${path}: use ${methods.join(' or ')}` });
  }
  return reply.code(404).send({ message: `There is nothing at ${path.slice(0, 200)}` });
}
