/** A task: begun, and with --wait followed to its end with its progress. */
import type { Call } from '../client/http.js';
import { accepted, fetchData, messageOf } from './calls.js';
import type { CommandContext } from './command.js';
import { CliError, EXIT } from './exit.js';

interface TaskObject {
  readonly state: string; readonly current: number; readonly total: number; readonly status: string;
}

/** Between two looks at a task, milliseconds. */
const LOOK_MS = 500;

/** Sends the call; without --wait prints the task's id, with it what came of it. Exit code 1 if it failed. */
export async function runTask(context: CommandContext, call: Call): Promise<void> {
  const { terminal, values, host } = context;
  const api = await context.api();
  const reply = await accepted(api, call);
  const { task_id: first, task_ids: ids = [first], run_on: node } = reply.body as {
    task_id?: string; task_ids?: readonly (string | undefined)[]; run_on?: string;
  };
  const begun = ids.filter((id): id is string => id !== undefined);
  if (begun.length === 0) return terminal.print(messageOf(reply.body));
  if (!values.flag('wait')) {
    return terminal.print(`Task ${begun.join(', ')} on ${node ?? 'a node'}: follow it with "pvc api GET /tasks/ID".`);
  }
  const until = host.clock.monotonicMs() + (values.number('timeout') ?? 600) * 1000;
  const failures: string[] = [];
  for (const id of begun) {
    const ended = await follow(context, id, until);
    if (ended.state === 'SUCCESS') terminal.print(ended.status === '' ? 'Done.' : ended.status);
    else failures.push(ended.status);
  }
  if (failures.length > 0) throw new CliError(EXIT.failed, failures.join('\n'));
}

async function follow(context: CommandContext, id: string, until: number): Promise<TaskObject> {
  const { terminal, host } = context;
  const api = await context.api();
  for (;;) {
    const task = await fetchData<TaskObject>(api, `/tasks/${encodeURIComponent(id)}`);
    if (task.state !== 'RUNNING') {
      terminal.progress('');
      return task;
    }
    terminal.progress(`${task.current}/${task.total} ${task.status}`);
    if (host.clock.monotonicMs() > until) {
      throw new CliError(EXIT.timeout, `Task ${id} is still under way: "pvc api GET /tasks/${id}" shows it.`);
    }
    await host.clock.sleep(LOOK_MS);
  }
}
