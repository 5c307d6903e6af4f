/** Mailboxes: lanes, order, packs, what is parked, and what people can do with it. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { claim } from '../runtime/claims.js';
import { createMailer, mailerDefinition, mailerOf, notes, noteTexts, post } from '../fixtures/runtime/mailer.js';
import { paths, startNode, until, type TestNode } from '../fixtures/runtime/world.js';
import { createMemoryCluster, type MemoryCluster } from '../fixtures/sim/store.js';
import type { Address } from '../runtime/address.js';
import { systemClock } from '../runtime/clock.js';
import { discardDeadLetter, listDeadLetters, requeueDeadLetter, sweepDeadLetters } from '../runtime/dead-letters.js';
import { LIMITS } from '../runtime/limits.js';
import { envelopesIn, packName } from '../runtime/paths.js';
import type { ActorRecord } from '../runtime/record.js';

const NODES = ['n1', 'n2'];

describe('a mailbox', () => {
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

  const waiting = async (address: Address): Promise<string[]> =>
    (await one.store.children(paths.mailbox(address)))?.names ?? [];
  /** An actor whose owner is gone: its letters wait until somebody takes it over. */
  const orphan = (id: string): Promise<Address> =>
    createMailer({ name: 'n2', store: one.store, incarnation: 'gone', bootId: 'gone' }, paths, id);
  const adopt = async (node: TestNode, address: Address): Promise<void> => {
    const self = { node: node.name, incarnation: node.incarnation, bootId: node.bootId };
    assert.equal(await claim({ store: node.store, paths, self, needsFence: null }, address), 'claimed');
  };
  const told = (node: TestNode, address: Address, count: number): Promise<ActorRecord> =>
    until(node, address, (record) => mailerOf(record).got.length >= count);

  it('the control lane goes first, and each lane keeps its order', async () => {
    const address = await orphan('a');
    await post(one.store, paths, address, notes('x', 1, 3));
    await post(one.store, paths, address, notes('stop', 1, 1), { lane: 'control' });
    await post(one.store, paths, address, notes('x', 4, 4));
    await post(one.store, paths, address, notes('stop', 2, 3), { lane: 'control' });
    assert.deepEqual((await waiting(address)).map((name) => name.slice(0, 2)).sort(), ['0-', '0-', '5-', '5-']);
    await adopt(one, address);
    const { got } = mailerOf(await told(one, address, 7));
    assert.deepEqual(got, [...noteTexts('stop', 1, 3), ...noteTexts('x', 1, 4)]);
    assert.deepEqual(await waiting(address), []);
  });

  it('what a turn sends to one receiver is one znode for each lane, and arrives in order', async () => {
    const [a, b] = [await createMailer(one, paths, 'a'), await orphan('b')];
    const n = Array.from({ length: 100 }, (_, index) => index + 1);
    await post(two.store, paths, a, [{ type: 'send', from: 'a', to: [b], n }]);
    await until(two, a, (record) => mailerOf(record).sent === 100);
    assert.deepEqual((await waiting(b)).map(envelopesIn).sort((x, y) => y - x), [64, 36]);
    await post(two.store, paths, a, [
      { type: 'send', from: 'c', to: [b], n: [1], lane: 'control' },
      { type: 'send', from: 'a', to: [b], n: [101, 102] },
    ]);
    await until(two, a, (record) => mailerOf(record).sent === 103);
    assert.equal((await waiting(b)).length, 4);
    await adopt(two, b);
    assert.deepEqual(mailerOf(await told(one, b, 103)).got, ['c 1', ...noteTexts('a', 1, 102)]);
  });

  it('a pack says how many it holds; one envelope is stored as ever', () => {
    assert.equal(packName({ id: 'vm/a.1' }, 64), '5-vm~a.1+64');
    assert.deepEqual(['5-vm~a.1+64', '5-vm~a.1', '0-x', '5-a+b', '5-a+0'].map(envelopesIn), [64, 1, 1, 1, 1]);
  });

  it('the rest of a pack that is taken in part keeps its place: at a hand-over', async () => {
    const address = await createMailer(one, paths, 'a');
    await until(one, address, () => true);
    const event = { type: 'move', to: 'n2' };
    await post(one.store, paths, address, [...notes('x', 1, 5), event, ...notes('x', 6, 9)]);
    await post(one.store, paths, address, notes('y', 1, 2));
    const { got } = mailerOf(await told(two, address, 11));
    assert.deepEqual(got, [...noteTexts('x', 1, 9), ...noteTexts('y', 1, 2)]);
    assert.equal(two.host.owns(address), true);
    assert.deepEqual(await waiting(address), []);
  });

  it('a letter that throws is parked with error and state; a command says so in its operation', async () => {
    const address = await createMailer(one, paths, 'a');
    await until(one, address, () => true);
    await post(one.store, paths, address, [...notes('x', 1, 2), { type: 'poison', from: 'x' }, ...notes('x', 3, 3)]);
    const record = await told(one, address, 3);
    assert.deepEqual([record.counts.dead, record.lastError?.text], [1, 'Error: poison']);
    const { letters } = await listDeadLetters(one.store, paths, address);
    assert.deepEqual(letters.map(({ actor, envelope, error }) => [actor, envelope.event.type, error]),
      [[address, 'poison', 'Error: poison']]);
    const submitted = await two.gateway.submit(address, { type: 'poison' }, 'test');
    const operationId = submitted.kind === 'accepted' ? submitted.operationId : '';
    const operation = await two.gateway.waitFor(address, operationId, 5000);
    assert.deepEqual([operation?.state, operation?.message], ['failed', 'Error: poison']);
  });

  it('what expired is not stepped: a command has failed, anything else is a dead letter', async () => {
    const address = await orphan('a');
    const [past, future] = [systemClock.wallMs() - 1, systemClock.wallMs() + 3_600_000];
    await post(one.store, paths, address, notes('late', 1, 1), { expiresAt: past });
    await post(one.store, paths, address, notes('late', 2, 2), { expiresAt: past, operationId: 'op-late' });
    await post(one.store, paths, address, notes('x', 1, 1), { expiresAt: future });
    await adopt(one, address);
    const record = await told(one, address, 1);
    assert.deepEqual(mailerOf(record).got, ['x 1']);
    assert.deepEqual(record.operations.map(({ state, message }) => [state, message]),
      [['failed', 'it expired before it could be taken up']]);
    const { letters } = await listDeadLetters(one.store, paths);
    assert.deepEqual(letters.map(({ envelope }) => envelope.event['n']), [1]);
  });

  it('a dead letter is put back as a new message, or thrown away; both may be repeated', async () => {
    const address = await createMailer(one, paths, 'a');
    const gone = 'mailer/none' as Address;
    await post(one.store, paths, address, [{ type: 'send', from: 'a', to: [gone], n: [1, 2] }]);
    await until(one, address, (record) => mailerOf(record).sent === 2);
    const { letters } = await listDeadLetters(two.store, paths, gone);
    assert.deepEqual(letters.map(({ envelope, error, state }) => [envelope.event['n'], error, state]),
      [[1, 'there is no such actor', null], [2, 'there is no such actor', null]]);
    const [first, second] = letters.map(({ name }) => name);
    assert.equal(await requeueDeadLetter(two.store, paths, first!), 'no-actor');
    assert.equal(await createMailer(one, paths, 'none'), gone);
    assert.equal(await requeueDeadLetter(two.store, paths, first!), 'requeued');
    assert.equal(await requeueDeadLetter(two.store, paths, first!), 'gone');
    assert.deepEqual(mailerOf(await told(two, gone, 1)).got, ['a 1']);
    assert.equal(await discardDeadLetter(two.store, paths, second!), 'discarded');
    assert.equal(await discardDeadLetter(two.store, paths, second!), 'gone');
    assert.deepEqual(await listDeadLetters(two.store, paths), { letters: [], dropped: 0 });
  });

  it('of one actor a bounded number of dead letters is kept, the newest, and the others are counted', async () => {
    const [address, other] = [await createMailer(one, paths, 'a'), await createMailer(one, paths, 'b')];
    const poison = { type: 'poison', from: 'x' };
    await post(one.store, paths, other, [poison]);
    await post(one.store, paths, address, Array.from({ length: LIMITS.deadPerActor + 5 }, () => poison));
    await post(one.store, paths, address, notes('x', 1, 1));
    await told(one, address, 1);
    const before = (await listDeadLetters(one.store, paths, address)).letters;
    await Promise.all([one, two].map(({ store }) => sweepDeadLetters(store, paths, systemClock.wallMs(), address)));
    const { letters, dropped } = await listDeadLetters(one.store, paths, address);
    assert.equal(letters.length + dropped, LIMITS.deadPerActor + 5);
    assert.deepEqual([letters.length, dropped], [LIMITS.deadPerActor, 5]);
    assert.deepEqual(letters.map(({ name }) => name), before.slice(5).map(({ name }) => name));
    assert.equal(await sweepDeadLetters(one.store, paths, systemClock.wallMs() + LIMITS.deadAgeMs + 60_000), 65);
    assert.deepEqual(await listDeadLetters(one.store, paths), { letters: [], dropped: 70 });
  });

  it('a batch too large for one commit is cut; one step too large by itself is parked with its sizes', async () => {
    const address = await createMailer(one, paths, 'a');
    const to = await orphan('b');
    const word = (length: number) => ({ type: 'send', from: 'x'.repeat(length), to: [to], n: [1] });
    await post(one.store, paths, address, [word(20_000), word(200_000), ...notes('x', 1, 1), word(20_000)]);
    const large = { type: 'send', from: 'x'.repeat(4_000), to: [to], n: [...Array(200).keys()] };
    await post(one.store, paths, address, [large]);
    await post(one.store, paths, address, notes('x', 2, 2));
    assert.deepEqual(mailerOf(await told(one, address, 2)).got, ['x 1', 'x 2']);
    const { letters } = await listDeadLetters(one.store, paths, address);
    assert.equal(letters.length, 1);
    assert.match(letters[0]!.error, /one step would need a commit of \d+ operations and \d{6} bytes .* above 480 op/);
    await adopt(two, to);
    await until(two, to, () => true);
    for (let wait = 0; wait < 500 && (await waiting(to)).length > 0; wait += 1) await systemClock.sleep(10);
    assert.equal(mailerOf(await told(two, to, 3)).got.length, 3);
  });
});
