/** Stories of one VM and the storage fence (proof P3): whom it is enough for, and what its next copy must know. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DrivenMachine } from '../fixtures/machine-driver.js';
import { context, copying, newVm, running, told } from '../fixtures/vm-story.js';
import { acquired, HV1, HV2, HV3, proofOf, runOnHv2, vmInput, withContext } from '../fixtures/vm-world.js';
import type { Proof } from '../machines/node/messages.js';
import { machineOf } from '../machines/registry.js';
import type { VmDefinition } from '../machines/vm/messages.js';

const RBD: VmDefinition = { ...vmInput().definition, rbdOnly: true, diskless: false };
const LOCAL: VmDefinition = { ...RBD, rbdOnly: false };
const p3: Proof = { ...proofOf(HV2, 'P3'), osdmapEpoch: 7 };

/** Its node was cut off; the primary has claimed it and tells it of the proof. */
const told3 = (vm: DrivenMachine, proof: Proof = p3): DrivenMachine =>
  vm.fact(acquired(HV1, 'claimed')).fact({ type: 'vm.recover', target: HV3, proofs: [proof], reason: null });

test('P3 is enough for a VM that could write to nothing but RBD, and for no other', () => {
  const cases: [string, DrivenMachine, boolean][] = [
    ['all in RBD', running({ definition: RBD }), true],
    ['a disk elsewhere', running({ definition: LOCAL }), false],
    ['started from a disk elsewhere, its definition changed since', (() => {
      const vm = running({ definition: LOCAL });
      vm.command({ type: 'vm.modify', definition: RBD, restart: false });
      return vm;
    })(), false],
    ['started from RBD, its definition changed since', (() => {
      const vm = running({ definition: RBD });
      vm.command({ type: 'vm.modify', definition: LOCAL, restart: false });
      return vm;
    })(), true],
    ['a record that does not say what it was started from', (() => {
      const vm = running({ definition: RBD });
      const { rbdOnlyCopies: _unknown, ...rest } = vm.record.snapshot.context;
      vm.record = { ...vm.record, snapshot: { ...vm.record.snapshot, context: rest } };
      return vm;
    })(), false],
  ];
  for (const [name, vm, enough] of cases) {
    told3(vm);
    assert.equal(vm.state, enough ? 'starting.transferring' : 'recovering.asking', name);
    assert.deepEqual(context(vm).mayRunOn, enough ? [] : [HV2], name);
  }
});

test('what P3 does not cover waits for a proof that does', () => {
  for (const kind of ['P0', 'P1', 'P2', 'P4'] as const) {
    const vm = told3(running({ definition: LOCAL }));
    vm.fact({ type: 'vm.recover', target: HV3, proofs: [proofOf(HV2, kind)], reason: null });
    assert.equal(vm.state, 'starting.transferring', kind);
  }
});

test('its disks are opened with a map that knows of the fence, also at every later start', () => {
  const vm = told3(running({ definition: RBD })).fact(acquired(HV3, 'transferred'));
  assert.deepEqual([vm.state, vm.effect('storage.reach').params['osdmapEpoch']], ['starting.reaching', 7]);
  vm.done('storage.reach').done('hypervisor.start', { state: 'running' }).command({ type: 'vm.restart' });
  vm.fact({ type: 'guest.stopped', detail: 'shutdown' });
  assert.deepEqual([vm.state, vm.effect('storage.reach').params['osdmapEpoch']], ['starting.reaching', 7]);
});

test('a storage that does not answer is no failed start: another place is looked for, as often as it takes', () => {
  const vm = told3(running({ definition: RBD })).fact(acquired(HV3, 'transferred'));
  for (let round = 0; round < 5; round += 1) {
    vm.unknown('storage.reach').timer('retryMs').done('cluster.place', { target: HV3, reason: null });
    assert.deepEqual([vm.state, context(vm).startFailures, context(vm).triedNodes], ['starting.reaching', 0, []]);
  }
  vm.command({ type: 'vm.stop' });
  assert.equal(vm.state, 'off.stopped');
});

