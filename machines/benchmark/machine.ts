/**
 * A benchmark of a pool: eight runs of fio on a volume of its own, one after the other, as PVC's. Owner: the node that
 * was primary when it was asked for, or who inherits it. Its record stays: what it holds are the results.
 * B1 the volume is gone before the task ends.
 */
import { setup } from 'xstate';
import { accept, denyInvalid, denyState, type Admission } from '../admission.js';
import type { CommandView, SnapshotView } from '../definition.js';
import type { ActionsOf, AnswersOf } from '../effects.js';
import { BENCHMARK_TESTS, type BenchmarkEffects } from './effects.js';

export const BENCHMARK_MACHINE_VERSION = 1;

export interface BenchmarkInput { readonly job: string }

export interface BenchmarkContext extends BenchmarkInput {
  readonly pool: string;
  readonly volume: string;
  readonly sizeBytes: number;
  /** Of each test. */
  readonly runtimeS: number;
  /** Tests that are done, in order; `hash` names the document with what fio told. */
  readonly tests: readonly { readonly name: string; readonly hash: string }[];
  readonly operation: { readonly operationId: string } | null;
  /** Who cancelled it, and waits until its volume is gone; missing in records of before. */
  readonly cancel?: { readonly operationId: string } | null;
  readonly progress: { readonly current: number; readonly total: number; readonly status: string } | null;
  readonly reason: string | null;
}

type BenchmarkEvent =
  | {
      readonly type: 'benchmark.run'; readonly operationId: string; readonly pool: string; readonly volume: string;
      readonly sizeBytes: number; readonly runtimeS: number; readonly at: number;
    }
  | { readonly type: 'benchmark.cancel'; readonly operationId: string; readonly at: number }
  | AnswersOf<BenchmarkEffects>;

export const BENCHMARK_COMMAND_TYPES = ['benchmark.run', 'benchmark.cancel'] as const;

const QUICK_MS = 60_000;
const RETRY = { attempts: 5, delayMs: 1000, maxDelayMs: 8000 } as const;
/** What fio needs beside its run time: to begin, and to let its last writes end. */
const FIO_SLACK_MS = 120_000;

const benchmarkSetup = setup({
  types: {} as { context: BenchmarkContext; events: BenchmarkEvent; input: BenchmarkInput },
  actions: {} as ActionsOf<BenchmarkEffects>,
  guards: {
    hasFailed: ({ context }) => context.reason !== null,
    isLast: ({ context }) => context.tests.length + 1 >= BENCHMARK_TESTS.length,
  },
  delays: { newMs: 60_000, againMs: 5000 },
});

const begin = benchmarkSetup.assign(({ event }) => (event.type !== 'benchmark.run' ? {} : {
  pool: event.pool, volume: event.volume, sizeBytes: event.sizeBytes, runtimeS: event.runtimeS,
  operation: { operationId: event.operationId },
}));
const tell = (status: (context: BenchmarkContext) => string) => benchmarkSetup.assign(({ context }) => ({
  progress: { current: context.tests.length + 1, total: BENCHMARK_TESTS.length + 2, status: status(context) },
}));
const because = benchmarkSetup.assign(({ event }) => ('reason' in event ? { reason: event.reason } : {}));
const takeTest = benchmarkSetup.assign(({ context, event }) =>
  (event.type === 'benchmark.test.done' ? { tests: [...context.tests, event.result] } : {}));
const end = benchmarkSetup.enqueueActions(({ context, enqueue }) => {
  if (context.operation !== null) {
    const state = context.reason === null ? 'done' : 'failed';
    const message = context.reason ?? `Benchmark ${context.job} of pool ${context.pool} is done`;
    enqueue({ type: 'operation.end', params: { operationId: context.operation.operationId, state, message } });
  }
  if (context.cancel != null) {
    const { operationId } = context.cancel;
    enqueue({ type: 'operation.end', params: { operationId, state: 'done', message: null } });
  }
  enqueue.assign({ operation: null, cancel: null, progress: null });
});
const cancelled = benchmarkSetup.assign(({ event }) => (event.type !== 'benchmark.cancel' ? {}
  : { reason: 'It was cancelled', cancel: { operationId: event.operationId } }));
