/** A task: begun, and with --wait followed to its end with its progress. */
import type { Call } from '../client/http.js';
import { accepted, fetchData, messageOf } from './calls.js';
import type { CommandContext } from './command.js';
import { waits } from './commands/options.js';
import { CliError, EXIT } from './exit.js';

export interface TaskObject {
  readonly state: string; readonly current: number; readonly total: number; readonly status: string;
}

/** Between two looks at a task, milliseconds: short ones first, for what is done at once. */
const LOOK_MS = 500;
const FIRST_LOOK_MS = 50;
/** A day: longest wait for what copies data. */
const LONG_WAIT_S = 86_400;

/** `flattening: 42 %`; `removing vms/a (2 of 5)`; what is not known is not told. */
export function progressText({ current, total, status }: Pick<TaskObject, 'current' | 'total' | 'status'>): string {
  const text = status === '' ? 'Under way' : status;
  if (total <= 1) return `${text}...`;
  return total === 1000 ? `${text}: ${Math.floor(current / 10)} %` : `${text} (${current} of ${total})`;
}

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
    return terminal.print(`Task ${begun.join(', ')} on ${node ?? 'a node'}: follow it with "pvc task show ID".`);
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

/**
 * Sends a call that PVC answers at its end, and follows it as a task; with --no-wait prints the task's id. Exit code 1
 * if it failed. Ctrl-C ends the waiting, and tells how to end the task.
 */
export async function runToEnd(context: CommandContext, call: Call): Promise<void> {
  const { terminal, values, host } = context;
  const reply = await accepted(await context.api(), { ...call, asTask: true });
  const { task_id: id, done = 'Done.' } = reply.body as { task_id?: string; done?: string };
  if (id === undefined) return terminal.print(messageOf(reply.body));
  if (!waits(context)) {
    return terminal.print(`${messageOf(reply.body)} Follow it with "pvc task show ${id}".`);
  }
  let interrupted = false;
  const undo = host.onInterrupt(() => { interrupted = true; });
  try {
    const until = host.clock.monotonicMs() + (values.number('timeout') ?? LONG_WAIT_S) * 1000;
    const ended = await follow(context, id, until, () => interrupted);
    if (ended.state !== 'SUCCESS') throw new CliError(EXIT.failed, ended.status || 'It failed.');
    terminal.print(done);
  } finally {
    undo();
  }
}

async function follow(
  context: CommandContext, id: string, until: number, interrupted = () => false,
): Promise<TaskObject> {
  const { terminal, host } = context;
  const api = await context.api();
  for (let pauseMs = FIRST_LOOK_MS; ; pauseMs = Math.min(LOOK_MS, pauseMs * 2)) {
    const task = await fetchData<TaskObject>(api, `/tasks/${encodeURIComponent(id)}`);
    if (task.state !== 'RUNNING') {
      terminal.progress('');
      return task;
    }
    terminal.progress(progressText(task));
    if (interrupted() || host.clock.monotonicMs() > until) {
      terminal.progress('');
      throw new CliError(EXIT.timeout, `Task ${id} is still under way: "pvc task show ${id}" shows it, `
        + `"pvc task cancel ${id}" ends it where that can be.`);
    }
    await host.clock.sleep(pauseMs);
  }
}
