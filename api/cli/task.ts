/** A task: begun, and followed to its end with its progress. */
import type { Call, Reply } from '../client/http.js';
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

/** Sends a call that is answered with a task, or several: see endOf. What each came to is printed. */
export async function runTask(context: CommandContext, call: Call): Promise<void> {
  const reply = await accepted(await context.api(), call);
  const { task_id: first, task_ids: ids = first === undefined ? [] : [first] } = reply.body as {
    task_id?: string; task_ids?: readonly string[];
  };
  await endOf(context, reply, ids, (ended) => ended.status || 'Done.');
}

/** Sends a call that PVC answers at its end, and follows it as a task: see endOf. */
export async function runToEnd(context: CommandContext, call: Call): Promise<void> {
  const reply = await accepted(await context.api(), { ...call, asTask: true });
  const { task_id: id, done = 'Done.' } = reply.body as { task_id?: string; done?: string };
  await endOf(context, reply, id === undefined ? [] : [id], () => done);
}

/**
 * Follows the tasks of an answer to their ends; with --no-wait prints their ids. Exit code 1 if one failed. Ctrl-C ends
 * the waiting, and tells how to end the task.
 */
async function endOf(
  context: CommandContext, reply: Reply, ids: readonly string[], doneText: (ended: TaskObject) => string,
): Promise<void> {
  const { terminal, values, host } = context;
  if (ids.length === 0) return terminal.print(messageOf(reply.body));
  if (!waits(context)) {
    const shows = ids.map((id) => `"pvc task show ${id}"`).join(', ');
    return terminal.print(`${messageOf(reply.body)} Follow ${ids.length === 1 ? 'it' : 'them'} with ${shows}.`);
  }
  let interrupted = false;
  const undo = host.onInterrupt(() => { interrupted = true; });
  try {
    const until = host.clock.monotonicMs() + (values.number('timeout') ?? LONG_WAIT_S) * 1000;
    const failures: string[] = [];
    for (const id of ids) {
      const ended = await follow(context, id, until, () => interrupted);
      if (ended.state === 'SUCCESS') terminal.print(doneText(ended));
      else failures.push(ended.status || 'It failed.');
    }
    if (failures.length > 0) throw new CliError(EXIT.failed, failures.join('\n'));
  } finally {
    undo();
  }
}

async function follow(
  context: CommandContext, id: string, until: number, interrupted: () => boolean,
): Promise<TaskObject> {
  const { terminal, host } = context;
  const api = await context.api();
  for (let pauseMs = FIRST_LOOK_MS; ; pauseMs = Math.min(LOOK_MS, pauseMs * 2)) {
    const task = await fetchData<TaskObject>(api, `/tasks/${encodeURIComponent(id)}`);
    if (task.state !== 'RUNNING' && task.state !== 'PENDING') {
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
