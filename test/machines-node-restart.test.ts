/** A daemon that restarts on purpose: what that delays, for how long, and what it never weakens. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DrivenMachine } from '../fixtures/machine-driver.js';
import { alive, delayOf, life, off, on, proofs, reason, silent, words } from '../fixtures/node-story.js';
import { joinedAs, lostWith, nodeInput, primaryIs } from '../fixtures/node-world.js';
import type { NodeContext } from '../machines/node/messages.js';
import { machineOf } from '../machines/registry.js';

const announced = (deadlineMs = 30_000): DrivenMachine =>
  alive().fact({ type: 'node.restarting', bootId: 'b2', deadlineMs });
const copyOf = (node: DrivenMachine): DrivenMachine => {
  const copy = new DrivenMachine(machineOf('node')!, 'hv2', nodeInput);
  copy.record = node.record;
  return copy;
};

test('a lost session means nothing before the deadline; after it, suspicion takes its ordinary course', () => {
  const node = announced().fact(lostWith(60_000));
  assert.deepEqual(
    [life(node), words(node), reason(node), delayOf(node, 'restartMs')],
    ['alive.restarting.reading', 'shutdown,ready', 'Its daemon is being restarted', 30_000],
  );
  node.done('bmc.read', on).timer('rereadMs').unknown('bmc.read');
  assert.equal(life(node), 'alive.restarting.waiting', 'on, or no answer, is no sign of death');
  node.timer('restartMs');
  assert.equal(life(node), 'judging.case.suspected.probing');
  assert.equal(delayOf(node, 'leaseMs'), 4300, 'the lease is counted in full from here');
  assert.equal(life(copyOf(node).done('probe.signs', { answered: ['cluster'] })), 'judging.case.suspected.grace');
  assert.equal(life(node.done('probe.signs', silent)), 'judging.case.fencing.readPower');
});

test('it is over when the daemon says so, under the same session or another', () => {
  const same = announced().fact({ type: 'node.silent', sinceMs: 2500 }).fact({ type: 'node.restarted', bootId: 'b2' });
  assert.deepEqual([life(same), words(same), reason(same), same.record.timers], ['alive.steady', 'run,ready', '', []]);
  const other = announced().fact(lostWith(60_000)).fact({ ...joinedAs('b2'), incarnation: 'b2.2' });
  assert.deepEqual([life(other), other.context<NodeContext>().incarnation], ['alive.steady', 'b2.2']);
});

test('a restart that never came about ends by itself, and another announcement begins anew', () => {
  const node = announced(20_000).fact({ type: 'node.restarting', bootId: 'b2', deadlineMs: 40_000 });
  assert.equal(delayOf(node, 'restartMs'), 40_000);
  assert.equal(life(node.timer('restartMs')), 'alive.steady');
});

test('nobody delays suspicion for longer than a minute, nor with a deadline that is none', () => {
  assert.equal(delayOf(announced(3_600_000), 'restartMs'), 60_000);
  assert.equal(delayOf(announced(-5), 'restartMs'), 0);
});

test('only the boot that is judged can announce it', () => {
  assert.equal(life(alive().fact({ type: 'node.restarting', bootId: 'b1', deadlineMs: 30_000 })), 'alive.steady');
  const doubted = alive().fact(lostWith(60_000)).fact({ type: 'node.restarting', bootId: 'b2', deadlineMs: 30_000 });
  assert.equal(life(doubted), 'judging.case.suspected.probing', 'a suspicion that has begun is not called off');
});

test('a BMC that reads off, with no answer on any network, is no restart: fenced before the deadline', () => {
  const node = announced().fact(lostWith(60_000)).done('bmc.read', off);
  assert.equal(life(node), 'alive.restarting.confirming');
  node.done('probe.signs', silent);
  assert.deepEqual([life(node), proofs(node)], ['judging.case.fencing.confirmSilence', []]);
  node.done('probe.signs', silent);
  assert.equal(life(node), 'judging.case.fencing.awaitLeaseDeadline', 'no proof before the lease deadline, as ever');
  node.timer('leaseMs');
  assert.deepEqual(proofs(node).map(({ kind }) => kind), ['P1']);
});

test('a sign of life on any network is life, whatever the BMC says, and so is no answer of the probe', () => {
  const node = announced().fact(lostWith(60_000)).done('bmc.read', off);
  assert.equal(life(copyOf(node).done('probe.signs', { answered: ['storage'] })), 'alive.restarting.waiting');
  assert.equal(life(copyOf(node).unknown('probe.signs')), 'alive.restarting.waiting');
});

test('back under another boot: the old one is proved over by that', () => {
  const node = announced().fact(lostWith(60_000)).fact(joinedAs('b3'));
  assert.deepEqual(proofs(node).map(({ kind, boot }) => [kind, boot.bootId]), [['P0', 'b2']]);
});

test('a primary that took over meanwhile judges as a new one: nobody by silence alone for two sessions', () => {
  const node = announced().fact(lostWith(60_000)).fact(primaryIs('hv3', 'claimed')).timer('restartMs');
  assert.equal(life(node), 'judging.case.suspected.settling.reading');
});

test('the wait for helpers grows with their number: the last one is asked as well', () => {
  const many = ['hv1', 'hv2', 'hv3', 'hv4', 'hv5'];
  const node = alive().fact(lostWith(60_000, { coordinators: many })).done('probe.signs', silent);
  assert.equal(delayOf(node, 'helperMs'), 24_000);
  assert.equal(delayOf(alive().fact(lostWith(60_000)).done('probe.signs', silent), 'helperMs'), 20_000);
});
