/** Stories of a VM that changes its node: migrated, flushed, or recovered after a loss; and what is never done. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { context, copying, running, told, transfers, word } from '../fixtures/vm-story.js';
import { HV1, HV2, HV3, NODE_ACTOR, acquired, proofOf, vmInput, withContext } from '../fixtures/vm-world.js';
import { vmMigratedText, vmReason } from '../machines/vm/view.js';

test('live migration: the owner changes in the one commit after `done`, and the target resumes', () => {
  const vm = copying();
  assert.deepEqual([vm.state, context(vm).mayRunOn, word(vm)], ['migrating.copying', [HV2, HV3], 'migrate']);
  vm.done('hypervisor.migrate', { durationMs: 100 });
  assert.deepEqual(
    [vm.state, transfers(vm), context(vm).mayRunOn, context(vm).node],
    ['migrating.handingOver', ['hv3'], [HV3], 'hv3'],
  );
  vm.fact(acquired(HV3, 'transferred'));
  assert.deepEqual(
    vm.pending.map((each) => each.kind),
    ['hypervisor.resume'],
  );
  vm.done('hypervisor.resume', { state: 'running' });
  assert.deepEqual([vm.state, vmMigratedText(vm.record.snapshot)], ['running', 'from hv2']);
  assert.ok(vm.record.operations.every((operation) => operation.state === 'done'));
  vm.command({ type: 'vm.unmigrate', forceLive: false });
  assert.equal(vm.effect('cluster.place').params['only'], 'hv2');
  vm.done('cluster.place', { target: HV2, reason: null }).done('hypervisor.migrate', { durationMs: 1 });
  vm.fact(acquired(HV2, 'transferred')).done('hypervisor.resume', { state: 'running' });
  assert.equal(vmMigratedText(vm.record.snapshot), 'no');
});

test('an unknown migration commits nothing: the target is cleared, the source goes on, and the user is told', () => {
  const vm = copying({ meta: { ...vmInput().meta, migrationMethod: 'live' } });
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    vm.unknown('hypervisor.migrate', 'no answer');
    assert.deepEqual([vm.state, transfers(vm)], ['migrating.lookingAtSource', []]);
    vm.done('hypervisor.observe', { state: 'running' });
    assert.deepEqual(
      [vm.state, context(vm).target, told(vm)],
      ['migrating.clearingTarget', null, [['agent/hv3', 'agent.ensure-absent']]],
    );
    assert.deepEqual(context(vm).mayRunOn, [HV2, HV3], 'the target stays listed until its agent has spoken');
    vm.fact({ type: 'agent.absent', ...HV3, uuid: 'u1', requestId: 'u1:0' });
    assert.equal(vm.state, 'migrating.clearingTarget', 'an answer to another question does not count');
    vm.fact({
      type: 'agent.absent',
      ...HV3,
      uuid: 'u1',
      requestId: vm.sent[0]?.event['requestId'] ?? `u1:${context(vm).question}`,
    });
    assert.deepEqual([vm.state, context(vm).mayRunOn], ['observing.looking', [HV2]]);
    vm.done('hypervisor.observe', { state: 'running' });
    if (attempt < 3) vm.timer('retryMs').done('cluster.place', { target: HV3, reason: null });
  }
  assert.deepEqual(
    [vm.state, vm.record.operations.at(-1)?.state, vm.record.operations.at(-1)?.message],
    ['running', 'failed', 'no answer'],
  );
});

test('method none: after the live attempts, by shutdown and start', () => {
  const vm = copying();
  vm.record = withContext(vm.record, { move: { ...context(vm).move!, attempts: 3 } });
  vm.refused('hypervisor.migrate')
    .done('hypervisor.observe', { state: 'running' })
    .fact({ type: 'boot.fenced', proof: proofOf(HV3) });
  vm.done('hypervisor.observe', { state: 'running' }).done('cluster.place', { target: HV1, reason: null });
  assert.deepEqual([vm.state, word(vm)], ['stopping.shuttingDown', 'migrate']);
  vm.fact({ type: 'guest.stopped', detail: 'shutdown' });
  assert.deepEqual([vm.state, transfers(vm)], ['starting.transferring', ['hv1']]);
  vm.fact(acquired(HV1, 'transferred')).done('hypervisor.start', { state: 'running' });
  assert.deepEqual([vm.state, vmMigratedText(vm.record.snapshot)], ['running', 'from hv2']);
});

test('the answer of a migration is lost, but both sides show that it succeeded: the guest is kept', () => {
  const vm = copying().unknown('hypervisor.migrate').done('hypervisor.observe', { state: 'absent' });
  assert.deepEqual(
    [vm.state, told(vm), context(vm).mayRunOn],
    ['migrating.lookingAtTarget', [['agent/hv3', 'agent.observe']], [HV3]],
  );
  vm.fact({ type: 'agent.observed', ...HV3, uuid: 'u1', state: 'paused', requestId: `u1:${context(vm).question}` });
  assert.deepEqual([vm.state, transfers(vm)], ['migrating.handingOver', ['hv3']]);
});

test('source lost during the copy: the target must end its paused copy before anything is started', () => {
  const vm = copying().fact(acquired(HV1, 'claimed'));
  assert.deepEqual([vm.state, vm.pending], ['recovering.proving', []]);
  vm.fact({ type: 'vm.recover', target: HV3, proofs: [proofOf(HV2)], reason: null });
  assert.deepEqual(
    [vm.state, told(vm), context(vm).target],
    ['recovering.asking', [['agent/hv3', 'agent.ensure-absent']], null],
  );
  vm.fact({
    type: 'agent.failed',
    ...HV3,
    uuid: 'u1',
    reason: 'hypervisor does not answer',
    requestId: `u1:${context(vm).question}`,
  });
  assert.deepEqual([vm.state, vmReason(vm.record.snapshot)], ['recovering.asking', 'hypervisor does not answer']);
  vm.timer('askAgainMs').fact({ type: 'agent.absent', ...HV3, uuid: 'u1', requestId: `u1:${context(vm).question}` });
  assert.deepEqual([vm.state, context(vm).mayRunOn], ['starting.placing', []]);
});

test('recovery with every boot proved goes straight to the place of the one plan', () => {
  const vm = running().fact(acquired(HV1, 'claimed'));
  vm.fact({ type: 'vm.recover', target: HV3, proofs: [proofOf(HV2)], reason: null });
  assert.deepEqual([vm.state, transfers(vm)], ['starting.transferring', ['hv3']]);
  vm.fact(acquired(HV3, 'transferred')).done('hypervisor.start', { state: 'running' });
  assert.deepEqual(
    [vm.state, vmMigratedText(vm.record.snapshot), context(vm).mayRunOn],
    ['running', 'from hv2', [HV3]],
  );
});

test('the planned target died too: another place is looked for', () => {
  const vm = running()
    .fact(acquired(HV1, 'claimed'))
    .fact({ type: 'vm.recover', target: HV3, proofs: [proofOf(HV2)], reason: null });
  vm.fact({ type: 'owner.transfer.refused', to: 'hv3', reason: 'hv3 is not live' });
  assert.equal(vm.state, 'starting.turnedAway');
  vm.timer('turnedAwayMs').done('cluster.place', { target: HV1, reason: null });
  assert.equal(vm.state, 'starting.launching', 'the primary itself: no change of owner is needed');
});

test('recovery without proof is refused, whatever is tried', () => {
  const attempts: Record<string, unknown>[] = [
    { type: 'vm.recover', target: HV3, proofs: [], reason: null },
    { type: 'vm.recover', target: HV3, proofs: [proofOf({ ...HV2, bootId: 'another' })], reason: null },
    { type: 'vm.recover', target: HV3, proofs: [proofOf(HV3)], reason: null },
    { type: 'boot.fenced', proof: proofOf(HV3) },
    { type: 'agent.absent', ...HV3, uuid: 'u1', requestId: 'u1:1' },
    { type: 'agent.absent', ...HV2, uuid: 'u1', requestId: 'u1:old' },
    { type: 'cluster.changed' },
    { type: 'vm.autostart' },
  ];
  for (const attempt of attempts) {
    const vm = running()
      .fact(acquired(HV1, 'claimed'))
      .fact(attempt as never);
    vm.command({ type: 'vm.start' });
    assert.match(vm.state, /^recovering\.(proving|asking)$/, JSON.stringify(attempt));
    assert.deepEqual([vm.pending, context(vm).mayRunOn], [[], [HV2]]);
  }
  // Even a record that nobody should have written leads to recovery, not to a start.
  const vm = running().fact(acquired(HV1, 'claimed'));
  vm.record = {
    ...withContext(vm.record, { owner: HV1, target: HV1 }),
    snapshot: { ...vm.record.snapshot, value: { starting: 'backingOff' } },
  };
  vm.record = {
    ...vm.record,
    timers: [
      {
        timerId: 'xstate.after.backOffMs.vm.starting.backingOff',
        event: { type: 'xstate.after.backOffMs.vm.starting.backingOff' },
        delayMs: 1,
        setAt: 0,
        policy: 'restart',
        remainingMs: 1,
      },
    ],
  };
  vm.timer('backOffMs');
  assert.equal(vm.state, 'recovering.proving');
  assert.ok(vm.taken.has('starting.claiming||2'));
});

test('mayRunOn is written by copies.ts alone: no list made by hand, none emptied by hand', () => {
  const folder = new URL('../../machines/vm/', import.meta.url);
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.ts') && name !== 'copies.ts')) {
    const text = readFileSync(new URL(file, folder), 'utf8');
    for (const [, written] of text.matchAll(/mayRunOn: (?!readonly)([^\n]*)/g)) {
      const allowed = [
        /^(without|withoutProved|withoutEarlierBoots|alsoMayRunOn)\(/,
        /^context\.target === null \? context\.mayRunOn : alsoMayRunOn\(/,
        /^\[\],$/, // a VM that is born
      ];
      assert.ok(allowed.some((form) => form.test(written!)), `${file}: mayRunOn: ${written}`);
    }
  }
});

test('flush: it leaves for the planned node and says so; with nowhere to go it is shut down with autostart', () => {
  const vm = running().fact({ type: 'vm.evacuate', target: HV3, reason: null, replyTo: NODE_ACTOR });
  assert.equal(vm.state, 'migrating.copying', 'planned: no second look for a place');
  vm.done('hypervisor.migrate', { durationMs: 1 })
    .fact(acquired(HV3, 'transferred'))
    .done('hypervisor.resume', { state: 'running' });
  assert.deepEqual([told(vm), vmMigratedText(vm.record.snapshot)], [[[NODE_ACTOR, 'vm.left']], 'from hv2']);
  vm.fact({ type: 'vm.return', target: HV2, replyTo: NODE_ACTOR }).done('hypervisor.migrate', { durationMs: 1 });
  vm.fact(acquired(HV2, 'transferred')).done('hypervisor.resume', { state: 'running' });
  assert.deepEqual([told(vm), vmMigratedText(vm.record.snapshot)], [[[NODE_ACTOR, 'vm.left']], 'no']);
  vm.fact({ type: 'vm.evacuate', target: null, reason: 'no node can take it', replyTo: NODE_ACTOR });
  vm.fact({ type: 'guest.stopped', detail: 'shutdown' });
  assert.deepEqual([word(vm), context(vm).meta.autostart, told(vm)], ['stop', true, [[NODE_ACTOR, 'vm.left']]]);
  vm.fact(acquired(HV1, 'transferred')).fact({ type: 'vm.autostart' });
  assert.deepEqual([vm.state, context(vm).meta.autostart], ['starting.placing', false]);
});

