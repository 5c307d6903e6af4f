/** What a benchmark asks of the world, and PVC's eight tests. */
interface Retry { readonly attempts: number; readonly delayMs: number; readonly maxDelayMs: number }
interface Effect<Params, Result> {
  readonly params: Params & { readonly deadlineMs: number; readonly retry?: Retry };
  readonly result: Result;
}

/** As fio calls them: how it reads or writes, block size, queue depth. */
export const BENCHMARK_TESTS = [
  { name: 'seq_read', rw: 'read', block: '4M', depth: 64 },
  { name: 'seq_write', rw: 'write', block: '4M', depth: 64 },
  { name: 'rand_read_4M', rw: 'randread', block: '4M', depth: 64 },
  { name: 'rand_write_4M', rw: 'randwrite', block: '4M', depth: 64 },
  { name: 'rand_read_4K', rw: 'randread', block: '4K', depth: 64 },
  { name: 'rand_write_4K', rw: 'randwrite', block: '4K', depth: 64 },
  { name: 'rand_read_4K_lowdepth', rw: 'randread', block: '4K', depth: 1 },
  { name: 'rand_write_4K_lowdepth', rw: 'randwrite', block: '4K', depth: 1 },
] as const;

export interface BenchmarkEffects {
  /** Its volume is there; refused where one of that name was not made by this benchmark. */
  'benchmark.prepare': Effect<{ pool: string; volume: string; sizeBytes: number }, null>;
  /** One run of fio; what it told is stored as a document. */
  'benchmark.test': Effect<
    { pool: string; volume: string; index: number; runtimeS: number }, { name: string; hash: string }
  >;
  /** Its volume is gone. */
  'benchmark.clean': Effect<{ pool: string; volume: string }, null>;
}

export const BENCHMARK_EFFECT_NAMES = ['benchmark.prepare', 'benchmark.test', 'benchmark.clean'] as const satisfies
  readonly (keyof BenchmarkEffects)[];
