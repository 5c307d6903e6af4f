/** Shapes of `/storage/ceph/benchmark*`: PVC's; `runtime` and `size` are ours. */
import { args, count, nullableText, text, Type } from './schema.js';

export const BenchmarkListArguments = args({ job: text('Only this one') });
export const BenchmarkArguments = args({
  pool: Type.String({ description: 'Pool to be tested', minLength: 1, maxLength: 128 }),
  name: text('Name of the job [made of the time]', 64),
  runtime: count('Ours: seconds of each of the eight tests [75]', 1, 3600),
  size_mb: count('Ours: MiB of its volume [64 GiB, at most half of what is free]', 16, 16_777_216),
});
export const BenchmarkPath = Type.Object({ job: Type.String({ maxLength: 128 }) });
const result = Type.Unsafe<string | Record<string, unknown>>({
  anyOf: [{ type: 'string' }, { type: 'object', additionalProperties: true }],
  description: '"Running", or by test what fio told',
});
export const BenchmarkList = Type.Array(Type.Object({
  id: Type.String(), job: Type.String(), test_format: Type.Integer(), benchmark_result: result,
  pool: Type.String({ description: 'Ours' }), state: Type.String({ description: 'Ours' }),
  progress: nullableText('Ours: what it is at'),
}));
