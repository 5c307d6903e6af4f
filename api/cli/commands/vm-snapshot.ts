/** `pvc vm snapshot`: all disks of a VM and its definition, at one moment. */
import type { Command, CommandContext, Positional } from '../command.js';
import { runOperation } from '../operation.js';
import { confirmed, VM, vmPath, waits, WAITS, YES } from './options.js';
import { fetchVm } from './vm-define.js';

async function send(context: CommandContext, method: 'POST' | 'DELETE', rest: string): Promise<void> {
  const { values } = context;
  const subject = values.positional('VM');
  const name = values.positional('NAME');
  await runOperation(
    context, { method, path: vmPath(subject, rest), query: name === '' ? {} : { snapshot_name: name } },
    {
      subject,
      kind: 'vm',
      look: async () => {
        const vm = await fetchVm(context, subject);
        const state = `${vm.state}, ${vm.snapshots?.length ?? 0} snapshots`;
        return { name: vm.name, place: { state, node: vm.node } };
      },
    }, waits(context));
}

async function rollback(context: CommandContext): Promise<void> {
  const { values } = context;
  await confirmed(context,
    `Roll back all disks and the definition of VM ${values.positional('VM')} to ${values.positional('NAME')}`);
  await send(context, 'POST', '/snapshot/rollback');
}

async function remove(context: CommandContext): Promise<void> {
  const { values } = context;
  await confirmed(context, `Remove snapshot ${values.positional('NAME')} of VM ${values.positional('VM')}`);
  await send(context, 'DELETE', '/snapshot');
}

const NAME: Positional = { name: 'NAME', required: true, help: 'Name of the snapshot.' };

export const vmSnapshotCommands: readonly Command[] = [
  {
    path: ['vm', 'snapshot', 'create'],
    summary: 'Snapshot all disks of a VM at one moment, and its definition.',
    details: 'A running guest is brought to rest for that moment: by its agent, or else it is paused.',
    positionals: [VM, { ...NAME, required: false, help: 'Name of the snapshot; the date and time if left out.' }],
    options: [...WAITS],
    examples: ['pvc vm snapshot create web1', 'pvc vm snapshot create web1 before-upgrade'],
    run: (context) => send(context, 'POST', '/snapshot'),
  },
  {
    path: ['vm', 'snapshot', 'remove'],
    summary: 'Remove a snapshot of a VM from all its volumes.',
    positionals: [VM, NAME],
    options: [YES, ...WAITS],
    examples: ['pvc vm snapshot remove web1 before-upgrade -y'],
    run: remove,
  },
  {
    path: ['vm', 'snapshot', 'rollback'],
    summary: 'Bring a stopped VM back to a snapshot: its disks and its definition.',
    positionals: [VM, NAME],
    options: [YES, ...WAITS],
    examples: ['pvc vm snapshot rollback web1 before-upgrade -y'],
    run: rollback,
  },
];
