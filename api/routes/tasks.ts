/** Operations as PVC's tasks. */
import { PvcError } from '../../runtime/errors.js';
import type { Operation } from '../../runtime/record.js';
import type { Address } from '../../runtime/address.js';
import type { ApiContext } from '../context.js';
import type { Api } from '../http.js';
import { Task, TaskPath, Tasks } from '../schemas/cluster.js';
import { NoArguments, routeAt, routeOf } from '../schemas/schema.js';

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

  api.get('/tasks/:id', routeAt('One operation', TaskPath, NoArguments, Task), (request) => {
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