test('the source of a migration is cut off: the copy at the target is ended and refused before anything starts', () => {
  const vm = told3(copying({ definition: RBD }));
  assert.deepEqual([vm.state, context(vm).mayRunOn, told(vm)], [
    'recovering.asking', [HV3], [['agent/hv3', 'agent.ensure-absent']]]);
});

test('what the next start is made from counts, once the last copy is known to be absent', () => {
  const vm = newVm({ definition: LOCAL });
  runOnHv2(vm);
  vm.fact({ type: 'guest.crashed', detail: 'crashed' }).command({ type: 'vm.modify', definition: RBD, restart: false });
  vm.done('hypervisor.observe', { state: 'absent' });
  vm.timer('backOffMs');
  assert.deepEqual([vm.state, context(vm).rbdOnlyCopies], ['starting.launching', true]);
});

test('should another boot be named while the storage is asked, nothing is started', () => {
  const vm = told3(running({ definition: RBD })).fact(acquired(HV3, 'transferred'));
  vm.record = withContext(vm.record, { mayRunOn: [HV2] });
  assert.equal(vm.done('storage.reach').state, 'recovering.proving');
});

const DISKS = ['vms/web1_sda', 'vms/web1_sdb'];
const WITH_DISKS: VmDefinition = {
  ...RBD,
  rbdDisks: [
    ...DISKS.map((volume, at) => ({ volume, dev: `vd${'ab'[at]}`, shareable: false, readOnly: false })),
    { volume: 'isos/debian', dev: 'sdc', shareable: true, readOnly: true },
  ],
};
const forsaken = (): DrivenMachine =>
  running({ definition: WITH_DISKS }).fact({ type: 'vm.forsake', boot: HV2, target: HV3 });

test('its node has no way to the storage: the copy ends, what it had under way is shut out, and it begins anew', () => {
  const vm = forsaken();
  assert.deepEqual([vm.state, context(vm).mayRunOn], ['stopping.destroying', [HV2]]);
  assert.match(context(vm).waitingReason ?? '', /hv2 has no way to the storage/);
  vm.done('hypervisor.destroy');
  assert.deepEqual([vm.state, context(vm).mayRunOn], ['starting.transferring', []]);
  vm.fact(acquired(HV3, 'transferred'));
  const { nodes, volumes } = vm.effect('storage.shutOut').params;
  assert.deepEqual([vm.state, nodes, volumes], ['starting.shuttingOut', ['hv2'], DISKS]);
  vm.done('storage.shutOut', { osdmapEpoch: 9 });
  assert.deepEqual([vm.state, vm.effect('storage.reach').params['osdmapEpoch']], ['starting.reaching', 9]);
  vm.done('storage.reach').done('hypervisor.start', { state: 'running' });
  assert.deepEqual([vm.state, context(vm).node, context(vm).cutShort], ['running', 'hv3', null]);
});

test('of a record from before its disks were noted it is told them, and keeps them', () => {
  const { rbdDisks } = WITH_DISKS;
  const vm = running({ definition: RBD }).fact({ type: 'vm.forsake', boot: HV2, target: HV3, rbdDisks });
  assert.deepEqual([context(vm).cutShort, context(vm).definition], [{ nodes: ['hv2'], volumes: DISKS }, WITH_DISKS]);
  const newer = running({ definition: { ...RBD, rbdDisks: [] } });
  newer.fact({ type: 'vm.forsake', boot: HV2, target: HV3, rbdDisks });
  assert.deepEqual(context(newer).definition.rbdDisks, [], 'what it has itself counts');
});

test('nothing starts before that is shut out, wherever it is tried and however often its owner changes', () => {
  const vm = forsaken().done('hypervisor.destroy').fact(acquired(HV3, 'transferred'));
  vm.unknown('storage.shutOut').timer('retryMs').done('cluster.place', { target: HV1, reason: null });
  vm.fact(acquired(HV1, 'transferred')).refused('storage.shutOut');
  assert.deepEqual([vm.state, vm.record.effects.map(({ kind }) => kind)], ['starting.storageAway', []]);
  vm.timer('retryMs').done('cluster.place', { target: HV1, reason: null });
  vm.fact(acquired(HV1, 'restarted'));
  assert.deepEqual([vm.state, vm.effect('storage.shutOut').params['nodes']], ['starting.shuttingOut', ['hv2']]);
  vm.command({ type: 'vm.stop' });
  vm.command({ type: 'vm.start' });
  vm.done('cluster.place', { target: HV1, reason: null });
  assert.equal(vm.state, 'starting.shuttingOut', 'stopped meanwhile, and started days later');
});

