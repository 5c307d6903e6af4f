/** Every state of the shipped volume machine, under every command, fact and answer, step by step. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allStates, DrivenMachine } from '../fixtures/machine-driver.js';
import { Coverage, explore, type Move, type Step } from '../fixtures/machine-explorer.js';
import { unanswered } from '../fixtures/machine-tables.js';
import { machineOf } from '../machines/registry.js';
import { statePaths } from '../machines/definition.js';
import { volumeMachine } from '../machines/volume/machine.js';
import type { VolumeContext, VolumeFacts } from '../machines/volume/messages.js';
import type { ActorEvent } from '../runtime/envelope.js';
import type { ActorRecord } from '../runtime/record.js';

const FACTS: VolumeFacts = {
  id: 'a1', sizeBytes: 1024, objects: 1, order: 22, objectBytes: 4096, blockNamePrefix: 'rbd_data.a1', features: [],
  flags: [], createdAt: null, accessedAt: null, modifiedAt: null, parent: 'vms/base@1',
  snapshots: [{ id: 1, name: 's1', sizeBytes: 1024, createdAt: null }],
};
const BARE: VolumeFacts = { ...FACTS, parent: null, snapshots: [] };

const COMMANDS: readonly ActorEvent[] = [
  { type: 'volume.create', sizeBytes: 1024, force: false },
  { type: 'volume.clone', from: 'base', mark: 'pvc-tmp.1', flatten: false, force: false },
  { type: 'volume.clone', from: 'base', mark: 'pvc-tmp.1', flatten: true, force: false },
  { type: 'volume.fill', source: 'pvc-tmp.2', format: 'raw', force: false },
  { type: 'volume.resize', sizeBytes: 2048, force: false }, { type: 'volume.rename', to: 'other' },
  { type: 'volume.flatten' }, { type: 'volume.remove' }, { type: 'volume.snapshot', snapshot: 's2' },
  { type: 'volume.dropSnapshot', snapshot: 's1' }, { type: 'volume.renameSnapshot', snapshot: 's1', to: 's3' },
  { type: 'volume.rollback', snapshot: 's1' }, { type: 'volume.cancel' },
];
const TOLD: readonly ActorEvent[] = [
  { type: 'volume.observed', facts: BARE }, { type: 'volume.observed', facts: FACTS }, { type: 'volume.vanished' },
  { type: 'volume.progressed', fraction: 0.5 },
];
const RESULTS: Readonly<Record<string, readonly unknown[]>> = {
  'volume.look': [{ facts: FACTS }, { facts: BARE }, { facts: null }],
  'volume.announce': [{ vms: ['u1'] }, { vms: [] }],
  'volume.inspect': [{ virtualBytes: 512 }, { virtualBytes: 4096 }],
};
/** What a removed volume may have lost: nothing that was there before the command, but by `remove` and `vanished`. */
const MAY_END_BY = ['volume.remove', 'volume.rename'];

const contextOf = ({ snapshot }: ActorRecord): VolumeContext => snapshot.context as unknown as VolumeContext;
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

function check({ before, move, after, machine }: Step): void {
  const definition = machineOf('volume')!;
  assert.deepEqual(unanswered(definition, after), [], `${move.name}: answers without a transition`);
  const [state] = statePaths(after.snapshot.value);
  const context = contextOf(after);
  // Nothing a user asked is forgotten: it is open while it is the machine's, and ended when the volume is at rest.
  assert.deepEqual(openOf(after), context.operation === null ? [] : [context.operation.operationId], move.name);
  if (['available', 'planned', 'removed'].includes(state ?? '')) {
    assert.deepEqual([context.operation, context.job, after.effects], [null, null, []], `${move.name} -> ${state}`);
  }
  assert.equal(after.removed, state === 'removed', move.name);
  // O1: an image is only ever removed by command, or because the command under way had made it.
  const removal = after.effects.find(({ kind }) => kind === 'volume.remove');
  if (removal !== undefined) assert.ok(context.job?.type === 'volume.remove' || context.fresh, move.name);
  const discarded = after.effects.find(({ kind }) => kind === 'volume.discard');
  if (discarded !== undefined) assert.equal(discarded.params['image'], 'pvc-tmp.2', move.name);
  // A failed command leaves what was there before it.
  const was = contextOf(before);
  if (after.removed && was.facts !== null && !MAY_END_BY.includes(was.job?.type ?? '')) {
    const ways = ['volume.vanished', 'volume.look.done'];
    assert.ok(ways.includes(move.name), `${move.name} ended a volume that was there`);
  }
  assert.ok(machine.sent.every(({ to }) => to === 'vm/u1'), move.name);
}

test('every state keeps its promises, and every transition is taken', (t) => {
  const born = new DrivenMachine(machineOf('volume')!, 'vms~web1', { pool: 'vms', name: 'web1', facts: null });
  const there = { pool: 'vms', name: 'web1', facts: FACTS };
  const found = new DrivenMachine(machineOf('volume')!, 'vms~web1', there);
  const coverage = new Coverage(volumeMachine);
  const runs = [born, found].map((machine, at) =>
    coverage.run(at === 0 ? 'announced' : 'found', machine, () => explore(machine, moves, check, 4000)));
  const records = runs.flatMap((run) => run.records);
  t.diagnostic(`explored ${records.length} states; transitions ${coverage.table}`);
  assert.ok(records.length < 4000);
  // What passes at once at its birth is no transition that anybody sees.
  const states = allStates(volumeMachine).filter((each) => each !== 'born');
  assert.deepEqual(coverage.reached(records).sort(), states.sort());
  assert.deepEqual(coverage.missing.filter((key) => !key.startsWith('born|')), [], 'transitions never taken');

  // From everywhere: once each effect is answered well and each timer has fired, it is at rest, and nothing is open.
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
