/** `pvc storage volume`: volumes in pools. */
import { IMAGE_FORMATS } from '../../schemas/volume.js';
import { fetchData } from '../calls.js';
import type { Call } from '../../client/http.js';
import type { Command, CommandContext, OptionSpec, Positional } from '../command.js';
import { CliError, EXIT } from '../exit.js';
import { formatOption, printFormatted } from '../format/json.js';
import { bytesText, table, type Column } from '../format/table.js';
import { runToEnd } from '../task.js';
import { confirmed, LIMIT, WAITS, YES } from './options.js';

interface VolumeObject {
  readonly name: string;
  readonly pool: string;
  readonly state: string;
  readonly progress: number | null;
  readonly parent: string | null;
  readonly stats: {
    readonly size: string; readonly objects: number; readonly order: number; readonly format: number;
    readonly features: readonly string[]; readonly snapshot_count: number;
  };
}

export const POOL: Positional = { name: 'POOL', required: true, help: 'Name of the pool.' };
const VOLUME: Positional = { name: 'NAME', required: true, help: 'Name of the volume.' };
const NEW: Positional = { name: 'NEW', required: true, help: 'Name of the new volume.' };
const SIZE: Positional = { name: 'SIZE', required: true, help: 'Its size, as 10G (B, K, M, G, T, P; powers of 1024).' };
const FORCE: OptionSpec = {
  name: 'force', short: 'f', kind: 'flag', help: 'Even if the pool could then fill up beyond 80 %.',
};
export const POOL_FILTER: OptionSpec = {
  name: 'pool', short: 'p', kind: 'text', value: 'POOL', help: 'Only those of this pool.',
};

export const volumePath = (pool: string, volume: string, rest = ''): string =>
  `/storage/ceph/volume/${encodeURIComponent(pool)}/${encodeURIComponent(volume)}${rest}`;

/** `cloning.copying`, or with how far it is. */
const task = ({ state, progress }: VolumeObject): string =>
  state === 'available' ? '' : progress === null ? state : `${state} ${Math.floor(progress * 100)} %`;

const COLUMNS: readonly Column<VolumeObject>[] = [
  { title: 'Name', cell: (volume) => volume.name },
  { title: 'Pool', cell: (volume) => volume.pool },
  { title: 'Size', cell: (volume) => volume.stats.size },
  { title: 'Objects', cell: (volume) => String(volume.stats.objects) },
  { title: 'Order', cell: (volume) => String(volume.stats.order) },
  { title: 'Format', cell: (volume) => String(volume.stats.format) },
  { title: 'Snapshots', cell: (volume) => String(volume.stats.snapshot_count) },
  { title: 'Clone of', cell: (volume) => volume.parent ?? '' },
  { title: 'Task', cell: task },
  { title: 'Features', cell: (volume) => volume.stats.features.join(',') },
];

async function list(context: CommandContext): Promise<void> {
  const { values } = context;
  const query = { limit: values.positional('LIMIT') || undefined, pool: values.text('pool') };
  const volumes = await fetchData<VolumeObject[]>(await context.api(), '/storage/ceph/volume', query);
  printFormatted(context, volumes, {
    pretty: () => table(COLUMNS, volumes, context.terminal.paint),
    raw: () => volumes.map((volume) => `${volume.pool}/${volume.name}`).join('\n'),
  });
}

const named = ({ values }: CommandContext): [string, string] => [values.positional('POOL'), values.positional('NAME')];

async function send(context: CommandContext, rest: string, call: Omit<Call, 'path'>): Promise<void> {
  await runToEnd(context, { ...call, path: volumePath(...named(context), rest) });
}

async function upload(context: CommandContext): Promise<void> {
  const { values, terminal } = context;
  const path = values.positional('FILE');
  const onRead = (bytes: number, total: number): void => terminal.progress(
    bytes < total ? `${bytesText(bytes)} of ${bytesText(total)}` : 'Converting the image...');
  try {
    await send(context, '/upload', {
      method: 'POST', query: { image_format: values.text('format') ?? 'raw', force: values.flag('force') },
      file: { path, onRead },
    });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined || error instanceof CliError) throw error;
    throw new CliError(EXIT.failed, `${path} cannot be read: ${message}`);
  }
}

