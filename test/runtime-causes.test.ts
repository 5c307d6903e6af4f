import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createCounter, startNode, until, type TestNode } from '../fixtures/runtime/world.js';
import { createMemoryCluster } from '../fixtures/sim/store.js';
import { stateText } from '../runtime/behavior.js';
import { causesOf, causeWalk, originOf, type Caused } from '../runtime/causes.js';
import { systemClock } from '../runtime/clock.js';

const story = (node: TestNode, correlation: string): readonly Caused[] =>
  causesOf(node.feed.history(), ({ transition }) => transition.correlation === correlation);

/** Waits until so many transitions of a request are known at a node. */
async function told(node: TestNode, correlation: string, count: number): Promise<readonly Caused[]> {
  for (let wait = 0; wait < 500 && story(node, correlation).length < count; wait += 1) await systemClock.sleep(10);
  return story(node, correlation);
}

const shown = ({ id, transition, parent }: Caused): string =>
  `${id} ${transition.event.type} <- ${parent ?? 'outside'}`;

describe('causes, from a request to all that came of it', () => {
  let one: TestNode;
  let two: TestNode;
  beforeEach(async () => {
    const cluster = createMemoryCluster({ sessionTimeoutMs: 2000 });
    one = await startNode('n1', await cluster.open(), ['n1', 'n2']);
    two = await startNode('n2', await cluster.open(), ['n1', 'n2']);
  });
  afterEach(async () => {
    one.stop();
    two.stop();
    await Promise.all([one.store.close(), two.store.close()]);
  });

  it('a letter to another actor belongs to the request and names the transition that sent it', async () => {
    const [a, b] = [await createCounter(one, 'a'), await createCounter(two, 'b')];
    await until(one, b, ({ seq }) => seq >= 2);
    await until(one, a, ({ seq }) => seq >= 2);
    await one.gateway.submit(a, { type: 'add', value: 1, partner: b }, 'req-7');
    for (const node of [one, two]) {
      const steps = await told(node, 'req-7', 2);
      assert.deepEqual(steps.map(shown), [`${a}#3 add <- outside`, `${b}#3 add <- ${a}#3`], node.name);
      assert.ok(steps.every(({ parent, parentHeld }) => parent === null || parentHeld));
      assert.ok(steps[0]!.zxid! < steps[1]!.zxid!, 'in the order of the cluster');
    }
    assert.deepEqual(causeWalk(two.feed.history(), b, 3).map(({ id }) => id), [`${b}#3`, `${a}#3`]);
  });

  it('an effect, its answer and the timer that the answer set belong to the request', async () => {
    const address = await createCounter(one, 'a');
    await until(one, address, ({ seq }) => seq >= 2);
    await one.gateway.submit(address, { type: 'work' }, 'req-8');
    await until(two, address, ({ seq, snapshot }) => seq >= 5 && stateText(snapshot.value) === 'idle');
    const steps = await told(two, 'req-8', 3);
    assert.deepEqual(steps.map(({ origin }) => origin.kind), ['outside', 'effect', 'timer']);
    assert.deepEqual(steps.map(({ parent }) => parent), [null, `${address}#3`, `${address}#4`]);
  });

  it('a hand-over goes on with the story that handed it over', async () => {
    const address = await createCounter(one, 'a');
    await one.gateway.submit(address, { type: 'go', to: 'n2' }, 'req-9');
    await until(one, address, ({ ownerEpoch }) => ownerEpoch === 2);
    const steps = await told(one, 'req-9', 2);
    assert.deepEqual(steps.map(({ transition }) => transition.event.type), ['go', 'owner.acquired']);
    assert.equal(steps[1]?.parent, steps[0]?.id);
    assert.deepEqual(steps.map(({ transition }) => transition.node), ['n1', 'n2']);
  });

  it('a cause that is no longer held is named all the same', () => {
    const causation = 'vm~some.thing.k3x.000000000041.002';
    const transition = {
      seq: 7, at: 1, node: 'n1', epoch: 1, event: { type: 'x' }, from: 'a', to: 'b', effects: [], sent: [],
      operationId: null, correlation: 'c', causation,
    };
    assert.deepEqual(originOf(transition), { kind: 'letter', address: 'vm/some.thing', seq: 41, index: 2 });
    const [caused] = causesOf([{ address: 'node/hv1', zxid: 5, transition }], () => true);
    assert.deepEqual([caused?.parent, caused?.parentHeld], ['vm/some.thing#41', false]);
    assert.deepEqual(causeWalk([{ address: 'node/hv1', zxid: 5, transition }], 'node/hv1', 7).length, 1);
  });

  it('an actor counts what it does over its whole life', async () => {
    const [a, b] = [await createCounter(one, 'a'), await createCounter(one, 'b')];
    for (let value = 1; value <= 20; value += 1) {
      await one.gateway.submit(a, { type: 'add', value, partner: b }, 'test');
    }
    await one.gateway.submit(a, { type: 'poison' }, 'test');
    const record = await until(two, a, ({ counts }) => counts.dead === 1);
    await until(two, b, ({ counts }) => counts.steps >= 21);
    assert.ok(record.counts.steps >= 21, `${record.counts.steps} steps`);
    assert.ok(record.counts.commits >= 2 && record.counts.commits <= record.counts.steps);
    assert.equal(record.counts.commits, record.revision, 'one revision a commit');
    assert.match(record.lastError?.text ?? '', /poison/);
  });
});
