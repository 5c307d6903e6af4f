/** Every reachable state of the shipped VM machine (bounded), under every event that can come, checked step by step. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allStates, DrivenMachine } from '../fixtures/machine-driver.js';
import { Coverage, explore, type Step } from '../fixtures/machine-explorer.js';
import { unanswered } from '../fixtures/machine-tables.js';
import {
  HV1,
  HV2,
  HV3,
  acquired,
  benignVmStep,
  contextOf,
  everyCommandIsTried,
  runOnHv2,
  same,
  vmInput,
  vmMoves,
  withContext,
} from '../fixtures/vm-world.js';
import type { Proof } from '../machines/node/messages.js';
import { machineOf } from '../machines/registry.js';
import { statePaths } from '../machines/definition.js';
import type { BootRef, VmContext } from '../machines/vm/messages.js';
import { vmMachine } from '../machines/vm/machine.js';
import { VM_STATES } from '../machines/vm/states.js';
import type { ActorRecord } from '../runtime/record.js';

const STATES_MAX = 2000;
const newVm = (): DrivenMachine =>
  new DrivenMachine(machineOf('vm')!, 'u1', vmInput()).fact(acquired(HV1, 'created'));
const stateOf = (record: ActorRecord): string => statePaths(record.snapshot.value)[0] ?? '';
const has = (list: readonly BootRef[], boot: BootRef): boolean => list.some((each) => same(each, boot));
const RESTING = /^(off\.|running$|removed$)/;

/** Which boots may leave mayRunOn by this event, as the safety rules have it. */
function mayLeave(before: VmContext, after: VmContext, event: Record<string, unknown>, boot: BootRef): boolean {
  const proofs = (event['proofs'] ?? (event['proof'] === undefined ? [] : [event['proof']])) as readonly Proof[];
  if (
    has(
      proofs.filter((proof) => proof.kind !== 'P3' || before.rbdOnlyCopies === true).map((proof) => proof.boot),
      boot,
    )
  )
    return true;
  const type = String(event['type']);
  if (type === 'agent.absent') return event['node'] === boot.node;
  if (type === 'owner.acquired') return event['node'] === boot.node && event['bootId'] !== boot.bootId;
  const own = same(boot, before.owner) || (before.owner?.node === boot.node && boot.bootId !== before.owner.bootId);
  return (
    own &&
    /^(hypervisor\.(destroy|migrate|observe)\.done|guest\.stopped)$/.test(type) &&
    same(before.owner, after.owner)
  );
}

function check({ before, move, after, machine }: Step): void {
  const where = `${move.name} in ${stateOf(before)} -> ${stateOf(after)}`;
  const [was, is] = [contextOf(before), contextOf(after)];
  const begun = after.effects.filter((effect) => !before.effects.some((each) => each.effectId === effect.effectId));
  const event = after.tail.at(-1)?.event as Record<string, unknown> | undefined;
  for (const boot of was.mayRunOn) {
    if (!has(is.mayRunOn, boot))
      assert.ok(event && mayLeave(was, is, event, boot), `${where}: ${boot.node} left mayRunOn without evidence`);
  }
  for (const { kind } of begun) {
    if (kind === 'hypervisor.start') assert.deepEqual(is.mayRunOn, [is.owner], `${where}: V1`);
    if (kind === 'hypervisor.start') assert.ok(!is.cutShort, `${where}: starts beside what may still be under way`);
    if (kind === 'hypervisor.migrate')
      assert.ok(is.target && has(is.mayRunOn, is.target) && has(is.mayRunOn, is.owner!), `${where}: V2`);
    if (kind === 'hypervisor.resume') assert.ok(has(is.mayRunOn, is.owner!), `${where}: resumes what it may not run`);
  }
  for (const { type, params } of machine.committed) {
    if (type !== 'owner.transfer' || params['to'] === 'primary') continue;
    if (stateOf(after) === 'migrating.handingOver') {
      assert.match(String(event?.['type']), /^(hypervisor\.migrate\.done|agent\.observed)$/, `${where}: V3`);
      assert.ok(!has(is.mayRunOn, is.owner!), `${where}: hands over while the source may hold a copy`);
    } else assert.deepEqual(is.mayRunOn, [], `${where}: is handed on while a copy may be left`);
  }
  if (stateOf(after).startsWith('off.')) {
    assert.deepEqual(is.mayRunOn, [], `${where}: V4`);
    assert.deepEqual(
      [after.effects.length, after.timers.length, is.operation],
      [0, 0, null],
      `${where}: at rest, and yet not`,
    );
  }
  for (const { to, event: told } of machine.sent) {
    if (told.type === 'agent.ensure-absent')
      assert.ok(to !== `agent/${is.target?.node}` && to !== `agent/${is.owner?.node}`, `${where}: V5`);
  }
  if (!RESTING.test(stateOf(after))) {
    assert.ok(after.effects.length + after.timers.length > 0, `${where}: waits for nothing`);
  }
  const open = after.operations
    .filter((operation) => operation.state === 'accepted')
    .map((operation) => operation.operationId);
  assert.deepEqual(
    open,
    is.operation === null ? [] : [is.operation.operationId],
    `${where}: an accepted operation is lost`,
  );
  const latest = after.operations.at(-1);
  if (move.name.startsWith('vm.') && latest?.state === 'accepted')
    assert.notDeepEqual(is, was, `${where}: accepted, and nothing happened`);
  assert.deepEqual(unanswered(machineOf('vm')!, after), [], `${where}: answers without a transition`);
}

