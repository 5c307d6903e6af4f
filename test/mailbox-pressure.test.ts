/** Full mailboxes: commands turned down, sends parked in the sender's record, and what presses back from there. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createMailer, from, mailerDefinition, mailerOf, notes, noteTexts, post } from '../fixtures/runtime/mailer.js';
import { paths, startNode, until, type TestNode } from '../fixtures/runtime/world.js';
import { createMemoryCluster, type MemoryCluster } from '../fixtures/sim/store.js';
import type { Address } from '../runtime/address.js';
import { claim } from '../runtime/claims.js';
import { systemClock, type Clock } from '../runtime/clock.js';
import type { Envelope } from '../runtime/envelope.js';
import { LIMITS } from '../runtime/limits.js';
import { MailboxDepths } from '../runtime/mailbox-depths.js';
import { Outbox, route } from '../runtime/outbox.js';
import { envelopesIn } from '../runtime/paths.js';
import type { ActorRecord } from '../runtime/record.js';

const NODES = ['n1', 'n2'];
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe('a full mailbox', () => {
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
  const depth = async (address: Address): Promise<number> =>
    ((await one.store.children(paths.mailbox(address)))?.names ?? []).reduce((sum, name) => sum + envelopesIn(name), 0);

  it('turns commands down with the seconds to wait; the control lane is open up to the hard limit', async () => {
    const address = await orphan('a');
    await until(two, address, () => true);
    const submit = (options = {}) => two.gateway.submit(address, { type: 'note', from: 'u', n: 0 }, 'test', options);
    await post(one.store, paths, address, notes('x', 1, LIMITS.mailboxSoft - 1));
    assert.equal((await submit()).kind, 'accepted');
    const busy = await submit();
    assert.deepEqual(busy, {
      kind: 'denied', code: 'PVC_BUSY', retryAfterS: 1,
      message: `${LIMITS.mailboxSoft} messages wait for ${address} already: try again in 1 s`,
    });
    assert.equal((await submit({ lane: 'control' })).kind, 'accepted');
    await post(one.store, paths, address, notes('x', LIMITS.mailboxSoft, LIMITS.mailboxHard));
    const closed = await submit({ lane: 'control' });
    assert.deepEqual([closed.kind, closed.kind === 'denied' && closed.retryAfterS], ['denied', 9]);
    await adopt(one, address);
    await until(two, address, (record) => mailerOf(record).got.length === LIMITS.mailboxHard + 2);
    assert.equal((await submit()).kind, 'accepted');
  });

  it('makes its senders keep what they send, in order, until there is room', async () => {
    const [full, free] = [await orphan('full'), await createMailer(two, paths, 'free')];
    const senders = await Promise.all(['a', 'b'].map((id) => createMailer(one, paths, id)));
    const rounds = 10;
    for (let round = 0; round < rounds; round += 1) {
      for (const sender of senders) {
        const n = upTo(150).map((each) => round * 150 + each);
        await post(two.store, paths, sender, [{ type: 'send', from: sender, to: [full, free], n }]);
      }
    }
    const parks = ({ outbox }: ActorRecord): boolean => outbox.length >= LIMITS.outboxHigh;
    for (const sender of senders) await until(two, sender, parks, 10_000);
    await systemClock.sleep(100);
    assert.ok(await depth(full) < LIMITS.mailboxHard + 2 * LIMITS.outgoingPerBatch + 300, `${await depth(full)}`);
    const held = await Promise.all(senders.map(depth));
    assert.ok(held.some((each) => each > 0), 'a sender with a full outbox takes no more letters');
    await post(two.store, paths, senders[0]!, notes('stop', 1, 1), { lane: 'control' });
    await until(two, senders[0]!, (record) => mailerOf(record).got.includes('stop 1'));
    await adopt(two, full);
    const all = senders.length * rounds * 150;
    for (const receiver of [full, free]) {
      const { got } = mailerOf(await until(one, receiver, (record) => mailerOf(record).got.length >= all, 20_000));
      assert.equal(got.length, all);
      for (const sender of senders) assert.deepEqual(from(sender, got), noteTexts(sender, 1, rounds * 150));
    }
    for (const sender of senders) await until(two, sender, ({ outbox }) => outbox.length === 0);
  });

  it('is sent to again by the next owner of the sender', async () => {
    const [full, sender] = [await orphan('full'), await createMailer(one, paths, 'a')];
    await post(two.store, paths, full, notes('x', 1, LIMITS.mailboxHard));
    await until(one, sender, () => true);
    await post(two.store, paths, sender, [{ type: 'send', from: 'a', to: [full], n: upTo(10) }]);
    await until(two, sender, ({ outbox }) => outbox.length === 10);
    await post(two.store, paths, sender, [{ type: 'move', to: 'n2' }]);
    for (let wait = 0; wait < 500 && !two.host.owns(sender); wait += 1) await systemClock.sleep(10);
    one.host.stop();
    await adopt(two, full);
    const { got } = mailerOf(await until(two, full, (record) => from('a', mailerOf(record).got).length === 10));
    assert.deepEqual(got, [...noteTexts('x', 1, LIMITS.mailboxHard), ...noteTexts('a', 1, 10)]);
    await until(two, sender, ({ outbox }) => outbox.length === 0);
  });

  it('is told from the doorbells alone, and from a look at it where the doorbells cannot know', async () => {
    const address = await orphan('a');
    await post(one.store, paths, address, notes('x', 1, 200));
    assert.equal(two.mirror.depths.envelopes(address), 200);
    const late = new MailboxDepths(two.store, paths, systemClock);
    assert.equal(late.envelopes(address), 0);
    late.heard(address, '5-x+40', 'created');
    assert.equal(late.full(address, 'normal'), false);
    assert.equal(await late.atLeast(address, LIMITS.mailboxSoft), 200);
    late.heard(address, (await one.store.children(paths.mailbox(address)))!.names[0]!, 'deleted');
    assert.equal(late.envelopes(address) < 200, true);
  });
});

describe('an outbox', () => {
  const envelope = (to: string, n: number, lane?: 'control'): Envelope => ({
    id: `a.${n}`, from: 'mailer/a', to: to as Address, event: { type: 'note', n }, correlation: 't', causation: null,
    senderEpoch: 1, sentAt: 0, ...(lane && { lane }),
  });
  const numbers = (envelopes: readonly Envelope[]): unknown[] => envelopes.map(({ event }) => event['n']);
  const none = new Set<string>();

  it('queues newer envelopes behind what waits for the same receiver and lane, and lets all others go', () => {
    const outbox = [envelope('x/1', 1), envelope('x/2', 2)];
    const fresh = [envelope('x/1', 3), envelope('x/3', 4), envelope('x/1', 5, 'control'), envelope('x/2', 6)];
    let asked = 0;
    // The receiver's mailbox drains between two looks: what comes later must not overtake all the same.
    const routed = route(outbox, fresh, (to) => to === 'x/1' && (asked += 1) === 1, none);
    assert.deepEqual([numbers(routed.send), numbers(routed.outbox)], [[2, 4, 5, 6], [1, 3]]);
  });

  it('is tried again with growing pauses, at once after a load, and gives up in the end', () => {
    let now = 0;
    const timers: { at: number; call: () => void }[] = [];
    const clock: Clock = {
      ...systemClock, monotonicMs: () => now,
      after: (delayMs, call) => {
        const timer = { at: now + delayMs, call };
        timers.push(timer);
        return () => void timers.splice(timers.indexOf(timer), 1);
      },
    };
    const record = { outbox: [envelope('x/1', 1), envelope('x/1', 2)] } as unknown as ActorRecord;
    const outbox = new Outbox(clock, () => undefined);
    outbox.begin(record);
    assert.equal(outbox.due, true);
    const tries: number[] = [];
    while (outbox.hopeless().size === 0) {
      if (outbox.due) tries.push(now);
      outbox.tried();
      outbox.follow(record, 0);
      const timer = timers.shift()!;
      now = timer.at;
      timer.call();
    }
    assert.deepEqual(tries.slice(0, 5), [0, 50, 150, 350, 750]);
    assert.ok(now > LIMITS.outboxPatienceMs);
    const routed = route(record.outbox, [], () => true, outbox.hopeless());
    assert.deepEqual([numbers(routed.givenUp), routed.outbox.length], [[1, 2], 0]);
  });
});
