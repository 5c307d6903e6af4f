/** Every reachable state (bounded) of the shipped node machine, whatever BMC, network and people say, step by step. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allStates, DrivenMachine } from '../fixtures/machine-driver.js';
import { Coverage, explore, type Step } from '../fixtures/machine-explorer.js';
import { idlers, unanswered } from '../fixtures/machine-tables.js';
import {
  benignNodeStep,
  contextOfNode,
  everyNodeCommandIsTried,
  joinedAs,
  lostWith,
  nodeInput,
  nodeMoves,
  primaryIs,
} from '../fixtures/node-world.js';
import { statePaths } from '../machines/definition.js';
import { nodeMachine } from '../machines/node/machine.js';
import type { Proof } from '../machines/node/messages.js';
import { NODE_STATES } from '../machines/node/states.js';
import { machineOf } from '../machines/registry.js';
import type { ActorRecord } from '../runtime/record.js';

const STATES_MAX = 450;
const newNode = (): DrivenMachine =>
  new DrivenMachine(machineOf('node')!, 'hv2', nodeInput).fact(primaryIs('hv1', 'created'));
const lifeOf = (record: ActorRecord): string =>
  statePaths(record.snapshot.value).find((path) => path.startsWith('life.') && !path.includes('.lease.')) ?? '';
const domainOf = (record: ActorRecord): string =>
  statePaths(record.snapshot.value).find((path) => path.startsWith('domain.')) ?? '';
const RESTING = /^life\.(unknown|alive\.steady|proved\.awaitingReturn)$/;

function check({ before, move, after, machine }: Step): void {
  const where = `${move.name} in ${lifeOf(before)} -> ${lifeOf(after)}`;
  const [was, is] = [contextOfNode(before), contextOfNode(after)];
  const begun = after.effects.filter((effect) => !before.effects.some((each) => each.effectId === effect.effectId));
  const event = (after.tail.at(-1)?.event ?? { type: '' }) as {
    readonly type: string;
    readonly [field: string]: unknown;
  };
  const made = machine.committed.filter((each) => each.type === 'proof.record')
    .map((each) => each.params['proof'] as Proof);
  const proof = made.find(({ kind }) => kind !== 'P3');

  for (const { kind, boot, osdmapEpoch } of made) {
    if (kind !== 'P3') continue;
    assert.match(event.type, /^(storage\.(fence|read)\.done|agent\.answered)$/, `${where}: N6`);
    assert.notEqual((event['result'] as { fenced?: boolean }).fenced, false, `${where}: N6`);
    assert.deepEqual([boot, osdmapEpoch], [was.boot, 7], `${where}: N6`);
  }
  if (proof !== undefined) {
    // Of a boot that nobody was told of: never the one that is taken for alive, which it is proved over by.
    const passed = event.type === 'node.passed';
    if (passed) assert.deepEqual([is.next?.bootId, proof.kind], [was.boot?.bootId, 'P0'], `${where}: passed`);
    const about = passed ? { node: was.name, bootId: event['bootId'] } : was.boot;
    assert.deepEqual(proof.boot, about, `${where}: a proof about another boot`);
    assert.match(lifeOf(before), /^life\.(judging|alive)/, `${where}: N1`);
    if (proof.kind === 'P0')
      assert.ok((passed || event.type === 'node.joined') && event['bootId'] !== was.boot?.bootId, `${where}: P0`);
    else if (proof.kind === 'P4') assert.equal(event.type, 'node.confirm-fenced', `${where}: P4`);
    else assertP1(was, is, event, before, where);
  }
  if (lifeOf(after).startsWith('life.proved'))
    assert.ok(is.proof !== null && is.incarnation === null, `${where}: proved without a proof`);
  if (lifeOf(after).startsWith('life.proved') && !lifeOf(before).startsWith('life.proved'))
    assert.ok(proof, `${where}: no proof on file`);
  for (const { kind } of begun) {
    if (kind === 'cluster.rehome' || kind === 'session.fence') {
      assert.ok(is.proof !== null || is.storageProof != null, `${where}: N2`);
    }
    if (kind === 'storage.lift') assert.ok(is.next !== null && is.proof !== null, `${where}: N7, lifted without P0`);
  }
  if (lifeOf(after).startsWith('life.alive') && lifeOf(before).startsWith('life.proved')) {
    assert.notEqual(is.boot?.bootId, was.boot?.bootId, `${where}: N4, a fenced boot is alive again`);
  }
  if (lifeOf(after).startsWith('life.alive') && was.cut != null) {
    assert.notEqual(is.boot?.bootId, was.cut.boot.bootId, `${where}: N7, a boot that is cut off is alive again`);
    assert.equal(event.type, 'storage.lift.done', `${where}: N7, alive with entries on the blocklist`);
  }
  for (const { event: told } of machine.sent) {
    if (told.type === 'vm.recover' || told.type === 'boot.fenced')
      assert.ok(was.proof !== null || was.storageProof != null, `${where}: VMs are told without a proof`);
  }
  if (domainOf(after) === 'domain.flushed' && domainOf(before) !== 'domain.flushed') {
    assert.deepEqual(event['result'], { moves: [], busy: [] }, `${where}: flushed, and yet not empty`);
  }
  assertNothingHangs(after, where);
  assert.deepEqual(idlers(machineOf('node')!, after), [], `${where}: waits for an effect that nobody carries out`);
  // A renewal that fails is asked for again with the next one, long before the entry runs out.
  const renews = lifeOf(after) === 'life.proved.awaitingReturn';
  const lost = unanswered(machineOf('node')!, after).filter((type) => !(renews && type.startsWith('storage.fence.')));
  assert.deepEqual(lost, [], `${where}: answers without a transition`);
}

/** The two forms of P1 (docs/machines.md, node), and no other. */
function assertP1(
  was: ReturnType<typeof contextOfNode>,
  is: typeof was,
  event: { type: string; [field: string]: unknown },
  before: ActorRecord,
  where: string,
): void {
  assert.match(lifeOf(before), /fencing\.(confirmSilence|awaitLeaseDeadline)$/, `${where}: P1`);
  const silent =
    event.type === 'probe.signs.done' && (event['result'] as { answered: unknown[] }).answered.length === 0;
  const isCutOff = was.hasStorage !== true || is.cut?.osdmapEpoch != null;
  const cut = was.powerSeenOnAt !== null && was.commandedOff;
  assert.ok(
    (silent && (cut || (was.leaseOver && isCutOff))) ||
      (lifeOf(before).endsWith('awaitLeaseDeadline') && is.leaseOver && isCutOff),
    `${where}: P1`,
  );
}

