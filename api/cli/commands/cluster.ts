/** `pvc cluster`. */
import type { Command, CommandContext } from '../command.js';
import type { StatusObject } from '../../client/types.js';
import { accepted, fetchData, messageOf } from '../calls.js';
import { statusSheet, statusShort } from '../format/cluster.js';
import { formatOption, printFormatted } from '../format/json.js';

async function status(context: CommandContext): Promise<void> {
  const data = await fetchData<StatusObject>(await context.api(), '/status');
  printFormatted(context, data, {
    pretty: () => statusSheet(data, context.terminal.paint),
    short: () => statusShort(data, context.terminal.paint),
  });
}

const maintenance =
  (state: 'true' | 'false') =>
  async (context: CommandContext): Promise<void> => {
    const reply = await accepted(await context.api(), { method: 'POST', path: '/status', query: { state } });
    context.terminal.print(messageOf(reply.body));
  };

export const clusterCommands: readonly Command[] = [
  {
    path: ['cluster', 'status'],
    summary: 'Show the health, the resources and the counts of the cluster.',
    options: [formatOption('pretty', 'short', 'json', 'json-pretty')],
    examples: ['pvc cluster status', 'pvc cluster status -f short'],
    run: status,
  },
  {
    path: ['cluster', 'maintenance', 'on'],
    summary: 'Switch maintenance mode on: no alarm by health, and nothing begins by itself (no fence).',
    examples: ['pvc cluster maintenance on'],
    run: maintenance('true'),
  },
  {
    path: ['cluster', 'maintenance', 'off'],
    summary: 'Switch maintenance mode off.',
    examples: ['pvc cluster maintenance off'],
    run: maintenance('false'),
  },
];
