/** `pvc node`. */
import type { Command, CommandContext, OptionSpec } from '../command.js';
import type { NodeObject } from '../../client/types.js';
import { fetchData, fetchOne } from '../calls.js';
import { CliError, EXIT, usageError } from '../exit.js';
import { formatOption, printFormatted } from '../format/json.js';
import { nodeSheet, nodeTable } from '../format/node.js';
import { showLog } from '../follow.js';
import { runOperation } from '../operation.js';
import { confirmed, FOLLOW, LIMIT, LINES, NODE, nodeName, nodePath, WAIT, YES } from './options.js';

const fetchNode = async (context: CommandContext, node: string): Promise<NodeObject> =>
  fetchOne<NodeObject>(
    await context.api(),
    nodePath(node),
    `There is no node "${node}": "pvc node list" shows them.`,
  );

async function isPrimary(context: CommandContext): Promise<void> {
  const { primary_node: primary } = await fetchData<{ primary_node: string | null }>(
    await context.api(),
    '/status/primary_node',
  );
  if (primary !== nodeName(context)) throw new CliError(EXIT.failed, '');
}

async function list(context: CommandContext): Promise<void> {
  const { values } = context;
  const nodes = await fetchData<NodeObject[]>(await context.api(), '/node', {
    limit: values.positional('LIMIT') || undefined,
    daemon_state: values.text('daemon-state'),
    coordinator_state: values.text('coordinator-state'),
    domain_state: values.text('domain-state'),
  });
  printFormatted(context, nodes, {
    pretty: () => nodeTable(nodes, context.terminal.paint),
    raw: () => nodes.map((node) => node.name).join('\n'),
  });
}

async function info(context: CommandContext): Promise<void> {
  const node = await fetchNode(context, nodeName(context));
  printFormatted(context, node, {
    pretty: () => nodeSheet(node, context.terminal.paint, false),
    long: () => nodeSheet(node, context.terminal.paint, true),
  });
}

const setState =
  (aspect: 'coordinator-state' | 'domain-state', state: string) =>
  async (context: CommandContext): Promise<void> => {
    const node = nodeName(context);
    await runOperation(
      context,
      { method: 'POST', path: nodePath(node, `/${aspect}`), query: { state } },
      {
        subject: node,
        kind: 'node',
        look: async () => {
          const now = await fetchNode(context, node);
          return {
            name: now.name,
            place: { state: aspect === 'domain-state' ? now.domain_state : now.coordinator_state, node: null },
          };
        },
      },
    );
  };

async function leave(context: CommandContext): Promise<void> {
  const node = nodeName(context);
  const { values } = context;
  if (values.flag('shutdown') === values.flag('reboot')) throw usageError('Give one of --shutdown and --reboot.');
  const how = values.flag('reboot') ? 'reboot' : 'shutdown';
  await runOperation(context, { method: 'POST', path: nodePath(node, '/leave'), query: { how } }, {
    subject: node,
    kind: 'node',
    look: async () => ({ name: node, place: { state: (await fetchNode(context, node)).domain_state, node: null } }),
  });
}

async function confirmFenced(context: CommandContext): Promise<void> {
  const node = context.values.positional('NODE');
  await confirmed(
    context,
    `Do you vouch that node "${node}" is powered off and stays off until its VMs are recovered`,
  );
  await runOperation(
    context,
    {
      method: 'POST',
      path: nodePath(node, '/confirm-fenced'),
      query: { 'yes-i-really-mean-it': 'yes' },
    },
    {
      subject: node,
      kind: 'node',
      look: async () => ({ name: node, place: { state: (await fetchNode(context, node)).daemon_state, node: null } }),
    },
  );
}

async function log(context: CommandContext): Promise<void> {
  await showLog(context, nodePath(nodeName(context), '/log'));
}

const filter = (name: string, alias: string, word: string): OptionSpec => ({
  name,
  alias,
  kind: 'text',
  value: 'STATE',
  help: `Only nodes in this ${word} state.`,
});

const change = (
  word: string,
  summary: string,
  aspect: 'coordinator-state' | 'domain-state',
  details?: string,
): Command => ({
  path: ['node', word],
  summary,
  ...(details === undefined ? {} : { details }),
  positionals: [NODE],
  options: WAIT,
  examples: [`pvc node ${word} hv1 --wait`],
  run: setState(aspect, word),
});

export const nodeCommands: readonly Command[] = [
  {
    path: ['node', 'is-primary'],
    summary: 'Tell by the exit code whether a node is the primary coordinator.',
    details: 'Prints nothing: 0 means yes, 1 means no.',
    positionals: [NODE],
    examples: ['pvc node is-primary hv1 && echo yes'],
    run: isPrimary,
  },
  change('primary', 'Make a node the primary coordinator.', 'coordinator-state'),
  change('secondary', 'Make another node the primary coordinator instead of this one.', 'coordinator-state'),
  change('flush', 'Take a node out of service: its VMs migrate to other nodes.', 'domain-state'),
  change('ready', 'Put a node back into service: VMs that were flushed from it return.', 'domain-state'),
  {
    path: ['node', 'leave'],
    summary: "Say that a node's system is about to be shut down or rebooted, and have its VMs seen to.",
    details:
      'What is done is the shutdown policy of the cluster ("pvc cluster settings"). For a service that systemd stops '
      + 'before pvcd: docs/cli.md has it. A shutdown that is called off is over with "pvc node ready".',
    positionals: [NODE],
    options: [
      { name: 'shutdown', kind: 'flag', help: 'It goes down for good.' },
      { name: 'reboot', kind: 'flag', help: 'It comes back.' },
      ...WAIT,
    ],
    examples: ['pvc node leave hv1 --reboot --wait && ssh hv1 reboot'],
    run: leave,
  },
  {
    path: ['node', 'confirm-fenced'],
    summary: 'Vouch that a node is off, when its BMC cannot say so.',
    details:
      'For a node that stays in state fencing because its BMC is dead or contradicts itself. ' +
      'Pull its power first, then say so here: its VMs are started elsewhere on your word. ' +
      'If the node still runs, VMs will run twice and damage their disks.',
    positionals: [{ ...NODE, required: true, help: 'Name of the node whose power you cut.' }],
    options: [YES, ...WAIT],
    examples: ['pvc node confirm-fenced hv2'],
    run: confirmFenced,
  },
  {
    path: ['node', 'log'],
    summary: "Show the log of a node's daemon.",
    positionals: [NODE],
    options: [LINES, FOLLOW],
    examples: ['pvc node log hv1 -l 50', 'pvc node log hv1 -f'],
    run: log,
  },
  {
    path: ['node', 'info'],
    summary: 'Show one node.',
    positionals: [NODE],
    options: [formatOption('pretty', 'long', 'json', 'json-pretty')],
    examples: ['pvc node info hv1', 'pvc node info hv1 -f long'],
    run: info,
  },
  {
    path: ['node', 'list'],
    summary: 'List the nodes.',
    positionals: [LIMIT],
    options: [
      filter('daemon-state', '-ds', 'daemon'),
      filter('coordinator-state', '-cs', 'coordinator'),
      filter('domain-state', '-vs', 'domain'),
      formatOption('pretty', 'raw', 'json', 'json-pretty'),
    ],
    examples: ['pvc node list', 'pvc node list -ds run -f raw'],
    run: list,
  },
];