/** What lies behind many failures or rare settings: begun where the counters stand just before their limits. */
function roots(): ActorRecord[] {
  const placing = newVm();
  placing.command({ type: 'vm.start' });
  const running = runOnHv2(new DrivenMachine(machineOf('vm')!, 'u1', vmInput()));
  const { meta } = vmInput();
  /** A live attempt failed, the guest still runs at its source, and its target is being cleared. */
  const failedCopy = (attempts: number, migrationMethod: VmContext['meta']['migrationMethod']): ActorRecord => {
    const machine = new DrivenMachine(machineOf('vm')!, 'u1', vmInput());
    machine.record = withContext(running.record, { meta: { ...meta, migrationMethod } });
    machine.command({ type: 'vm.migrate', target: 'hv3', force: false, forceLive: false });
    machine.done('cluster.place', { target: HV3, reason: null });
    if (migrationMethod === 'shutdown') return machine.record;
    machine.refused('hypervisor.migrate').done('hypervisor.observe', { state: 'running' });
    return withContext(machine.record, { move: { ...contextOf(machine.record).move!, attempts } });
  };
  return [
    withContext(placing.record, { startFailures: 1, triedNodes: ['hv1'], crashes: 4 }),
    withContext(placing.record, { startFailures: 1 }),
    withContext(placing.record, { osdmapEpoch: 7 }),
    failedCopy(1, 'none'),
    failedCopy(3, 'none'),
    failedCopy(3, 'live'),
    failedCopy(0, 'shutdown'),
    withContext(running.record, { meta: { ...meta, ha: false, ioErrors: 'stop' } }),
    withContext(running.record, { crashes: 4 }),
    afterLostMigration('refused'),
    afterLostMigration('gone'),
    arriving(),
    changingAgain(),
    forsaken(),
    ...snapshots(),
    ...removals(),
    resized(),
  ].map((record) => ({ ...record, tail: [] }));
}

/** A migration was refused; or its answer was lost, the source has no copy, and the user wants the VM stopped. */
function afterLostMigration(how: 'refused' | 'gone'): ActorRecord {
  const machine = runOnHv2(new DrivenMachine(machineOf('vm')!, 'u1', vmInput()));
  machine.command({ type: 'vm.migrate', target: 'hv3', force: false, forceLive: false });
  machine.done('cluster.place', { target: HV3, reason: null });
  if (how === 'refused') return machine.refused('hypervisor.migrate').record;
  machine.unknown('hypervisor.migrate').done('hypervisor.observe', { state: 'absent' }).command({ type: 'vm.stop' });
  return machine.record;
}

/** Its copy was ended, for its node had lost the way to the storage, and it is on its way to another one. */
function forsaken(): ActorRecord {
  const machine = runOnHv2(new DrivenMachine(machineOf('vm')!, 'u1', vmInput()));
  machine.fact({ type: 'vm.forsake', boot: HV2, target: HV3 }).done('hypervisor.destroy');
  return withContext(machine.record, { cutShort: { nodes: ['hv2'], volumes: ['vms/u1'] } });
}

/** Its copy has arrived and is about to be resumed. */
function arriving(): ActorRecord {
  const machine = runOnHv2(new DrivenMachine(machineOf('vm')!, 'u1', vmInput()));
  machine.command({ type: 'vm.migrate', target: 'hv1', force: false, forceLive: false });
  machine.done('cluster.place', { target: HV1, reason: null }).done('hypervisor.migrate', { durationMs: 10 });
  return machine.fact(acquired(HV1, 'transferred')).record;
}

