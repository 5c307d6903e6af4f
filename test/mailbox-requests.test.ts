/** Requests between actors: answered once, or not at all by their deadline, whoever owns them meanwhile. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createMailer, mailerDefinition, mailerOf, post } from '../fixtures/runtime/mailer.js';
import { paths, startNode, until, type TestNode } from '../fixtures/runtime/world.js';
import { createMemoryCluster, type MemoryCluster } from '../fixtures/sim/store.js';
import type { Address } from '../runtime/address.js';
import { claim } from '../runtime/claims.js';
import { systemClock } from '../runtime/clock.js';
import { listDeadLetters } from '../runtime/dead-letters.js';
import type { ActorRecord } from '../runtime/record.js';

const NODES = ['n1', 'n2'];
const LONG_MS = 60_000;

describe('a request', () => {
  let cluster: MemoryCluster;
  let one: TestNode;
  let two: TestNode;

  beforeEach(async () => {
    cluster = createMemoryCluster({ sessionTimeoutMs: 2000 });
    one = await startNode('n1', await cluster.open(), NODES, undefined, [mailerDefinition]);
    two = await startNode('n2', await cluster.open(), NODES, undefined, [mailerDefinition]);
  });
  afterEach(async () => {
    one.stop();
    two.stop();
    await Promise.all([one.store.close(), two.store.close()]);
  });

  const orphan = (id: string): Promise<Address> =>
    createMailer({ name: 'n2', store: one.store, incarnation: 'gone', bootId: 'gone' }, paths, id);
  const adopt = async (node: TestNode, address: Address): Promise<void> => {
    const self = { node: node.name, incarnation: node.incarnation, bootId: node.bootId };
    assert.equal(await claim({ store: node.store, paths, self, needsFence: null }, address), 'claimed');
  };
  const ask = (from: Address, to: Address, what: string, deadlineMs: number): Promise<string> =>
    post(one.store, paths, from, [{ type: 'ask', to, as: 'price', what, deadlineMs }]);
  const got = (address: Address, count: number): Promise<ActorRecord> =>
    until(two, address, (record) => mailerOf(record).got.length >= count);

  it('is answered with what its receiver said, and is then over', async () => {
    const [a, b] = [await createMailer(one, paths, 'a'), await createMailer(two, paths, 'b')];
    await ask(a, b, 'tea', LONG_MS);
    const record = await got(a, 1);
    assert.deepEqual(mailerOf(record).got, ['price.reply tea!']);
    assert.deepEqual([record.requests, record.timers], [[], []]);
  });

  it('that nobody answers ends at its deadline, once; what comes later is dropped', async () => {
    const [a, b] = [await createMailer(one, paths, 'a'), await orphan('b')];
    await ask(a, b, 'tea', 30);
    assert.deepEqual(mailerOf(await got(a, 1)).got, ['price.timeout']);
    await adopt(two, b);
    await until(two, b, ({ seq }) => seq >= 1);
    for (let wait = 0; wait < 200; wait += 1) {
      const left = await one.store.children(paths.mailbox(a));
      if (left?.names.length === 0) break;
      await systemClock.sleep(10);
    }
    const record = await got(a, 1);
    assert.deepEqual([mailerOf(record).got, record.requests, record.timers], [['price.timeout'], [], []]);
  });

  it('to an actor that never was, or that is removed with the request unread, is answered so at once', async () => {
    const [a, b] = [await createMailer(one, paths, 'a'), await orphan('b')];
    await ask(a, 'mailer/none', 'tea', LONG_MS);
    assert.deepEqual(mailerOf(await got(a, 1)).got, ['price.gone']);
    await post(one.store, paths, b, [{ type: 'die' }]);
    await ask(a, b, 'tea', LONG_MS);
    await until(one, a, ({ requests }) => requests.length === 1);
    await adopt(two, b);
    assert.deepEqual(mailerOf(await got(a, 2)).got, ['price.gone', 'price.gone']);
    assert.deepEqual((await listDeadLetters(one.store, paths)).letters, []);
  });

  it('is forgotten when its sender cancels it', async () => {
    const [a, b] = [await createMailer(one, paths, 'a'), await orphan('b')];
    await ask(a, b, 'tea', LONG_MS);
    await until(two, a, ({ requests }) => requests.length === 1);
    await post(one.store, paths, a, [{ type: 'forget', as: 'price' }]);
    const record = await until(two, a, ({ requests }) => requests.length === 0);
    assert.deepEqual(record.timers, []);
    await adopt(two, b);
    await until(two, b, ({ seq }) => seq >= 1);
    await ask(a, b, 'milk', LONG_MS);
    assert.deepEqual(mailerOf(await got(a, 1)).got, ['price.reply milk!']);
  });

  it('is carried on by the next owners of both sides', async () => {
    const [a, b] = [await createMailer(one, paths, 'a'), await orphan('b')];
    await ask(a, b, 'tea', LONG_MS);
    await until(two, a, ({ requests }) => requests.length === 1);
    await post(one.store, paths, a, [{ type: 'move', to: 'n2' }]);
    await adopt(one, b);
    assert.deepEqual(mailerOf(await got(a, 1)).got, ['price.reply tea!']);
  });
});
