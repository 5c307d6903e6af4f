/** `pvc vm modify`: show what would change, ask, send. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command, CommandContext } from '../command.js';
import { accepted, messageOf } from '../calls.js';
import { unifiedDiff } from '../diff.js';
import { CliError, EXIT, usageError } from '../exit.js';
import { VM, vmPath } from './options.js';
import { fetchVm, readInput } from './vm-define.js';

async function edited(context: CommandContext, xml: string): Promise<string> {
  const { host } = context;
  const directory = mkdtempSync(join(tmpdir(), 'pvc-edit-'));
  const file = join(directory, 'domain.xml');
  try {
    writeFileSync(file, `${xml}\n`, { mode: 0o600 });
    const editor = host.env['VISUAL'] ?? host.env['EDITOR'] ?? 'vi';
    const status = await host.runInteractive('/bin/sh', ['-c', `${editor} "$1"`, 'sh', file]);
    if (status !== 0)
      throw new CliError(
        EXIT.failed,
        `The editor (${editor}) ended with status ${status}: nothing was changed. Set EDITOR to another one.`,
      );
    return readFileSync(file, 'utf8');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function modify(context: CommandContext): Promise<void> {
  const { values, terminal, globals } = context;
  const file = values.positional('FILE');
  if (file === '' && !values.flag('editor'))
    throw usageError('Either a FILE with the new XML or --editor must be given.');
  const vm = await fetchVm(context, values.positional('VM'));
  const current = vm.xml.trim();
  const wanted = (values.flag('editor') ? await edited(context, current) : await readInput(context, file)).trim();
  const diff = unifiedDiff(current, wanted);
  if (diff.length === 0) {
    terminal.print('Aborting with no modifications.');
    return;
  }
  terminal.print(
    `Pending modifications:\n\n${diff
      .map((line) =>
        terminal.paint(
          line.startsWith('+') ? 'green' : line.startsWith('-') ? 'red' : line.startsWith('@') ? 'blue' : null,
          line,
        ),
      )
      .join('\n')}\n`,
  );
  const sure = globals.unsafe || values.flag('yes');
  if (!sure && !values.flag('confirm-diff')) await terminal.confirm('Write modifications to cluster');
  const restart =
    values.flag('restart') &&
    (sure || values.flag('confirm-restart') || (await terminal.ask(`Restart VM ${vm.name}`)));
  const reply = await accepted(await context.api(), {
    method: 'PUT',
    path: vmPath(vm.uuid),
    query: { restart },
    form: { xml: wanted },
  });
  terminal.print(`${messageOf(reply.body)}${restart ? '' : ' Changes will be applied on next VM start/restart.'}`);
}

export const vmModifyCommands: readonly Command[] = [
  {
    path: ['vm', 'modify'],
    summary: "Replace a VM's XML, after showing the difference.",
    positionals: [VM, { name: 'FILE', required: false, help: 'The new libvirt XML; - reads stdin.' }],
    options: [
      { name: 'editor', short: 'e', kind: 'flag', help: 'Edit the present XML in $VISUAL or $EDITOR.' },
      { name: 'restart', short: 'r', kind: 'flag', help: 'Restart the VM at once, so that the change applies.' },
      { name: 'confirm-diff', short: 'd', kind: 'flag', help: 'Do not ask about the difference.' },
      { name: 'confirm-restart', short: 'c', kind: 'flag', help: 'Do not ask about the restart.' },
      { name: 'yes', short: 'y', kind: 'flag', help: 'Ask about neither.' },
    ],
    examples: ['pvc vm modify web1 -e', 'pvc vm modify web1 new.xml -r -y'],
    run: modify,
  },
];
