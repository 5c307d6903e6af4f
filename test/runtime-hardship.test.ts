/** What must not hurt others: a store out of reach, a record nobody can read, a broken subscriber, an old timer. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import {
  counterDefinition, counterOf, createCounter, paths, startNode, until, type TestNode,
} from '../fixtures/runtime/world.js';
import { createMemoryCluster, type MemoryCluster } from '../fixtures/sim/store.js';
import { behaviorOf } from '../runtime/behavior.js';
import { systemClock } from '../runtime/clock.js';
import { decodeRecord, encode } from '../runtime/codec.js';
import { createLog } from '../runtime/log.js';
import type { ActorRecord, Owner } from '../runtime/record.js';
import { createRecord, step, type StepInput } from '../runtime/step.js';
import { timerKey } from '../runtime/step-effects.js';
import { StoreError } from '../runtime/store.js';
import { never, RestForOne } from '../runtime/supervisor.js';

const NODES = ['n1', 'n2'];

describe('the actor runtime in hardship', () => {
  let cluster: MemoryCluster;
  let one: TestNode;
  let two: TestNode;
  const started: string[] = [];
  let letGo: () => void;

  beforeEach(async () => {
    cluster = createMemoryCluster({ sessionTimeoutMs: 2000 });
    started.length = 0;
    const hold = new Promise<void>((resolve) => { letGo = resolve; });
    const job = async (_params: unknown, context: { resumed: boolean }) => {
      started.push(context.resumed ? 'resumed' : 'first');
      await hold;
      return { kind: 'done' as const, value: 1 };
    };
    one = await startNode('n1', await cluster.open(), NODES, job);
    two = await startNode('n2', await cluster.open(), NODES, job);
  });
  afterEach(async () => {
    letGo();
    one.stop();
    two.stop();
    await Promise.all([one.store.close(), two.store.close()]);
  });

  it('a store out of reach for a moment neither restarts a cell nor runs its effect again', async () => {
    const address = await createCounter(one, 'a');
    await one.gateway.submit(address, { type: 'work' }, 'test');
    await until(two, address, (record) => record.effects.length === 1);
    cluster.disconnect(one.store.session.id);
    await systemClock.sleep(100);
    await two.gateway.submit(address, { type: 'add', value: 5 }, 'test');
    cluster.reconnect(one.store.session.id);
    const record = await until(two, address, (each) => counterOf(each).count === 5);
    assert.deepEqual(started, ['first']);
    assert.deepEqual(counterOf(record).owners, ['n1:created'], 'the same cell went on');
  });

  it('only what is idle now is given away: not what began something, nor what was just handed over', async () => {
    const address = await createCounter(one, 'a');
    await one.gateway.submit(address, { type: 'work' }, 'test');
    await until(two, address, (record) => record.effects.length === 1);
    const fits = (record: ActorRecord, owner: Owner): boolean =>
      record.ownerEpoch >= owner.epoch && record.effects.length === 0;
    const busy = await one.host.handOver(address, 'n2', { fits });
    assert.deepEqual(busy, { kind: 'refused', reason: 'it is not to be moved now' });
    letGo();
    await until(one, address, (record) => record.effects.length === 0);
    const moved = await one.host.handOver(address, 'n2', { fits });
    assert.equal(moved.kind, 'moved', JSON.stringify(moved));
    await until(two, address, (record) => counterOf(record).owners.length === 2);
  });

  it('a record of another version is told and left alone; everything else is still seen', async () => {
    const [bad, good] = [await createCounter(two, 'bad'), await createCounter(one, 'good')];
    await until(two, good, () => true);
    two.host.stop();
    const node = await one.store.read(paths.record(bad));
    const strange = encode({ ...decodeRecord(node!.data), recordVersion: 99 });
    await one.store.multi([{ op: 'set', path: paths.record(bad), data: strange, version: 'any' }]);
    const seen: number[] = [];
    two.feed.subscribe(null, (item) => { if (item.address === good) seen.push(item.cursor.seq); });
    await one.gateway.submit(good, { type: 'add', value: 1 }, 'test');
    await until(two, good, (record) => counterOf(record).count === 1);
    await systemClock.sleep(50);
    assert.equal(seen.length, 1);
  });

  it('a subscriber that throws is let go, and the others get everything', async () => {
    const address = await createCounter(one, 'a');
    await until(two, address, () => true);
    const seen: number[] = [];
    two.feed.subscribe(null, () => { throw new Error('a broken listener'); });
    two.feed.subscribe(null, (item) => seen.push(item.transition?.seq ?? -1));
    for (let value = 1; value <= 5; value += 1) await one.gateway.submit(address, { type: 'add', value }, 'test');
    await until(two, address, (record) => counterOf(record).count === 15);
    await systemClock.sleep(50);
    assert.deepEqual(seen, Array.from({ length: seen.length }, (_, index) => seen[0]! + index));
    assert.equal(seen.length >= 5, true);
  });

  it('a timer that was set anew is not ended by what the old one still says', async () => {
    const behavior = behaviorOf(counterDefinition);
    const meta = { node: 'n1', epoch: 1, nowMs: 1000, revision: 1, commitEffects: new Set<string>() };
    const fresh = createRecord(behavior, 'x', undefined, meta, 'test', 'c1');
    const timer = {
      timerId: 'rest', event: { type: 'xstate.after.rest.x' },
      delayMs: 20, setAt: 1000, policy: 'restart' as const, remainingMs: 20,
    };
    const record = { ...fresh, timers: [timer] };
    const fired = (settles: string): StepInput => ({
      event: timer.event, source: 'timer', id: 't', operationId: null, correlation: 't', causation: null, settles,
    });
    assert.equal(step(behavior, record, fired(timerKey({ ...timer, setAt: 900 })), meta), null);
    assert.deepEqual(step(behavior, record, fired(timerKey(timer)), meta)?.record.timers, []);
  });

  it('commands that never end do not make a record grow out of hand: too many at a time fail, and say so', () => {
    const behavior = behaviorOf(counterDefinition);
    const meta = { node: 'n1', epoch: 1, nowMs: 1000, revision: 1, commitEffects: new Set<string>() };
    let record = createRecord(behavior, 'x', undefined, meta, 'test', 'c1');
    for (let index = 0; index < 300; index += 1) {
      const operationId = `op-${index}`;
      record = step(behavior, record, {
        event: { type: 'add', value: 1 }, source: 'mailbox', id: operationId, operationId, correlation: 't',
        causation: null, settles: null,
      }, meta)?.record ?? record;
    }
    assert.equal(counterOf(record).count, 128);
    assert.ok(record.operations.length <= 128 + 16);
    const last = record.operations.at(-1);
    assert.equal(last?.state, 'failed');
    assert.equal(last?.message, 'counter/x has 128 commands under way: try again later');
  });

  it('a supervisor that is stopped while a child starts stops that child too', async () => {
    const stopped: string[] = [];
    let begun: () => void = () => undefined;
    const child = (id: string) => ({
      id,
      start: async () => {
        await new Promise<void>((resolve) => { begun = resolve; });
        return { failed: never(), stop: () => void stopped.push(id) };
      },
    });
    const intensity = { restarts: 1, periodMs: 1000 };
    const tree = new RestForOne([child('one'), child('two')], intensity, systemClock, createLog('t', 'error'));
    const running = tree.run();
    await systemClock.sleep(5);
    const stopping = tree.stop();
    begun();
    await Promise.all([running, stopping]);
    assert.deepEqual(stopped, ['one']);
  });

  it('a child that hangs or fails to start because an earlier one has ended is not to blame', async () => {
    const started: string[] = [];
    let end: (reason: string) => void = () => undefined;
    const first = {
      id: 'first',
      start: () => {
        started.push('first');
        return Promise.resolve({ failed: new Promise<string>((resolve) => { end = resolve; }), stop: () => undefined });
      },
    };
    const second = {
      id: 'second',
      start: async () => {
        started.push('second');
        if (started.length > 5) return { failed: never(), stop: () => undefined };
        end('the session expired');
        if (started.length === 2) throw new Error('the session has expired');
        return await new Promise<never>(() => undefined);
      },
    };
    const intensity = { restarts: 3, periodMs: 60_000 };
    const tree = new RestForOne([first, second], intensity, systemClock, createLog('t', 'error'));
    const running = tree.run();
    while (started.length < 6) await systemClock.sleep(5);
    await systemClock.sleep(20);
    await tree.stop();
    await running;
    assert.deepEqual(started, ['first', 'second', 'first', 'second', 'first', 'second']);
  });

  it('a store that refuses at once and calls itself connected does not keep the process from all else', async () => {
    const address = await createCounter(one, 'a');
    await until(two, address, () => true);
    const read = two.store.read.bind(two.store);
    two.store.read = () => Promise.reject(new StoreError('disconnected', 'the socket is on its way down'));
    await one.gateway.submit(address, { type: 'add', value: 5 }, 'test');
    // Would never end if the mirror asked again and again without a pause: timers would not come to their turn.
    await systemClock.sleep(200);
    two.store.read = read;
    await until(two, address, (record) => counterOf(record).count === 5);
  });
});
