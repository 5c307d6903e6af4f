/** `pvc vm`: state and placement. */
import type { Command, CommandContext, OptionSpec } from '../command.js';
import type { Call } from '../../client/http.js';
import type { VmObject } from '../../client/types.js';
import { CliError, EXIT } from '../exit.js';
import { runOperation } from '../operation.js';
import { confirmed, VM, vmPath, WAIT, YES } from './options.js';
import { fetchVm } from './vm-define.js';

async function act(context: CommandContext, vm: string, call: Call): Promise<void> {
  await runOperation(context, call, {
    subject: vm,
    kind: 'vm',
    look: async () => {
      let now: VmObject;
      try {
        now = await fetchVm(context, vm);
      } catch (error) {
        if (error instanceof CliError && error.exitCode === EXIT.notFound) return null;
        throw error;
      }
      return { name: now.name, place: { state: now.state, node: now.node } };
    },
  });
}

const setState =
  (state: string, question: string | null) =>
  async (context: CommandContext): Promise<void> => {
    const vm = context.values.positional('VM');
    if (question !== null) await confirmed(context, question.replace('{}', `"${vm}"`));
    await act(context, vm, {
      method: 'POST',
      path: vmPath(vm, '/state'),
      query: { state, force: context.values.flag('force'), wait: false },
    });
  };

const setNode =
  (action: 'move' | 'migrate' | 'unmigrate') =>
  async (context: CommandContext): Promise<void> => {
    const { values } = context;
    const vm = values.positional('VM');
    await act(context, vm, {
      method: 'POST',
      path: vmPath(vm, '/node'),
      query: {
        action,
        node: values.text('target'),
        force: values.flag('force'),
        wait: false,
        force_live: values.flag('force-live'),
      },
    });
  };

const FORCE: OptionSpec = { name: 'force', kind: 'flag', help: 'Also when the VM is a snapshot mirror.' };
const FORCE_LIVE: OptionSpec = {
  name: 'force-live',
  kind: 'flag',
  help: 'Do not fall back to shutting down and starting elsewhere.',
};
const TARGET: OptionSpec = {
  name: 'target',
  short: 't',
  kind: 'text',
  value: 'NODE',
  help: "Where to; chosen by the VM's selector if left out.",
};

export const vmStateCommands: readonly Command[] = [
  {
    path: ['vm', 'start'],
    summary: 'Start a VM on its node.',
    positionals: [VM],
    options: [FORCE, ...WAIT],
    examples: ['pvc vm start web1', 'pvc vm start web1 --wait'],
    run: setState('start', null),
  },
  {
    path: ['vm', 'restart'],
    summary: 'Shut a running VM down and start it again.',
    positionals: [VM],
    options: [YES, ...WAIT],
    examples: ['pvc vm restart web1 -y --wait'],
    run: setState('restart', 'Restart virtual machine {}'),
  },
  {
    path: ['vm', 'shutdown'],
    summary: 'Ask the guest to shut down (ACPI).',
    positionals: [VM],
    options: [YES, ...WAIT],
    examples: ['pvc vm shutdown web1 -y --wait'],
    run: setState('shutdown', 'Shut down virtual machine {}'),
  },
  {
    path: ['vm', 'stop'],
    summary: 'Stop a VM at once, as if its plug were pulled.',
    positionals: [VM],
    options: [FORCE, YES, ...WAIT],
    examples: ['pvc vm stop web1 -y'],
    run: setState('stop', 'Forcibly stop virtual machine {}'),
  },
  {
    path: ['vm', 'disable'],
    summary: 'Shut a VM down and keep it from being started.',
    positionals: [VM],
    options: [
      { ...FORCE, help: 'Stop it at once instead of asking the guest; also when it is a snapshot mirror.' },
      YES,
      ...WAIT,
    ],
    examples: ['pvc vm disable web1 -y'],
    run: setState('disable', 'Shut down and disable virtual machine {}'),
  },
  {
    path: ['vm', 'move'],
    summary: 'Move a VM to another node for good.',
    details:
      'By live migration if it runs and can be migrated. To come back later use "vm migrate" and "vm unmigrate".',
    positionals: [VM],
    options: [TARGET, FORCE_LIVE, ...WAIT],
    examples: ['pvc vm move web1 -t hv3 --wait'],
    run: setNode('move'),
  },
  {
    path: ['vm', 'migrate'],
    summary: 'Migrate a VM to another node until it is unmigrated.',
    positionals: [VM],
    options: [
      TARGET,
      {
        name: 'force',
        short: 'f',
        kind: 'flag',
        help: 'Also when it is migrated already; the node to return to stays.',
      },
      FORCE_LIVE,
      ...WAIT,
    ],
    examples: ['pvc vm migrate web1 --wait', 'pvc vm migrate web1 -t hv2'],
    run: setNode('migrate'),
  },
  {
    path: ['vm', 'unmigrate'],
    summary: 'Bring a migrated VM back to its own node.',
    positionals: [VM],
    options: [FORCE_LIVE, ...WAIT],
    examples: ['pvc vm unmigrate web1 --wait'],
    run: setNode('unmigrate'),
  },
];