export const storageVolumeCommands: readonly Command[] = [
  {
    path: ['storage', 'volume', 'list'],
    summary: 'List the volumes.',
    positionals: [LIMIT],
    options: [POOL_FILTER, formatOption('pretty', 'raw', 'json', 'json-pretty')],
    examples: ['pvc storage volume list', 'pvc storage volume list ^web --pool vms'],
    run: list,
  },
  {
    path: ['storage', 'volume', 'add'],
    summary: 'Add a volume.',
    positionals: [POOL, VOLUME, SIZE],
    options: [FORCE, ...WAITS],
    examples: ['pvc storage volume add vms web1_vda 20G'],
    run: (context) => send(context, '', {
      method: 'POST', query: { size: context.values.positional('SIZE'), force: context.values.flag('force') },
    }),
  },
  {
    path: ['storage', 'volume', 'upload'],
    summary: 'Upload an image into a volume; one that is not there yet is made.',
    positionals: [POOL, VOLUME, { name: 'FILE', required: true, help: 'The image: one file.' }],
    options: [
      {
        name: 'format', kind: 'text', value: 'FORMAT', choices: IMAGE_FORMATS,
        short: 'f', help: 'Format of the file. [default: raw]',
      },
      { name: 'force', kind: 'flag', help: 'Even if the pool could then fill up beyond 80 %.' },
      ...WAITS,
    ],
    examples: ['pvc storage volume upload vms web1_vda debian-12.qcow2 --format qcow2'],
    run: upload,
  },
  {
    path: ['storage', 'volume', 'remove'],
    summary: 'Remove a volume.',
    positionals: [POOL, VOLUME],
    options: [YES, ...WAITS],
    examples: ['pvc storage volume remove vms old'],
    run: async (context) => {
      await confirmed(context, `Remove volume "${named(context).reverse().join('" in pool "')}"`);
      await send(context, '', { method: 'DELETE' });
    },
  },
  {
    path: ['storage', 'volume', 'resize'],
    summary: 'Make a volume larger; a running VM sees it.',
    positionals: [POOL, VOLUME, SIZE],
    options: [FORCE, YES, ...WAITS],
    examples: ['pvc storage volume resize vms web1_vda 40G'],
    run: async (context) => {
      const size = context.values.positional('SIZE');
      await confirmed(context, `Resize volume "${named(context).reverse().join('" in pool "')}" to ${size}`);
      await send(context, '', { method: 'PUT', query: { new_size: size, force: context.values.flag('force') } });
    },
  },
  {
    path: ['storage', 'volume', 'rename'],
    summary: 'Rename a volume that nobody uses.',
    positionals: [POOL, VOLUME, NEW],
    options: [YES, ...WAITS],
    examples: ['pvc storage volume rename vms web1_vda web2_vda'],
    run: async (context) => {
      const to = context.values.positional('NEW');
      await confirmed(context, `Rename volume "${named(context).reverse().join('" in pool "')}" to "${to}"`);
      await send(context, '', { method: 'PUT', query: { new_name: to } });
    },
  },
  {
    path: ['storage', 'volume', 'clone'],
    summary: 'Clone a volume, copy-on-write.',
    positionals: [POOL, VOLUME, NEW],
    options: [FORCE, { name: 'flatten', kind: 'flag', help: 'Copy all data now: the clone depends on nothing.' },
      ...WAITS],
    examples: ['pvc storage volume clone vms template web1_vda', 'pvc storage volume clone vms a b --flatten'],
    run: (context) => send(context, '/clone', {
      method: 'POST',
      query: {
        new_volume: context.values.positional('NEW'), force: context.values.flag('force'),
        flatten: context.values.flag('flatten'),
      },
    }),
  },
  {
    path: ['storage', 'volume', 'flatten'],
    summary: 'Make a clone independent of what it was cloned from.',
    positionals: [POOL, VOLUME],
    options: WAITS,
    examples: ['pvc storage volume flatten vms web1_vda'],
    run: (context) => send(context, '/flatten', { method: 'POST' }),
  },
];
