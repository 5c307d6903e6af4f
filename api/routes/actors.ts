/** Our additions: the raw actors, and operations as PVC's tasks. */
import { PvcError } from '../../runtime/errors.js';
import type { Operation } from '../../runtime/record.js';
import { addressOf, type Address } from '../../runtime/address.js';
import { cursorText } from '../../runtime/feed.js';
import type { ApiContext } from '../context.js';
import type { Api } from '../http.js';
import { ActorList, ActorListArguments, ActorPath, ActorRecordView, Task, TaskPath, Tasks } from '../schemas/cluster.js';
import { answers, NoArguments } from '../schemas/schema.js';
import { actorRow } from '../views/actor.js';
import { explanationOf, wordOf } from '../views/words.js';

/** PVC's words for how a task fares. */
const TASK_STATES = { accepted: 'RUNNING', done: 'SUCCESS', failed: 'FAILURE' } as const;

export function actorRoutes(api: Api, context: ApiContext): void {
  const { feed } = context;
  api.get('/actors', {
    schema: { summary: 'Every actor, in short', querystring: ActorListArguments, response: answers(ActorList) },
  }, (request) => feed.actors(request.query.kind).map(actorRow).sort((a, b) => (a.address < b.address ? -1 : 1)));

  api.get('/actors/:kind/:id', {
    schema: { summary: 'One actor: its record as stored', params: ActorPath, querystring: NoArguments, response: answers(ActorRecordView) },
  }, (request) => {
    const { kind, id } = request.params;
    const actor = kind === '' || id === '' ? null : feed.actor(addressOf(kind, id));
    if (actor === null) throw new PvcError('PVC_ACTOR_NOT_FOUND', `${kind}/${id}`);
    const { address, record, owner } = actor;
    return {
      address, cursor: cursorText(feed.head()), word: wordOf(record), explanation: explanationOf(record),
      owner: owner as Record<string, unknown> | null, record: record as unknown as Record<string, unknown>,
    };
  });

  api.get('/tasks', {
    schema: { summary: 'Operations under way', querystring: NoArguments, response: answers(Tasks) },
  }, () => {
    const active: Record<string, { id: string; name: string; args: string; kwargs: string }[]> = {};
    for (const { owner, address, operation } of operations(context)) {
      if (operation.state !== 'accepted') continue;
      (active[owner] ??= []).push({ id: operation.operationId, name: operation.command, args: '[]', kwargs: `{'actor': '${address}'}` });
    }
    return { active, reserved: {}, scheduled: {} };
  });

  api.get('/tasks/:id', {
    schema: { summary: 'One operation', params: TaskPath, querystring: NoArguments, response: answers(Task) },
  }, (request) => {
    for (const { address, operation } of operations(context)) {
      if (operation.operationId !== request.params.id) continue;
      return {
        state: TASK_STATES[operation.state], current: operation.state === 'accepted' ? 0 : 1, total: 1,
        status: operation.message ?? '', command: operation.command, actor: address,
      };
    }
    throw new PvcError('PVC_ACTOR_NOT_FOUND', `task/${request.params.id.slice(0, 64)}`);
  });
}

/** The recent operations of all actors: they live in the records. */
function* operations(context: ApiContext): Generator<{ owner: string; address: Address; operation: Operation }> {
  for (const { address, record, owner } of context.feed.actors()) {
    for (const operation of record.operations) yield { owner: owner?.node ?? 'nobody', address, operation };
  }
}
