/** `pvc storage pool`: pools for volumes. */
import { POOL_TIERS } from '../../schemas/volume.js';
import { fetchData } from '../calls.js';
import type { Command, CommandContext, Positional } from '../command.js';
import { formatOption, printFormatted } from '../format/json.js';
import { bytesText, countText, table, type Column } from '../format/table.js';
import { runToEnd } from '../task.js';
import { confirmed, LIMIT, WAITS, YES } from './options.js';

interface PoolObject {
  readonly name: string;
  readonly volume_count: number;
  readonly tier: string;
  readonly pgs: string;
  readonly copies: number;
  readonly stats: Readonly<Record<string, number>>;
}

const POOL: Positional = { name: 'NAME', required: true, help: 'Name of the pool.' };
const PGS: Positional = { name: 'PGS', required: true, help: 'Placement groups: a power of two.' };
const poolPath = (pool: string): string => `/storage/ceph/pool/${encodeURIComponent(pool)}`;

const bytes = (name: string) => (pool: PoolObject): string => bytesText(pool.stats[name] ?? 0);
const count = (name: string) => (pool: PoolObject): string => countText(pool.stats[name] ?? 0);

const COLUMNS: readonly Column<PoolObject>[] = [
  { title: 'ID', group: 'Pool', cell: (pool) => String(pool.stats['id'] ?? '') },
  { title: 'Name', group: 'Pool', cell: (pool) => pool.name },
  { title: 'Tier', group: 'Pool', cell: (pool) => pool.tier },
  { title: 'PGs', group: 'Pool', cell: (pool) => pool.pgs },
  { title: 'Copies', group: 'Pool', cell: (pool) => String(pool.copies) },
  { title: 'Volumes', group: 'Pool', cell: (pool) => String(pool.volume_count) },
  { title: 'Used', group: 'Space', cell: bytes('used_bytes') },
  { title: 'Used%', group: 'Space', cell: (pool) => ((pool.stats['used_percent'] ?? 0) * 100).toFixed(2) },
  { title: 'Free', group: 'Space', cell: bytes('free_bytes') },
  { title: 'Count', group: 'Objects', cell: count('num_objects') },
  { title: 'Degraded', group: 'Objects', cell: count('num_objects_degraded') },
  { title: 'Ops', group: 'Read', cell: count('read_ops') },
  { title: 'Data', group: 'Read', cell: bytes('read_bytes') },
  { title: 'Ops', group: 'Write', cell: count('write_ops') },
  { title: 'Data', group: 'Write', cell: bytes('write_bytes') },
];

async function list(context: CommandContext): Promise<void> {
  const limit = context.values.positional('LIMIT') || undefined;
  const pools = await fetchData<PoolObject[]>(await context.api(), '/storage/ceph/pool', { limit });
  printFormatted(context, pools, {
    pretty: () => table(COLUMNS, pools, context.terminal.paint),
    raw: () => pools.map((pool) => pool.name).join('\n'),
  });
}

async function send(
  context: CommandContext, method: 'POST' | 'PUT' | 'DELETE', query: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  await runToEnd(context, { method, path: poolPath(context.values.positional('NAME')), query });
}

export const storagePoolCommands: readonly Command[] = [
  {
    path: ['storage', 'pool', 'list'],
    summary: 'List the pools, with what they hold and have free.',
    positionals: [LIMIT],
    options: [formatOption('pretty', 'raw', 'json', 'json-pretty')],
    examples: ['pvc storage pool list'],
    run: list,
  },
  {
    path: ['storage', 'pool', 'add'],
    summary: 'Add a pool.',
    positionals: [POOL, PGS],
    options: [
      {
        name: 'tier', short: 't', kind: 'text', value: 'TIER', choices: POOL_TIERS,
        help: 'Only OSDs of this device class. [default: default, which is all]',
      },
      {
        name: 'replcfg', kind: 'text', value: 'CONFIG',
        help: 'How many copies are kept, and how many must be there for writes. [default: copies=3,mincopies=2]',
      },
      ...WAITS,
    ],
    examples: ['pvc storage pool add vms 128', 'pvc storage pool add fast 64 -t nvme --replcfg copies=2,mincopies=1'],
    run: (context) => send(context, 'POST', {
      pgs: context.values.positional('PGS'), tier: context.values.text('tier') ?? 'default',
      replcfg: context.values.text('replcfg') ?? 'copies=3,mincopies=2',
    }),
  },
  {
    path: ['storage', 'pool', 'set-pgs'],
    summary: 'Change the number of its placement groups.',
    positionals: [POOL, PGS],
    options: [YES, ...WAITS],
    examples: ['pvc storage pool set-pgs vms 256'],
    run: async (context) => {
      const { values } = context;
      await confirmed(context, `Set the PGs of pool "${values.positional('NAME')}" to ${values.positional('PGS')}`);
      await send(context, 'PUT', { pgs: values.positional('PGS') });
    },
  },
  {
    path: ['storage', 'pool', 'remove'],
    summary: 'Remove a pool with all its volumes.',
    positionals: [POOL],
    options: [YES, ...WAITS],
    examples: ['pvc storage pool remove old'],
    run: async (context) => {
      await confirmed(context, `Remove pool "${context.values.positional('NAME')}" and all its volumes`);
      await send(context, 'DELETE', { 'yes-i-really-mean-it': 'yes' });
    },
  },
];
