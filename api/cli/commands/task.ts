/** `pvc task`: what is under way. */
import { accepted, fetchData, messageOf } from '../calls.js';
import type { Command, CommandContext, Positional } from '../command.js';
import { formatOption, printFormatted } from '../format/json.js';
import { sheet, table } from '../format/table.js';
import { progressText, type TaskObject } from '../task.js';

interface Active { readonly id: string; readonly name: string; readonly kwargs: string }
interface Row extends Active { readonly node: string }

const ID: Positional = { name: 'ID', required: true, help: 'Id of the task.' };
const pathOf = (id: string): string => `/tasks/${encodeURIComponent(id)}`;

/** `{'actor': 'volume/vms~a'}`, as PVC writes arguments. */
const subject = ({ kwargs }: Active): string => /'actor': '([^']*)'/.exec(kwargs)?.[1] ?? kwargs;

async function list(context: CommandContext): Promise<void> {
  const { active } = await fetchData<{ active: Record<string, readonly Active[]> }>(await context.api(), '/tasks');
  const rows: Row[] = Object.entries(active).flatMap(([node, tasks]) => tasks.map((each) => ({ ...each, node })));
  printFormatted(context, rows, {
    pretty: () => rows.length === 0 ? 'Nothing is under way.' : table<Row>([
      { title: 'ID', cell: (row) => row.id },
      { title: 'What', cell: (row) => row.name },
      { title: 'Of', cell: subject },
      { title: 'Node', cell: (row) => row.node },
    ], rows, context.terminal.paint),
    raw: () => rows.map((row) => row.id).join('\n'),
  });
}

async function show(context: CommandContext): Promise<void> {
  const id = context.values.positional('ID');
  const task = await fetchData<TaskObject & { command: string; actor: string }>(await context.api(), pathOf(id));
  printFormatted(context, task, {
    pretty: () => sheet([
      ['Task', id], ['What', task.command], ['Of', task.actor], ['State', task.state],
      [task.state === 'RUNNING' ? 'Progress' : 'Result', task.state === 'RUNNING' ? progressText(task) : task.status],
    ], context.terminal.paint),
  });
}

async function cancel(context: CommandContext): Promise<void> {
  const path = pathOf(context.values.positional('ID'));
  context.terminal.print(messageOf((await accepted(await context.api(), { method: 'DELETE', path })).body));
}

export const taskCommands: readonly Command[] = [
  {
    path: ['task', 'list'],
    summary: 'List what is under way.',
    options: [formatOption('pretty', 'raw', 'json', 'json-pretty')],
    examples: ['pvc task list'],
    run: list,
  },
  {
    path: ['task', 'show'],
    summary: 'Show how far a task is, or how it ended.',
    positionals: [ID],
    options: [formatOption('pretty', 'json', 'json-pretty')],
    examples: ['pvc task show 3f0c9a2e'],
    run: show,
  },
  {
    path: ['task', 'cancel'],
    summary: 'End a task that can be ended: flattening, an upload, the draining of an OSD, a benchmark.',
    details: 'What cannot be undone half-way, as a rollback or a removal, is not cancelled, and says why.',
    positionals: [ID],
    examples: ['pvc task cancel 3f0c9a2e'],
    run: cancel,
  },
];
