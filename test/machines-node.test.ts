/** Stories of one node, told to its machine step by step: how a fence goes, and what never leads to one's end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DrivenMachine } from '../fixtures/machine-driver.js';
import { HV3, alive, delayOf, fencing, life, off, on, proofs, reason, silent, words } from '../fixtures/node-story.js';
import { joinedAs, lostWith, nodeInput, primaryIs } from '../fixtures/node-world.js';
import type { NodeContext, Proof } from '../machines/node/messages.js';
import { nodeReason } from '../machines/node/view.js';
import { machineOf } from '../machines/registry.js';

test('a node that was never seen is unknown, not suspected', () => {
  const node = new DrivenMachine(machineOf('node')!, 'hv2', nodeInput)
    .fact(primaryIs('hv1', 'created'))
    .fact(lostWith(60_000));
  assert.deepEqual([life(node), words(node)], ['unknown', 'unknown,ready']);
});

test('silence, a BMC that reads off, the lease deadline: P1 before the session has even ended', () => {
  const node = alive().fact({ type: 'node.silent', sinceMs: 2500 });
  assert.deepEqual(
    [life(node), words(node), delayOf(node, 'leaseMs')],
    ['judging.case.doubted.reading', 'run,ready', 1800],
  );
  node.done('bmc.read', on).timer('rereadMs').done('bmc.read', off).done('probe.signs', silent);
  assert.deepEqual([life(node), words(node)], ['judging.case.fencing.awaitLeaseDeadline', 'dead,fence-flush']);
  node.timer('leaseMs');
  assert.deepEqual(
    proofs(node).map(({ kind, boot }) => [kind, boot]),
    [['P1', { node: 'hv2', bootId: 'b2' }]],
  );
  assert.equal(life(node), 'proved.endingSession', 'with the proof in hand the living session is ended');
  node.done('session.fence');
  node.done('cluster.rehome', { moves: [{ uuid: 'u1', target: HV3, reason: null }], concerned: ['u2'], claimed: 1 });
  assert.deepEqual(
    node.sent.map(({ to, event }) => [to, event.type]),
    [
      ['vm/u1', 'vm.recover'],
      ['vm/u2', 'boot.fenced'],
    ],
  );
  assert.deepEqual(
    (node.sent[0]?.event['proofs'] as Proof[]).map((proof) => proof.kind),
    ['P1'],
  );
  assert.deepEqual([words(node), node.effect('bmc.set').params['power']], ['fenced,flushed', 'on']);
  node.done('bmc.set').fact(joinedAs('b3'));
  assert.deepEqual(
    [life(node), words(node), node.context<NodeContext>().boot?.bootId],
    ['alive.steady', 'run,ready', 'b3'],
  );
});

test('a doubt that ends with a heartbeat was nothing', () => {
  const node = alive().fact({ type: 'node.silent', sinceMs: 2500 }).unknown('bmc.read').fact({ type: 'node.heard' });
  assert.deepEqual([life(node), reason(node), node.record.timers], ['alive.steady', '', []]);
});

test('read on, commanded off, read off, silent: P1 without waiting for the lease', () => {
  const node = fencing().done('bmc.read', on).done('bmc.set').done('bmc.read', on);
  assert.equal(life(node), 'judging.case.fencing.verifyOffAgain');
  node.timer('verifyMs').done('bmc.read', off).done('probe.signs', silent);
  assert.deepEqual(
    [life(node), proofs(node).map((proof) => proof.evidence)],
    ['proved.rehoming', ['Power read as on, commanded off, read as off, and no network answers']],
  );
});

test('its host answers: its daemon has ten seconds; the same boot back is no loss', () => {
  const node = alive()
    .fact(lostWith(60_000))
    .done('probe.signs', { answered: ['cluster'] });
  assert.deepEqual(
    [life(node), delayOf(node, 'graceMs'), words(node)],
    ['judging.case.suspected.grace', 10_000, 'dead,ready'],
  );
  const back = new DrivenMachine(machineOf('node')!, 'hv2', nodeInput);
  back.record = node.record;
  back.fact({ ...joinedAs('b2'), incarnation: 'b2.2' });
  assert.deepEqual([life(back), back.context<NodeContext>().incarnation], ['alive.steady', 'b2.2']);
  node.timer('graceMs');
  assert.equal(life(node), 'judging.case.fencing.readPower');
});

test('a young quorum or primary judges nobody by silence alone, but a BMC that reads off is a sign', () => {
  const node = alive().fact(lostWith(1000));
  assert.deepEqual([life(node), delayOf(node, 'settleMs')], ['judging.case.suspected.settling.reading', 7000]);
  node.fact(primaryIs('hv3', 'claimed'));
  assert.equal(delayOf(node, 'settleMs'), 8000, 'a new primary begins anew');
  const sign = new DrivenMachine(machineOf('node')!, 'hv2', nodeInput);
  sign.record = node.record;
  assert.equal(life(sign.done('bmc.read', off)), 'judging.case.fencing.confirmSilence');
  assert.equal(life(node.done('bmc.read', on).timer('settleMs')), 'judging.case.suspected.probing');
});

test('BMC dead: other coordinators try, then it stays fencing with the reason, until a person confirms', () => {
  const node = fencing().unknown('bmc.read', 'no answer from the BMC');
  assert.deepEqual(
    node.sent.map(({ to, event }) => [to, event.type, event['effect']]),
    [['agent/hv3', 'agent.run', 'bmc.read']],
    'hv1 is the primary, hv2 is meant itself',
  );
  const requestId = String(node.sent[0]?.event['requestId']);
  node.fact({
    type: 'agent.answered',
    node: 'hv3',
    effect: 'bmc.read',
    requestId: 'hv2:0',
    outcome: 'done',
    result: off,
    reason: null,
  });
  assert.equal(life(node), 'judging.case.fencing.readPower', 'a late answer to another question');
  node.fact({
    type: 'agent.answered',
    node: 'hv3',
    effect: 'bmc.read',
    requestId,
    outcome: 'unknown',
    result: null,
    reason: 'no route',
  });
  assert.deepEqual(
    [life(node), reason(node), words(node)],
    ['judging.case.fencing.stuck', 'hv3: no route', 'dead,fence-flush'],
  );
  node.timer('stuckMs').refused('bmc.read');
  assert.equal(life(node), 'judging.case.fencing.readPower');
  node.timer('helperMs');
  assert.equal(delayOf(node, 'stuckMs'), 4000, 'with a growing pause');
  const confirm = node.command({ type: 'node.confirm-fenced', by: 'joan' });
  assert.deepEqual(
    [proofs(node).map((proof) => [proof.kind, proof.evidence]), confirm.state],
    [[['P4', 'joan says that it is off']], 'done'],
  );
  node.done('cluster.rehome', { moves: [], concerned: [], claimed: 0 });
  assert.equal(life(node), 'proved.awaitingReturn', 'what a person switched off is his to switch on');
});

test("the primary's own cable is out: another coordinator reads and switches", () => {
  const node = fencing();
  const answer = (outcome: string, result: unknown): void =>
    void node.fact({
      type: 'agent.answered',
      node: 'hv3',
      effect: 'bmc',
      requestId: String(node.sent[0]?.event['requestId']),
      outcome,
      result,
      reason: null,
    });
  node.unknown('bmc.read');
  answer('done', on);
  node.refused('bmc.set');
  answer('done', null);
  node.unknown('bmc.read');
  answer('done', off);
  node.done('probe.signs', silent);
  assert.deepEqual([life(node), proofs(node).length], ['proved.rehoming', 1]);
});

test('only coordinators that are live are asked for help', () => {
  const node = alive().fact(lostWith(60_000, { coordinators: ['hv5'] }));
  node.done('probe.signs', silent).unknown('bmc.read');
  assert.deepEqual(node.sent.map(({ to }) => to), ['agent/hv5']);
});

test('a fenced boot that lives is switched off and on, and is let in under a new boot only', () => {
  const node = fencing();
  node.command({ type: 'node.confirm-fenced', by: 'joan' });
  node.done('cluster.rehome', { moves: [], concerned: [], claimed: 0 });
  node.fact({ type: 'node.outcast', bootId: 'b1' });
  assert.equal(life(node), 'proved.awaitingReturn', 'another boot than the one that was fenced');
  node.fact({ type: 'node.outcast', bootId: 'b2' });
  assert.deepEqual([life(node), node.effect('bmc.set').params['power']], ['proved.cyclingOff', 'off']);
  node.done('bmc.set').timer('cycleMs');
  assert.deepEqual([life(node), node.effect('bmc.set').params['power']], ['proved.poweringOn', 'on']);
  assert.equal(life(node.done('bmc.set').fact(joinedAs('b3'))), 'alive.steady');
});

test('BMC lies on: still on after the command, it stays fencing', () => {
  const node = fencing().done('bmc.read', on).done('bmc.set');
  for (let reading = 1; reading < 10; reading += 1) node.done('bmc.read', on).timer('verifyMs');
  node.done('bmc.read', on);
  assert.deepEqual(
    [life(node), reason(node)],
    ['judging.case.fencing.stuck', 'Its power still reads as on after it was commanded off'],
  );
  assert.match(nodeReason(node.record.snapshot), /If you know that it is off: pvc node confirm-fenced hv2$/);
});

test('BMC lies off: while a network answers it stays fencing; silence is believed only past the lease deadline', () => {
  const node = fencing()
    .done('bmc.read', off)
    .done('probe.signs', { answered: ['storage', 'cluster'] });
  assert.deepEqual(
    [life(node), reason(node)],
    ['judging.case.fencing.stuck', 'Its power reads as off, but it answers on storage, cluster'],
  );
  node.timer('stuckMs').done('bmc.read', off).done('probe.signs', silent);
  assert.equal(life(node), 'judging.case.fencing.awaitLeaseDeadline');
  assert.deepEqual(proofs(node), []);
  node.timer('leaseMs');
  assert.equal(proofs(node)[0]?.evidence, 'Power reads as off, no network answers, and the lease deadline passed');
});

test('back under a new boot id: that is the proof, also in the middle of a fence', () => {
  for (const node of [alive(), fencing(), fencing().done('bmc.read', on), alive().fact(lostWith(60_000))]) {
    node.fact(joinedAs('b9'));
    assert.deepEqual(
      proofs(node).map(({ kind, boot }) => [kind, boot.bootId]),
      [['P0', 'b2']],
    );
    if (life(node) === 'proved.endingSession') node.done('session.fence');
    assert.equal(life(node), 'proved.rehoming');
    node.done('cluster.rehome', { moves: [], concerned: [], claimed: 0 });
    assert.deepEqual([life(node), node.context<NodeContext>().boot?.bootId], ['alive.steady', 'b9']);
  }
});

test('a boot that was fenced does not come back, however alive it looks', () => {
  const node = fencing();
  node.command({ type: 'node.confirm-fenced', by: 'joan' });
  node.done('cluster.rehome', { moves: [], concerned: [], claimed: 0 }).fact(joinedAs('b2'));
  assert.deepEqual(
    [life(node), reason(node)],
    ['proved.endingSession', 'It answers under the boot that was fenced: it must be rebooted'],
  );
  node.done('session.fence').done('cluster.rehome', { moves: [], concerned: [], claimed: 0 });
  assert.equal(life(node), 'proved.awaitingReturn', 'its lease was ended, what it took was claimed');
  node.fact({ type: 'node.outcast', bootId: 'b2' });
  assert.equal(life(node), 'proved.cyclingOff');
});

test('a fence is carried on by the next primary from where it stood', () => {
  const node = fencing().done('bmc.read', on).fact(primaryIs('hv3', 'claimed'));
  assert.deepEqual(
    [life(node), node.pending.map((each) => each.kind)],
    ['judging.case.fencing.powerOff', ['bmc.set']],
  );
  node.unknown('bmc.set');
  assert.deepEqual(
    node.sent.map(({ to }) => to),
    ['agent/hv1'],
    "helpers are chosen from the new primary's point of view",
  );
  const rehoming = fencing();
  rehoming.command({ type: 'node.confirm-fenced', by: 'joan' });
  rehoming.fact(primaryIs('hv3', 'claimed')).unknown('cluster.rehome').timer('retryMs');
  assert.deepEqual(
    rehoming.pending.map((each) => each.kind),
    ['cluster.rehome'],
  );
});

test('more than a minority lost at once is said in the proof', () => {
  const node = alive()
    .fact(lostWith(60_000, { suspects: 2 }))
    .done('probe.signs', silent);
  node.command({ type: 'node.confirm-fenced', by: 'joan' });
  assert.match(proofs(node)[0]!.evidence, /2 of 3 nodes were lost at once/);
});
