/** Stories of a node in a cluster with shared storage: cut off from it beside the path by its power (proof P3). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DrivenMachine } from '../fixtures/machine-driver.js';
import { alive, HV3, life, off, on, proofs, reason, silent } from '../fixtures/node-story.js';
import { joinedAs, lostWith, nodeInput, primaryIs } from '../fixtures/node-world.js';
import { behaviorOf } from '../runtime/behavior.js';
import { readyRecord } from '../runtime/migrate.js';
import { statePaths } from '../machines/definition.js';
import type { NodeContext, Proof } from '../machines/node/messages.js';
import { machineOf } from '../machines/registry.js';

const stored = (change: Record<string, unknown> = {}): DrivenMachine =>
  alive().fact(lostWith(60_000, { storage: true, ...change })).done('probe.signs', silent);
/** The same without another coordinator that could ask. */
const alone = (): DrivenMachine => stored({ coordinators: [] });
/** The state of the region about storage; '' = it is not judged. */
const cut = (node: DrivenMachine): string => statePaths(node.record.snapshot.value)
  .find((path) => path.startsWith('life.judging.storage.'))?.slice('life.judging.storage.'.length) ?? '';
const kinds = (node: DrivenMachine): string[] => node.pending.map(({ kind }) => kind).sort();
const IN_FORCE = { osdmapEpoch: 7 };
const MOVES = { moves: [{ uuid: 'u1', target: HV3, reason: null }], concerned: ['u1', 'u2'], claimed: 1 };
const NO_MOVES = { moves: [], concerned: [], claimed: 0 };

test('the storage is asked at once, beside the BMC; its VMs go on by P3 alone while the BMC is dead', () => {
  const node = stored();
  assert.deepEqual([life(node), cut(node), kinds(node)], [
    'judging.case.fencing.readPower', 'asking', ['bmc.read', 'storage.fence']]);
  assert.deepEqual(node.effect('storage.fence').params['boot'], { node: 'hv2', bootId: 'b2' });
  node.done('storage.fence', IN_FORCE);
  assert.deepEqual(proofs(node).map(({ kind, boot, osdmapEpoch }) => [kind, boot.bootId, osdmapEpoch]), [
    ['P3', 'b2', 7]]);
  assert.deepEqual([cut(node), node.effect('session.fence').params['by']], ['endingSession', 'P3']);
  node.done('session.fence');
  assert.equal((node.effect('cluster.rehome').params['proof'] as Proof).kind, 'P3');
  node.done('cluster.rehome', MOVES);
  assert.deepEqual(node.sent.map(({ to, event }) => [to, event.type]), [
    ['vm/u1', 'vm.recover'], ['vm/u1', 'boot.fenced'], ['vm/u2', 'boot.fenced']]);
  assert.deepEqual([life(node), cut(node), kinds(node)], [
    'judging.case.fencing.readPower', 'inForce', ['bmc.read']], 'the path by its power goes on for the others');
});

test('its power is cut as well: the others follow by P1, and nothing is asked of the storage twice', () => {
  const node = stored().done('storage.fence', IN_FORCE).done('session.fence').done('cluster.rehome', MOVES);
  node.done('bmc.read', on).done('bmc.set').done('bmc.read', off).done('probe.signs', silent);
  assert.deepEqual([proofs(node).map(({ kind, osdmapEpoch }) => [kind, osdmapEpoch]), life(node)], [
    [['P1', 7]], 'proved.rehoming']);
  node.done('cluster.rehome', NO_MOVES).done('bmc.set').fact(joinedAs('b3'));
  assert.deepEqual([life(node), kinds(node)], ['proved.lifting', ['storage.lift']], 'back under another boot: P0');
  assert.deepEqual(node.effect('storage.lift').params['boot'], { node: 'hv2', bootId: 'b2' });
  node.unknown('storage.lift').timer('retryMs').done('storage.lift');
  assert.deepEqual([life(node), node.context<NodeContext>().cut, node.context<NodeContext>().boot?.bootId], [
    'alive.steady', null, 'b3']);
});

