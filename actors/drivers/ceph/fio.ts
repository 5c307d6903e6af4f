/** One test of a pool by fio through librbd, with what the host spent on it: PVC's format 2. */
import { readFile, readdir } from 'node:fs/promises';
import { BENCHMARK_TESTS } from '../../../machines/benchmark/effects.js';
import { runProgram } from '../../process.js';
import { done, refused, unknown, type Outcome } from '../outcome.js';

export interface FioOptions {
  readonly confPath: string;
  /** Without `client.`: `admin`. */
  readonly user: string;
  readonly pool: string;
  readonly volume: string;
  readonly index: number;
  readonly runtimeS: number;
  readonly deadlineMs: number;
  /** Asks it to end; its image is closed then. */
  readonly signal: AbortSignal;
}

interface Spent {
  readonly at: number; readonly busy: number; readonly total: number;
  readonly osd: number; readonly mon: number;
  readonly memory: number; readonly osdMemory: number; readonly monMemory: number;
  readonly received: number; readonly sent: number;
}

/** Ticks of the processor since the host began, memory in per cent, bytes of all networks. */
async function spent(): Promise<Spent> {
  const [stat, meminfo, net] = await Promise.all(
    ['/proc/stat', '/proc/meminfo', '/proc/net/dev'].map((path) => readFile(path, 'latin1')));
  const ticks = (stat!.split('\n')[0] ?? '').trim().split(/\s+/).slice(1, 9).map(Number);
  const total = ticks.reduce((sum, each) => sum + each, 0);
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(meminfo!)?.[1] ?? 0);
  const memoryKib = kib('MemTotal');
  const links = net!.split('\n').slice(2).map((line) => line.trim().split(/[:\s]+/))
    .filter(([name]) => name !== undefined && name !== '' && name !== 'lo');
  const sums = { osd: 0, mon: 0, osdMemory: 0, monMemory: 0 };
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
    const found = /\((ceph-osd|ceph-mon)\) (.*)/.exec(line);
    if (found === null) continue;
    const fields = (found[2] ?? '').split(' ');
    const role = found[1] === 'ceph-osd' ? 'osd' : 'mon';
    sums[role] += Number(fields[11]) + Number(fields[12]);
    sums[`${role}Memory`] += Number(fields[21]) * 4 / Math.max(1, memoryKib) * 100;
  }
  return {
    at: Number((await readFile('/proc/uptime', 'latin1')).split(' ')[0]), total,
    busy: total - (ticks[3] ?? 0) - (ticks[4] ?? 0), ...sums,
    memory: (1 - kib('MemAvailable') / Math.max(1, memoryKib)) * 100,
    received: links.reduce((sum, fields) => sum + Number(fields[1]), 0),
    sent: links.reduce((sum, fields) => sum + Number(fields[9]), 0),
  };
}

const round = (value: number): number => Math.round(value * 100) / 100;

function costs(before: Spent, after: Spent): Record<string, Record<string, number>> {
  const ticks = Math.max(1, after.total - before.total);
  const seconds = Math.max(0.1, after.at - before.at);
  const share = (name: 'busy' | 'osd' | 'mon'): number => round((after[name] - before[name]) / ticks * 100);
  const bits = (bytes: number): number => Math.round(bytes * 8 / seconds);
  const [sent, received] = [after.sent - before.sent, after.received - before.received];
  return {
    avg_cpu_util_percent: { total: share('busy'), 'ceph-osd': share('osd'), 'ceph-mon': share('mon') },
    avg_memory_util_percent: {
      total: round(after.memory), 'ceph-osd': round(after.osdMemory), 'ceph-mon': round(after.monMemory),
    },
    avg_network_util_bps: { total: bits(sent + received), sent: bits(sent), recv: bits(received) },
  };
}

/** The text of what fio told (its JSON), with the host's costs. */
export async function runFio(options: FioOptions): Promise<Outcome<{ name: string; text: string }>> {
  const test = BENCHMARK_TESTS[options.index];
  if (test === undefined) return refused(`there is no test ${options.index}`);
  const before = await spent();
  const result = await runProgram('fio', [
    `--name=${test.name}`, '--ioengine=rbd', `--clientname=${options.user}`, `--pool=${options.pool}`,
    `--rbdname=${options.volume}`, '--direct=1', '--randrepeat=1', `--iodepth=${test.depth}`, `--rw=${test.rw}`,
    `--bs=${test.block}`, '--numjobs=1', '--time_based', `--runtime=${options.runtimeS}`, '--output-format=json',
  ], {
    deadlineMs: options.deadlineMs, signal: options.signal,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', CEPH_CONF: options.confPath },
  });
  const after = await spent();
  if (result.timedOut) return unknown(`fio did not end in time (${test.name})`);
  const start = result.stdout.indexOf('{');
  if (result.status !== 0 || start < 0) {
    const why = result.stderr.trim().split('\n').at(-1) || 'it could not be started: is the package fio installed?';
    return refused(`fio, ${test.name}: ${why}`);
  }
  const told = JSON.parse(result.stdout.slice(start)) as { jobs?: unknown[] } & Record<string, unknown>;
  return done({
    name: test.name,
    text: JSON.stringify({
      'fio version': told['fio version'], jobs: (told.jobs ?? []).slice(0, 1), ...costs(before, after),
    }),
  });
}
