/** Machines and records of several versions side by side: carried up, held back, or refused with the reason. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { assign, setup } from 'xstate';
import { faultOf } from '../fixtures/runtime/brittle.js';
import { tallyCareless, tallyFirst, tallySecond } from '../fixtures/runtime/tally.js';
import {
  counterOf, createActor, createCounter, paths, startNode, until, type TestNode,
} from '../fixtures/runtime/world.js';
import { createMemoryCluster, type MemoryCluster } from '../fixtures/sim/store.js';
import type { Address } from '../runtime/address.js';
import { behaviorOf, type MachineDefinition } from '../runtime/behavior.js';
import { claim } from '../runtime/claims.js';
import { systemClock } from '../runtime/clock.js';
import { decode, decodeRecord, encode, encodeRecord, RecordVersionError } from '../runtime/codec.js';
import { listFaults } from '../runtime/fault-table.js';
import { assertMachines } from '../runtime/machine-check.js';
import { misfits } from '../runtime/migrate.js';
import type { ActorRecord } from '../runtime/record.js';
import { createRecord } from '../runtime/step.js';
import { fits, type Chart } from '../runtime/structure.js';
import { needsVersion } from '../runtime/upcast.js';
import { NeedsVersionError, registeredVersions, unregisterNode, WriterVersion } from '../runtime/versions.js';

const NODES = ['n1', 'n2', 'n3'];
const meta = { node: 'n1', epoch: 1, nowMs: 1000, revision: 0, commitEffects: new Set<string>() };
const admit: MachineDefinition['admit'] = () => ({ kind: 'accept' });
const fresh = (): ActorRecord => createRecord(behaviorOf(tallyFirst), 'x', undefined, meta, 'test', 'c1');

describe('versions of records', () => {
  it('version 1 is read upwards; version 2 is written as 1 where nothing is lost by it, and refused elsewhere', () => {
    const record = { ...fresh(), timers: [{
      timerId: 't', event: { type: 't' }, delayMs: 5, setAt: 7, policy: 'restart' as const, remainingMs: 5,
    }] };
    const old = encodeRecord(record, 1);
    const stored = decode<Record<string, unknown>>(old);
    assert.equal(stored['recordVersion'], 1);
    assert.deepEqual(stored['timers'], [{ timerId: 't', event: { type: 't' }, delayMs: 5, setAt: 7 }]);
    assert.equal('outbox' in stored || 'life' in stored, false);
    assert.deepEqual(decodeRecord(old), record);
    assert.deepEqual(decodeRecord(old, [1]), record);
    assert.throws(() => decodeRecord(encodeRecord(record, 2), [1]), RecordVersionError);
    const supervised = { ...record, parent: 'supervisor/top' as const };
    assert.equal(needsVersion(supervised), 2);
    assert.throws(() => encodeRecord(supervised, 1), /supervised by supervisor\/top/);
  });

  it('the version in force is what all registered nodes read; a step that needs more waits', () => {
    const versions = new WriterVersion();
    versions.set('n1', [1, 2]);
    assert.equal(versions.current, 2);
    versions.set('n2', [1]);
    assert.deepEqual([versions.current, versions.holdouts()], [1, ['n2']]);
    const asking = { ...fresh(), requests: [{ requestId: 'r', to: 'tally/y' as const, as: 'price' }] };
    assert.throws(() => versions.forRecord(asking, 1), (error) => error instanceof NeedsVersionError
      && /tally\/x needs record version 2 \(1 of its requests wait .*but n2 reads only up to 1/.test(error.message));
    assert.equal(versions.forRecord(asking, 2), 2, 'what stands in version 2 and needs it stays so');
    assert.equal(versions.forRecord(fresh(), 2), 1);
    versions.set('n2', null);
    assert.equal(versions.current, 2);
  });

  it('a node that is down counts with what its last daemon read; one that was never here counts for nothing', () => {
    const live = (recordVersions: number[]) =>
      ({ node: 'n', incarnation: 'b.s', bootId: 'b', recordVersions, born: 1 });
    assert.deepEqual(registeredVersions([live([1, 2]), live([1])], null, true), [1]);
    assert.deepEqual(registeredVersions([], { recordVersions: [1, 2] }, true), [1, 2]);
    assert.deepEqual(registeredVersions([], null, true), [1], 'it was here before anybody kept that');
    assert.equal(registeredVersions([], null, false), null);
    assert.equal(registeredVersions([], { recordVersions: [] }, true), null, 'taken off the list');
  });
});

describe('a machine and what is stored', () => {
  const chart = (states: object, type?: 'parallel'): Chart =>
    setup({}).createMachine((type ? { type, states } : { initial: 'a', states }) as never) as unknown as Chart;
  const nested = { a: {}, b: { initial: 'c', states: { c: {}, d: {} } } };

  for (const [what, machine, value, reason] of [
    ['a state that is', chart(nested), 'a', null],
    ['a nested state that is', chart(nested), { b: 'd' }, null],
    ['an unknown state', chart(nested), 'z', /the machine has no state "z" \(it has "a", "b"\)/],
    ['an unknown nested state', chart(nested), { b: 'z' }, /state "b" has no state "z"/],
    ['a state that got states of its own', chart(nested), 'b', /state "b" has states of its own .* names none/],
    ['a state that lost its own', chart(nested), { a: 'c' }, /state "a" has no state "c"/],
    ['two states at once', chart(nested), { a: {}, b: 'c' }, /names several of them/],
    ['both regions', chart({ a: {}, b: nested.b }, 'parallel'), { a: {}, b: 'c' }, null],
    ['a region missing', chart({ a: {}, b: nested.b }, 'parallel'), { b: 'c' }, /regions that the record .*: "a"/],
    ['a region too many', chart({ a: {} }, 'parallel'), { a: {}, z: {} }, /has no state "z"/],
    ['no state at all', chart(nested), 7, /stored as no state/],
  ] as const) {
    it(`${what}: ${reason === null ? 'fits' : 'is refused'}`, () => {
      const found = fits(machine, { value });
      if (reason === null) assert.equal(found, null);
      else assert.match(found ?? '', reason);
    });
  }

  it('a timer or an effect that is bound to a state that is no more is named', () => {
    const behavior = behaviorOf(tallySecond);
    const snapshot = { value: 'counting', context: { sum: 0 }, status: 'active' as const };
    const type = 'xstate.after.nap.(machine).resting';
    const timer = {
      timerId: type, event: { type }, delayMs: 5, setAt: 7, policy: 'restart' as const, remainingMs: 5,
    };
    const effect = {
      effectId: 'e', kind: 'disk.copy', params: {}, epoch: 1, deadlineMs: 5, correlation: '', attempt: 1, retry: null,
      within: 'resting',
    };
    const bound = { snapshot, effects: [effect], timers: [] };
    assert.match(behavior.misfit({ ...bound, effects: [], timers: [timer] }) ?? '', /timer .*resting belongs to no/);
    assert.match(behavior.misfit(bound) ?? '', /disk\.copy is bound to .*"resting"/);
    assert.equal(behavior.misfit({ ...bound, effects: [] }), null);
  });

  it('what can never work is told before any actor runs; an unknown target throws where the machine is made', () => {
    const broken = setup({ actions: { known: () => undefined } }).createMachine({
      context: { since: new Date(0) } as never, initial: 'a',
      states: {
        a: {
          entry: ['known', { type: 'disk.copi' } as never, () => undefined],
          on: { go: { guard: 'nobody' as never, target: 'b' } }, after: { sometime: 'b' } as never,
        },
        b: { invoke: { src: 'job' } as never },
      },
    });
    const behavior = behaviorOf({ kind: 'broken', version: 1, machine: broken, admit });
    const check = () => assertMachines([behavior], new Set(['known']), { 'disk.copy': 1 });
    for (const words of [
      /nothing here can do "disk\.copi"/, /an action is a function/, /no guard "nobody"/, /no delay "sometime"/,
      /state ".*\.b": it invokes/, /context\.since is a Date/,
    ]) assert.throws(check, words);
    assert.throws(check, (error) => error instanceof Error && !/"known"/.test(error.message));
    assert.throws(() => setup({}).createMachine({ initial: 'a', states: { a: { on: { go: 'nowhere' } } } } as never),
      /Invalid transition definition.*nowhere/s);
    const fine = setup({ actions: { note: assign({}) } }).createMachine({ entry: 'note' });
    assertMachines([behaviorOf({ kind: 'fine', version: 1, machine: fine, admit })], new Set(), {});
  });
});

describe('daemons of two versions', () => {
  let cluster: MemoryCluster;
  const nodes: TestNode[] = [];
  const start = async (name: string, more: readonly MachineDefinition[], reads?: readonly number[]) => {
    const node = await startNode(name, await cluster.open(), NODES, undefined, more, reads);
    nodes.push(node);
    return node;
  };
  const leave = async (node: TestNode): Promise<void> => {
    nodes.splice(nodes.indexOf(node), 1);
    node.stop();
    await node.store.close();
  };
  const take = async (node: TestNode, address: Address): Promise<void> => {
    const self = { node: node.name, incarnation: node.incarnation, bootId: node.bootId };
    assert.equal(await claim({ store: node.store, paths, self, needsFence: null }, address), 'claimed');
  };
  const writtenAs = async (node: TestNode, address: Address): Promise<unknown> =>
    decode<ActorRecord>((await node.store.read(paths.record(address)))!.data).recordVersion;
  const level = async (what: string, is: () => boolean): Promise<void> => {
    for (let wait = 0; wait < 1000 && !is(); wait += 1) await systemClock.sleep(10);
    assert.equal(is(), true, what);
  };

  beforeEach(() => { cluster = createMemoryCluster({ sessionTimeoutMs: 2000 }); });
  afterEach(async () => {
    while (nodes.length > 0) await leave(nodes[0]!);
  });

  it('a machine is carried up when its owner loads it, is told, and goes on: timers, `always`, letters', async () => {
    const one = await start('n1', [tallyFirst]);
    const [full, resting] = [await createActor(one, tallyFirst, 'full'), await createActor(one, tallyFirst, 'resting')];
    await one.gateway.submit(full, { type: 'add', by: 120 }, 'test');
    await one.gateway.submit(resting, { type: 'rest' }, 'test');
    await until(one, full, (record) => record.snapshot.context['total'] === 120);
    await until(one, resting, (record) => record.snapshot.value === 'resting');
    await leave(one);
    const two = await start('n2', [tallySecond]);
    await take(two, full);
    await take(two, resting);
    const carried = await until(two, full, (record) => record.snapshot.value === 'full');
    assert.deepEqual(carried.snapshot.context, { sum: 120, told: ['upgraded 1 2', 'acquired'] });
    assert.equal(carried.machineVersion, 2);
    const woken = await until(two, resting, (record) => record.snapshot.value === 'counting');
    assert.equal(woken.tail.some(({ to }) => to === 'pausing'), true, 'its timer was set anew under the new name');
    await two.gateway.submit(resting, { type: 'add', by: 1 }, 'test');
    await until(two, resting, (record) => record.snapshot.context['sum'] === 1);
  });

  it('what a newer machine wrote waits for a daemon that knows it, and disturbs nobody', async () => {
    const two = await start('n2', [tallySecond]);
    const [newer, good] = [await createActor(two, tallySecond, 'a'), await createCounter(two, 'good')];
    await until(two, newer, (record) => record.ownerEpoch === 1);
    await until(two, good, (record) => record.ownerEpoch === 1);
    await leave(two);
    const one = await start('n1', [tallyFirst]);
    await take(one, newer);
    await take(one, good);
    const fault = await faultOf(one, paths, newer);
    assert.equal(fault.kind, 'newer');
    assert.match(fault.reason, /machine tally 2 wrote it, this daemon knows version 1/);
    await one.gateway.submit(good, { type: 'add', value: 1 }, 'test');
    await until(one, good, (record) => counterOf(record).count === 1);
    const denied = await one.gateway.submit(newer, { type: 'add', by: 1 }, 'test');
    assert.match(denied.kind === 'denied' ? denied.message : '', /machine tally 2 wrote it/);
    assert.equal(decodeRecord((await one.store.read(paths.record(newer)))!.data).fault, null, 'it only waits');
    await leave(one);
    const three = await start('n3', [tallySecond]);
    await take(three, newer);
    await three.gateway.submit(newer, { type: 'add', by: 3 }, 'test');
    await until(three, newer, (record) => record.snapshot.context['sum'] === 3);
    await level('its note is gone', () => listFaults(three.mirror, paths).length === 0);
  });

  it('a machine that does not fit what is stored is refused at start, all told at once; the rest runs', async () => {
    const one = await start('n1', [tallyFirst]);
    const bad = [await createActor(one, tallyFirst, 'a'), await createActor(one, tallyFirst, 'b')];
    const good = await createCounter(one, 'good');
    await one.gateway.submit(bad[0]!, { type: 'add', by: 1 }, 'test');
    await until(one, bad[0]!, (record) => record.snapshot.context['total'] === 1);
    await one.gateway.submit(bad[1]!, { type: 'rest' }, 'test');
    await until(one, bad[1]!, (record) => record.snapshot.value === 'resting');
    await leave(one);
    const two = await start('n2', [tallyCareless]);
    const behaviors = new Map([['tally', behaviorOf(tallyCareless)]]);
    const told = misfits({ mirror: two.mirror, behaviors, paths, clock: systemClock });
    assert.deepEqual(told.map((each) => each.split(': ')[0]), bad.map((address) => paths.record(address)));
    for (const address of [...bad, good]) await take(two, address);
    assert.match((await faultOf(two, paths, bad[0]!)).reason, /does not fit: its context is not .*sum is no number/);
    const resting = await faultOf(two, paths, bad[1]!);
    assert.match(resting.reason, /the machine has no state "resting" \(it has "counting", "pausing", "full"\)/);
    assert.deepEqual([resting.kind, resting.znode], ['misfit', paths.record(bad[1]!)]);
    await two.gateway.submit(good, { type: 'add', value: 1 }, 'test');
    await until(two, good, (record) => counterOf(record).count === 1);
  });

  it('they exchange messages and actors in the older version; with the old one off the list the newer', async () => {
    const old = await start('n1', [], [1]);
    const young = await start('n2', []);
    await level('both are seen', () => young.mirror.versions.current === 1);
    const [a, b] = [await createCounter(old, 'a'), await createCounter(young, 'b')];
    await Promise.all([until(old, b, () => true), until(young, a, () => true)]);
    for (let value = 1; value <= 20; value += 1) {
      await young.gateway.submit(a, { type: 'add', value, partner: b }, 'test');
      await old.gateway.submit(b, { type: 'add', value, partner: a }, 'test');
    }
    for (const address of [a, b]) {
      const both = await Promise.all([old, young].map((node) => until(node, address, (record) =>
        counterOf(record).seen.length === 20 && counterOf(record).count === 420, 20_000)));
      assert.deepEqual(counterOf(both[0]!).seen, Array.from({ length: 20 }, (_, index) => index + 1));
      assert.equal(await writtenAs(young, address), 1);
    }
    await young.gateway.submit(b, { type: 'go', to: 'n1' }, 'test');
    await old.gateway.submit(a, { type: 'go', to: 'n2' }, 'test');
    await until(young, b, (record) => counterOf(record).owners.at(-1) === 'n1:transferred');
    await until(old, a, (record) => counterOf(record).owners.at(-1) === 'n2:transferred');
    assert.deepEqual([await writtenAs(young, a), await writtenAs(young, b)], [1, 1]);
    assert.equal((await unregisterNode(young.store, paths, 'n1')).kind, 'refused', 'it is here');

    await leave(old);
    await level('n1 is gone', () => young.mirror.liveOf('n1') === null);
    await young.gateway.submit(a, { type: 'add', value: 1 }, 'test');
    await until(young, a, (record) => counterOf(record).count === 421);
    assert.equal(await writtenAs(young, a), 1, 'it may come back with the daemon it left with');
    assert.deepEqual(await unregisterNode(young.store, paths, 'n1'), { kind: 'done' });
    await level('nobody is old', () => young.mirror.versions.current === 2);
    await young.gateway.submit(a, { type: 'add', value: 1 }, 'test');
    await until(young, a, (record) => counterOf(record).count === 422);
    assert.equal(await writtenAs(young, a), 2);
  });

  it('an old daemon that comes back is written for again; what it cannot read it leaves alone', async () => {
    const young = await start('n2', []);
    const a = await createCounter(young, 'a');
    await until(young, a, (record) => record.ownerEpoch === 1);
    assert.equal(await writtenAs(young, a), 2);
    const old = await start('n1', [], [1]);
    await level('it is seen', () => young.mirror.versions.current === 1);
    await level('it says what it cannot read', () => listFaults(old.mirror, paths)[0]?.kind === 'newer');
    assert.equal((await old.store.children(paths.faults))?.names.length, 0, 'its owner can read it: no fault of it');
    await young.gateway.submit(a, { type: 'add', value: 1 }, 'test');
    await until(old, a, (record) => counterOf(record).count === 1);
    await level('it can read it now', () => listFaults(old.mirror, paths).length === 0);
    const supervised = { ...decodeRecord((await young.store.read(paths.record(a)))!.data), parent: 'supervisor/s' };
    const data = encode(supervised);
    await young.store.multi([{ op: 'set', path: paths.record(a), data, version: 'any' }]);
    await level('seen', () => young.mirror.actors.get(a)?.record.parent === 'supervisor/s');
    assert.match(JSON.stringify(await young.host.handOver(a, 'n1')), /daemon of n1 is too old/);
  });
});
