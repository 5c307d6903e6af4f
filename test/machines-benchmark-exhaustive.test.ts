/** Every state of the shipped benchmark machine, under every command, answer and timer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allStates, DrivenMachine } from '../fixtures/machine-driver.js';
import { Coverage, explore, type Move, type Step } from '../fixtures/machine-explorer.js';
import { unanswered } from '../fixtures/machine-tables.js';
import { BENCHMARK_TESTS } from '../machines/benchmark/effects.js';
import { benchmarkContext, benchmarkMachine } from '../machines/benchmark/machine.js';
import { machineOf } from '../machines/registry.js';
import type { ActorEvent } from '../runtime/envelope.js';
import type { ActorRecord } from '../runtime/record.js';

const RUN = { type: 'benchmark.run', pool: 'vms', volume: 'v', sizeBytes: 1e9, runtimeS: 1 };
const COMMANDS: readonly ActorEvent[] = [RUN, { type: 'benchmark.cancel' }];
const result = (kind: string, { snapshot }: ActorRecord): unknown => (kind !== 'benchmark.test' ? null
  : { name: BENCHMARK_TESTS[benchmarkContext(snapshot).tests.length]!.name, hash: 'h' });

function moves(record: ActorRecord): Move[] {
  if (record.removed) return [];
  return [
    ...COMMANDS.map((event): Move => ({ name: event.type, run: (machine) => void machine.command(event) })),
    ...record.timers.map(({ timerId }): Move => ({ name: timerId, run: (machine) => void machine.timer(timerId) })),
    ...record.effects.flatMap(({ kind }): Move[] => [
      { name: `${kind}.done`, run: (machine) => void machine.done(kind, result(kind, machine.record)) },
      { name: `${kind}.refused`, run: (machine) => void machine.refused(kind) },
      {
        name: `${kind}.unknown`,
        run: (machine) => {
          // As after the last of its tries.
          const effects = machine.record.effects.map((effect) => ({ ...effect, retry: null }));
          machine.record = { ...machine.record, effects };
          machine.unknown(kind);
        },
      },
    ]),
  ];
}

/** A task is open as long as its volume may be there. */
function check({ move, after }: Step): void {
  assert.deepEqual(unanswered(machineOf('benchmark')!, after), [], `${move.name}: answers without a transition`);
  assert.ok(after.effects.length <= 1, `${move.name}: one thing at a time`);
  const { operation, cancel } = benchmarkContext(after.snapshot);
  const underWay = ['preparing', 'testing', 'cleaning', 'cleaningAgain'].includes(String(after.snapshot.value));
  assert.equal(operation !== null, underWay, `${move.name}: a task in ${String(after.snapshot.value)}`);
  const open = after.operations.filter(({ endedAt }) => endedAt === null).map(({ operationId }) => operationId);
  assert.deepEqual(open, [operation, cancel].flatMap((each) => (each == null ? [] : [each.operationId])), move.name);
}

test('every state keeps its promises, and every transition is taken', () => {
  const machine = new DrivenMachine(machineOf('benchmark')!, 'job', { job: 'job' });
  const coverage = new Coverage(benchmarkMachine);
  const { records } = coverage.run('from its birth', machine, () => explore(machine, moves, check, 1000));
  assert.deepEqual(coverage.missing, [], 'transitions never taken');
  assert.deepEqual(coverage.reached(records), allStates(benchmarkMachine));
});

test('eight tests, and the volume is removed before the task ends', () => {
  const machine = new DrivenMachine(machineOf('benchmark')!, 'job', { job: 'job' });
  const { operationId } = machine.command(RUN);
  machine.done('benchmark.prepare');
  for (const { name } of BENCHMARK_TESTS) machine.done('benchmark.test', { name, hash: 'h' });
  assert.equal(machine.operation(operationId)?.state, 'accepted');
  machine.done('benchmark.clean');
  assert.deepEqual([machine.state, machine.operation(operationId)?.state], ['finished', 'done']);
});

test('to cancel it is done when its volume is gone', () => {
  const machine = new DrivenMachine(machineOf('benchmark')!, 'job', { job: 'job' });
  const { operationId } = machine.command(RUN);
  machine.done('benchmark.prepare');
  const cancel = machine.command({ type: 'benchmark.cancel' });
  machine.refused('benchmark.clean', 'EBUSY').timer('againMs');
  assert.equal(machine.operation(cancel.operationId)?.state, 'accepted');
  machine.done('benchmark.clean');
  assert.deepEqual([machine.operation(operationId)?.message, machine.operation(cancel.operationId)?.state],
    ['It was cancelled', 'done']);
});