/** Every state but the resting ones waits for an effect or a timer of its own region; no operation is lost. */
function assertNothingHangs(record: ActorRecord, where: string): void {
  const ownTimers = record.timers.filter(
    (timer) =>
      (timer.timerId.includes('.life.') && !timer.timerId.includes('.lease.')) ||
      /\.(alive|judging|suspected|fencing|proved)\b/.test(timer.timerId),
  );
  const lifeEffects = record.effects.filter(
    (effect) => !/^(cluster\.(evacuate|homecoming)|primary\.offer)$/.test(effect.kind),
  );
  if (!RESTING.test(lifeOf(record)))
    assert.ok(ownTimers.length + lifeEffects.length > 0, `${where}: life waits for nothing`);
  if (!/^domain\.(ready|flushed)$/.test(domainOf(record))) {
    const waits =
      record.effects.some((effect) => /^cluster\.(evacuate|homecoming)$/.test(effect.kind)) ||
      record.timers.some((timer) => /\.(flushing|readying)\./.test(timer.timerId));
    assert.ok(waits, `${where}: ${domainOf(record)} waits for nothing`);
  }
  const context = contextOfNode(record);
  const open = record.operations
    .filter((operation) => operation.state === 'accepted')
    .map((operation) => operation.operationId)
    .sort();
  const held = [context.operation?.operationId, context.offer]
    .filter((id): id is string => typeof id === 'string')
    .sort();
  assert.deepEqual(open, held, `${where}: an accepted operation is lost`);
}

/** Starting points far from the first state. */
function roots(): ActorRecord[] {
  const records: ActorRecord[] = [];
  const machine = newNode().fact(joinedAs('b2'));
  records.push(machine.record);
  machine.fact(lostWith(60_000)).done('probe.signs', { answered: [] });
  records.push(machine.record);
  machine.done('bmc.read', { power: 'on' }).done('bmc.set').done('bmc.read', { power: 'on' });
  const readings = { ...machine.record.snapshot.context, readings: 9 };
  records.push({ ...machine.record, snapshot: { ...machine.record.snapshot, context: readings } });
  machine.timer('verifyMs').done('bmc.read', { power: 'off' });
  records.push(machine.record);
  machine.done('probe.signs', { answered: [] });
  records.push(machine.record);
  const flushing = newNode().fact(joinedAs('b2'));
  flushing.command({ type: 'node.flush' });
  records.push(flushing.record);
  flushing.done('cluster.evacuate', { moves: [], busy: [] }).command({ type: 'node.ready' });
  records.push(flushing.record);
  return [...records, ...leavingRoots()].map((record) => ({ ...record, tail: [] }));
}