test('P1 first: the storage may drop what the dead clients hold, and is not waited for long', () => {
  const proved = (): DrivenMachine => {
    const node = stored().done('bmc.read', on).done('bmc.set').done('bmc.read', off).done('probe.signs', silent);
    assert.deepEqual([life(node), kinds(node)], ['proved.cuttingOff', ['storage.fence']]);
    return node;
  };
  const ends: [string, (node: DrivenMachine) => unknown, number | undefined][] = [
    ['in force', (node) => node.done('storage.fence', IN_FORCE), 7],
    ['refused', (node) => node.refused('storage.fence'), undefined],
    ['unknown', (node) => node.unknown('storage.fence'), undefined],
    ['too slow', (node) => node.timer('cutPatienceMs'), undefined],
  ];
  for (const [name, end, epoch] of ends) {
    const node = proved();
    end(node);
    assert.equal(life(node), 'proved.rehoming', name);
    node.done('cluster.rehome', MOVES);
    assert.equal((node.sent[0]!.event['proofs'] as Proof[])[0]!.osdmapEpoch, epoch, name);
  }
});

test('a BMC that reads off is believed only once the storage has cut the node off: it may lie', () => {
  const node = stored().done('bmc.read', off).done('probe.signs', silent).timer('leaseMs');
  assert.deepEqual([life(node), proofs(node)], ['judging.case.fencing.awaitLeaseDeadline', []]);
  node.done('storage.fence', IN_FORCE);
  assert.deepEqual(proofs(node).map(({ kind }) => kind), ['P3', 'P1']);
  assert.equal(life(node), 'proved.rehoming');
});

const doubt = (change: Record<string, unknown> = {}): DrivenMachine =>
  alive().fact({ type: 'node.silent', sinceMs: 2000, storage: true, suspects: 1, nodes: 3, ...change });

test('a doubt finds it off and silent: cut off at once, its VMs go on by P3, the rest by P1 past its lease', () => {
  const orders: [string, (node: DrivenMachine) => DrivenMachine][] = [
    ['the BMC first', (node) => node.done('bmc.read', off).done('probe.signs', silent)],
    ['the networks first', (node) => node.done('probe.signs', silent).done('bmc.read', off)],
    ['its session ends meanwhile', (node) =>
      node.done('bmc.read', off).fact(lostWith(60_000, { storage: true })).done('probe.signs', silent)],
  ];
  for (const [name, order] of orders) {
    const node = doubt();
    assert.deepEqual(kinds(node), ['bmc.read', 'probe.signs'], name);
    order(node);
    assert.deepEqual([life(node), cut(node)], ['judging.case.fencing.awaitLeaseDeadline', 'asking'], name);
    node.done('storage.fence', IN_FORCE);
    assert.deepEqual([proofs(node).map(({ kind }) => kind), cut(node)], [['P3'], 'endingSession'], name);
    node.done('session.fence').done('cluster.rehome', MOVES);
    assert.deepEqual([node.sent[0]?.event.type, cut(node)], ['vm.recover', 'inForce'], name);
    node.timer('leaseMs');
    assert.deepEqual([proofs(node).map(({ kind }) => kind), life(node)], [['P1'], 'proved.rehoming'], name);
  }
});

test('more than a minority silent at once, or nobody counted: nothing moves before the lease is over', () => {
  for (const change of [{ suspects: 2 }, { suspects: undefined, nodes: undefined }]) {
    const node = doubt(change).done('bmc.read', off).done('probe.signs', silent).done('storage.fence', IN_FORCE);
    assert.deepEqual([proofs(node), cut(node)], [[], 'inForce']);
    node.timer('leaseMs');
    assert.deepEqual([proofs(node).map(({ kind }) => kind), life(node)], [['P1'], 'proved.endingSession']);
  }
});

test('a doubt finds it off and yet heard, or cannot tell: nothing is cut off before that is cleared up', () => {
  const heard = { answered: ['storage'] };
  for (const node of [
    doubt().done('bmc.read', off).done('probe.signs', heard), doubt().done('probe.signs', heard).done('bmc.read', off),
    doubt().done('bmc.read', off).unknown('probe.signs'), doubt().refused('probe.signs').done('bmc.read', off),
  ]) {
    assert.deepEqual([life(node), cut(node), kinds(node)], [
      'judging.case.fencing.confirmSilence', 'idle', ['probe.signs']]);
    node.done('probe.signs', heard);
    assert.deepEqual([life(node), cut(node), proofs(node)], ['judging.case.fencing.stuck', 'idle', []]);
    assert.equal(life(node.fact({ type: 'node.heard' })), 'alive.steady');
  }
  const lit = doubt().done('bmc.read', on);
  assert.deepEqual([life(lit), kinds(lit)], ['judging.case.doubted.waiting', ['probe.signs']]);
  lit.timer('rereadMs').done('bmc.read', off).done('probe.signs', silent);
  assert.equal(life(lit), 'judging.case.fencing.awaitLeaseDeadline', 'it goes off while the probe goes on');
});

