/** Tasks of OSDs: answered 202 as those of api/tasks.ts; several actors may be behind one. */
import type { Address } from '../runtime/address.js';
import type { ActorEvent } from './commands.js';
import type { ApiContext } from './context.js';
import { plainText, statusOf } from './faults.js';
import type { ApiReply, ApiRequest } from './http.js';

export type TaskReply = { message: string } | {
  task_id: string; task_name: string; run_on: string; task_ids?: string[];
};

/** Submits the commands; the first one's operation is the task. `runOn` = the node that will do it. */
export async function beginTask(
  context: ApiContext, request: ApiRequest, reply: ApiReply, name: string, runOn: string,
  commands: readonly { readonly to: Address; readonly event: ActorEvent }[],
): Promise<TaskReply> {
  const ids: string[] = [];
  for (const { to, event } of commands) {
    const submitted = await context.gateway.submit(to, event, request.id);
    if (submitted.kind !== 'accepted') {
      reply.code(submitted.kind === 'denied' ? statusOf(submitted.code) : 200);
      return { message: plainText(submitted.message) };
    }
    ids.push(submitted.operationId);
  }
  const first = ids[0] ?? '';
  void reply.code(202).headers({ Location: `/api/v1/tasks/${first}`, 'X-Operation-Id': first });
  return { task_id: first, task_name: name, run_on: runOn, ...(ids.length > 1 ? { task_ids: ids } : {}) };
}
