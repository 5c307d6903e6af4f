/** Every state of the shipped machine of the storage's health, under every fact, command and timer, step by step. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allStates, DrivenMachine } from '../fixtures/machine-driver.js';
import { Coverage, explore, type Move, type Step } from '../fixtures/machine-explorer.js';
import { closed, faultsOf, healthOf, isSettling } from '../machines/ceph/changes.js';
import { cephMachine } from '../machines/ceph/machine.js';
import type { CephContext, CephFault, Finding, Reporter } from '../machines/ceph/messages.js';
import { CALM_MS, FLAPS_MAX, SETTLE_MS } from '../machines/ceph/timing.js';
import { machineOf } from '../machines/registry.js';
import type { ActorEvent } from '../runtime/envelope.js';
import type { ActorRecord } from '../runtime/record.js';

const finding = (code: string, severity: Finding['severity'], delta: number): Finding => ({
  code, id: `CEPH_${severity === 'error' ? 'ERR' : 'WARN'}_${code}`, severity, delta, text: code, cure: 'mend it',
});
const DOWN = finding('OSD_DOWN', 'warning', 10);
const WORSE = finding('OSD_DOWN', 'error', 50);
const FENCE: Finding = { ...finding('fence-caps-mon', 'warning', 10), id: 'STORAGE_FENCE_CAPS_MON' };

const told = (reporter: Reporter, ...findings: readonly Finding[]): ActorEvent =>
  ({ type: 'ceph.told', reporter, findings, ...(reporter === 'ceph' ? { fsid: 'f' } : {}) });
const SILENT: ActorEvent = { type: 'ceph.silent', reason: 'no monitor answers' };
const COMMANDS: readonly ActorEvent[] = [
  { type: 'ceph.acknowledge', fault: null }, { type: 'ceph.forget', fault: null },
  { type: 'ceph.acknowledge', fault: 'CEPH_WARN_OSD_DOWN' }, { type: 'ceph.forget', fault: 'CEPH_WARN_OSD_DOWN' },
];
const FACTS: readonly ActorEvent[] = [
  told('ceph'), told('ceph', DOWN), told('ceph', WORSE), told('fence', FENCE), told('fence'), SILENT,
];

/** Breadth first; counts of how often a fault came back make many more, which differ in nothing else. */
const STATES = 2500;

const newborn = (): DrivenMachine => new DrivenMachine(machineOf('ceph')!, 'cluster', { name: 'cluster' });
const contextOf = ({ snapshot }: ActorRecord): CephContext => snapshot.context as unknown as CephContext;
const faultIn = (machine: DrivenMachine, id: string): CephFault | undefined =>
  faultsOf(contextOf(machine.record)).find((fault) => fault.id === id);
const settle = (machine: DrivenMachine): DrivenMachine => machine.timer('settleMs');
const delayOf = (machine: DrivenMachine, name: string): number | undefined =>
  machine.record.timers.find(({ timerId }) => timerId.includes(name))?.delayMs;

function moves(record: ActorRecord): Move[] {
  return [
    ...COMMANDS.map((event): Move => (
      { name: `${event.type} ${String(event['fault'])}`, run: (machine) => void machine.command(event) })),
    ...FACTS.map((event): Move => ({ name: JSON.stringify(event), run: (machine) => void machine.fact(event) })),
    ...record.timers.map(({ timerId }): Move => ({ name: timerId, run: (machine) => void machine.timer(timerId) })),
  ];
}

function check({ before, move, after, machine }: Step): void {
  const context = contextOf(after);
  const faults = faultsOf(context);
  const { health, closing } = after.snapshot.value as { health: string; closing: string };
  assert.equal(health, healthOf(context), move.name);
  assert.equal(closing === 'settling', isSettling(context), move.name);
  assert.equal(closing === 'still', !isSettling(context) && Object.keys(context.closings).length === 0, move.name);
  assert.deepEqual(context.open.split(' ').filter((id) => id !== ''), faults.map(({ id }) => id).sort());
  assert.deepEqual(machine.pending, [], 'it touches nothing');
  assert.deepEqual(after.operations.filter(({ endedAt }) => endedAt === null), [], 'a command ends in its own step');
  // A fault goes by a timer or by command: never at the moment that it is not found any more.
  const lost = faultsOf(contextOf(before)).filter(({ reporter, code }) =>
    !faults.some((fault) => fault.reporter === reporter && fault.code === code));
  const byTimer = lost.every(({ absent }) => absent) && !move.name.startsWith('{');
  assert.ok(lost.length === 0 || move.name.startsWith('ceph.forget') || byTimer, move.name);
}

test('every state keeps its promises, and every transition is taken', (t) => {
  const machine = newborn();
  const coverage = new Coverage(cephMachine);
  const { records } = coverage.run('all', machine, () => explore(machine, moves, check, STATES));
  t.diagnostic(`explored ${records.length} states; transitions ${coverage.table}`);
  assert.deepEqual(coverage.reached(records).sort(), allStates(cephMachine).sort());
  // Ceph is an error or silent by one fact each: unknown is left for any of them.
  assert.deepEqual(coverage.missing, [], 'transitions never taken');
  for (const record of records) {
    machine.record = record;
    machine.fact(told('ceph')).fact(told('fence'));
    for (let at = 0; at < 4 && machine.record.timers.length > 0; at += 1) {
      machine.timer(machine.record.timers[0]!.timerId);
    }
    assert.equal(machine.state, 'health.ok|closing.still', JSON.stringify(record.snapshot.value));
  }
});

