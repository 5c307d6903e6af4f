import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { counterOf, createCounter, paths, startNode, until, type TestNode } from '../fixtures/runtime/world.js';
import { createMemoryCluster, type MemoryCluster } from '../fixtures/sim/store.js';
import type { FeedItem } from '../runtime/feed-types.js';
import { compareCursors, cursorText, parseCursor } from '../runtime/feed.js';
import { stateText } from '../runtime/behavior.js';
import { claim } from '../runtime/claims.js';
import { systemClock } from '../runtime/clock.js';

const NODES = ['n1', 'n2'];

describe('the actor runtime on a store in memory', () => {
  let cluster: MemoryCluster;
  let one: TestNode;
  let two: TestNode;
  const started: string[] = [];
  let hold: Promise<void> | null = null;

  beforeEach(async () => {
    cluster = createMemoryCluster({ sessionTimeoutMs: 2000 });
    started.length = 0;
    hold = null;
    const job = (name: string) => async (_params: unknown, context: { effectId: string; resumed: boolean }) => {
      started.push(`${name} ${context.effectId} ${context.resumed ? 'resumed' : 'first'}`);
      await hold;
      return { kind: 'done' as const, value: 1 };
    };
    one = await startNode('n1', await cluster.open(), NODES, job('n1'));
    two = await startNode('n2', await cluster.open(), NODES, job('n2'));
  });
  afterEach(async () => {
    one.stop();
    two.stop();
    await Promise.all([one.store.close(), two.store.close()]);
  });

  it('a command goes in at any node, is stepped by the owner and its end is seen everywhere', async () => {
    const address = await createCounter(one, 'a');
    await until(two, address, () => true);
    const submitted = await two.gateway.submit(address, { type: 'finish' }, 'test');
    assert.equal(submitted.kind, 'accepted');
    const operationId = submitted.kind === 'accepted' ? submitted.operationId : '';
    const operation = await two.gateway.waitFor(address, operationId, 3000);
    assert.deepEqual({ state: operation?.state, message: operation?.message }, { state: 'done', message: 'finished' });
  });

  it('admission answers before anything is queued', async () => {
    const address = await createCounter(one, 'a');
    await until(two, address, () => true);
    const forbidden = await two.gateway.submit(address, { type: 'forbidden' }, 'test');
    assert.deepEqual(forbidden, { kind: 'denied', code: 'PVC_WRONG_STATE', message: 'not now' });
    const needless = await two.gateway.submit(address, { type: 'nothing' }, 'test');
    assert.deepEqual(needless, { kind: 'already', message: 'nothing to do' });
    assert.equal((await two.gateway.submit('counter/none', { type: 'add' }, 'test')).kind, 'denied');
  });

  it('messages between actors are neither lost nor doubled, and keep their order, while commits are cut', async () => {
    const [a, b] = [await createCounter(one, 'a'), await createCounter(two, 'b')];
    await until(one, b, () => true);
    for (let value = 1; value <= 40; value += 1) {
      if (value % 5 === 0) cluster.cutNextMulti(one.store.session.id, value % 10 === 0 ? 'applied' : 'lost');
      await one.gateway.submit(a, { type: 'add', value, partner: b }, 'test');
    }
    const record = await until(two, b, (each) => counterOf(each).seen.length >= 40);
    assert.deepEqual(counterOf(record).seen, Array.from({ length: 40 }, (_, index) => index + 1));
    assert.equal(counterOf(await until(one, a, (each) => counterOf(each).count === 820)).count, 820);
    assert.deepEqual((await one.store.children(paths.mailbox(b)))?.names, []);
  });

  it('an effect runs after its commit, once; its answer and then its timer move the machine on', async () => {
    const address = await createCounter(one, 'a');
    await one.gateway.submit(address, { type: 'work' }, 'test');
    await until(one, address, ({ seq, snapshot, timers }) =>
      seq >= 4 && stateText(snapshot.value) === 'idle' && timers.length === 0);
    assert.equal(started.length, 1);
  });

  it('a hand-over moves the cell: the new owner goes on, the old one is silent', async () => {
    const address = await createCounter(one, 'a');
    await one.gateway.submit(address, { type: 'go', to: 'n2' }, 'test');
    await one.gateway.submit(address, { type: 'add', value: 7 }, 'test');
    const record = await until(two, address, (each) =>
      counterOf(each).count === 7 && counterOf(each).owners.length === 2);
    assert.deepEqual(counterOf(record).owners, ['n1:created', 'n2:transferred']);
    assert.equal(one.host.owns(address), false);
    assert.equal(two.host.owns(address), true);
  });

  it('a claim needs the old lease gone; then the pending effect is run again, marked resumed', async () => {
    const address = await createCounter(one, 'a');
    hold = new Promise(() => undefined);
    await one.gateway.submit(address, { type: 'work' }, 'test');
    await until(two, address, (record) => record.effects.length === 1);
    const self = { node: 'n2', incarnation: two.incarnation, bootId: two.bootId };
    assert.equal(await claim({ store: two.store, paths, self, needsFence: null }, address), 'alive');
    one.stop();
    cluster.expire(one.store.session.id);
    hold = null;
    assert.equal(await claim({ store: two.store, paths, self, needsFence: null }, address), 'claimed');
    const record = await until(two, address, (each) =>
      counterOf(each).owners.at(-1) === 'n2:claimed' && each.effects.length === 0);
    assert.equal(record.ownerEpoch, 2);
    assert.match(started.at(-1)!, /^n2 .* resumed$/);
  });

  it('a cell that is stopped while its commit is out begins nothing any more', async () => {
    const address = await createCounter(one, 'a');
    await until(one, address, (record) => counterOf(record).owners.length === 1);
    const multi = one.store.multi.bind(one.store);
    one.store.multi = async (ops) => {
      const result = await multi(ops);
      if (ops.some((op) => op.op === 'set' && op.path === paths.record(address))) one.host.stop();
      return result;
    };
    await one.gateway.submit(address, { type: 'work' }, 'test');
    await until(two, address, (record) => record.effects.length === 1);
    await systemClock.sleep(50);
    assert.deepEqual(started, []);
  });

  it('a message that cannot be stepped is parked as a dead letter and the next ones go on', async () => {
    const address = await createCounter(one, 'a');
    await one.gateway.submit(address, { type: 'poison' }, 'test');
    await one.gateway.submit(address, { type: 'add', value: 3 }, 'test');
    await until(one, address, (record) => counterOf(record).count === 3);
    assert.equal((await one.store.children(paths.dead))?.names.length, 1);
  });

  it('a removed actor leaves nothing behind and is reported as removed', async () => {
    const address = await createCounter(one, 'a');
    await until(two, address, () => true);
    const seen: FeedItem[] = [];
    two.feed.subscribe(null, (item) => seen.push(item));
    await one.gateway.submit(address, { type: 'die' }, 'test');
    for (let wait = 0; wait < 200 && await one.store.read(paths.actor(address)) !== null; wait += 1) {
      await systemClock.sleep(10);
    }
    assert.equal(await one.store.read(paths.actor(address)), null);
    for (let wait = 0; wait < 200 && two.feed.actor(address) !== null; wait += 1) await systemClock.sleep(10);
    assert.equal(two.feed.actor(address), null);
    assert.ok(seen.some((item) => item.record.removed));
  });

  it('the feed gives every transition once, in order, and resumes from any cursor', async () => {
    const [a, b] = [await createCounter(one, 'a'), await createCounter(two, 'b')];
    await until(two, a, () => true);
    const live: FeedItem[] = [];
    const { close } = two.feed.subscribe(null, (item) => live.push(item));
    for (let value = 1; value <= 25; value += 1) {
      await one.gateway.submit(a, { type: 'add', value, partner: b }, 'test');
    }
    await until(two, b, (record) => counterOf(record).seen.length === 25);
    await systemClock.sleep(50);
    close();
    for (let index = 1; index < live.length; index += 1) {
      assert.ok(compareCursors(live[index - 1]!.cursor, live[index]!.cursor) < 0, 'ascending');
    }
    for (const address of [a, b]) {
      const seqs = live.filter((item) => item.address === address).map((item) => item.transition?.seq);
      assert.deepEqual(seqs, Array.from({ length: seqs.length }, (_, index) => seqs[0]! + index), 'no hole');
    }
    const middle = parseCursor(cursorText(live[10]!.cursor))!;
    const again: FeedItem[] = [];
    assert.equal(two.feed.subscribe(middle, (item) => again.push(item)).gap, false);
    assert.deepEqual(again.map((item) => item.cursor), live.slice(11).map((item) => item.cursor));
    assert.equal(two.feed.subscribe({ ...middle, zxid: 0 }, () => undefined).gap, true);
  });

  it('a boot that was fenced gets no lease', async () => {
    await one.store.multi([{ op: 'create', path: paths.fence('n2', two.bootId), data: new Uint8Array(0) }]);
    const { Lease } = await import('../runtime/lease.js');
    const { createLog } = await import('../runtime/log.js');
    const lease = new Lease({
      store: await cluster.open(), paths, clock: systemClock, log: createLog('t', 'error'),
      node: 'n2', bootId: two.bootId,
      tickMs: 100, stopMs: 100, heartbeatMs: 200, blob: () => ({}), onRenewed: () => undefined,
    });
    await assert.rejects(lease.start(), /was fenced: it must be rebooted/);
    lease.stop();
  });
});
