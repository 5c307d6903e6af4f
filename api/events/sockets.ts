/**
 * Carries the event stream: websockets and server-sent events. The only file that imports the websocket plugin.
 * Counts the sockets of each key and ends them all with the server.
 */
import websocket, { type WebSocket } from '@fastify/websocket';
import type { ServerResponse } from 'node:http';
import type { Clock } from '../../runtime/clock.js';
import type { Identity } from '../auth.js';
import type { Api, ApiRequest } from '../http.js';
import { CLOSE, EVENT_LIMITS, SUBPROTOCOL } from './frames.js';
import { Session } from './session.js';
import type { Sink, StreamDeps } from './stream-types.js';

/** How long a closing handshake may take before the connection is cut. */
const CLOSE_MS = 1000;

export interface EventHub {
  /** Why this key may not open another stream now; null = it may. */
  refusal(identity: Identity): string | null;
  socket(socket: WebSocket, identity: Identity): void;
  /** Answers with server-sent events; `open` makes the subscription. */
  stream(response: ServerResponse, identity: Identity, open: (session: Session) => void): void;
  open(): number;
  endAll(): void;
}

/** To be registered before the routes. Sockets end with 1012 before the server stops. */
export async function registerSockets(api: Api, endAll: () => void): Promise<void> {
  await api.register(websocket, {
    options: {
      maxPayload: EVENT_LIMITS.frameBytes,
      perMessageDeflate: false,
      handleProtocols: (offered: Set<string>) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    },
    preClose(this: Api, done: () => void) {
      endAll();
      this.websocketServer.close(() => done());
    },
    errorHandler: (_error, socket) => socket.terminate(),
  });
}

/** Websocket subprotocols of a request are fine if none is named or ours is among them. */
export function knowsProtocol(request: ApiRequest): boolean {
  const offered = request.headers['sec-websocket-protocol'];
  return offered === undefined || offered.split(',').some((name) => name.trim() === SUBPROTOCOL);
}

/** Browsers send an Origin: only pages of this very server may open a stream. */
export function isSameOrigin(request: ApiRequest): boolean {
  const { origin, host } = request.headers;
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
}

export function createEventHub(deps: StreamDeps): EventHub {
  const { clock } = deps;
  const sessions = new Set<Session>();
  const byKey = new Map<string, number>();
  const join = (identity: Identity, sink: Sink): { session: Session; leave: () => void } => {
    const session = new Session(deps, sink);
    sessions.add(session);
    byKey.set(identity.digest, (byKey.get(identity.digest) ?? 0) + 1);
    const leave = (): void => {
      if (!sessions.delete(session)) return;
      session.dispose();
      const left = (byKey.get(identity.digest) ?? 1) - 1;
      if (left === 0) byKey.delete(identity.digest);
      else byKey.set(identity.digest, left);
    };
    return { session, leave };
  };
  return {
    refusal(identity) {
      if (sessions.size >= EVENT_LIMITS.sockets)
        return `This node has ${EVENT_LIMITS.sockets} event streams open: use another node`;
      const used = byKey.get(identity.digest) ?? 0;
      return used < EVENT_LIMITS.socketsPerKey
        ? null
        : `This key has ${used} event streams open here: close one first`;
    },
    socket(socket, identity) {
      const { session, leave } = join(identity, webSocketSink(socket, clock));
      socket.on('message', (data: Buffer, isBinary: boolean) =>
        session.receive(isBinary ? null : data.toString('utf8')),
      );
      socket.on('close', leave);
      socket.on('error', () => socket.terminate());
      keepAlive(socket, clock);
    },
    stream(response, identity, open) {
      response.writeHead(200, {
        'Content-Type': 'text/event-stream',
        'Cache-Control': 'no-store',
        Connection: 'keep-alive',
        'X-Accel-Buffering': 'no',
      });
      const { session, leave } = join(identity, responseSink(response, clock));
      response.on('close', leave);
      response.on('error', leave);
      open(session);
    },
    open: () => sessions.size,
    endAll() {
      for (const session of [...sessions]) session.end(CLOSE.restart, 'the server ends');
    },
  };
}

function webSocketSink(socket: WebSocket, clock: Clock): Sink {
  return {
    send(_kind, _cursor, text) {
      if (socket.readyState === socket.OPEN) socket.send(text);
    },
    unsentBytes: () => socket.bufferedAmount,
    close(code, reason) {
      socket.close(code, reason);
      clock.after(CLOSE_MS, () => socket.terminate(), true);
    },
  };
}

function responseSink(response: ServerResponse, clock: Clock): Sink {
  return {
    send(kind, cursor, text) {
      if (!response.writableEnded)
        response.write(`${cursor ? `id: ${cursor}\n` : ''}event: ${kind}\ndata: ${text}\n\n`);
    },
    unsentBytes: () => response.writableLength,
    close() {
      response.end();
      clock.after(CLOSE_MS, () => response.destroy(), true);
    },
  };
}

/** A ping every 15 s; a socket that does not answer within 10 s is cut. */
function keepAlive(socket: WebSocket, clock: Clock): void {
  let cancel = (): void => undefined;
  const ping = (): void => {
    socket.ping();
    cancel = clock.after(EVENT_LIMITS.pongMs, () => socket.terminate(), true);
  };
  const rest = (): void => {
    cancel();
    cancel = clock.after(EVENT_LIMITS.pingMs, ping, true);
  };
  socket.on('pong', rest);
  socket.on('close', () => cancel());
  rest();
}