test('its session ends while its BMC is mute: one that the doubt found silent is fenced without another probe', () => {
  const lose = (node: DrivenMachine, quorumAgeMs = 60_000): string =>
    life(node.fact(lostWith(quorumAgeMs, { storage: true })));
  const unheard = doubt().done('probe.signs', silent).unknown('bmc.read');
  assert.deepEqual([lose(unheard), cut(unheard)], ['judging.case.fencing.readPower', 'asking']);
  assert.deepEqual(proofs(unheard.done('storage.fence', IN_FORCE)).map(({ kind }) => kind), ['P3']);
  const heard = { answered: ['storage'] };
  assert.equal(lose(doubt().done('probe.signs', heard).unknown('bmc.read')), 'judging.case.suspected.probing');
  assert.equal(lose(doubt().unknown('bmc.read')), 'judging.case.suspected.probing', 'its probe is not back');
  const again = doubt().done('probe.signs', silent).unknown('bmc.read').timer('rereadMs');
  assert.deepEqual([kinds(again), lose(again)], [['bmc.read', 'probe.signs'], 'judging.case.suspected.probing'],
    'what was found before the last question is too old');
  const young = doubt().done('probe.signs', silent).unknown('bmc.read');
  assert.equal(lose(young, 1000), 'judging.case.suspected.settling.reading');
});

test('refused: said to people, asked again; a person, or power that was seen to go, is enough without it', () => {
  const node = stored().refused('storage.fence', 'EACCES').unknown('bmc.read').timer('helperMs');
  assert.deepEqual([life(node), cut(node)], ['judging.case.fencing.stuck', 'askingAgain']);
  assert.match(reason(node), /Storage: EACCES/);
  assert.equal(node.context<NodeContext>().cut, null, 'known not to have happened');
  node.timer('retryMs');
  assert.equal(cut(node), 'asking');
  node.command({ type: 'node.confirm-fenced', by: 'joan' });
  assert.deepEqual([proofs(node).map(({ kind }) => kind), life(node)], [['P4'], 'proved.cuttingOff']);
  assert.equal(life(node.refused('storage.fence')), 'proved.rehoming');
});

test('an answer that was lost is read back; only what is in force at every OSD counts', () => {
  const node = alone().unknown('storage.fence', 'no answer');
  assert.deepEqual([cut(node), kinds(node)], ['reading', ['bmc.read', 'storage.read']]);
  node.done('storage.read', { fenced: false, osdmapEpoch: 6 });
  assert.deepEqual([cut(node), proofs(node)], ['askingAgain', []]);
  node.timer('retryMs').unknown('storage.fence').done('storage.read', { fenced: true, osdmapEpoch: 9 });
  assert.deepEqual(proofs(node).map(({ kind, osdmapEpoch }) => [kind, osdmapEpoch]), [['P3', 9]]);
});

test("the primary's own storage cable is out: the others ask, one after the other, and then it is read back", () => {
  const asked = (node: DrivenMachine): unknown[] => node.sent.map(({ to, event }) => [to, event['effect']]);
  const answer = (node: DrivenMachine, outcome: string, result: unknown, requestId?: string): DrivenMachine =>
    node.fact({
      type: 'agent.answered', node: 'hv', effect: 'storage.fence', outcome, result, reason: 'its cable',
      requestId: requestId ?? String(node.sent[0]?.event['requestId']),
    });
  const node = stored({ coordinators: ['hv3', 'hv4'] }).unknown('storage.fence');
  assert.deepEqual([cut(node), asked(node)], ['asking', [['agent/hv3', 'storage.fence']]]);
  const { requestId, params } = node.sent[0]!.event as unknown as { requestId: string; params: { boot: unknown } };
  assert.deepEqual(params.boot, { node: 'hv2', bootId: 'b2' });
  answer(node, 'unknown', null);
  assert.deepEqual([cut(node), asked(node)], ['asking', [['agent/hv4', 'storage.fence']]]);
  answer(node, 'done', IN_FORCE, requestId);
  assert.equal(cut(node), 'asking', 'a late answer to an earlier question');
  const other = new DrivenMachine(machineOf('node')!, 'hv2', nodeInput);
  const second = `hv2:cut:b2:1`;
  other.record = node.record;
  assert.equal(cut(answer(other, 'refused', null, second)), 'reading');
  answer(node, 'done', IN_FORCE, second);
  assert.deepEqual(proofs(node).map(({ kind, osdmapEpoch }) => [kind, osdmapEpoch]), [['P3', 7]]);
});