/** A snapshot is being taken, of a guest that runs and of one that does not; one is there. */
function snapshots(): ActorRecord[] {
  const running = runOnHv2(new DrivenMachine(machineOf('vm')!, 'u1', vmInput()));
  running.command({ type: 'vm.snapshot', snapshot: 's1' });
  running.done('disks.check').done('hypervisor.freeze', { how: 'agent' });
  const off = newVm();
  off.command({ type: 'vm.snapshot', snapshot: 's1' });
  off.done('disks.check');
  const taken = newVm();
  taken.command({ type: 'vm.snapshot', snapshot: 's1' });
  taken.done('disks.check').done('disks.snapshot');
  return [running.record, off.record, taken.record];
}

/** It is told of a new size, away from home and with a snapshot. */
function resized(): ActorRecord {
  const machine = runOnHv2(new DrivenMachine(machineOf('vm')!, 'u1', vmInput()));
  const { definition } = vmInput();
  const snapshots = [{ name: 's1', at: 1, volumes: [], definition, still: null }];
  machine.record = withContext(machine.record, { lastNode: 'hv1', snapshots });
  return machine.fact({ type: 'disk.resized', volume: 'vms/web1_sda', sizeBytes: 2 << 30 }).record;
}

/** It goes with its disks: a try short of giving up; and one that has snapshots. */
function removals(): ActorRecord[] {
  const off = newVm();
  off.command({ type: 'vm.undefine', disks: ['vms/web1_sda'] });
  const almost = withContext(off.record, { removal: { ...contextOf(off.record).removal!, tries: 18 } });
  const taken = newVm();
  taken.command({ type: 'vm.snapshot', snapshot: 's1' });
  taken.done('disks.check').done('disks.snapshot').command({ type: 'vm.undefine', disks: ['vms/web1_sda'] });
  return [almost, taken.record];
}

/** A device whose change has been tried almost as often as it may be. */
function changingAgain(): ActorRecord {
  const machine = runOnHv2(new DrivenMachine(machineOf('vm')!, 'u1', vmInput()));
  machine.command({ type: 'vm.detach', deviceHash: 'd1', definition: vmInput().definition });
  return withContext(machine.record, { device: { ...contextOf(machine.record).device!, unknown: 2 } });
}

/** No way leads there: a start that finds a boot which may hold a copy goes to look for evidence first (V1). */
function arrivesWhileACopyIsLeft(machine: DrivenMachine): void {
  machine.record = newVm().record;
  machine.command({ type: 'vm.start' });
  machine.done('cluster.place', { target: HV3, reason: null });
  const onItsWay = machine.record;
  machine.record = withContext(onItsWay, { mayRunOn: [HV1] });
  machine.fact(acquired(HV3, 'transferred'));
  assert.match(machine.state, /^recovering\./);
  machine.record = withContext(onItsWay, { osdmapEpoch: 7 });
  machine.fact(acquired(HV3, 'transferred'));
  machine.record = withContext(machine.record, { mayRunOn: [HV1] });
  machine.done('storage.reach');
  assert.match(machine.state, /^recovering\./);
}

test('every reachable state keeps the invariants, and every state and transition is reached', (t) => {
  assert.ok(everyCommandIsTried());
  const machine = newVm();
  const coverage = new Coverage(vmMachine);
  const wide = coverage.run('from its birth', machine, () => explore(machine, vmMoves, check, STATES_MAX));
  const deep = roots().map((root, at) => coverage.run(`root ${at + 1}`, machine, () => {
    machine.record = root;
    return explore(machine, vmMoves, check, STATES_MAX / 8);
  }));
  coverage.run('against the impossible', machine, () => arrivesWhileACopyIsLeft(machine));
  const records = [wide, ...deep].flatMap((each) => each.records);
  const steps = [wide, ...deep].reduce((sum, each) => sum + each.steps, 0);
  t.diagnostic(`explored ${records.length} states, ${steps} steps; transitions ${coverage.table}`);
  const reached = coverage.reached(records);
  assert.deepEqual(allStates(vmMachine).filter((state) => !reached.includes(state)), [], 'states never reached');
  assert.deepEqual(coverage.missing, [], 'transitions never taken');

  // From everywhere, once nothing fails any more, the VM comes to rest (I13).
  for (const record of records) {
    machine.record = record;
    let left = 80;
    while (left > 0 && benignVmStep(machine)) left -= 1;
    assert.match(stateOf(machine.record), RESTING, `from ${stateOf(record)} it never came to rest`);
  }
});

test('every state is documented in one sentence, and no other', () => {
  assert.deepEqual(Object.keys(VM_STATES).sort(), allStates(vmMachine).sort());
});