const forget = (kind: keyof BenchmarkEffects) => ({ type: 'effect.cancel', params: { kind } }) as const;
const place = ({ context: { pool, volume } }: { context: BenchmarkContext }) =>
  ({ pool, volume, deadlineMs: QUICK_MS, retry: RETRY });
const toCleaning = { target: '#cleaning', actions: because } as const;

export const benchmarkMachine = benchmarkSetup.createMachine({
  id: 'benchmark',
  context: ({ input }) => ({
    job: input.job, pool: '', volume: '', sizeBytes: 0, runtimeS: 0, tests: [], operation: null, cancel: null,
    progress: null, reason: null,
  }),
  initial: 'new',
  states: {
    new: { after: { newMs: 'gone' }, on: { 'benchmark.run': { target: 'preparing', actions: begin } } },
    preparing: {
      entry: [
        tell(() => 'Making its volume'),
        {
          type: 'benchmark.prepare',
          params: ({ context }) => ({ ...place({ context }), sizeBytes: context.sizeBytes }),
        },
      ],
      exit: forget('benchmark.prepare'),
      on: {
        'benchmark.prepare.done': 'testing',
        // A volume of that name that is not its own stays.
        'benchmark.prepare.refused': { target: 'gone', actions: [because, end] },
        'benchmark.prepare.unknown': toCleaning,
        'benchmark.cancel': { target: 'cleaning', actions: cancelled },
      },
    },
    testing: {
      entry: [
        tell(({ tests }) => `Running ${BENCHMARK_TESTS[tests.length]?.name ?? ''}`),
        {
          type: 'benchmark.test',
          params: ({ context }) => ({
            pool: context.pool, volume: context.volume, index: context.tests.length, runtimeS: context.runtimeS,
            deadlineMs: context.runtimeS * 1000 + FIO_SLACK_MS,
          }),
        },
      ],
      exit: forget('benchmark.test'),
      on: {
        'benchmark.test.done': [
          { guard: 'isLast', target: 'cleaning', actions: takeTest },
          { target: 'testing', reenter: true, actions: takeTest },
        ],
        'benchmark.test.refused': toCleaning,
        'benchmark.test.unknown': toCleaning,
        'benchmark.cancel': { target: 'cleaning', actions: cancelled },
      },
    },
    cleaning: {
      id: 'cleaning',
      entry: [tell(() => 'Removing its volume'), { type: 'benchmark.clean', params: place }],
      exit: forget('benchmark.clean'),
      on: {
        'benchmark.clean.done': [{ guard: 'hasFailed', target: 'gone', actions: end }, { target: 'finished' }],
        'benchmark.clean.refused': 'cleaningAgain',
        'benchmark.clean.unknown': 'cleaningAgain',
      },
    },
    cleaningAgain: { after: { againMs: 'cleaning' } },
    finished: { entry: end },
    gone: { type: 'final', entry: { type: 'actor.remove', params: { names: [] } } },
  },
});

export const BENCHMARK_STATES = {
  new: 'Waits to be told its pool; goes again if nobody does.',
  preparing: 'Its volume is being made.',
  testing: 'fio runs on its volume, one test after the other.',
  cleaning: 'Its volume is being removed.',
  cleaningAgain: 'Its volume could not be removed; tried again in a moment.',
  finished: 'Its results are kept.',
  gone: 'The end: it was given up, and has no results.',
} as const satisfies Record<string, string>;

export const benchmarkContext = (snapshot: SnapshotView): BenchmarkContext =>
  snapshot.context as unknown as BenchmarkContext;

export function admitBenchmark(snapshot: SnapshotView, command: CommandView): Admission {
  const state = String(snapshot.value);
  const { job } = benchmarkContext(snapshot);
  if (command.type === 'benchmark.run' && state === 'new') return accept;
  if (command.type === 'benchmark.cancel' && ['preparing', 'testing'].includes(state)) return accept;
  if (!(BENCHMARK_COMMAND_TYPES as readonly string[]).includes(command.type)) {
    return denyInvalid(`Benchmark ${job} does not understand "${command.type}"`);
  }
  return denyState(`Benchmark ${job} is ${state}: there is nothing to ${command.type.slice('benchmark.'.length)}`);
}
