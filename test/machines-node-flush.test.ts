/** Stories of one node: emptied, filled again, asked to be primary; and what it is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DrivenMachine } from '../fixtures/machine-driver.js';
import { HV3, alive, fencing, reason, words } from '../fixtures/node-story.js';
import { joinedAs } from '../fixtures/node-world.js';
import { leaseLeftMs, settleLeftMs, stuckMs } from '../machines/node/timing.js';
import { machineOf } from '../machines/registry.js';

test('flush: every VM leaves at once, and flushed means empty', () => {
  const node = alive();
  const flush = node.command({ type: 'node.flush' });
  assert.equal(words(node), 'run,flush');
  node.done('cluster.evacuate', {
    moves: ['u1', 'u2'].map((uuid) => ({ uuid, target: HV3, reason: null })),
    busy: [],
  });
  assert.deepEqual(
    node.sent.map(({ to, event }) => [to, event.type, event['replyTo']]),
    [
      ['vm/u1', 'vm.evacuate', 'node/hv2'],
      ['vm/u2', 'vm.evacuate', 'node/hv2'],
    ],
  );
  node.fact({ type: 'vm.left', uuid: 'u1' }).fact({ type: 'vm.left', uuid: 'u2' });
  node.done('cluster.evacuate', { moves: [], busy: ['u3'] });
  assert.equal(node.operation(flush.operationId)?.state, 'accepted', 'one is still in transition');
  node.timer('flushCheckMs').done('cluster.evacuate', { moves: [], busy: [] });
  assert.deepEqual([words(node), node.operation(flush.operationId)?.state], ['run,flushed', 'done']);
  assert.deepEqual(machineOf('node')!.admit(node.record.snapshot, { type: 'node.flush' }), {
    kind: 'already',
    message: 'Node "hv2" is already flushed',
  });
});

test('a flush that cannot be finished says why and tries again', () => {
  const node = alive();
  const flush = node.command({ type: 'node.flush' });
  node.done('cluster.evacuate', { moves: [{ uuid: 'u1', target: HV3, reason: null }], busy: [] });
  node.fact({ type: 'vm.stayed', uuid: 'u1', reason: 'live migration failed' });
  assert.deepEqual(
    [node.state.includes('flushing.blocked'), reason(node)],
    [true, 'VMs that could not be moved: u1: live migration failed'],
  );
  node.timer('flushRetryMs');
  assert.deepEqual(
    node.pending.map((each) => each.kind),
    ['cluster.evacuate'],
  );
  node.command({ type: 'node.ready' });
  assert.equal(node.operation(flush.operationId)?.state, 'failed');
});

test('ready: VMs come home, stopped ones with autostart begin', () => {
  const node = alive();
  node.command({ type: 'node.flush' });
  node.done('cluster.evacuate', { moves: [], busy: [] });
  const ready = node.command({ type: 'node.ready' });
  node.unknown('cluster.homecoming').timer('retryMs');
  node.done('cluster.homecoming', {
    boot: { node: 'hv2', bootId: 'b2' },
    back: ['u1', 'u2'],
    start: ['u3'],
    busy: [],
  });
  assert.deepEqual(
    node.sent.map(({ to, event }) => [to, event.type]),
    [
      ['vm/u1', 'vm.return'],
      ['vm/u2', 'vm.return'],
      ['vm/u3', 'vm.autostart'],
    ],
  );
  assert.equal(words(node), 'run,unflush');
  node.fact({ type: 'vm.left', uuid: 'u1' }).fact({ type: 'vm.stayed', uuid: 'u2', reason: 'migration failed' });
  assert.deepEqual(
    [words(node), node.operation(ready.operationId)?.message],
    ['run,ready', 'Ready; not back: u2: migration failed'],
  );
});

test('the role of primary is offered, and its end is the end of the command', () => {
  const node = alive();
  const asked = node.command({ type: 'node.primary' });
  assert.equal(node.effect('primary.offer').params['to'], 'hv2');
  node.done('primary.offer', { to: 'hv2' });
  assert.equal(node.operation(asked.operationId)?.message, 'Primary is hv2');
  const refusedStep = node.command({ type: 'node.secondary' });
  node.refused('primary.offer', 'no other live coordinator');
  assert.deepEqual(
    [node.operation(refusedStep.operationId)?.state, node.operation(refusedStep.operationId)?.message],
    ['failed', 'no other live coordinator'],
  );
});

test('admission names the node, its states and the legal commands', () => {
  const { admit } = machineOf('node')!;
  assert.deepEqual(admit(fencing().record.snapshot, { type: 'node.flush' }), {
    kind: 'deny',
    code: 'PVC_WRONG_STATE',
    message:
      'Node "hv2" is in daemon state "dead" and domain state "fence-flush": it cannot flush now; '
      + 'legal commands: confirm-fenced',
  });
  assert.match(
    (admit(alive().record.snapshot, { type: 'node.confirm-fenced', by: 'x' }) as { message: string }).message,
    /legal commands: flush, primary or secondary/,
  );
  const plain = new DrivenMachine(machineOf('node')!, 'hv9', { name: 'hv9', coordinator: false }).fact(
    joinedAs('b9'),
  );
  assert.equal(admit(plain.record.snapshot, { type: 'node.primary' }).kind, 'deny');
  assert.equal(admit(plain.record.snapshot, { type: 'node.dance' }).kind, 'deny');
});

test('waiting times', () => {
  assert.deepEqual([leaseLeftMs(4000, 2500), leaseLeftMs(4000, 9000), leaseLeftMs(4000, 0)], [1800, 0, 4300]);
  assert.deepEqual([settleLeftMs(4000, 1000), settleLeftMs(4000, 9000)], [7000, 0]);
  assert.deepEqual([stuckMs(1), stuckMs(2), stuckMs(99)], [2000, 4000, 60_000]);
});
