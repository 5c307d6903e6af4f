/** `pvc vm`: definition and metadata. */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command, CommandContext } from '../command.js';
import type { VmObject } from '../../client/types.js';
import { accepted, fetchOne, messageOf } from '../calls.js';
import { CliError, EXIT, usageError } from '../exit.js';
import { runToEnd } from '../task.js';
import {
  AUTOSTART, confirmed, HA_OPTIONS, IO_ERRORS, MAX_DOWNTIME, METHOD, NODE_LIMIT, SELECTOR, VM, vmPath, WAITS, YES,
} from './options.js';

export const fetchVm = async (context: CommandContext, vm: string): Promise<VmObject> =>
  fetchOne<VmObject>(await context.api(), vmPath(vm), `There is no VM "${vm}": "pvc vm list" shows them.`);

/** A file's text, or stdin's for "-". */
export async function readInput(context: CommandContext, file: string): Promise<string> {
  if (file !== '-') {
    try {
      return readFileSync(resolve(context.host.cwd, file), 'utf8');
    } catch (error) {
      throw new CliError(
        EXIT.usage,
        `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'}): ` +
          'give an XML file, or - for stdin.',
        { cause: error },
      );
    }
  }
  const chunks: Buffer[] = [];
  for await (const chunk of context.host.stdin) chunks.push(Buffer.from(chunk as Buffer));
  return Buffer.concat(chunks).toString('utf8');
}

async function define(context: CommandContext): Promise<void> {
  const { values, terminal } = context;
  const xml = await readInput(context, values.positional('FILE'));
  const reply = await accepted(await context.api(), {
    method: 'POST',
    path: '/vm',
    form: { xml },
    query: {
      node: values.text('target'),
      limit: values.text('limit'),
      selector: values.text('node-selector'),
      autostart: values.toggle('autostart') ?? false,
      migration_method: values.text('method'),
      migration_max_downtime: values.number('max-downtime'),
      user_tags: values.list('tag'),
      protected_tags: values.list('protected-tag'),
      io_errors: values.text('io-errors'),
    },
  });
  terminal.print(messageOf(reply.body));
}

async function meta(context: CommandContext): Promise<void> {
  const { values, terminal } = context;
  const query = {
    limit: values.text('limit'),
    selector: values.text('node-selector'),
    autostart: values.toggle('autostart'),
    migration_method: values.text('method'),
    migration_max_downtime: values.number('max-downtime'),
    profile: values.text('profile'),
    ha: values.toggle('ha'),
    priority: values.number('priority'),
    max_restart: values.number('max-restart'),
    max_relocate: values.number('max-relocate'),
    failback: values.toggle('failback'),
    lock: values.text('lock'),
    io_errors: values.text('io-errors'),
  };
  if (Object.values(query).every((value) => value === undefined)) {
    throw usageError(
      'Nothing to change: give at least one of --limit, --node-selector, --autostart, --method, ' +
        '--max-downtime, --profile, --ha, --priority, --max-restart, --max-relocate, --failback, --lock, --io-errors.',
    );
  }
  const reply = await accepted(await context.api(), {
    method: 'POST',
    path: vmPath(values.positional('VM'), '/meta'),
    query,
  });
  terminal.print(messageOf(reply.body));
}

const remove =
  (disks: boolean) =>
  async (context: CommandContext): Promise<void> => {
    const vm = context.values.positional('VM');
    await confirmed(
      context,
      disks ? `Remove virtual machine "${vm}" and all disks` : `Remove definition of virtual machine "${vm}"`,
    );
    await runToEnd(context, { method: 'DELETE', path: vmPath(vm), query: { delete_disks: disks } });
  };

async function dump(context: CommandContext): Promise<void> {
  const { values, terminal, host } = context;
  const vm = await fetchVm(context, values.positional('VM'));
  const file = values.text('file');
  if (file === undefined) {
    terminal.print(vm.xml.trim());
    return;
  }
  try {
    writeFileSync(resolve(host.cwd, file), `${vm.xml.trim()}\n`);
  } catch (error) {
    throw new CliError(
      EXIT.failed,
      `${file} cannot be written (${(error as NodeJS.ErrnoException).code ?? 'error'}).`,
      { cause: error },
    );
  }
  terminal.print(`VM XML written to "${file}".`);
}

export const vmDefineCommands: readonly Command[] = [
  {
    path: ['vm', 'define'],
    summary: 'Define a new VM from a libvirt XML file.',
    positionals: [{ name: 'FILE', required: true, help: 'Libvirt domain XML; - reads stdin.' }],
    options: [
      {
        name: 'target',
        short: 't',
        kind: 'text',
        value: 'NODE',
        help: 'Home node; chosen by the selector if left out.',
      },
      NODE_LIMIT,
      { ...SELECTOR, default: 'none' },
      AUTOSTART,
      { ...METHOD, default: 'none' },
      { ...MAX_DOWNTIME, default: 300 },
      { name: 'tag', short: 'g', kind: 'list', value: 'TAG', help: 'Tag of the VM.' },
      { name: 'protected-tag', short: 'G', kind: 'list', value: 'TAG', help: 'Tag that cannot be removed.' },
      IO_ERRORS,
    ],
    examples: ['pvc vm define web1.xml', 'pvc vm define web1.xml -t hv2 -l hv2,hv3 -g prod'],
    run: define,
  },
  {
    path: ['vm', 'meta'],
    summary: "Change a VM's placement and migration settings.",
    positionals: [VM],
    options: [
      NODE_LIMIT,
      SELECTOR,
      AUTOSTART,
      METHOD,
      MAX_DOWNTIME,
      { name: 'profile', short: 'p', kind: 'text', value: 'NAME', help: 'Provisioner profile the VM belongs to.' },
      ...HA_OPTIONS,
      IO_ERRORS,
    ],
    examples: ['pvc vm meta web1 -l hv1,hv2', "pvc vm meta web1 -l '' -s mem --autostart"],
    run: meta,
  },
  {
    path: ['vm', 'undefine'],
    summary: 'Stop a VM and forget it; its disks stay.',
    positionals: [VM],
    options: [YES, ...WAITS],
    examples: ['pvc vm undefine web1 -y'],
    run: remove(false),
  },
  {
    path: ['vm', 'remove'],
    summary: 'Stop a VM, forget it and delete its disks.',
    details:
      'With the snapshots that were taken of it. Refused, before anything is stopped, while another VM has one of ' +
      'its volumes, or one has snapshots or clones of its own. What it only reads, and what is no volume, stays.',
    positionals: [VM],
    options: [YES, ...WAITS],
    examples: ['pvc vm remove web1'],
    run: remove(true),
  },
  {
    path: ['vm', 'dump'],
    summary: "Print a VM's libvirt XML.",
    positionals: [VM],
    options: [{ name: 'file', short: 'f', kind: 'text', value: 'FILE', help: 'Write it to this file instead.' }],
    examples: ['pvc vm dump web1 > web1.xml'],
    run: dump,
  },
];
