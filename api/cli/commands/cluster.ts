/** `pvc cluster`. */
import type { Command, CommandContext } from '../command.js';
import type { StatusObject } from '../../client/types.js';
import { accepted, fetchData, messageOf } from '../calls.js';
import { statusSheet, statusShort } from '../format/cluster.js';
import { formatOption, printFormatted } from '../format/json.js';
import { confirmed, YES } from './options.js';

async function status(context: CommandContext): Promise<void> {
  const data = await fetchData<StatusObject>(await context.api(), '/status');
  printFormatted(context, data, {
    pretty: () => statusSheet(data, context.terminal.paint),
    short: () => statusShort(data, context.terminal.paint),
  });
}

const DISARM_QUESTION =
  'Let guests run on without the cluster until maintenance is off (a node that dies meanwhile is not recovered)';

const maintenance =
  (state: 'true' | 'false') =>
  async (context: CommandContext): Promise<void> => {
    const { values } = context;
    const query = {
      state,
      ...(state === 'true' && values.flag('refuse-moves') ? { refuse_moves: true } : {}),
      ...(state === 'true' && values.flag('disarm') ? { disarm: true } : {}),
    };
    if ('disarm' in query) await confirmed(context, DISARM_QUESTION);
    const reply = await accepted(await context.api(), { method: 'POST', path: '/status', query });
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
    details:
      'With --disarm, for work on the network: guests run on when their node loses the cluster, as long as it takes. '
      + 'Wait until "pvc cluster settings" names every node as disarmed before you unplug anything.',
    options: [
      { name: 'refuse-moves', kind: 'flag', help: 'Refuse commands that move VMs while it is on.' },
      { name: 'disarm', kind: 'flag', help: 'Nodes keep their guests even without the cluster.' },
      YES,
    ],
    examples: ['pvc cluster maintenance on', 'pvc cluster maintenance on --disarm -y'],
    run: maintenance('true'),
  },
  {
    path: ['cluster', 'maintenance', 'off'],
    summary: 'Switch maintenance mode off.',
    examples: ['pvc cluster maintenance off'],
    run: maintenance('false'),
  },
];
