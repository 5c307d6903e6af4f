/** Stories of one VM and the storage fence (proof P3): whom it is enough for, and what its next copy must know. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DrivenMachine } from '../fixtures/machine-driver.js';
import { context, copying, newVm, running, told } from '../fixtures/vm-story.js';
import { acquired, HV1, HV2, HV3, proofOf, runOnHv2, vmInput, withContext } from '../fixtures/vm-world.js';
import type { Proof } from '../machines/node/messages.js';
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
