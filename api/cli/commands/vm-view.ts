/** `pvc vm`: looking at VMs, and their tags. */
import type { Command, CommandContext } from '../command.js';
import type { TagObject, VmObject } from '../../client/types.js';
import { accepted, fetchData, messageOf } from '../calls.js';
import { showLog } from '../follow.js';
import { formatOption, printFormatted } from '../format/json.js';
import { table } from '../format/table.js';
import { tagTable, vmSheet, vmTable } from '../format/vm.js';
import { FOLLOW, LIMIT, LINES, VM, vmPath } from './options.js';
import { fetchVm } from './vm-define.js';

async function list(context: CommandContext): Promise<void> {
  const { values } = context;
  const vms = await fetchData<VmObject[]>(await context.api(), '/vm', {
    limit: values.positional('LIMIT') || undefined,
    node: values.text('target'),
    state: values.text('state'),
    tag: values.text('tag'),
    negate: values.flag('negate') || undefined,
  });
  printFormatted(context, vms, {
    pretty: () => vmTable(vms, context.terminal.paint),
    raw: () => vms.map((vm) => vm.name).join('\n'),
  });
}

async function info(context: CommandContext): Promise<void> {
  const vm = await fetchVm(context, context.values.positional('VM'));
  printFormatted(context, vm, {
    pretty: () => vmSheet(vm, context.terminal.paint, false),
    long: () => vmSheet(vm, context.terminal.paint, true),
  });
}

async function tagGet(context: CommandContext): Promise<void> {
  const data = await fetchData<{ name: string; tags: TagObject[] }>(
    await context.api(),
    vmPath(context.values.positional('VM'), '/tags'),
  );
  printFormatted(context, data, {
    pretty: () => (data.tags.length === 0 ? 'No tags found.' : tagTable(data.tags, context.terminal.paint)),
    raw: () => data.tags.map((tag) => tag.name).join('\n'),
  });
}

const tagSet =
  (action: 'add' | 'remove') =>
  async (context: CommandContext): Promise<void> => {
    const { values } = context;
    const reply = await accepted(await context.api(), {
      method: 'POST',
      path: vmPath(values.positional('VM'), '/tags'),
      query: { action, tag: values.positional('TAG'), protected: values.flag('protected') },
    });
    context.terminal.print(messageOf(reply.body));
  };

async function vcpuGet(context: CommandContext): Promise<void> {
  const vm = await fetchVm(context, context.values.positional('VM'));
  const [sockets, cores, threads] = vm.vcpu_topology.split('/');
  const data = { name: vm.name, vcpus: vm.vcpu, sockets: sockets ?? '', cores: cores ?? '', threads: threads ?? '' };
  printFormatted(context, data, {
    pretty: () =>
      table(
        [
          { title: 'vCPUs', cell: () => String(data.vcpus) },
          { title: 'Sockets', cell: () => data.sockets },
          { title: 'Cores', cell: () => data.cores },
          { title: 'Threads', cell: () => data.threads },
        ],
        [data],
        context.terminal.paint,
      ),
    raw: () => String(data.vcpus),
  });
}

async function memoryGet(context: CommandContext): Promise<void> {
  const vm = await fetchVm(context, context.values.positional('VM'));
  printFormatted(
    context,
    { name: vm.name, memory: vm.memory },
    {
      pretty: () => table([{ title: 'RAM (M)', cell: () => String(vm.memory) }], [vm], context.terminal.paint),
      raw: () => String(vm.memory),
    },
  );
}

const TAG = { name: 'TAG', required: true, help: 'The tag.' } as const;
const LIST_FORMAT = formatOption('pretty', 'raw', 'json', 'json-pretty');

export const vmViewCommands: readonly Command[] = [
  {
    path: ['vm', 'tag', 'get'],
    summary: 'Show the tags of a VM.',
    positionals: [VM],
    options: [LIST_FORMAT],
    examples: ['pvc vm tag get web1'],
    run: tagGet,
  },
  {
    path: ['vm', 'tag', 'add'],
    summary: 'Add a tag to a VM.',
    positionals: [VM, TAG],
    options: [{ name: 'protected', short: 'p', kind: 'flag', help: 'A tag that cannot be removed.' }],
    examples: ['pvc vm tag add web1 prod'],
    run: tagSet('add'),
  },
  {
    path: ['vm', 'tag', 'remove'],
    summary: 'Remove a tag from a VM.',
    positionals: [VM, TAG],
    examples: ['pvc vm tag remove web1 prod'],
    run: tagSet('remove'),
  },
  {
    path: ['vm', 'vcpu', 'get'],
    summary: 'Show how many vCPUs a VM has, and their topology.',
    positionals: [VM],
    options: [LIST_FORMAT],
    examples: ['pvc vm vcpu get web1'],
    run: vcpuGet,
  },
  {
    path: ['vm', 'memory', 'get'],
    summary: 'Show how much memory a VM has, in MiB.',
    positionals: [VM],
    options: [LIST_FORMAT],
    examples: ['pvc vm memory get web1 -f raw'],
    run: memoryGet,
  },
  {
    path: ['vm', 'log'],
    summary: "Show a VM's serial console.",
    positionals: [VM],
    options: [LINES, FOLLOW],
    examples: ['pvc vm log web1 -l 20', 'pvc vm log web1 -f'],
    run: (context) => showLog(context, vmPath(context.values.positional('VM'), '/console')),
  },
  {
    path: ['vm', 'info'],
    summary: 'Show one VM.',
    positionals: [VM],
    options: [formatOption('pretty', 'long', 'json', 'json-pretty')],
    examples: ['pvc vm info web1', 'pvc vm info web1 -f long'],
    run: info,
  },
  {
    path: ['vm', 'list'],
    summary: 'List the VMs.',
    positionals: [LIMIT],
    options: [
      { name: 'target', short: 't', kind: 'text', value: 'NODE', help: 'Only VMs on this node.' },
      { name: 'state', short: 's', kind: 'text', value: 'STATE', help: 'Only VMs in this state.' },
      { name: 'tag', short: 'g', kind: 'text', value: 'TAG', help: 'Only VMs with this tag.' },
      { name: 'negate', short: 'n', kind: 'flag', help: 'Only VMs that do not match --target, --state, --tag.' },
      LIST_FORMAT,
    ],
    examples: ['pvc vm list', 'pvc vm list -s start -t hv1', 'pvc vm list -f raw'],
    run: list,
  },
];
