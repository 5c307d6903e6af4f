/** `pvc storage benchmark`. */
import { fetchData, fetchOne } from '../calls.js';
import type { Command, CommandContext, Positional } from '../command.js';
import { formatOption, printFormatted } from '../format/json.js';
import { bytesText, countText, sheet, table } from '../format/table.js';
import { runTask } from '../task.js';
import { confirmed, WAITS, YES } from './options.js';

interface Figures { readonly bw_bytes: number; readonly iops: number; readonly lat_ns?: { readonly mean: number } }
interface Benchmark {
  readonly job: string; readonly pool: string; readonly state: string; readonly progress: string | null;
  readonly benchmark_result: 'Running' | Readonly<Record<string, {
    readonly jobs?: readonly { readonly read: Figures; readonly write: Figures }[];
  }>>;
}

const JOB: Positional = { name: 'JOB', required: true, help: 'Name of the benchmark.' };

function figuresOf(benchmark: Benchmark, test: string): string {
  if (benchmark.benchmark_result === 'Running') return benchmark.progress ?? 'running';
  const job = benchmark.benchmark_result[test]?.jobs?.[0];
  if (job === undefined) return '';
  const { bw_bytes: bytes, iops, lat_ns: latency } = test.includes('read') ? job.read : job.write;
  const mean = latency === undefined ? '' : `, ${(latency.mean / 1e6).toFixed(2)} ms`;
  return `${bytesText(bytes)}/s, ${countText(iops)} IOPS${mean}`;
}

async function list(context: CommandContext): Promise<void> {
  const job = context.values.positional('JOB') || undefined;
  const found = await fetchData<Benchmark[]>(await context.api(), '/storage/ceph/benchmark', { job });
  printFormatted(context, found, {
    pretty: () => table<Benchmark>([
      { title: 'Job', cell: (each) => each.job }, { title: 'Pool', cell: (each) => each.pool },
      { title: 'Sequential read', cell: (each) => figuresOf(each, 'seq_read') },
      { title: 'Sequential write', cell: (each) => figuresOf(each, 'seq_write') },
      { title: 'Random 4K read', cell: (each) => figuresOf(each, 'rand_read_4K') },
      { title: 'Random 4K write', cell: (each) => figuresOf(each, 'rand_write_4K') },
    ], found, context.terminal.paint),
  });
}

async function info(context: CommandContext): Promise<void> {
  const job = context.values.positional('JOB');
  const path = `/storage/ceph/benchmark?job=${encodeURIComponent(job)}`;
  const found = await fetchOne<Benchmark>(await context.api(), path, `There is no benchmark "${job}".`);
  const tests = found.benchmark_result === 'Running' ? [] : Object.keys(found.benchmark_result);
  printFormatted(context, found, {
    pretty: () => sheet([
      ['Job', found.job], ['Pool', found.pool], ['State', found.progress ?? found.state],
      ...tests.map((test) => [test, figuresOf(found, test)] as const),
    ], context.terminal.paint),
  });
}

async function run(context: CommandContext): Promise<void> {
  const { values } = context;
  const pool = values.positional('POOL');
  await confirmed(context, `Load pool ${pool} with eight tests, one after the other`);
  await runTask(context, {
    method: 'POST', path: '/storage/ceph/benchmark',
    query: {
      pool, name: values.text('name'), runtime: values.number('runtime'), size_mb: values.number('size'),
    },
  });
}

async function cancel(context: CommandContext): Promise<void> {
  const path = `/storage/ceph/benchmark/${encodeURIComponent(context.values.positional('JOB'))}/cancel`;
  await runTask(context, { method: 'POST', path });
}

const FORMATS = formatOption('pretty', 'json', 'json-pretty');

export const storageBenchmarkCommands: readonly Command[] = [
  {
    path: ['storage', 'benchmark', 'run'], summary: 'Test how fast a pool is: eight runs of fio, ten minutes in all.',
    details: 'On a volume of its own, which is removed at the end. It loads the cluster: guests will feel it.',
    positionals: [{ name: 'POOL', required: true, help: 'Name of the pool.' }],
    options: [
      { name: 'name', short: 'n', kind: 'text', value: 'JOB', help: 'Name of the job. [made of the time]' },
      { name: 'runtime', kind: 'number', value: 'SECONDS', help: 'Of each test. [75]' },
      { name: 'size', kind: 'number', value: 'MIB', help: 'Of its volume. [64 GiB, at most half of what is free]' },
      ...WAITS, YES,
    ],
    examples: ['pvc storage benchmark run vms', 'pvc storage benchmark run vms --runtime 5'], run,
  },
  { path: ['storage', 'benchmark', 'list'], summary: 'List the benchmarks, or one.', options: [FORMATS],
    positionals: [{ ...JOB, required: false }], examples: ['pvc storage benchmark list'], run: list },
  { path: ['storage', 'benchmark', 'info'], summary: 'Show the figures of one.', positionals: [JOB], options: [FORMATS],
    examples: ['pvc storage benchmark info JOB'], run: info },
  { path: ['storage', 'benchmark', 'cancel'], summary: 'End one that runs; it leaves no result.', positionals: [JOB],
    options: WAITS,
    examples: ['pvc storage benchmark cancel JOB'], run: cancel },
];
