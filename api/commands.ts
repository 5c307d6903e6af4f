/** A command of a user, from the HTTP request to its answer. */
import type { Address } from '../runtime/address.js';
import { PvcError } from '../runtime/errors.js';
import type { Gateway } from '../runtime/gateway-types.js';
import type { ApiContext } from './context.js';
import { plainText, statusOf } from './faults.js';
import type { ApiReply, ApiRequest } from './http.js';
import { heldByLostNode } from './views/held.js';

/** A message to an actor, as the gateway takes it. */
export type ActorEvent = Parameters<Gateway['submit']>[1];

/** How long `wait` may block. PVC's has no end. */
const WAIT_MS = 30 * 60_000;

export interface Command {
  readonly to: Address;
  readonly event: ActorEvent;
  /** Answer at the operation's end. */
  readonly wait: boolean;
  readonly waitMs?: number;
  /** PVC's message once the command is accepted. */
  readonly accepted: string;
  /** PVC's message at the end, with `wait`. */
  readonly done: string;
}

const message = (text: string): { message: string } => ({ message: plainText(text) });

/**
 * A command that is not taken up within the seconds of X-Expires-After ends as failed instead. Without the header it
 * never expires, with `wait` neither: who stops waiting is told that it goes on.
 */
function expiryOf(request: ApiRequest): { expiresMs?: number } {
  const given = request.headers['x-expires-after'];
  if (given === undefined) return {};
  const seconds = typeof given === 'string' && /^\d{1,7}(\.\d{1,3})?$/.test(given) ? Number(given) : 0;
  if (seconds <= 0) throw new PvcError('PVC_INVALID', 'The header X-Expires-After must be a number of seconds above 0');
  return { expiresMs: seconds * 1000 };
}

/** How a command was taken: its operation (`held`: why it waits for its node, null = it does not), or an answer. */
export type Begun =
  | { readonly operationId: string; readonly held: string | null }
  | { readonly operationId: null; readonly message: string };

/**
 * Submits. Denied: the status of its code is set (429 with Retry-After); already so: the status stays; accepted: the
 * operation's id is in the header X-Operation-Id.
 */
export async function beginCommand(
  context: ApiContext, request: ApiRequest, reply: ApiReply, { to, event }: Pick<Command, 'to' | 'event'>,
): Promise<Begun> {
  const submitted = await context.gateway.submit(to, event, request.id, expiryOf(request));
  if (submitted.kind === 'denied') {
    if (submitted.retryAfterS !== undefined) void reply.header('Retry-After', submitted.retryAfterS);
    reply.code(statusOf(submitted.code));
  }
  if (submitted.kind !== 'accepted') return { operationId: null, ...message(submitted.message) };
  void reply.header('X-Operation-Id', submitted.operationId);
  context.begun.note(submitted.operationId, to, event.type);
  return { operationId: submitted.operationId, held: heldByLostNode(context.feed, to) };
}

/** What is said of a command that was accepted and is not waited for. */
const acceptedText = (accepted: string, held: string | null): string =>
  plainText(held === null ? accepted : `${accepted} It waits: ${held}.`);

/** Of RFC 7240: who prefers not to wait is answered with a task, where everybody else is answered at the end. */
const prefersTask = (request: ApiRequest): boolean =>
  [request.headers['prefer'] ?? []].flat().some((each) => /(^|[,;\s])respond-async($|[,;\s])/i.test(each));

/** What is said of a task that was begun; `held` as in Begun. */
export interface TaskBegun {
  readonly to: Address;
  readonly name: string;
  readonly accepted: string;
  readonly held: string | null;
}

/** PVC's answer to a command that is a task: 202, and where to ask for its end is in the header Location. */
export function answerTask(
  { feed }: Pick<ApiContext, 'feed'>, reply: ApiReply, operationId: string, { to, name, accepted, held }: TaskBegun,
): { message: string; task_id: string; task_name: string; run_on: string } {
  void reply.code(202).header('Location', `/api/v1/tasks/${operationId}`);
  const runOn = feed.actor(to)?.owner?.node ?? 'nobody';
  return { message: acceptedText(accepted, held), task_id: operationId, task_name: name, run_on: runOn };
}

/** The same where the caller preferred it; `done`: what is said at its end. */
function asTask(
  context: ApiContext, reply: ApiReply, { to, event, accepted, done }: Command, operationId: string,
  held: string | null,
): { message: string; done: string } {
  void reply.header('Preference-Applied', 'respond-async');
  const name = event.type;
  return { ...answerTask(context, reply, operationId, { to, name, accepted, held }), done: plainText(done) };
}

/**
 * Denied or already so: as beginCommand; accepted -> 200 at once, or with `wait` at the operation's end (failed -> 409;
 * still under way -> 202). With `wait` and `Prefer: respond-async` it is 202 at once, with a task to follow.
 */
export async function runCommand(
  context: ApiContext, request: ApiRequest, reply: ApiReply, command: Command,
): Promise<{ message: string }> {
  const begun = await beginCommand(context, request, reply, command);
  if (begun.operationId === null) return message(begun.message);
  if (!command.wait) return { message: acceptedText(command.accepted, begun.held) };
  if (prefersTask(request)) return asTask(context, reply, command, begun.operationId, begun.held);
  const ended = await context.gateway.waitFor(command.to, begun.operationId, command.waitMs ?? WAIT_MS);
  if (ended === null) {
    reply.code(202);
    return message(`${command.accepted} It is still under way: operation ${begun.operationId}.`);
  }
  if (ended.state === 'failed') {
    reply.code(409);
    return message(ended.message ?? `${command.accepted} It failed.`);
  }
  return message(command.done);
}
