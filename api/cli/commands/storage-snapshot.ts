/** `pvc storage volume snapshot`: snapshots of volumes. */
import { fetchData } from '../calls.js';
import type { Command, CommandContext, Positional } from '../command.js';
import { formatOption, printFormatted } from '../format/json.js';
import { bytesText, table } from '../format/table.js';
import { runToEnd } from '../task.js';
import { confirmed, LIMIT, WAITS, YES } from './options.js';
import { POOL, POOL_FILTER } from './storage-volume.js';

interface SnapshotObject {
  readonly pool: string;
  readonly volume: string;
  readonly snapshot: string;
  readonly stats: { readonly size_bytes: number; readonly timestamp: string };
}

const VOLUME: Positional = { name: 'VOLUME', required: true, help: 'Name of the volume.' };
const NAME: Positional = { name: 'NAME', required: true, help: 'Name of the snapshot.' };

async function list(context: CommandContext): Promise<void> {
  const { values } = context;
  const query = {
    limit: values.positional('LIMIT') || undefined, pool: values.text('pool'), volume: values.text('volume'),
  };
  const snapshots = await fetchData<SnapshotObject[]>(await context.api(), '/storage/ceph/snapshot', query);
  printFormatted(context, snapshots, {
    pretty: () => table<SnapshotObject>([
      { title: 'Name', cell: (one) => one.snapshot },
      { title: 'Volume', cell: (one) => one.volume },
      { title: 'Pool', cell: (one) => one.pool },
      { title: 'Size', cell: (one) => bytesText(one.stats.size_bytes) },
      { title: 'Taken', cell: (one) => one.stats.timestamp },
    ], snapshots, context.terminal.paint),
    raw: () => snapshots.map((one) => `${one.pool}/${one.volume}@${one.snapshot}`).join('\n'),
  });
}

async function send(
  context: CommandContext, method: 'POST' | 'PUT' | 'DELETE', rest = '', query: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { values } = context;
  const names = ['POOL', 'VOLUME', 'NAME'].map((name) => encodeURIComponent(values.positional(name))).join('/');
  await runToEnd(context, { method, path: `/storage/ceph/snapshot/${names}${rest}`, query });
}

const ask = (context: CommandContext, verb: string): Promise<void> => {
  const { values } = context;
  const volume = `volume "${values.positional('VOLUME')}" in pool "${values.positional('POOL')}"`;
  return confirmed(context, `${verb} snapshot "${values.positional('NAME')}" of ${volume}`);
};

export const storageSnapshotCommands: readonly Command[] = [
  {
    path: ['storage', 'volume', 'snapshot', 'list'],
    summary: 'List the snapshots of volumes.',
    positionals: [LIMIT],
    options: [
      POOL_FILTER,
      { name: 'volume', short: 'o', kind: 'text', value: 'VOLUME', help: 'Only those of this volume.' },
      formatOption('pretty', 'raw', 'json', 'json-pretty'),
    ],
    examples: ['pvc storage volume snapshot list --pool vms --volume web1_vda'],
    run: list,
  },
  {
    path: ['storage', 'volume', 'snapshot', 'add'],
    summary: 'Take a snapshot of a volume.',
    positionals: [POOL, VOLUME, NAME],
    options: WAITS,
    examples: ['pvc storage volume snapshot add vms web1_vda before-upgrade'],
    run: (context) => send(context, 'POST'),
  },
  {
    path: ['storage', 'volume', 'snapshot', 'rename'],
    summary: 'Rename a snapshot.',
    positionals: [POOL, VOLUME, NAME, { name: 'NEW', required: true, help: 'Its name from now on.' }],
    options: WAITS,
    examples: ['pvc storage volume snapshot rename vms web1_vda old older'],
    run: (context) => send(context, 'PUT', '', { new_name: context.values.positional('NEW') }),
  },
  {
    path: ['storage', 'volume', 'snapshot', 'remove'],
    summary: 'Remove a snapshot.',
    positionals: [POOL, VOLUME, NAME],
    options: [YES, ...WAITS],
    examples: ['pvc storage volume snapshot remove vms web1_vda before-upgrade'],
    run: async (context) => {
      await ask(context, 'Remove');
      await send(context, 'DELETE');
    },
  },
  {
    path: ['storage', 'volume', 'snapshot', 'rollback'],
    summary: 'Set a volume that nobody uses back to a snapshot.',
    positionals: [POOL, VOLUME, NAME],
    options: [YES, ...WAITS],
    examples: ['pvc storage volume snapshot rollback vms web1_vda before-upgrade'],
    run: async (context) => {
      await ask(context, 'Roll back to');
      await send(context, 'POST', '/rollback');
    },
  },
];