/** On its way down, and just back from there. */
function leavingRoots(): ActorRecord[] {
  const restarting = newNode().fact(joinedAs('b2'));
  restarting.fact({ type: 'node.restarting', bootId: 'b2', deadlineMs: 60_000 }).fact(lostWith(60_000));
  const leaving = newNode().fact(joinedAs('b2'));
  leaving.command({ type: 'node.leave', policy: 'migrate' });
  const stuck = leaving.record;
  leaving.done('cluster.evacuate', { moves: [], busy: [] }).fact(joinedAs('b9'));
  const somebodys = newNode().fact(joinedAs('b2'));
  somebodys.command({ type: 'node.flush' });
  somebodys.command({ type: 'node.leave', policy: 'migrate' });
  const flushing = somebodys.fact(joinedAs('b9')).record;
  const flushed = somebodys.done('cluster.evacuate', { moves: [], busy: [] }).record;
  return [restarting.record, stuck, leaving.record, flushing, flushed];
}

/** The same of a cluster with shared storage. */
function storageRoots(): ActorRecord[] {
  const records: ActorRecord[] = [];
  const lost = (change: Record<string, unknown> = {}): DrivenMachine => newNode()
    .fact({ ...joinedAs('b2'), storage: true }).fact(lostWith(60_000, change)).done('probe.signs', { answered: [] });
  const machine = lost();
  records.push(machine.record);
  records.push(machine.done('storage.fence', { osdmapEpoch: 7 }).record);
  records.push(machine.done('session.fence').record);
  records.push(machine.done('cluster.rehome', { moves: [], concerned: [], claimed: 0 }).timer('renewMs').record);
  records.push(lost().unknown('storage.fence').record);
  records.push(lost({ coordinators: ['hv3', 'hv4'] }).unknown('storage.fence').record);
  records.push(lost({ coordinators: [] }).unknown('storage.fence').record);
  const doubted = (): DrivenMachine => newNode()
    .fact({ ...joinedAs('b2'), storage: true })
    .fact({ type: 'node.silent', sinceMs: 2000, storage: true, suspects: 1, nodes: 3 });
  records.push(doubted().record, doubted().done('probe.signs', { answered: ['cluster'] }).record);
  const off = doubted().done('bmc.read', { power: 'off' });
  records.push(off.record, off.done('probe.signs', { answered: [] }).record);
  records.push(off.done('storage.fence', { osdmapEpoch: 7 }).record);
  const many = lost({ suspects: 2 }).done('bmc.read', { power: 'off' }).done('probe.signs', { answered: [] });
  records.push(many.unknown('storage.fence').record);
  records.push(lost({ suspects: 2 }).done('bmc.read', { power: 'off' }).done('probe.signs', { answered: [] }).record);
  const cut = lost().done('bmc.read', { power: 'on' }).done('bmc.set').done('bmc.read', { power: 'off' });
  records.push(cut.done('probe.signs', { answered: [] }).record);
  cut.done('storage.fence', { osdmapEpoch: 7 }).done('cluster.rehome', { moves: [], concerned: [], claimed: 0 });
  records.push(cut.record);
  records.push(cut.done('bmc.set').record);
  return records;
}

test('every reachable state keeps the invariants, and every state and transition is reached', (t) => {
  assert.ok(everyNodeCommandIsTried());
  const machine = newNode();
  const coverage = new Coverage(nodeMachine);
  const found = coverage.run('from its birth', machine, () => explore(machine, nodeMoves, check, STATES_MAX));
  const deep = roots().map((root, at) => coverage.run(`root ${at + 1}`, machine, () => {
    machine.record = root;
    return explore(machine, nodeMoves, check, STATES_MAX / 3);
  }));
  storageRoots().forEach((root, at) => deep.push(coverage.run(`storage root ${at + 1}`, machine, () => {
    machine.record = { ...root, tail: [] };
    return explore(machine, nodeMoves, check, STATES_MAX / 9);
  })));
  const records = [found, ...deep].flatMap((each) => each.records);
  const steps = [found, ...deep].reduce((sum, each) => sum + each.steps, 0);
  t.diagnostic(`explored ${records.length} states, ${steps} steps; transitions ${coverage.table}`);
  const reached = coverage.reached(records);
  assert.deepEqual(allStates(nodeMachine).filter((state) => !reached.includes(state)), [], 'states never reached');
  assert.deepEqual(coverage.missing, [], 'transitions never taken');

  // From everywhere, once everything answers truly, the node ends up alive, or fenced and back (I13).
  for (const record of records) {
    machine.record = record;
    let left = 120;
    while (left > 0 && !/^life\.(alive\.steady|unknown)$/.test(lifeOf(machine.record)) && benignNodeStep(machine))
      left -= 1;
    assert.match(
      lifeOf(machine.record),
      /^life\.(alive\.steady|unknown)$/,
      `from ${lifeOf(record)} it never came to rest`,
    );
  }
});

test('every state is documented in one sentence, and no other', () => {
  assert.deepEqual(Object.keys(NODE_STATES).sort(), allStates(nodeMachine).sort());
});
