/** `/storage/ceph/benchmark`: fio on a pool; its results stay. */
import { benchmarkContext } from '../../machines/benchmark/machine.js';
import { addressOf } from '../../runtime/address.js';
import { PvcError } from '../../runtime/errors.js';
import type { ApiContext } from '../context.js';
import { invalid } from '../faults.js';
import type { Api } from '../http.js';
import {
  BenchmarkArguments, BenchmarkList, BenchmarkListArguments, BenchmarkPath,
} from '../schemas/storage-benchmark.js';
import { NoArguments, routeOf, type Static } from '../schemas/schema.js';
import { runTask, taskRouteAt, taskRouteOf } from '../tasks.js';
import { storageView } from '../views/storage.js';
import { cephValue } from './storage-status.js';

/** As PVC's: fio's own JSON, and what the host spent. */
const FORMAT = 2;
const RUNTIME_S = 75;
const SIZE_BYTES = 64 * 2 ** 30;
const MIB = 2 ** 20;

export function storageBenchmarkRoutes(api: Api, context: ApiContext): void {
  const { feed, cluster, clock } = context;
  api.get('/storage/ceph/benchmark', routeOf('Benchmarks', BenchmarkListArguments, BenchmarkList), async (request) => {
    const { job } = request.query;
    const listed = await benchmarks(context, job);
    if (job !== undefined && listed.length === 0) throw new PvcError('PVC_ACTOR_NOT_FOUND', `benchmark/${job}`);
    return listed;
  });

  api.post('/storage/ceph/benchmark', taskRouteOf('Run fio on a pool', BenchmarkArguments), async (request, reply) => {
    const { pool, runtime: runtimeS = RUNTIME_S, name, size_mb: sizeMb } = request.query;
    const stats = storageView(feed)?.telemetry.pools.find((each) => each.name === pool);
    if (stats === undefined) throw invalid(`There is no pool '${pool}'`);
    const job = name ?? `benchmark-${new Date(clock.wallMs()).toISOString().slice(0, 19).replaceAll(':', '-')}`;
    if (!/^[A-Za-z0-9][\w.-]*$/.test(job)) throw invalid(`The name '${job}' must be letters, digits and . _ -`);
    const half = Math.floor(stats.freeBytes / 2 / MIB) * MIB;
    const sizeBytes = sizeMb === undefined ? Math.min(SIZE_BYTES, half) : sizeMb * MIB;
    if (sizeBytes > half || sizeBytes < 16 * MIB) {
      const free = Math.floor(stats.freeBytes / MIB);
      throw invalid(`Pool '${pool}' has ${free} MiB free: a benchmark may take half of it`);
    }
    const to = cephValue(await cluster.osds.createBenchmark(job));
    const event = { type: 'benchmark.run', pool, volume: `pvcbenchmark-${job}`, sizeBytes, runtimeS };
    return runTask(context, request, reply, {
      to, event, name: 'storage.benchmark', accepted: `Running benchmark '${job}' on pool '${pool}'.`,
      runOn: context.node,
    });
  });

  const cancel = taskRouteAt('End a benchmark', BenchmarkPath, NoArguments);
  api.post('/storage/ceph/benchmark/:job/cancel', cancel, (request, reply) => {
    const { job } = request.params;
    return runTask(context, request, reply, {
      to: addressOf('benchmark', job), event: { type: 'benchmark.cancel' }, name: 'storage.benchmark',
      accepted: `Ending benchmark '${job}'.`,
    });
  });
}

async function benchmarks({ feed, cluster }: ApiContext, only?: string): Promise<Static<typeof BenchmarkList>> {
  const actors = feed.actors('benchmark').filter(({ record }) =>
    !record.removed && (only === undefined || record.id === only));
  return Promise.all(actors.map(async ({ record }) => {
    const { job, pool, tests, progress } = benchmarkContext(record.snapshot);
    const state = String(record.snapshot.value);
    const told = state !== 'finished' ? null : await Promise.all(tests.map(async ({ name, hash }) =>
      [name, JSON.parse(await cluster.readDocument(hash) ?? '{}') as unknown] as const));
    return {
      id: record.id, job, test_format: FORMAT, pool, state, progress: progress?.status ?? null,
      benchmark_result: told === null ? 'Running' : Object.fromEntries(told) as Record<string, unknown>,
    };
  }));
}