test('its daemon ends and begins while the copy is being ended: that goes on', () => {
  const vm = forsaken().fact(acquired(HV2, 'restarted')).done('hypervisor.observe', { state: 'running' });
  assert.equal(vm.state, 'stopping.destroying');
  vm.done('hypervisor.destroy').fact(acquired(HV3, 'transferred'));
  assert.equal(vm.state, 'starting.shuttingOut');
});

test('its node dies before the copy was ended: it waits for the proof, as any other', () => {
  const vm = forsaken().fact(acquired(HV1, 'claimed'));
  assert.equal(vm.state, 'recovering.proving');
  vm.fact({ type: 'vm.recover', target: HV3, proofs: [p3], reason: null }).fact(acquired(HV3, 'transferred'));
  assert.equal(vm.state, 'starting.shuttingOut');
});

test('a letter about a node that it has left meanwhile changes nothing', () => {
  const vm = running({ definition: WITH_DISKS }).fact({ type: 'vm.forsake', boot: HV1, target: HV3 });
  assert.equal(vm.state, 'running');
});

test('a copy whose end nobody saw, and one that was ended where the storage did not answer, are shut out, too', () => {
  const crashed = running({ definition: WITH_DISKS }).fact({ type: 'guest.crashed', detail: 'crashed' });
  crashed.done('hypervisor.observe', { state: 'absent' }).timer('backOffMs');
  assert.equal(crashed.state, 'starting.shuttingOut');
  for (const result of [{ severed: true }, null]) {
    const stopped = running({ definition: WITH_DISKS });
    stopped.command({ type: 'vm.stop' });
    stopped.done('hypervisor.destroy', result).command({ type: 'vm.start' });
    stopped.done('cluster.place', { target: HV2, reason: null });
    assert.equal(stopped.state, result === null ? 'starting.launching' : 'starting.shuttingOut');
  }
});

test('a guest whose agent does not thaw it is not said to go on; ending it is what a user can do', () => {
  const thawing = () => {
    const vm = running({ definition: RBD });
    const { operationId } = vm.command({ type: 'vm.snapshot', snapshot: 's1' });
    vm.done('disks.check').done('hypervisor.freeze', { how: 'agent' }).done('disks.snapshot');
    return { vm, operationId };
  };
  for (const type of ['vm.stop', 'vm.shutdown', 'vm.disable', 'vm.undefine'] as const) {
    for (const isAsked of [false, true]) {
      const { vm, operationId } = thawing();
      vm.unknown('hypervisor.thaw');
      assert.deepEqual([vm.state, vm.operation(operationId)?.state], ['snapshotting.thawingAgain', 'accepted'], type);
      assert.notEqual(context(vm).waitingReason, null);
      if (isAsked) vm.timer('retryMs');
      vm.command({ type, force: false });
      assert.match(vm.state, /^stopping/, type);
      assert.equal(vm.operation(operationId)?.state, 'done', 'the snapshot was taken');
      assert.deepEqual([context(vm).snapshotting, context(vm).snapshots?.length], [null, 1]);
    }
  }
  const { vm } = thawing();
  vm.unknown('hypervisor.thaw').timer('retryMs').done('hypervisor.thaw');
  assert.deepEqual([vm.state, context(vm).waitingReason], ['running', null], 'it waits for nothing any more');
});

test('a guest that is just being let go on is not asked to end before: paused, it would not hear of it', () => {
  const vm = running({ definition: RBD });
  vm.command({ type: 'vm.snapshot', snapshot: 's1' });
  vm.done('disks.check').done('hypervisor.freeze', { how: 'paused' }).done('disks.snapshot');
  assert.equal(vm.state, 'snapshotting.thawing');
  const answer = machineOf('vm')!.admit(vm.record.snapshot, { type: 'vm.shutdown' });
  assert.match(answer.kind === 'deny' ? answer.message : answer.kind, /is being let go on\): it cannot shutdown now/);
});
