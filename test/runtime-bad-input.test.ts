/** What is wrong stops the one actor that it is about, with a fault that names reason and znode, and can be mended. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { brittleDefinition, faultOf, repairDepsOf } from '../fixtures/runtime/brittle.js';
import {
  counterOf, createActor, createCounter, paths, startNode, until, type TestNode,
} from '../fixtures/runtime/world.js';
import { createMemoryCluster, type MemoryCluster } from '../fixtures/sim/store.js';
import type { Address } from '../runtime/address.js';
import { claim } from '../runtime/claims.js';
import { decodeRecord, encode } from '../runtime/codec.js';
import { systemClock } from '../runtime/clock.js';
import { listDeadLetters, requeueDeadLetter } from '../runtime/dead-letters.js';
import { listFaults } from '../runtime/fault-table.js';
import { removeActor, repairRecord, resetActor, restartActor } from '../runtime/faults.js';
import type { ActorRecord } from '../runtime/record.js';

const NODES = ['n1', 'n2'];
const countOf = (record: ActorRecord): number => record.snapshot.context['count'] as number;

describe('bad input', () => {
  let cluster: MemoryCluster;
  let one: TestNode;
  let two: TestNode;

  beforeEach(async () => {
    cluster = createMemoryCluster({ sessionTimeoutMs: 2000 });
    one = await startNode('n1', await cluster.open(), NODES, undefined, [brittleDefinition]);
    two = await startNode('n2', await cluster.open(), NODES, undefined, [brittleDefinition]);
  });
  afterEach(async () => {
    one.stop();
    two.stop();
    await Promise.all([one.store.close(), two.store.close()]);
  });

  const mends = (node: TestNode) => repairDepsOf(node, paths, brittleDefinition);
  const begun = async (node: TestNode, id: string): Promise<Address> => {
    const address = await createActor(node, brittleDefinition, id);
    await Promise.all([one, two].map((each) => until(each, address, (record) => record.ownerEpoch === 1)));
    return address;
  };
  const tell = (address: Address, event: { type: string; [field: string]: unknown }) =>
    two.gateway.submit(address, event, 'test');
  const counts = async (address: Address, count: number): Promise<ActorRecord> => {
    await tell(address, { type: 'add' });
    return until(two, address, (record) => countOf(record) === count);
  };
  const spoil = (address: Address, data: Uint8Array) =>
    two.store.multi([{ op: 'set', path: paths.record(address), data, version: 'any' }]);

  for (const [what, words] of Object.entries({
    date: /context\.odd is a Date/, map: /context\.odd is a Map/, nan: /context\.odd is NaN/,
    function: /context\.odd is a function/, instance: /context\.odd is a Guest/,
    hole: /context\.odd\[1\] is undefined/, cycle: /deeper than 64 levels, or holds itself/,
  })) {
    it(`a context that is no plain JSON (${what}) stops the actor; its letter is parked; then restarted`, async () => {
      const [bad, good] = [await begun(one, 'bad'), await begun(one, 'good')];
      await counts(bad, 1);
      await tell(bad, { type: 'strange', what });
      const fault = await faultOf(two, paths, bad);
      assert.deepEqual([fault.kind, fault.znode, fault.node], ['machine', paths.record(bad), 'n1']);
      assert.match(fault.reason, words);
      assert.match(fault.reason, new RegExp(paths.record(bad)));
      assert.equal(one.host.owns(bad), false);
      await counts(good, 1);
      assert.match((await listDeadLetters(one.store, paths, bad)).letters[0]!.error, words);
      assert.deepEqual(await restartActor(mends(two), bad), { kind: 'done' });
      assert.equal((await counts(bad, 2)).fault, null);
      assert.deepEqual(listFaults(one.mirror, paths), []);
    });
  }

  it('an endless loop of `always` is bounded, and stops the actor', async () => {
    const [bad, good] = [await begun(one, 'bad'), await begun(one, 'good')];
    await tell(bad, { type: 'spin' });
    assert.match((await faultOf(two, paths, bad)).reason, /does not come to rest.*more than 1000 microsteps/);
    await counts(good, 1);
    assert.deepEqual(await restartActor(mends(one), bad), { kind: 'done' });
    await counts(bad, 1);
  });

  it('a guard or an assign that throws at a letter parks it; one that throws from inside stops the actor', async () => {
    const bad = await begun(one, 'bad');
    for (const type of ['guard', 'assign']) await tell(bad, { type });
    await counts(bad, 1);
    const { letters } = await listDeadLetters(one.store, paths, bad);
    assert.deepEqual(letters.map(({ error }) => /throws/.test(error)), [true, true]);
    await tell(bad, { type: 'fuse' });
    const fault = await faultOf(two, paths, bad, 20_000);
    assert.match(fault.reason, /the fuse burned down/);
    assert.match(fault.reason, new RegExp(paths.record(bad)));
    assert.equal(one.host.owns(bad), false);
    assert.deepEqual(await resetActor(mends(two), bad, { count: 40 }), { kind: 'done' });
    const record = await counts(bad, 41);
    assert.deepEqual([record.life, record.fault, record.snapshot.value], [2, null, 'calm']);
    const open = record.operations.filter((operation) => operation.endedAt === null);
    assert.deepEqual(open.map(({ command }) => command), ['add'], 'what was under way at the reset has ended');
  });

  it('a step that would make the record too large is not taken, and says what is so large', async () => {
    const bad = await begun(one, 'bad');
    await tell(bad, { type: 'grow', bytes: 300_000 });
    await counts(bad, 1);
    const { letters } = await listDeadLetters(one.store, paths, bad);
    assert.match(letters[0]!.error, /a record of \d{6} bytes, above \d+ \(its largest parts: context\.odd 3000\d\d,/);
  });

  for (const [what, data] of Object.entries({
    'cut off': null, garbage: Buffer.from('c1c1c1c1ff00', 'hex'),
    'another shape': encode({ recordVersion: 2, kind: 7 }),
    nothing: new Uint8Array(0),
  })) {
    it(`a record that is ${what}: a fault beside it, seen by all; mended by command; others undisturbed`, async () => {
      const [bad, good] = [await begun(one, 'bad'), await begun(one, 'good')];
      const whole = (await one.store.read(paths.record(bad)))!.data;
      await spoil(bad, data ?? whole.slice(0, whole.length - 9));
      const fault = await faultOf(two, paths, bad);
      assert.deepEqual([fault.kind, fault.znode, fault.node], ['undecodable', paths.record(bad), 'n1']);
      assert.match(fault.reason, /these .*bytes are no record/);
      await counts(good, 1);
      assert.deepEqual((await repairRecord(mends(two), bad, { recordVersion: 2 })).kind, 'refused');
      assert.deepEqual(await repairRecord(mends(two), bad, decodeRecord(whole)), { kind: 'done' });
      await counts(bad, 1);
      await nothingFaulty();
    });
  }

  const nothingFaulty = async (): Promise<void> => {
    for (let wait = 0; wait < 500 && listFaults(two.mirror, paths).length > 0; wait += 1) await systemClock.sleep(10);
    assert.deepEqual(listFaults(two.mirror, paths), []);
    assert.deepEqual((await two.store.children(paths.faults))?.names, []);
  };

  it('a record nobody can read, of an owner that is gone, is noted by another; reset and removal work', async () => {
    const bad = await begun(one, 'bad');
    const other = await begun(one, 'other');
    await tell(bad, { type: 'add' });
    await until(two, bad, (record) => countOf(record) === 1);
    one.stop();
    cluster.expire(one.store.session.id);
    await spoil(bad, Buffer.from('garbage'));
    await spoil(other, Buffer.from('garbage'));
    assert.equal((await faultOf(two, paths, bad)).node, 'n2');
    assert.deepEqual(await resetActor(mends(two), bad, { count: 7 }), { kind: 'done' });
    const record = await until(two, bad, (each) => countOf(each) === 7);
    assert.equal(record.seq > 1, true, 'no reader of the feed is told of a transition it has seen already');
    const self = { node: 'n2', incarnation: two.incarnation, bootId: two.bootId };
    assert.equal(await claim({ store: two.store, paths, self, needsFence: () => false }, bad), 'claimed');
    await counts(bad, 8);
    assert.deepEqual(await removeActor(mends(two), other), { kind: 'done' });
    assert.equal(await two.store.read(paths.actor(other)), null);
    assert.deepEqual((await removeActor(mends(two), other)).kind, 'refused');
    await nothingFaulty();
  });

  it('bytes in a mailbox that are no envelope are parked as they are, in their turn, and can be put back', async () => {
    const address = await createCounter(one, 'a');
    await until(two, address, () => true);
    const raw = Buffer.from('93c1ff', 'hex');
    const put = (name: string, data: Uint8Array) =>
      two.store.multi([{ op: 'create', path: paths.envelope(address, name), data }]);
    await put('5-garbage', raw);
    await put('5-shape', encode({ id: 'x', event: 'no event' }));
    await put('5-newer', encode({ v: 9, id: 'x' }));
    await two.gateway.submit(address, { type: 'add', value: 5 }, 'test');
    await until(two, address, (record) => counterOf(record).count === 5);
    const { letters } = await listDeadLetters(one.store, paths, address);
    assert.equal(letters.length, 3);
    const garbage = letters.find(({ envelope }) => envelope.id === '5-garbage')!;
    assert.equal(Buffer.from(String(garbage.envelope.event['raw']), 'base64').equals(raw), true);
    assert.match(garbage.error, new RegExp(`${paths.mailbox(address)}/5-garbage cannot be read`));
    assert.equal(await requeueDeadLetter(one.store, paths, garbage.name), 'requeued');
    await two.gateway.submit(address, { type: 'add', value: 5 }, 'test');
    await until(two, address, (record) => counterOf(record).count === 10);
    assert.equal((await listDeadLetters(one.store, paths, address)).letters.length, 3, 'it is parked again');
  });

  it('an actor is removed by force while letters wait for it; they are kept as dead letters', async () => {
    const bad = await begun(one, 'bad');
    await tell(bad, { type: 'strange', what: 'date' });
    await faultOf(two, paths, bad);
    for (let count = 0; count < 3; count += 1) await tell(bad, { type: 'add' });
    assert.deepEqual(await removeActor(mends(two), bad), { kind: 'done' });
    assert.equal(await two.store.read(paths.actor(bad)), null);
    assert.equal((await listDeadLetters(one.store, paths, bad)).letters.length, 4);
  });
});