test('a fault opens at once, with its cure, and closes only when it stayed away', () => {
  const machine = newborn();
  assert.equal(machine.fact(told('ceph')).state, 'health.ok|closing.still');
  machine.fact(told('ceph', DOWN));
  assert.equal(machine.state, 'health.warning|closing.still');
  assert.equal(faultIn(machine, 'CEPH_WARN_OSD_DOWN')?.cure, 'mend it');
  machine.fact(told('ceph'));
  assert.equal(machine.state, 'health.warning|closing.settling');
  assert.equal(delayOf(machine, 'settleMs'), SETTLE_MS);
  machine.fact(told('ceph', DOWN));
  assert.equal(machine.state, 'health.warning|closing.still', 'it came back meanwhile: one and the same fault');
  settle(machine.fact(told('ceph')));
  assert.equal(machine.state, 'health.ok|closing.remembering');
  assert.equal(machine.timer('calmMs').state, 'health.ok|closing.still');
});

test('one that flaps stays open until it was quiet for long', () => {
  const machine = newborn().fact(told('ceph'));
  for (let times = 0; times < FLAPS_MAX; times += 1) settle(machine.fact(told('ceph', DOWN)).fact(told('ceph')));
  machine.fact(told('ceph', DOWN)).fact(told('ceph'));
  assert.equal(delayOf(machine, 'settleMs'), CALM_MS);
  machine.fact(told('fence', FENCE)).fact(told('fence'));
  assert.equal(delayOf(machine, 'settleMs'), SETTLE_MS, 'another one does not wait for it');
  settle(machine);
  assert.equal(contextOf(machine.record).open, 'CEPH_WARN_OSD_DOWN');
  assert.equal(delayOf(machine, 'settleMs'), CALM_MS);
  assert.equal(settle(machine).state, 'health.ok|closing.remembering');
});

test('silence keeps what was known; an answer ends it, and its fault closes as others do', () => {
  const machine = newborn().fact(told('ceph', DOWN)).fact(SILENT);
  assert.equal(machine.state, 'health.silent|closing.still');
  assert.equal(contextOf(machine.record).open, 'CEPH_UNHEARD CEPH_WARN_OSD_DOWN');
  assert.match(faultIn(machine, 'CEPH_UNHEARD')!.text, /no monitor answers/);
  machine.fact(told('fence', FENCE));
  assert.equal(machine.state, 'health.silent|closing.still', 'others may tell meanwhile: Ceph is silent all the same');
  machine.fact(told('ceph', DOWN));
  assert.equal(machine.state, 'health.error|closing.settling');
  assert.equal(settle(machine).state, 'health.warning|closing.remembering');
});

test('reporters do not close what others opened', () => {
  const machine = newborn().fact(told('ceph', DOWN)).fact(told('fence', FENCE)).fact(told('osds'));
  assert.equal(contextOf(machine.record).open, 'CEPH_WARN_OSD_DOWN STORAGE_FENCE_CAPS_MON');
  settle(machine.fact(told('fence')));
  assert.equal(contextOf(machine.record).open, 'CEPH_WARN_OSD_DOWN');
});

test('what is acknowledged stays so until it gets worse; what is deleted comes back if it is still so', () => {
  const machine = newborn().fact(told('ceph', DOWN));
  const acknowledge = { type: 'ceph.acknowledge', fault: 'CEPH_WARN_OSD_DOWN' };
  assert.equal(machine.command(acknowledge).state, 'done');
  assert.match(machine.command(acknowledge).message ?? '', /already/);
  machine.fact(told('ceph', { ...DOWN, text: '2 osds down' }));
  const known = faultIn(machine, 'CEPH_WARN_OSD_DOWN')!;
  assert.deepEqual([known.acknowledgedAt !== null, known.text], [true, '2 osds down']);
  machine.fact(told('ceph', WORSE));
  assert.equal(faultIn(machine, 'CEPH_ERR_OSD_DOWN')?.acknowledgedAt, null);
  machine.command({ type: 'ceph.forget', fault: null });
  assert.equal(machine.state, 'health.ok|closing.still');
  assert.equal(machine.fact(told('ceph', WORSE)).state, 'health.error|closing.still');
  const unknown = machine.command({ type: 'ceph.forget', fault: 'CEPH_WARN_NONE' });
  assert.equal(unknown.state, 'failed');
  assert.match(unknown.message ?? '', /No fault "CEPH_WARN_NONE" is open.*fault list/);
});

test('closing is told apart: what is there stays', () => {
  const machine = newborn().fact(told('ceph', DOWN)).fact(told('fence', FENCE));
  const context = contextOf(machine.record);
  assert.deepEqual(closed(context), { closings: {}, faults: context.faults, open: context.open });
});
