/** Every state of the shipped OSD machine, under every command, fact, answer and timer, step by step. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allStates, DrivenMachine } from '../fixtures/machine-driver.js';
import { Coverage, explore, type Move, type Step } from '../fixtures/machine-explorer.js';
import { unanswered } from '../fixtures/machine-tables.js';
import { osdContext } from '../machines/osd/admission.js';
import { OSD_EFFECT_NAMES } from '../machines/osd/effects.js';
import { osdMachine } from '../machines/osd/machine.js';
import { machineOf } from '../machines/registry.js';
import type { ActorEvent } from '../runtime/envelope.js';
import type { ActorRecord } from '../runtime/record.js';

const UUID = '11111111-2222-4333-8444-555555555555';
const place = { device: '/dev/sdb', parts: 1, siblings: [UUID], dbBytes: null, dbShare: null };

/** Each effect's good ends. */
const RESULTS: Readonly<Record<string, readonly unknown[]>> = {
  'osd.check': [{ device: '/dev/sdb', sizeBytes: 1e9 }],
  'osd.prepare': [{ dbDevice: null, sizeBytes: 1e9 }],
  'osd.register': [{ number: 3 }],
  'osd.make': [null], 'osd.weigh': [null], 'osd.start': [null], 'osd.mark': [null], 'osd.stop': [null],
  'osd.purge': [null], 'osd.destroy': [null], 'osd.bury': [null],
  'osd.look': [{ known: true, up: true, in: true }, { known: true, up: false, in: true }],
  'osd.drain': [{ safe: true, pgs: 0, text: '' }, { safe: false, pgs: 7, text: '7 pgs' }],
  'osd.judge': [{ safe: true, text: '' }, { safe: false, text: '2 PGs' }],
  'osd.clear': [{ left: null }, { left: '/dev/vg/lv' }],
  'osd.db': [{ device: '/dev/sdd', sizeBytes: 1e9 }],
  'osd.import': [{ device: '/dev/sdc', dbDevice: null }],
};
const COMMANDS: readonly ActorEvent[] = [
  { type: 'osd.add', place, weight: 1 },
  { type: 'osd.replace', place, weight: null, force: false }, { type: 'osd.replace', place, weight: 2, force: true },
  { type: 'osd.refresh', device: '/dev/sdc' },
  { type: 'osd.remove', force: false }, { type: 'osd.remove', force: true }, { type: 'osd.cancel' },
  { type: 'osd.share', device: '/dev/sdd' },
  { type: 'osd.bury', uuid: 'another', number: 7, home: 'hv2' },
];
const FACTS: readonly ActorEvent[] = [
  { type: 'owner.acquired', node: 'hv1', bootId: 'b1', epoch: 1, cause: 'restarted' },
  { type: 'osd.facts', known: true, number: 3, up: false, in: true },
];

/** As after the last of its tries: what is unknown is told to the machine. */
const lastTry = (record: ActorRecord): ActorRecord =>
  ({ ...record, effects: record.effects.map((effect) => ({ ...effect, retry: null })) });
/** As if nothing of its data had moved for very long. */
const longAgo = (record: ActorRecord): ActorRecord => ({
  ...record,
  snapshot: { ...record.snapshot, context: { ...record.snapshot.context, drain: { pgs: 7, sinceAt: -1e9 } } },
});

function moves(record: ActorRecord): Move[] {
  if (record.removed) return [];
  const kinds = [...new Set(record.effects.map(({ kind }) => kind))];
  return [
    ...FACTS.map((event): Move => ({ name: event.type, run: (machine) => void machine.fact(event) })),
    ...COMMANDS.map((event): Move => ({
      name: `${event.type} ${String(event['force'] ?? '')}`, run: (machine) => void machine.command(event),
    })),
    ...record.timers.map(({ timerId }): Move => ({ name: timerId, run: (machine) => void machine.timer(timerId) })),
    ...kinds.flatMap((kind): Move[] => [
      ...(RESULTS[kind] ?? []).map((result, index): Move =>
        ({ name: `${kind}.done ${index}`, run: (machine) => void machine.done(kind, result) })),
      { name: `${kind}.refused`, run: (machine) => void machine.refused(kind) },
      {
        name: `${kind}.unknown`,
        run: (machine) => {
          machine.record = lastTry(machine.record);
          machine.unknown(kind);
        },
      },
      ...(kind !== 'osd.drain' ? [] : [{
        name: 'nothing moves',
        run: (machine: DrivenMachine) => {
          machine.record = longAgo(machine.record);
          machine.done(kind, { safe: false, pgs: 7, text: '' });
        },
      }]),
    ]),
  ];
}

