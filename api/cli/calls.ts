/** Calls as commands make them: a good answer's data, or the end of the command with its exit code. */
import { NoAnswer, type ApiClient, type Call, type Reply } from '../client/http.js';
import { originOf } from '../client/connection.js';
import type { CommandContext } from './command.js';
import { CliError, EXIT, exitCodeOfStatus } from './exit.js';

/** The reply of a call that was accepted. Throws a CliError for a refusal and for no answer. */
export async function accepted(api: ApiClient, call: Call): Promise<Reply> {
  let reply: Reply;
  try {
    reply = await api.call(call);
  } catch (error) {
    throw noAnswer(api, error);
  }
  if (reply.status >= 200 && reply.status < 300) return reply;
  throw refusal(api, reply);
}

/** Pauses between two tries of what was answered 429, milliseconds: what the API asks for, within reason. */
const PAUSE_DEFAULT_MS = 2_000;
const PAUSE_MAX_MS = 30_000;

/**
 * As `accepted`, but a full mailbox (429) is waited for, as long as the API asks, until `giveUpAtMs` (monotonic).
 * Nothing was stored by a call that was answered so: sending it again is harmless.
 */
export async function acceptedWhenFree(
  context: CommandContext, api: ApiClient, call: Call, name: string, giveUpAtMs: number,
): Promise<Reply> {
  const { clock } = context.host;
  for (let attempt = 1; ; attempt += 1) {
    let reply: Reply;
    try {
      reply = await api.call(call);
    } catch (error) {
      throw noAnswer(api, error);
    }
    if (reply.status >= 200 && reply.status < 300) return reply;
    const pauseMs = pauseAsked(reply);
    if (reply.status !== 429 || clock.monotonicMs() + pauseMs > giveUpAtMs) throw refusal(api, reply);
    const text = `${name}: ${messageOf(reply.body).trim()} (try ${attempt}; again in ${pauseMs / 1000} s)`;
    if (attempt === 1) context.terminal.note(text);
    else context.terminal.progress(text);
    await clock.sleep(pauseMs);
  }
}

function pauseAsked(reply: Reply): number {
  const seconds = Number(reply.headers['retry-after']);
  const ms = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : PAUSE_DEFAULT_MS;
  return Math.min(ms, PAUSE_MAX_MS);
}

export async function fetchData<T>(api: ApiClient, path: string, query: Call['query'] = {}): Promise<T> {
  return (await accepted(api, { method: 'GET', path, query })).body as T;
}

/** The element of PVC's one-element list. */
export async function fetchOne<T>(api: ApiClient, path: string, missing: string): Promise<T> {
  const body = await fetchData<T | T[]>(api, path);
  const found = Array.isArray(body) ? body[0] : body;
  if (found === undefined || found === null) throw new CliError(EXIT.notFound, missing);
  return found;
}

/** The text in `{"message": text}`. */
export function messageOf(body: unknown): string {
  if (typeof body === 'object' && body !== null) {
    const { message, detail, title } = body as Readonly<Record<string, unknown>>;
    for (const text of [message, detail, title]) if (typeof text === 'string') return text;
  }
  return typeof body === 'string' ? body : '';
}

export function noAnswer(api: ApiClient, error: unknown): CliError {
  if (!(error instanceof NoAnswer)) throw error;
  const { name } = api.connection;
  if (error.kind === 'timeout')
    return new CliError(EXIT.timeout, `${error.message}: try again, or look at "pvc cluster status".`, {
      cause: error,
    });
  return new CliError(
    EXIT.unreachable,
    `${error.message}: is the cluster of connection "${name}" running? ` +
      '"pvc connection list" shows what is known.',
    { cause: error },
  );
}

export function refusal(api: ApiClient, reply: Reply): CliError {
  const { name } = api.connection;
  const text = messageOf(reply.body).trim();
  if (reply.status === 401 || reply.status === 403) {
    return new CliError(
      EXIT.auth,
      `${originOf(api.connection)} did not accept the key of connection "${name}"` +
        `${text === '' ? '' : ` (${text})`}: store the right one with ` +
        `"pvc connection add ${name} -a ${api.connection.host} -k KEY".`,
    );
  }
  if (text === '') {
    return new CliError(
      exitCodeOfStatus(reply.status),
      `${originOf(api.connection)} answered with status ${reply.status} and no message: ` + 'is this a PVC API?',
    );
  }
  const later = reply.status === 429 ? ' (try again later, or give --wait, which tries by itself)' : '';
  return new CliError(exitCodeOfStatus(reply.status), `${text}${later}`);
}
