/** Every state of the shipped pool machine, under every command, fact and answer, step by step. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allStates, DrivenMachine } from '../fixtures/machine-driver.js';
import { Coverage, explore, type Move, type Step } from '../fixtures/machine-explorer.js';
import { unanswered } from '../fixtures/machine-tables.js';
import { statePaths } from '../machines/definition.js';
import { poolMachine } from '../machines/pool/machine.js';
import type { PoolContext, PoolFacts } from '../machines/pool/messages.js';
import { machineOf } from '../machines/registry.js';
import type { ActorEvent } from '../runtime/envelope.js';
import type { ActorRecord } from '../runtime/record.js';

const FACTS: PoolFacts = { id: 3, pgs: 32, copies: 3, minCopies: 2, tier: 'default' };
const COMMANDS: readonly ActorEvent[] = [
  { type: 'pool.create', pgs: 32, tier: 'ssd', copies: 3, minCopies: 2 }, { type: 'pool.setPgs', pgs: 64 },
  { type: 'pool.remove' }, { type: 'pool.scan' },
];
const TOLD: readonly ActorEvent[] = [
  { type: 'pool.observed', facts: { ...FACTS, pgs: 16 } }, { type: 'pool.vanished' },
];
const RESULTS: Readonly<Record<string, readonly unknown[]>> = {
  'pool.rule': [{ rule: 'ssd_tier' }], 'pool.look': [{ facts: FACTS }, { facts: null }],
};

const contextOf = ({ snapshot }: ActorRecord): PoolContext => snapshot.context as unknown as PoolContext;
const openOf = (record: ActorRecord): string[] =>
  record.operations.filter(({ endedAt }) => endedAt === null).map(({ operationId }) => operationId);

function moves(record: ActorRecord): Move[] {
  if (record.removed) return [];
  const kinds = [...new Set(record.effects.map(({ kind }) => kind))];
  return [
    ...COMMANDS.map((event): Move => ({ name: event.type, run: (machine) => void machine.command(event) })),
    ...TOLD.map((event): Move => ({ name: event.type, run: (machine) => void machine.fact(event) })),
    ...record.timers.map(({ timerId }): Move => ({ name: timerId, run: (machine) => void machine.timer(timerId) })),
    ...kinds.flatMap((kind): Move[] => [
      ...(RESULTS[kind] ?? [null]).map((result): Move => (
        { name: `${kind}.done`, run: (machine) => void machine.done(kind, result) })),
      { name: `${kind}.refused`, run: (machine) => void machine.refused(kind) },
      { name: `${kind}.unknown`, run: (machine) => void machine.unknown(kind) },
    ]),
  ];
}

function check({ before, move, after }: Step): void {
  assert.deepEqual(unanswered(machineOf('pool')!, after), [], `${move.name}: answers without a transition`);
  const [was] = statePaths(before.snapshot.value);
  const [state] = statePaths(after.snapshot.value);
  const context = contextOf(after);
  assert.deepEqual(openOf(after), context.operation === null ? [] : [context.operation.operationId], move.name);
  if (['available', 'planned', 'removed'].includes(state ?? '')) {
    assert.deepEqual([context.operation, context.job, after.effects], [null, null, []], `${move.name} -> ${state}`);
  }
  // A pool goes by command alone, or empty if its creation failed.
  const removal = after.effects.find(({ kind }) => kind === 'pool.delete');
  if (removal !== undefined) assert.equal(removal.params['onlyEmpty'], context.job?.type !== 'pool.remove', move.name);
  // Ceph's lock is closed again, whatever became of the deletion.
  if (was === 'removing.allowing' || was === 'removing.deleting') {
    assert.ok(['removing.allowing', 'removing.deleting', 'removing.forbidding'].includes(state ?? ''), move.name);
  }
}

test('every state keeps its promises, and every transition is taken', (t) => {
  const born = new DrivenMachine(machineOf('pool')!, 'vms', { name: 'vms', facts: null });
  const found = new DrivenMachine(machineOf('pool')!, 'vms', { name: 'vms', facts: FACTS });
  const coverage = new Coverage(poolMachine);
  const runs = [born, found].map((machine, at) =>
    coverage.run(at === 0 ? 'announced' : 'found', machine, () => explore(machine, moves, check, 2000)));
  const records = runs.flatMap((run) => run.records);
  t.diagnostic(`explored ${records.length} states; transitions ${coverage.table}`);
  assert.ok(records.length < 2000);
  assert.deepEqual(coverage.reached(records).sort(), allStates(poolMachine).filter((each) => each !== 'born').sort());
  assert.deepEqual(coverage.missing.filter((key) => !key.startsWith('born|')), [], 'transitions never taken');

  for (const record of records) {
    found.record = record;
    for (let at = 0; at < 12 && found.pending.length + found.record.timers.length > 0; at += 1) {
      const [effect] = found.pending;
      if (effect === undefined) found.timer(found.record.timers[0]!.timerId);
      else found.done(effect.kind, RESULTS[effect.kind]?.[0] ?? null);
    }
    const from = JSON.stringify(record.snapshot.value);
    assert.ok(['available', 'removed'].includes(found.state), `${from}: ${found.state}`);
    assert.deepEqual(openOf(found.record), []);
  }
});
