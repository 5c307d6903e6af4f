/** Stories of one node whose system goes down in order: by policy, bounded, and ready again under its next boot. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DrivenMachine } from '../fixtures/machine-driver.js';
import { HV3, alive, words } from '../fixtures/node-story.js';
import { contextOfNode, joinedAs, lostWith } from '../fixtures/node-world.js';
import { goingDownBy } from '../machines/cluster-settings.js';

const empty = { moves: [], busy: [] };

/** Its session ends, and it is back under boot b9: that proves the old one over. */
function reboot(node: DrivenMachine): DrivenMachine {
  node.fact(lostWith(60_000)).fact(joinedAs('b9'));
  return node.done('cluster.rehome', { moves: [], concerned: [], claimed: 0 });
}

test('each policy, on shutdown and on reboot', () => {
  const table = [
    ['migrate', 'migrate', 'migrate'], ['freeze', 'freeze', 'freeze'], ['failover', 'failover', 'failover'],
    ['conditional', 'failover', 'freeze'],
  ] as const;
  for (const [policy, shutdown, rebooted] of table) {
    assert.deepEqual([goingDownBy(policy, 'shutdown'), goingDownBy(policy, 'reboot')], [shutdown, rebooted], policy);
  }
});

test('migrate: it is emptied first, and ready again once its new boot is known', () => {
  const node = alive();
  const leave = node.command({ type: 'node.leave', policy: 'migrate' });
  assert.equal(node.effect('cluster.evacuate').params['stay'], undefined);
  node.done('cluster.evacuate', empty);
  assert.deepEqual([words(node), node.operation(leave.operationId)?.state], ['run,flushed', 'done']);
  node.fact(joinedAs('b2'));
  assert.equal(words(node), 'run,flushed', 'the same boot: it has not gone yet');
  reboot(node);
  assert.equal(words(node), 'run,unflush');
  node.done('cluster.homecoming', { boot: { node: 'hv2', bootId: 'b9' }, back: [], start: ['u1'], busy: [] });
  assert.deepEqual([words(node), node.sent.at(-1)?.event.type], ['run,ready', 'vm.autostart']);
});

test('freeze: its VMs are shut down where they are; failover: nothing is done before', () => {
  const frozen = alive();
  frozen.command({ type: 'node.leave', policy: 'freeze' });
  assert.equal(frozen.effect('cluster.evacuate').params['stay'], true);
  const node = alive();
  const leave = node.command({ type: 'node.leave', policy: 'failover' });
  assert.deepEqual([words(node), node.operation(leave.operationId)?.state], ['run,ready', 'done']);
});

test('a drain that comes to no end ends after its time, and says what is left', () => {
  const node = alive();
  const leave = node.command({ type: 'node.leave', policy: 'migrate' });
  node.done('cluster.evacuate', { moves: [{ uuid: 'u1', target: HV3, reason: null }], busy: [] });
  node.fact({ type: 'vm.stayed', uuid: 'u1', reason: 'it does not end' });
  node.timer('leaveMs');
  const ended = node.operation(leave.operationId);
  assert.deepEqual([ended?.state, /Not empty.*u1: it does not end/.test(ended?.message ?? '')], ['done', true]);
  assert.equal(words(reboot(node)), 'run,unflush');
});

test('a node that somebody else had flushed, or keeps flushing, stays flushed', () => {
  const flushed = alive();
  flushed.command({ type: 'node.flush' });
  flushed.done('cluster.evacuate', empty).command({ type: 'node.leave', policy: 'migrate' });
  assert.equal(words(reboot(flushed)), 'run,flushed');
  const flushing = alive();
  flushing.command({ type: 'node.flush' });
  flushing.command({ type: 'node.leave', policy: 'migrate' });
  flushing.done('cluster.evacuate', empty);
  assert.equal(words(reboot(flushing)), 'run,flushed');
  assert.equal(contextOfNode(flushing.record).leaving, null);
});

test('a shutdown that was called off is over with ready', () => {
  const node = alive();
  node.command({ type: 'node.leave', policy: 'migrate' });
  node.done('cluster.evacuate', empty).command({ type: 'node.ready' });
  node.done('cluster.homecoming', { boot: { node: 'hv2', bootId: 'b2' }, back: [], start: [], busy: [] });
  assert.equal(words(node), 'run,ready');
  assert.equal(contextOfNode(node.record).leaving, null);
});
