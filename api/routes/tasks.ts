/** Operations as PVC's tasks. */
import { stateSentence } from '../../machines/definition.js';
import { machineOf } from '../../machines/registry.js';
import { PvcError } from '../../runtime/errors.js';
import type { Operation } from '../../runtime/record.js';
import { splitAddress, type Address } from '../../runtime/address.js';
import { runCommand } from '../commands.js';
import type { ApiContext } from '../context.js';
import type { Api } from '../http.js';
import { Task, TaskPath, Tasks } from '../schemas/cluster.js';
import { Message, NoArguments, routeAt, routeOf, type Static } from '../schemas/schema.js';

/** PVC's words for how a task fares. */
const TASK_STATES = { accepted: 'RUNNING', done: 'SUCCESS', failed: 'FAILURE' } as const;

export function taskRoutes(api: Api, context: ApiContext): void {
  api.get('/tasks', routeOf('Operations under way', NoArguments, Tasks), () => {
    const active: Record<string, { id: string; name: string; args: string; kwargs: string }[]> = {};
    for (const { owner, address, operation } of operations(context)) {
      if (operation.state !== 'accepted') continue;
      const { operationId: id, command: name } = operation;
      (active[owner] ??= []).push({ id, name, args: '[]', kwargs: `{'actor': '${address}'}` });
    }
    return { active, reserved: {}, scheduled: {} };
  });

  api.get('/tasks/:id', routeAt('One operation', TaskPath, NoArguments, Task), async (request) => {
    const { id } = request.params;
    const until = context.clock.monotonicMs() + (OPERATION.test(id) ? HEARD_MS : 0);
    for (;;) {
      const told = taskOf(context, id);
      if (told !== null) return told;
      if (context.clock.monotonicMs() >= until) throw unknownTask(id);
      await context.clock.sleep(LOOK_MS);
    }
  });

  api.delete('/tasks/:id', routeAt('Cancel an operation', TaskPath, NoArguments, Message), (request, reply) => {
    for (const { address, operation } of operations(context)) {
      if (operation.operationId !== request.params.id) continue;
      if (operation.endedAt !== null) throw new PvcError('PVC_WRONG_STATE', 'It has ended already');
      const kind = splitAddress(address).kind;
      if (!CANCELLABLE.includes(kind)) {
        throw new PvcError('PVC_WRONG_STATE', `${operation.command} cannot be cancelled: ${whyNot(kind)}`);
      }
      return runCommand(context, request, reply, {
        to: address, event: { type: `${kind}.cancel` }, wait: true, waitMs: CANCEL_MS,
        accepted: 'It is being cancelled.', done: 'It was cancelled.',
      });
    }
    const begun = context.begun.get(request.params.id);
    if (begun === null) throw unknownTask(request.params.id);
    throw new PvcError('PVC_WRONG_STATE', `${begun.command} waits for its turn: cancel it once it is under way`);
  });
}

/** What operations are called; of one that another node has just begun, this one may hear a moment later. */
const OPERATION = /^op-[0-9a-f]{16}$/;
const HEARD_MS = 5000;
const LOOK_MS = 25;

/** null = there is no such operation, as far as this node knows. */
function taskOf(context: ApiContext, id: string): Static<typeof Task> | null {
  for (const { address, operation } of operations(context)) {
    if (operation.operationId !== id) continue;
    context.begun.seen(id);
    const { current, total, status } = progressOf(context, address, operation);
    return { state: TASK_STATES[operation.state], current, total, status, command: operation.command, actor: address };
  }
  const begun = context.begun.get(id);
  return begun === null ? null : { state: 'PENDING', current: 0, total: 1, status: '', ...begun };
}

const unknownTask = (id: string): PvcError => new PvcError('PVC_TASK_NOT_FOUND', id.slice(0, 64));

/** Kinds of actors that understand `<kind>.cancel`. */
const CANCELLABLE: readonly string[] = ['volume', 'osd', 'benchmark'];
const CANCEL_MS = 30_000;

const whyNot = (kind: string): string => (kind === 'pool'
  ? 'a pool is made or removed as a whole. Let it end; a new pool can be removed then'
  : 'it ends by itself, or says why it did not. Let it end, then undo it by its opposite');

interface Progress { readonly current: number; readonly total: number; readonly status: string }

/** How far it is, as far as its actor says so: `progress {current, total, status}` of its context. */
function progressOf(context: ApiContext, address: Address, { state, message }: Operation): Progress {
  if (state !== 'accepted') return { current: 1, total: 1, status: message ?? '' };
  const snapshot = context.feed.actor(address)?.record.snapshot;
  const told = snapshot?.context['progress'] as Partial<Progress> | null | undefined;
  const { current, total, status } = told ?? {};
  const definition = machineOf(splitAddress(address).kind);
  const doing = snapshot === undefined || definition === undefined ? ''
    : stateSentence(definition.states, snapshot.value);
  const text = String(status ?? '') || message || doing.replace(/\.$/, '');
  if (!Number.isInteger(current) || !Number.isInteger(total)) return { current: 0, total: 1, status: text };
  return { current: current!, total: total!, status: text };
}

/** The recent operations of all actors: they live in the records, and in what removed ones left. */
function* operations(context: ApiContext): Generator<{ owner: string; address: Address; operation: Operation }> {
  for (const { address, record, owner } of context.feed.actors()) {
    for (const operation of record.operations) yield { owner: owner?.node ?? 'nobody', address, operation };
  }
  for (const { address, record } of context.feed.buried()) {
    for (const operation of record.operations) yield { owner: 'nobody', address, operation: endedBy(operation) };
  }
}

/** A removal is over when its actor is gone; its end may be no part of what is left. */
const endedBy = (operation: Operation): Operation =>
  (operation.endedAt === null ? { ...operation, state: 'done', endedAt: 0 } : operation);
