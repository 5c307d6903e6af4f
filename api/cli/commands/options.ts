/** Options and arguments that many commands share. */
import type { CommandContext, OptionSpec, Positional } from '../command.js';

export const YES: OptionSpec = { name: 'yes', short: 'y', kind: 'flag', help: 'Do not ask for confirmation.' };

export const WAIT: readonly OptionSpec[] = [
  {
    name: 'wait',
    short: 'w',
    kind: 'flag',
    help: 'Return when it is done, not when it is accepted; told by the event stream.',
  },
  {
    name: 'timeout',
    kind: 'number',
    value: 'SECONDS',
    default: 600,
    help: 'With --wait: give up waiting (not the operation) after this long, exit code 6.',
  },
];

/** Of commands whose end users expect to see, as PVC's client does: to wait is the default. */
export const WAITS: readonly OptionSpec[] = [
  {
    name: 'wait',
    short: 'w',
    kind: 'switch',
    off: { name: 'no-wait' },
    help: 'Return when it is done, showing how far it is; --no-wait: when it is accepted. [default: wait]',
  },
  {
    name: 'timeout',
    kind: 'number',
    value: 'SECONDS',
    help: 'Give up waiting (not the operation) after this long, exit code 6. [default: a day]',
  },
];
export const waits = (context: CommandContext): boolean => context.values.toggle('wait') ?? true;

export const VM: Positional = { name: 'VM', required: true, help: 'Name or UUID of the virtual machine.' };
export const NODE: Positional = { name: 'NODE', required: false, help: 'Name of the node; this host if left out.' };
export const LIMIT: Positional = {
  name: 'LIMIT',
  required: false,
  help: 'Regular expression that names must match.',
};

export const nodeName = (context: CommandContext): string =>
  context.values.positional('NODE') || context.host.hostname;

export const SELECTOR: OptionSpec = {
  name: 'node-selector',
  short: 's',
  kind: 'text',
  value: 'SELECTOR',
  choices: ['mem', 'memprov', 'vcpus', 'load', 'vms', 'none'],
  help:
    'How a target node is chosen: most free memory, least provisioned memory, fewest vCPUs, lowest load, fewest VMs, ' +
    'or the default of the cluster.',
};
export const METHOD: OptionSpec = {
  name: 'method',
  short: 'm',
  kind: 'text',
  value: 'METHOD',
  choices: ['live', 'shutdown', 'none'],
  help: 'Only migrate in this way; none allows both.',
};
export const AUTOSTART: OptionSpec = {
  name: 'autostart',
  short: 'a',
  kind: 'switch',
  off: { name: 'no-autostart', short: 'A' },
  help: 'Start the VM when its node next becomes ready; used up by that.',
};
export const NODE_LIMIT: OptionSpec = {
  name: 'limit',
  short: 'l',
  kind: 'text',
  value: 'NODE,...',
  help: "Only these nodes may run the VM; '' allows every node.",
};
export const MAX_DOWNTIME: OptionSpec = {
  name: 'max-downtime',
  short: 'd',
  kind: 'number',
  value: 'MS',
  help: 'Longest pause of the VM during live migration, in milliseconds.',
};
export const HA_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'ha',
    kind: 'switch',
    off: { name: 'no-ha' },
    help: 'Whether the cluster recovers the VM and keeps its rules, or leaves it as it is. [default: yes]',
  },
  {
    name: 'priority',
    kind: 'number',
    value: 'N',
    help: 'VMs of a higher one (-1000 to 1000) are placed and started first after a loss of nodes. [default: 0]',
  },
  { name: 'max-restart', kind: 'number', value: 'N', help: 'Failed starts retried on the same node. [default: 1]' },
  { name: 'max-relocate', kind: 'number', value: 'N', help: 'Other nodes tried after that. [default: 1]' },
  {
    name: 'failback',
    kind: 'switch',
    off: { name: 'no-failback' },
    help: 'Whether it goes back by itself to a node that its rules like better. [default: yes]',
  },
  {
    name: 'lock',
    kind: 'text',
    value: 'LOCK',
    choices: ['none', 'backup', 'create'],
    help: 'A locked VM cannot be started; recovery after a fence removes backup.',
  },
];
export const IO_ERRORS: OptionSpec = {
  name: 'io-errors',
  kind: 'text',
  value: 'POLICY',
  choices: ['pause', 'report', 'stop'],
  help:
    'On an error of a disk the guest is paused and let go on when it is over, told of it, or stopped for somebody to ' +
    'look. [default: pause]',
};
export const LINES: OptionSpec = {
  name: 'lines',
  short: 'l',
  kind: 'number',
  value: 'N',
  help: 'How many lines from the end. [default: 1000; with --follow 10]',
};
export const FOLLOW: OptionSpec = {
  name: 'follow',
  short: 'f',
  kind: 'flag',
  help: 'Go on printing new lines until Ctrl-C.',
};

/** Asks unless -y or --unsafe was given. */
export async function confirmed(context: CommandContext, question: string): Promise<void> {
  if (!context.values.flag('yes') && !context.globals.unsafe) await context.terminal.confirm(question);
}

export const vmPath = (vm: string, rest = ''): string => `/vm/${encodeURIComponent(vm)}${rest}`;
export const nodePath = (node: string, rest = ''): string => `/node/${encodeURIComponent(node)}${rest}`;
