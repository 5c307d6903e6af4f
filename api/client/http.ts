/**
 * One HTTP call to the API. Knows the prefix, the key, the retries and what counts as unreachable; knows no
 * command. Only node:http, so that starting the CLI stays quick.
 */
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { systemClock, type Clock } from '../../runtime/clock.js';
import { uploadBody, type Upload, type UploadBody } from './upload.js';
import { API_PREFIX, originOf, type Connection } from './connection.js';

/** Query or form values. undefined and null are left out; a list repeats its name. */
export type Parameters = Readonly<Record<string, string | number | boolean | readonly string[] | null | undefined>>;

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface Call {
  readonly method: Method;
  /** Below `/api/v1`, beginning with a slash. */
  readonly path: string;
  readonly query?: Parameters;
  /** Sent as application/x-www-form-urlencoded. */
  readonly form?: Parameters;
  /** A file, sent as multipart/form-data. */
  readonly file?: Upload;
  /** Answer with a task at once (RFC 7240), where the API would else answer at the end. */
  readonly asTask?: boolean;
  /** How long to wait for the answer, in milliseconds. Default: for ever (a command may block with wait=true). */
  readonly timeoutMs?: number;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** The parsed JSON, or the text as it came if it is none. */
  readonly body: unknown;
}

/** No answer came: `kind` says whether the API was never reached or did not answer in time. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  constructor(
    readonly kind: 'unreachable' | 'timeout',
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

export interface ApiClient {
  readonly connection: Connection;
  /** Any status is a reply, never an error. Rejects with NoAnswer only. */
  call(call: Call): Promise<Reply>;
}

export interface ClientOptions {
  readonly clock?: Clock;
  readonly userAgent?: string;
  /** Told of every call before it is sent, as an equivalent curl command with the key masked. */
  readonly trace?: (line: string) => void;
}

/** PVC's own: a connect time-out of 2.05 s. */
const CONNECT_TIMEOUT_MS = 2_050;
/** Reading is repeated after a lost connection; acting never is. */
const GET_ATTEMPTS = 3;
const RETRY_DELAY_MS = 150;
const REPLY_BYTES_MAX = 64 << 20;

export function createApiClient(connection: Connection, options: ClientOptions = {}): ApiClient {
  const clock = options.clock ?? systemClock;
  return {
    connection,
    async call(call) {
      options.trace?.(curlOf(connection, call));
      const attempts = call.method === 'GET' ? GET_ATTEMPTS : 1;
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await send(connection, call, clock, options.userAgent ?? 'pvc');
        } catch (error) {
          if (attempt >= attempts || !(error instanceof NoAnswer) || error.kind === 'timeout') throw error;
          await clock.sleep(RETRY_DELAY_MS * attempt);
        }
      }
    },
  };
}

/** `a=1&b=x&b=y`; booleans as true/false. */
function encodeParameters(parameters: Parameters | undefined): string {
  const encoded = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters ?? {})) {
    if (value === undefined || value === null) continue;
    for (const one of Array.isArray(value) ? value : [value]) encoded.append(name, String(one));
  }
  return encoded.toString();
}

function pathOf(call: Call): string {
  const query = encodeParameters(call.query);
  if (query === '') return `${API_PREFIX}${call.path}`;
  return `${API_PREFIX}${call.path}${call.path.includes('?') ? '&' : '?'}${query}`;
}

const shellQuote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** The call as a curl command line; the key is replaced by `$PVC_API_KEY`. */
function curlOf(connection: Connection, call: Call): string {
  const parts = ['curl', '-sS'];
  if (call.method !== 'GET') parts.push('-X', call.method);
  if (!connection.verifySsl && connection.scheme === 'https') parts.push('-k');
  if (connection.apiKey !== null) parts.push('-H', '"X-Api-Key: $PVC_API_KEY"');
  for (const [name, value] of Object.entries(call.form ?? {})) {
    if (value === undefined || value === null) continue;
    const text = String(value);
    parts.push('--data-urlencode', shellQuote(`${name}=${text.length > 60 ? `${text.slice(0, 60)}...` : text}`));
  }
  parts.push(shellQuote(`${originOf(connection)}${pathOf(call)}`));
  return parts.join(' ');
}

async function send(connection: Connection, call: Call, clock: Clock, userAgent: string): Promise<Reply> {
  const request = connection.scheme === 'https' ? (await import('node:https')).request : httpRequest;
  const body = call.form === undefined ? '' : encodeParameters(call.form);
  const file = call.file === undefined ? null : uploadBody(call.file);
  const options: RequestOptions & { rejectUnauthorized?: boolean } = {
    host: connection.host,
    port: connection.port,
    path: pathOf(call),
    method: call.method,
    agent: false,
    headers: {
      Accept: 'application/problem+json, application/json',
      'User-Agent': userAgent,
      ...(connection.apiKey === null ? {} : { 'X-Api-Key': connection.apiKey }),
      ...(call.method === 'GET' ? {} : { 'Content-Length': file?.length ?? Buffer.byteLength(body) }),
      ...(call.asTask === true ? { Prefer: 'respond-async' } : {}),
      ...(file === null ? {} : { 'Content-Type': file.contentType }),
      ...(call.form === undefined ? {} : { 'Content-Type': 'application/x-www-form-urlencoded' }),
    },
  };
  if (connection.scheme === 'https') options.rejectUnauthorized = connection.verifySsl;
  return await exchange(connection, request, options, file ?? body, call.timeoutMs, clock);
}

function exchange(
  connection: Connection,
  request: typeof httpRequest,
  options: RequestOptions,
  body: string | UploadBody,
  timeoutMs: number | undefined,
  clock: Clock,
): Promise<Reply> {
  const origin = originOf(connection);
  return new Promise((resolve, reject) => {
    const outgoing = request(options);
    const cancels: (() => void)[] = [];
    const settle = (finish: () => void): void => {
      for (const cancel of cancels.splice(0)) cancel();
      finish();
    };
    const give = (kind: NoAnswer['kind'], message: string, cause?: unknown): void => {
      settle(() => reject(new NoAnswer(kind, message, { cause })));
      outgoing.destroy();
    };
    const cancelConnect = clock.after(CONNECT_TIMEOUT_MS, () =>
      give('unreachable', `${origin} did not accept a connection within 2 s`),
    );
    cancels.push(cancelConnect);
    if (timeoutMs !== undefined) {
      cancels.push(
        clock.after(timeoutMs, () => give('timeout', `${origin} did not answer within ${timeoutMs / 1000} s`)),
      );
    }
    outgoing.on('socket', (socket) => socket.once('connect', cancelConnect));
    outgoing.on('error', (error: NodeJS.ErrnoException) =>
      give('unreachable', `${origin} cannot be reached (${error.code ?? error.message})`, error),
    );
    outgoing.on('response', (incoming) => {
      collect(incoming).then(
        (reply) => settle(() => resolve(reply)),
        (error: Error) => give('unreachable', `${origin} broke off its answer (${error.message})`, error),
      );
    });
    if (typeof body === 'string') outgoing.end(body);
    else body.stream.on('error', (error) => give('unreachable', error.message, error)).pipe(outgoing);
  });
}

async function collect(incoming: IncomingMessage): Promise<Reply> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > REPLY_BYTES_MAX) throw new Error(`answer larger than ${REPLY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, body: parsed(text) };
}

function parsed(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return text;
  }
}