function check({ before, move, after }: Step): void {
  const definition = machineOf('osd')!;
  assert.deepEqual(unanswered(definition, after), [], `${move.name}: answers without a transition`);
  assert.ok(after.effects.length <= 1, `${move.name}: one thing at a time`);
  const { operation, job } = osdContext(after.snapshot);
  const open = after.operations.filter((each) => each.endedAt === null).map(({ operationId }) => operationId);
  assert.deepEqual(open, operation === null ? [] : [operation.operationId], `${move.name}: a task for each operation`);
  const state = String(JSON.stringify(after.snapshot.value));
  if (/"?(serving|empty|gone|new)"?$/.test(state.replace(/[{}]/g, ''))) {
    assert.equal(job, null, `${move.name}: nothing is under way in ${state}`);
  }
  // O2: an addition that failed is told of only when what it made is unmade.
  const wasUnmaking = JSON.stringify(before.snapshot.value).includes('undoing');
  if (wasUnmaking && !after.removed) assert.equal(operation !== null, true, `${move.name}: ended before it was unmade`);
}

test('every state keeps its promises, and every transition is taken', (t) => {
  assert.deepEqual(Object.keys(RESULTS).sort(), [...OSD_EFFECT_NAMES].sort());
  const definition = machineOf('osd')!;
  const born = new DrivenMachine(definition, UUID, { uuid: UUID, node: 'hv1' });
  const coverage = new Coverage(osdMachine);
  const first = coverage.run('from its birth', born, () => explore(born, moves, check, 3000));
  const found = new DrivenMachine(definition, UUID, {
    uuid: UUID, node: 'hv1', adopted: { number: 3, device: '/dev/sdb' },
  });
  coverage.run('adopted', found, () => {
    assert.equal(found.state, 'serving');
    explore(found, moves, check, 1500);
  });
  // The first step is taken before anybody looks on.
  const missing = coverage.missing.filter((key) => !key.startsWith('born|'));
  t.diagnostic(`explored ${first.states} states, ${first.steps} steps`);
  assert.deepEqual(missing, [], 'transitions never taken');
  assert.deepEqual(coverage.reached(first.records), allStates(osdMachine).filter((state) =>
    state !== 'born'));
});

test('an addition goes from a free device to an OSD that is up', () => {
  const machine = new DrivenMachine(machineOf('osd')!, UUID, { uuid: UUID, node: 'hv1' });
  const { operationId } = machine.command({ type: 'osd.add', place, weight: 0.5 });
  const asked: string[] = [];
  while (machine.state !== 'serving') {
    const kind = machine.pending[0]!.kind;
    asked.push(kind);
    machine.done(kind, RESULTS[kind]![0]);
  }
  assert.deepEqual(asked, ['osd.check', 'osd.prepare', 'osd.register', 'osd.make', 'osd.weigh', 'osd.start',
    'osd.look']);
  assert.equal(machine.operation(operationId)?.state, 'done');
  assert.equal(machine.operation(operationId)?.message, 'OSD 3 is up on hv1');
});

test('an addition that fails is unmade before it is told', () => {
  const machine = new DrivenMachine(machineOf('osd')!, UUID, { uuid: UUID, node: 'hv1' });
  const { operationId } = machine.command({ type: 'osd.add', place, weight: 1 });
  machine.done('osd.check', RESULTS['osd.check']![0]).done('osd.prepare', RESULTS['osd.prepare']![0])
    .done('osd.register', { number: 3 }).refused('osd.make', 'the disk gives errors');
  assert.equal(machine.state, 'undoing.halting');
  machine.done('osd.stop').refused('osd.purge', 'EBUSY: osd.3 is up');
  assert.equal(machine.operation(operationId)?.state, 'accepted');
  machine.timer('againMs').done('osd.purge').done('osd.clear', { left: null });
  assert.deepEqual([machine.operation(operationId)?.state, machine.operation(operationId)?.message, machine.state],
    ['failed', 'the disk gives errors', 'gone']);
});

