/** Stories of one VM, told to its machine step by step: the exhaustive test has the rules, these the meaning. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { context, copying, migrate, newVm, running, transfers, word } from '../fixtures/vm-story.js';
import type { DrivenMachine } from '../fixtures/machine-driver.js';
import { HV1, HV2, HV3, acquired, vmInput } from '../fixtures/vm-world.js';
import { machineOf } from '../machines/registry.js';
import { vmReason, vmStateText } from '../machines/vm/view.js';

test('define, start, shut down, undefine', () => {
  const vm = newVm().fact(acquired(HV1, 'created'));
  assert.deepEqual([word(vm), context(vm).mayRunOn], ['stop', []]);
  const start = vm.command({ type: 'vm.start' });
  assert.deepEqual([vm.state, word(vm)], ['starting.placing', 'start']);
  vm.done('cluster.place', { target: HV2, reason: null });
  assert.deepEqual([vm.state, transfers(vm), context(vm).mayRunOn], ['starting.transferring', ['hv2'], []]);
  vm.fact(acquired(HV2, 'transferred'));
  assert.deepEqual(
    [vm.state, context(vm).mayRunOn, context(vm).node],
    ['starting.launching', [HV2], 'hv2'],
    'V1: listed by the commit that asks for the start',
  );
  vm.done('hypervisor.start', { state: 'running' });
  assert.deepEqual([vm.state, vm.operation(start.operationId)?.state], ['running', 'done']);
  vm.command({ type: 'vm.shutdown' });
  assert.deepEqual([word(vm), vm.pending.map((each) => each.kind)], ['shutdown', ['hypervisor.shutdown']]);
  vm.done('hypervisor.shutdown').fact({ type: 'guest.stopped', detail: 'shutdown' });
  assert.deepEqual([word(vm), context(vm).mayRunOn, transfers(vm)], ['stop', [], ['primary']]);
  const undefine = vm.command({ type: 'vm.undefine' });
  assert.deepEqual([vm.record.removed, vm.operation(undefine.operationId)?.state], [true, 'done']);
  assert.deepEqual(
    vm.committed.map((each) => [each.type, each.params]),
    [['actor.remove', { names: ['web1'] }]],
  );
});

test('a guest that ignores ACPI is destroyed after its own time-out', () => {
  const vm = running({ shutdownMs: 5000 });
  vm.command({ type: 'vm.disable', force: false });
  assert.equal(vm.record.timers.find((timer) => timer.timerId.includes('shutdownMs'))?.delayMs, 5000);
  vm.timer('shutdownMs');
  assert.deepEqual([vm.state, word(vm)], ['stopping.destroying', 'stop']);
  vm.unknown('hypervisor.destroy').timer('retryMs').done('hypervisor.destroy');
  assert.equal(word(vm), 'disable');
});

test('a restart ends and starts it on the same node', () => {
  const vm = running();
  const restart = vm.command({ type: 'vm.restart' });
  assert.equal(word(vm), 'restart');
  vm.fact({ type: 'guest.stopped', detail: 'shutdown' });
  assert.deepEqual([vm.state, transfers(vm)], ['starting.launching', []]);
  vm.done('hypervisor.start', { state: 'running' });
  assert.equal(vm.operation(restart.operationId)?.state, 'done');
});

test('no legal node: it waits with a reason, and looks again when something changed', () => {
  const vm = newVm().fact(acquired(HV1, 'created'));
  vm.command({ type: 'vm.start' });
  vm.done('cluster.place', { target: null, reason: 'no node can take it' });
  assert.deepEqual([vm.state, vmReason(vm.record.snapshot)], ['starting.waiting', 'no node can take it']);
  vm.fact({ type: 'cluster.changed' });
  assert.equal(vm.state, 'starting.placing');
  vm.done('cluster.place', { target: null, reason: 'no node can take it' }).timer('retryPlacementMs');
  assert.equal(vm.state, 'starting.placing');
});

test('failed starts: again here, then elsewhere, then fail', () => {
  const vm = newVm().fact(acquired(HV1, 'created'));
  const start = vm.command({ type: 'vm.start' });
  vm.done('cluster.place', { target: HV2, reason: null }).fact(acquired(HV2, 'transferred'));
  for (const attempt of [1, 2]) {
    vm.refused('hypervisor.start', `no disk ${attempt}`).done('hypervisor.observe', { state: 'absent' });
    if (attempt === 1) vm.timer('backOffMs');
  }
  assert.equal(vm.state, 'starting.changingNode');
  vm.timer('changeNodeMs');
  assert.deepEqual([vm.state, vm.effect('cluster.place').params['exclude']], ['starting.placing', ['hv2']]);
  vm.done('cluster.place', { target: HV3, reason: null }).fact(acquired(HV3, 'transferred'));
  vm.refused('hypervisor.start', 'no disk 3').done('hypervisor.observe', { state: 'absent' }).timer('backOffMs');
  vm.refused('hypervisor.start', 'no disk 4').done('hypervisor.observe', { state: 'absent' });
  assert.deepEqual([word(vm), vmReason(vm.record.snapshot)], ['fail', 'no disk 4 (given up after hv2, hv3)']);
  assert.deepEqual(
    [vm.operation(start.operationId)?.state, vm.operation(start.operationId)?.message],
    ['failed', 'no disk 4 (given up after hv2, hv3)'],
  );
});

test('the pause before another node grows with the nodes that were tried', () => {
  const vm = newVm().fact(acquired(HV1, 'created'));
  vm.command({ type: 'vm.meta', meta: { maxRestart: 0, maxRelocate: 3 } });
  vm.command({ type: 'vm.start' });
  const delays: number[] = [];
  for (const target of [HV2, HV3, HV2]) {
    vm.done('cluster.place', { target, reason: null }).fact(acquired(target, 'transferred'));
    vm.refused('hypervisor.start', 'no disk').done('hypervisor.observe', { state: 'absent' });
    delays.push(vm.record.timers.find((timer) => timer.timerId.includes('changeNodeMs'))!.delayMs);
    vm.timer('changeNodeMs');
  }
  assert.deepEqual(delays, [1000, 2000, 4000]);
});

test('queued behind others it keeps its place, and starts at its turn or when it has waited long enough', () => {
  const proof = { kind: 'P1', boot: HV2, evidence: 'off', at: 1 };
  const recovered = (): DrivenMachine => running().fact(acquired(HV1, 'claimed'))
    .fact({ type: 'vm.recover', target: HV3, proofs: [proof], reason: null, after: ['u9'] });
  for (const go of [(vm: DrivenMachine) => vm.fact({ type: 'vm.turn' }), (vm: DrivenMachine) => vm.timer('queueMs')]) {
    const vm = recovered();
    assert.deepEqual([vm.state, context(vm).target, context(vm).after], ['starting.queueing', HV3, ['u9']]);
    assert.match(vmReason(vm.record.snapshot), /higher priority/);
    go(vm);
    assert.deepEqual([vm.state, context(vm).after], ['starting.transferring', []]);
  }
  const stopped = recovered();
  stopped.command({ type: 'vm.stop' });
  assert.equal(word(stopped), 'stop');
});

test('a start that settles elsewhere has its home there', () => {
  const vm = newVm().fact(acquired(HV1, 'created'));
  vm.command({ type: 'vm.start' });
  vm.done('cluster.place', { target: HV3, reason: null, settles: true }).fact(acquired(HV3, 'transferred'));
  vm.done('hypervisor.start', { state: 'running' });
  assert.deepEqual([context(vm).node, context(vm).lastNode], ['hv3', null]);
});

test('an unknown start is looked at, never assumed', () => {
  const vm = newVm().fact(acquired(HV1, 'created'));
  vm.command({ type: 'vm.start' });
  vm.done('cluster.place', { target: HV2, reason: null })
    .fact(acquired(HV2, 'transferred'))
    .unknown('hypervisor.start');
  assert.equal(vm.state, 'observing.looking');
  vm.unknown('hypervisor.observe').timer('retryMs').done('hypervisor.observe', { state: 'running' });
  assert.equal(vm.state, 'running');
});

test('a guest that powers itself off is stopped; one that crashes is started again, with a limit', () => {
  const off = running().fact({ type: 'guest.stopped', detail: 'shutdown' });
  assert.deepEqual([word(off), context(off).desired], ['stop', 'stop']);
  const vm = running();
  const delays: number[] = [];
  for (let crash = 1; crash < 5; crash += 1) {
    vm.fact({ type: 'guest.crashed', detail: 'panicked' }).done('hypervisor.observe', { state: 'absent' });
    delays.push(vm.record.timers.find((timer) => timer.timerId.includes('backOffMs'))!.delayMs);
    vm.timer('backOffMs').done('hypervisor.start', { state: 'running' });
  }
  assert.deepEqual(delays, [1000, 2000, 4000, 8000]);
  vm.fact({ type: 'guest.crashed', detail: 'panicked' }).done('hypervisor.observe', { state: 'absent' });
  assert.deepEqual([word(vm), /panicked/.test(vmReason(vm.record.snapshot))], ['fail', true]);
});

test('a guest that its node\'s guard ends for want of a lease is never given up for that', () => {
  const vm = running();
  for (let ended = 1; ended <= 6; ended += 1) {
    vm.fact({ type: 'guest.crashed', detail: 'destroyed', leaseOver: true })
      .done('hypervisor.observe', { state: 'absent' });
    vm.timer('backOffMs').done('hypervisor.start', { state: 'running' });
  }
  assert.deepEqual([word(vm), context(vm).crashes], ['start', 0]);
});

test('a guest that is stable for a while has its crashes forgotten', () => {
  const vm = running()
    .fact({ type: 'guest.crashed', detail: 'panicked' })
    .done('hypervisor.observe', { state: 'absent' });
  vm.timer('backOffMs').done('hypervisor.start', { state: 'running' }).timer('stableMs');
  assert.equal(context(vm).crashes, 0);
});

test('the same boot carries on after a restart of its daemon: it looks before it acts', () => {
  const vm = running().fact(acquired(HV2, 'restarted'));
  assert.equal(vm.state, 'observing.looking');
  assert.equal(vm.done('hypervisor.observe', { state: 'running' }).state, 'running');
  const shutting = running();
  shutting.command({ type: 'vm.shutdown' });
  shutting.fact(acquired(HV2, 'restarted')).done('hypervisor.observe', { state: 'absent' });
  assert.equal(word(shutting), 'stop', 'the guest ended while nobody looked, as it was asked to');
  const moving = copying().fact(acquired(HV2, 'restarted'));
  assert.equal(moving.state, 'migrating.copying', 'the resumed effect answers unknown, and that is resolved');
});

test('a stop during a start is granted once the start is known', () => {
  const vm = newVm().fact(acquired(HV1, 'created'));
  const start = vm.command({ type: 'vm.start' });
  vm.done('cluster.place', { target: HV2, reason: null }).fact(acquired(HV2, 'transferred'));
  const stop = vm.command({ type: 'vm.stop' });
  assert.equal(vm.operation(start.operationId)?.state, 'failed');
  vm.done('hypervisor.start', { state: 'running' });
  assert.equal(vm.state, 'stopping.destroying');
  vm.done('hypervisor.destroy');
  assert.equal(vm.operation(stop.operationId)?.state, 'done');
});

test('a denial says what keeps the VM for a moment where PVC\'s word does not', () => {
  const denied = (vm: DrivenMachine, type = 'vm.migrate'): string => {
    const answer = machineOf('vm')!.admit(vm.record.snapshot, { ...migrate, type });
    return answer.kind === 'deny' ? answer.message : answer.kind;
  };
  const attaching = running();
  attaching.command({ type: 'vm.attach', deviceHash: 'd1', definition: vmInput().definition });
  assert.match(denied(attaching), /is in state "start" \(a device is being attached, detached or limited\): it cannot/);
  const snapshotting = running();
  snapshotting.command({ type: 'vm.snapshot', snapshot: 's1' });
  assert.match(denied(snapshotting), /"start" \(is the name of the snapshot free on every volume\): it cannot migrate/);
  const starting = newVm().fact(acquired(HV1, 'created'));
  starting.command({ type: 'vm.start' });
  assert.match(denied(starting), /"start" \(a node is being chosen\): it cannot migrate/);
  const removing = newVm().fact(acquired(HV1, 'created'));
  removing.command({ type: 'vm.undefine', disks: ['vms/a'] });
  assert.match(denied(removing, 'vm.start'), /"delete" \(does anybody else need one of its volumes\): it cannot start/);
  const stopping = running();
  stopping.command({ type: 'vm.shutdown' });
  assert.match(denied(stopping), /is in state "shutdown": it cannot/, 'PVC has a word for it');
});

test('what a user wants goes before the notice of a new size, which is given again', () => {
  const resized = { type: 'disk.resized', volume: 'vms/web1_sda', sizeBytes: 2 << 30 };
  const vm = running().fact(resized);
  assert.equal(vm.state, 'changing.resizing');
  const snapshot = vm.command({ type: 'vm.snapshot', snapshot: 's1' });
  vm.done('disks.check').done('hypervisor.freeze', { how: 'agent' }).done('disks.snapshot').done('hypervisor.thaw');
  assert.deepEqual([vm.state, vm.operation(snapshot.operationId)?.state], ['changing.resizing', 'done']);
  vm.unknown('hypervisor.resizeDisk');
  vm.command(migrate);
  assert.equal(vm.state, 'migrating.choosing');
  const stopped = running().fact(resized);
  stopped.command({ type: 'vm.stop' });
  assert.equal(stopped.state, 'stopping.destroying');
});

test('an error of a disk: paused and tried again, or stopped for good, as its policy says', () => {
  const stalled = { type: 'guest.stalled', detail: 'I/O error' };
  const paused = running().fact(stalled);
  assert.equal(paused.state, 'observing.lookingAgain');
  paused.timer('retryMs').done('hypervisor.observe', { state: 'paused' });
  paused.done('hypervisor.resume', { state: 'running' });
  assert.equal(paused.state, 'running');
  const stop = running({ meta: { ...vmInput().meta, ioErrors: 'stop' } }).fact(stalled);
  assert.equal(stop.state, 'observing.clearing');
  stop.done('hypervisor.destroy');
  assert.deepEqual([stop.state, word(stop)], ['off.failed', 'fail']);
  assert.match(vmReason(stop.record.snapshot), /disks reported an error.*policy is to stop/);
  stop.command({ type: 'vm.start' });
  assert.equal(context(stop).crashes, 0, 'a user may start it');
});

test('admission names the thing, its state and the legal commands', () => {
  const vm = running();
  const { admit } = machineOf('vm')!;
  const ask = (command: Record<string, unknown> & { type: string }) => admit(vm.record.snapshot, command);
  assert.deepEqual(ask({ type: 'vm.start' }), {
    kind: 'already',
    message: 'VM "web1" is already in state "start": nothing to do for start',
  });
  assert.deepEqual(ask({ type: 'vm.unmigrate', forceLive: false }).kind, 'deny');
  assert.match(
    (ask({ type: 'vm.migrate', target: 'hv2', force: false, forceLive: false }) as { message: string }).message,
    /is on node "hv2" already/,
  );
  assert.equal(ask({ type: 'vm.nonsense' }).kind, 'deny');
  vm.command({ type: 'vm.stop' });
  const denied = ask({ type: 'vm.migrate', target: 'hv3', force: false, forceLive: false });
  assert.deepEqual(denied, {
    kind: 'deny',
    code: 'PVC_WRONG_STATE',
    message: 'VM "web1" is in state "stop": it cannot migrate now; legal commands: meta, tag or modify',
  });
  assert.match(vmStateText(vm.record.snapshot), /hypervisor is ending it/);
});

test('tags, meta and a new definition take effect at once, in any state', () => {
  const vm = running();
  vm.command({ type: 'vm.tag', action: 'add', tag: 'web', protected: true });
  assert.equal(vm.command({ type: 'vm.tag', action: 'remove', tag: 'web', protected: false }).state, 'failed');
  vm.command({ type: 'vm.tag', action: 'add', tag: 'web', protected: false });
  assert.equal(vm.command({ type: 'vm.tag', action: 'remove', tag: 'web', protected: false }).state, 'done');
  assert.equal(vm.command({ type: 'vm.tag', action: 'remove', tag: 'web', protected: false }).state, 'failed');
  vm.command({ type: 'vm.meta', meta: { nodeLimit: ['hv1', 'hv2'] } });
  assert.match(vm.command(migrate).message ?? '', /not in the node limit of VM "web1": hv1, hv2/);
  vm.command({ type: 'vm.modify', definition: { ...vmInput().definition, xmlHash: 'h2' }, restart: true });
  assert.deepEqual([context(vm).definition.xmlHash, word(vm)], ['h2', 'restart']);
});

test('an off VM is given another node without running; a claim of it needs no proof', () => {
  const vm = newVm().fact(acquired(HV1, 'created'));
  assert.equal(vm.command({ type: 'vm.move', target: 'hv3', forceLive: false }).state, 'done');
  assert.equal(context(vm).node, 'hv3');
  assert.match(vm.command({ type: 'vm.move', target: null, forceLive: false }).message ?? '', /name the node/);
  vm.fact(acquired(HV3, 'claimed'));
  assert.deepEqual([vm.state, context(vm).owner], ['off.stopped', HV3]);
});
