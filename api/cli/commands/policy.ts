/** `pvc rule` and `pvc cluster settings`: what the cluster as a whole is to do. */
import {
  NODE_LOSS, OVERCOMMIT, REBALANCE_ON_START, SHUTDOWN_POLICIES, STORAGE_LOSS,
} from '../../schemas/policy.js';
import { accepted, fetchData, messageOf } from '../calls.js';
import type { Command, CommandContext, OptionSpec, Positional } from '../command.js';
import { usageError } from '../exit.js';
import { formatOption, printFormatted } from '../format/json.js';
import type { RuleObject } from '../../client/types.js';
import { wishOf } from '../format/rule.js';
import { sheet, table } from '../format/table.js';
import { confirmed, YES } from './options.js';

const rulePath = (name: string): string => `/rule/${encodeURIComponent(name)}`;

async function listRules(context: CommandContext): Promise<void> {
  const rules = await fetchData<RuleObject[]>(await context.api(), '/rule');
  printFormatted(context, rules, {
    pretty: () => table<RuleObject>([
      { title: 'Name', cell: (rule) => rule.name },
      { title: 'Kind', cell: (rule) => rule.kind },
      { title: 'VMs', cell: (rule) => rule.vms.join(', ') },
      { title: 'Wish', cell: wishOf },
      { title: 'Strict', cell: (rule) => (rule.strict ? 'yes' : 'no') },
    ], rules, context.terminal.paint),
    raw: () => rules.map((rule) => rule.name).join('\n'),
  });
}

async function addRule(context: CommandContext): Promise<void> {
  const { values, terminal } = context;
  const [together, apart] = [values.flag('together'), values.flag('apart')];
  const nodes = values.list('node');
  if ([together, apart, nodes.length > 0].filter(Boolean).length !== 1) {
    throw usageError('A rule is one of three things: --node NODE (once or more), --together, or --apart.');
  }
  const reply = await accepted(await context.api(), {
    method: 'POST', path: rulePath(values.positional('NAME')),
    query: {
      kind: nodes.length > 0 ? 'node-affinity' : 'vm-affinity', vms: values.positionals('VM'),
      ...(nodes.length > 0 ? { nodes } : { together }), strict: values.flag('strict'),
    },
  });
  terminal.print(messageOf(reply.body));
}

async function removeRule(context: CommandContext): Promise<void> {
  const name = context.values.positional('NAME');
  await confirmed(context, `Remove rule "${name}"`);
  const reply = await accepted(await context.api(), { method: 'DELETE', path: rulePath(name) });
  context.terminal.print(messageOf(reply.body));
}

const SETTINGS: readonly (OptionSpec & { readonly key: string; readonly label: string })[] = [
  {
    key: 'shutdown_policy', label: 'Shutdown policy', name: 'shutdown-policy', kind: 'text', value: 'POLICY',
    choices: SHUTDOWN_POLICIES,
    help: "What becomes of a node's VMs when its system goes down in order (see \"pvc node leave\").",
  },
  {
    key: 'overcommit', label: 'Overcommit', name: 'overcommit', kind: 'text', value: 'HOW', choices: OVERCOMMIT,
    help: 'A VM where its memory is not free: never (fit), at last (warn), nor by what is provisioned (refuse).',
  },
  {
    key: 'node_loss', label: 'Loss of a node', name: 'node-loss', kind: 'text', value: 'HOW', choices: NODE_LOSS,
    help: 'A start after which the loss of one node would leave a VM without a place.',
  },
  {
    key: 'storage_loss', label: 'Way to storage lost', name: 'storage-loss', kind: 'text', value: 'HOW',
    choices: STORAGE_LOSS,
    help: 'VMs on RBD of a node that lives and has no way to the storage: begun anew elsewhere (move), or left (wait).',
  },
  {
    key: 'storage_loss_after', label: 'Lost for seconds', name: 'storage-loss-after', kind: 'number', value: 'SECONDS',
    help: 'For how long it has been so before they are moved: 5 or more. [default: 30]',
  },
  {
    key: 'rebalance_on_start', label: 'Balance at start', name: 'rebalance-on-start', kind: 'text', value: 'BASIS',
    choices: REBALANCE_ON_START, help: 'A VM that is started goes where the cluster becomes most even.',
  },
];

async function settings(context: CommandContext): Promise<void> {
  const { values, terminal } = context;
  const api = await context.api();
  const change = Object.fromEntries(SETTINGS.map(({ key, name, kind }) =>
    [key, kind === 'number' ? values.number(name) : values.text(name)]));
  if (Object.values(change).some((value) => value !== undefined)) {
    const reply = await accepted(api, { method: 'POST', path: '/settings', query: change });
    terminal.print(messageOf(reply.body));
    return;
  }
  const now = await fetchData<Record<string, unknown>>(api, '/settings');
  const heard = now['disarmed_nodes'] as readonly string[];
  printFormatted(context, now, {
    pretty: () => sheet([
      ...SETTINGS.map(({ key, label }) => [label, String(now[key])] as const),
      ['Maintenance', now['maintenance'] !== true ? 'off'
        : ['on', now['moves_refused'] === true ? 'moves refused' : '', now['disarmed'] === true ? 'disarmed' : '']
          .filter((word) => word !== '').join(', ')],
      ...(heard.length === 0 ? [] : [['Disarmed so far', heard.join(', ')] as const]),
    ], terminal.paint),
  });
}

const NAME: Positional = { name: 'NAME', required: true, help: 'Name of the rule: letters, digits and . - _' };

export const settingsCommands: readonly Command[] = [
  {
    path: ['cluster', 'settings'],
    summary: 'Show the settings of the whole cluster, or change those that are given.',
    options: [...SETTINGS.map(({ key: _key, label: _label, ...option }) => option),
      formatOption('pretty', 'json', 'json-pretty')],
    examples: ['pvc cluster settings', 'pvc cluster settings --shutdown-policy migrate --node-loss refuse'],
    run: settings,
  },
];

export const ruleCommands: readonly Command[] = [
  {
    path: ['rule', 'list'],
    summary: 'List the placement rules.',
    options: [formatOption('pretty', 'raw', 'json', 'json-pretty')],
    examples: ['pvc rule list'],
    run: listRules,
  },
  {
    path: ['rule', 'add'],
    summary: 'Add a placement rule: nodes that VMs like, or VMs that belong together or apart.',
    details:
      'A rule that is not strict only orders places. VMs that stand where a new rule does not want them are moved.',
    positionals: [NAME, { name: 'VM', required: true, many: true, help: 'Names or UUIDs of VMs.' }],
    options: [
      {
        name: 'node', short: 'n', kind: 'list', value: 'NODE[=N]',
        help: 'A node they like, with its priority (1): a higher one is preferred. May be repeated.',
      },
      { name: 'together', short: 't', kind: 'flag', help: 'They belong on one node.' },
      { name: 'apart', short: 'a', kind: 'flag', help: 'No two of them on one node.' },
      { name: 'strict', short: 's', kind: 'flag', help: 'What the rule does not allow is not done.' },
    ],
    examples: ['pvc rule add db-apart db1 db2 --apart --strict', 'pvc rule add fast web1 -n hv1=2 -n hv2'],
    run: addRule,
  },
  {
    path: ['rule', 'remove'],
    summary: 'Remove a placement rule.',
    positionals: [NAME],
    options: [YES],
    examples: ['pvc rule remove db-apart -y'],
    run: removeRule,
  },
];