test('a number that the monitors may have given without saying so is given back', () => {
  const machine = new DrivenMachine(machineOf('osd')!, UUID, { uuid: UUID, node: 'hv1' });
  machine.command({ type: 'osd.add', place, weight: 1 });
  machine.done('osd.check', RESULTS['osd.check']![0]).done('osd.prepare', RESULTS['osd.prepare']![0]);
  machine.record = lastTry(machine.record);
  machine.unknown('osd.register');
  assert.equal(machine.state, 'undoing.withdrawing');
  assert.deepEqual(machine.pending.map(({ kind, params }) => [kind, params['uuid'], params['number']]),
    [['osd.purge', UUID, null]]);
  machine.done('osd.purge').done('osd.clear', { left: null });
  assert.equal(machine.state, 'gone');
});

test('a replacement keeps the weight that Ceph has, and asks for all that leave the device with it', () => {
  const machine = new DrivenMachine(machineOf('osd')!, UUID, { uuid: UUID, node: 'hv1' });
  machine.command({ type: 'osd.add', place, weight: 1 });
  while (machine.state !== 'serving') {
    const { kind } = machine.pending[0]!;
    machine.done(kind, RESULTS[kind]![0]);
  }
  const both = { ...place, device: '/dev/sdc', parts: 2, siblings: [UUID, 'another'] };
  machine.command({ type: 'osd.replace', place: both, weight: null, force: false });
  const asked: string[] = [];
  while (machine.state !== 'serving') {
    const { kind, params } = machine.pending[0]!;
    if (kind === 'osd.judge') assert.deepEqual(params['siblings'], [UUID, 'another']);
    asked.push(kind);
    machine.done(kind, RESULTS[kind]![0]);
  }
  assert.deepEqual(asked, ['osd.check', 'osd.judge', 'osd.stop', 'osd.destroy', 'osd.clear', 'osd.prepare',
    'osd.register', 'osd.make', 'osd.start', 'osd.look']);
});

test('an OSD whose node is gone is taken off by a newborn elsewhere, which goes with its task', () => {
  const machine = new DrivenMachine(machineOf('osd')!, UUID, { uuid: UUID, node: 'hv1' });
  const { operationId } = machine.command({ type: 'osd.bury', uuid: 'another', number: 7, home: 'hv2' });
  assert.deepEqual(machine.pending.map(({ kind, params }) => [kind, params['uuid'], params['number']]),
    [['osd.bury', 'another', 7]]);
  machine.done('osd.bury');
  assert.equal(machine.operation(operationId)?.state, 'done');
  assert.match(machine.operation(operationId)?.message ?? '', /Removed OSD 7.*hv2 was not there/);
  assert.equal(machine.state, 'gone');
});

test('a device that is in use is not touched', () => {
  const machine = new DrivenMachine(machineOf('osd')!, UUID, { uuid: UUID, node: 'hv1' });
  const { operationId } = machine.command({ type: 'osd.add', place, weight: 1 });
  machine.refused('osd.check', '/dev/sdb is mounted at /');
  assert.equal(machine.state, 'gone');
  assert.equal(machine.operation(operationId)?.message, '/dev/sdb is mounted at /');
});

test('a removal waits for its data, can be forced, and can be cancelled', () => {
  const born = (): DrivenMachine => new DrivenMachine(machineOf('osd')!, UUID,
    { uuid: UUID, node: 'hv1', adopted: { number: 3, device: null } });
  const waits = { safe: false, pgs: 7, text: '7 pgs' };
  const forced = born();
  const first = forced.command({ type: 'osd.remove', force: false });
  forced.done('osd.mark').done('osd.drain', waits);
  assert.equal(forced.command({ type: 'osd.remove', force: false }).state, 'failed', 'twice is one too many');
  forced.command({ type: 'osd.remove', force: true });
  assert.equal(forced.operation(first.operationId)?.state, 'failed');
  assert.equal(forced.state, 'removing.stopping');
  const cancelled = born();
  cancelled.command({ type: 'osd.remove', force: false });
  cancelled.done('osd.mark').done('osd.drain', waits);
  cancelled.command({ type: 'osd.cancel' });
  cancelled.done('osd.mark');
  assert.equal(cancelled.state, 'serving');
});
