/** Commands that PVC answers as tasks: 202 with `{task_id, task_name, run_on}`; the task is the operation. */
import type { Address } from '../runtime/address.js';
import { answerTask, beginCommand, type ActorEvent } from './commands.js';
import type { ApiContext } from './context.js';
import type { ApiReply, ApiRequest } from './http.js';
import { Message, type Static, type TSchema, Type } from './schemas/schema.js';

export const TaskReply = Type.Object({
  message: Type.String(),
  task_id: Type.String(),
  task_name: Type.String(),
  run_on: Type.String(),
  task_ids: Type.Optional(Type.Array(Type.String(), {
    description: 'Ours, where several actors are behind it: the task of each, task_id first',
  })),
});
type Reply = Static<typeof TaskReply> | Static<typeof Message>;

const RESPONSE = { 200: Message, 202: TaskReply, '4xx': Message, '5xx': Message } as const;

/** Options of a route that answers with a task. */
export const taskRouteOf = <Q extends TSchema>(summary: string, querystring: Q) => ({
  schema: { summary, querystring, response: RESPONSE },
});
/** The same with parameters in its path. */
export const taskRouteAt = <P extends TSchema, Q extends TSchema>(summary: string, params: P, querystring: Q) => ({
  schema: { summary, params, querystring, response: RESPONSE },
});

interface Job { readonly to: Address; readonly event: ActorEvent }
interface TaskWords {
  /** PVC's name of the task, `vm.create_snapshot`. */
  readonly name: string;
  readonly accepted: string;
  /** The node that will do it; without it, the (first) actor's owner. */
  readonly runOn?: string;
}
export interface TaskCommand extends Job, TaskWords {}

/** Denied: the status of its code; accepted: 202, and where to ask for its end is in the header Location. */
export function runTask(
  context: ApiContext, request: ApiRequest, reply: ApiReply, { to, event, ...words }: TaskCommand,
): Promise<Reply> {
  return runTasks(context, request, reply, [{ to, event }], words);
}

/**
 * Several actors (at least one) behind one task, told one after the other. Who calls has made sure, as far as the
 * mirror knows, that none will refuse. If one does all the same, those before it go on: the refusal is the answer, and
 * names their tasks.
 */
export async function runTasks(
  context: ApiContext, request: ApiRequest, reply: ApiReply, jobs: readonly Job[], words: TaskWords,
): Promise<Reply> {
  const ids: string[] = [];
  let held: string | null = null;
  for (const job of jobs) {
    const begun = await beginCommand(context, request, reply, job);
    if (begun.operationId === null) {
      const rest = ids.length === 0 ? '' : `. Begun before that, and going on: task ${ids.join(', ')}`;
      return { message: `${begun.message}${rest}` };
    }
    ids.push(begun.operationId);
    held ??= begun.held;
  }
  const [first = ''] = ids;
  void reply.header('X-Operation-Id', first);
  const { name, accepted, runOn } = words;
  return {
    ...answerTask(context, reply, first, { to: jobs[0]!.to, name, accepted, held }),
    ...(runOn === undefined ? {} : { run_on: runOn }), ...(ids.length > 1 ? { task_ids: ids } : {}),
  };
}