test('once the storage was asked the boot is condemned, unless that is known not to have happened', () => {
  const heard = { type: 'node.heard' };
  const again = { ...joinedAs('b2'), incarnation: 'b2.2' };
  const cases: [string, DrivenMachine, boolean][] = [
    ['asked', stored(), true],
    ['refused', stored().refused('storage.fence'), false],
    ['lost, then refused', alone().unknown('storage.fence').unknown('storage.read').timer('retryMs')
      .refused('storage.fence'), true],
    ['in force', stored().done('storage.fence', IN_FORCE), true],
    ['a cluster without storage', alive().fact(lostWith(60_000)).done('probe.signs', silent), false],
  ];
  for (const [name, node, condemned] of cases) {
    for (const event of [heard, again]) {
      const copy = new DrivenMachine(machineOf('node')!, 'hv2', nodeInput);
      copy.record = node.record;
      assert.equal(life(copy.fact(event)).startsWith('judging'), condemned, `${name}: ${event.type}`);
    }
  }
});

test('more than a minority lost at once: no cut for silence, and a cut moves nothing (rule 7)', () => {
  const node = stored({ suspects: 2 });
  assert.deepEqual([cut(node), kinds(node)], ['idle', ['bmc.read']]);
  node.done('bmc.read', off).done('probe.signs', silent).done('storage.fence', IN_FORCE);
  assert.deepEqual([cut(node), proofs(node)], ['inForce', []]);
  node.timer('leaseMs');
  assert.deepEqual(proofs(node).map(({ kind }) => kind), ['P1']);
});

test('entries are renewed while the node stays away, and lifted on its return only', () => {
  const node = stored().done('storage.fence', IN_FORCE).done('session.fence').done('cluster.rehome', NO_MOVES);
  node.timer('renewMs').unknown('storage.fence').timer('retryMs').done('storage.fence', IN_FORCE);
  assert.equal(cut(node), 'inForce');
  node.command({ type: 'node.confirm-fenced', by: 'joan' });
  node.done('cluster.rehome', NO_MOVES);
  assert.equal(life(node), 'proved.awaitingReturn');
  node.timer('storageRenewal');
  assert.deepEqual(kinds(node), ['storage.fence']);
  node.done('storage.fence', IN_FORCE).timer('storageRenewal').fact(joinedAs('b3'));
  assert.equal(life(node), 'proved.lifting');
  assert.deepEqual(node.record.timers, []);
});

test('the next primary carries the cut on from where it stood', () => {
  const node = stored().fact(primaryIs('hv3', 'claimed'));
  assert.deepEqual([cut(node), kinds(node)], ['asking', ['bmc.read', 'storage.fence']]);
  node.done('storage.fence', IN_FORCE).fact(primaryIs('hv1', 'claimed')).unknown('session.fence').timer('retryMs');
  assert.deepEqual([cut(node), kinds(node)], ['endingSession', ['bmc.read', 'session.fence']]);
});

test('a record of version 1 is carried on, also from the middle of a fence', () => {
  const behavior = behaviorOf(machineOf('node')!);
  const fence = { ...alive().fact(lostWith(60_000)).done('probe.signs', silent).record, machineVersion: 1 };
  const { life: { judging } } = fence.snapshot.value as { life: { judging: Record<string, unknown> } };
  const { storage: _none, ...before } = judging;
  const old = { ...fence, snapshot: { ...fence.snapshot, value: { life: { judging: before }, domain: 'ready' } } };
  assert.deepEqual(readyRecord(behavior, old, 1).record.snapshot.value, fence.snapshot.value);
  const steady = { ...alive().record, machineVersion: 1 };
  assert.deepEqual(readyRecord(behavior, steady, 1).record.snapshot.value, steady.snapshot.value);
});
