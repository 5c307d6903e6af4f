/** Commands that PVC answers as tasks: 202 with `{task_id, task_name, run_on}`; the task is the operation. */
import type { ActorEvent } from './commands.js';
import type { Address } from '../runtime/address.js';
import { runCommand } from './commands.js';
import type { ApiDeps } from './deps.js';
import type { ApiReply, ApiRequest } from './http.js';
import { Message, type Static, type TSchema, Type } from './schemas/schema.js';

export const TaskReply = Type.Object({
  message: Type.String(),
  task_id: Type.String(),
  task_name: Type.String(),
  run_on: Type.String(),
});
type Reply = Static<typeof TaskReply> | Static<typeof Message>;

/** Options of a route that answers with a task. */
export const taskRouteAt = <P extends TSchema, Q extends TSchema>(summary: string, params: P, querystring: Q) => ({
  schema: { summary, params, querystring, response: { 200: Message, 202: TaskReply, '4xx': Message, '5xx': Message } },
});

export interface TaskCommand {
  readonly to: Address;
  readonly event: ActorEvent;
  /** PVC's name of the task, `vm.create_snapshot`. */
  readonly name: string;
  readonly accepted: string;
}

/** Denied: the status of its code; accepted: 202, and where to ask for its end is in the header Location. */
export async function runTask(
  deps: ApiDeps, request: ApiRequest, reply: ApiReply, { to, event, name, accepted }: TaskCommand,
): Promise<Reply> {
  const answer = await runCommand(deps, request, reply, { to, event, wait: false, accepted, done: accepted });
  const operationId = reply.getHeader('x-operation-id');
  if (typeof operationId !== 'string') return answer;
  void reply.code(202).header('Location', `/api/v1/tasks/${operationId}`);
  const runOn = deps.feed.actor(to)?.owner?.node ?? 'nobody';
  return { message: answer.message, task_id: operationId, task_name: name, run_on: runOn };
}
