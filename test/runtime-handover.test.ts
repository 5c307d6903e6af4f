/** Planned moves: on real ZooKeeper under load, and what keeps an actor where it is. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { startMovers, type Movers } from '../fixtures/runtime/movers.js';
import { moveUnderLoad } from '../fixtures/runtime/moving.js';
import { counterOf, createCounter, paths, startNode, until, type TestNode } from '../fixtures/runtime/world.js';
import { createMemoryCluster, type MemoryCluster } from '../fixtures/sim/store.js';
import { startEnsemble, type Ensemble } from '../fixtures/zookeeper.js';
import { systemClock } from '../runtime/clock.js';
import { createLog } from '../runtime/log.js';
import { openZookeeper } from '../runtime/zookeeper/store.js';

const NODES = ['n1', 'n2', 'n3'];

describe('a planned move on real ZooKeeper', () => {
  let ensemble: Ensemble;
  const nodes: TestNode[] = [];
  before(async () => {
    ensemble = await startEnsemble({ servers: 3, basePort: 22_600 });
    for (const name of NODES) {
      const store = await openZookeeper({
        servers: ensemble.servers, sessionTimeoutMs: 8000, log: createLog(name, 'error'), clock: systemClock,
      });
      nodes.push(await startNode(name, store, NODES));
    }
  });
  after(async () => {
    for (const node of nodes) node.stop();
    await Promise.all(nodes.map((node) => node.store.close()));
    await ensemble.stop();
  });

  it('an actor under load moves to and fro: every message once, in order, and each owner in turn', async (t) => {
    const [one, two, three] = [nodes[0]!, nodes[1]!, nodes[2]!];
    const address = await createCounter(one, 'busy');
    await until(three, address, () => true);
    const moved = await moveUnderLoad([one, two], three, address, { moves: 12, everyMs: 3, restMs: 100 });
    const pauses = [...moved.pausesMs].sort((a, b) => a - b);
    t.diagnostic(`${moved.seen.length} messages, pauses ${pauses.join(' ')} ms`);
    assert.ok(moved.seen.length > 50, 'there was load');
    assert.deepEqual(moved.seen, Array.from({ length: moved.seen.length }, (_, index) => index + 1));
    assert.equal(moved.count, moved.seen.length * (moved.seen.length + 1) / 2);
    const owners = Array.from({ length: 12 }, (_, move) => `${move % 2 === 0 ? 'n2' : 'n1'}:transferred`);
    assert.deepEqual(moved.owners, ['n1:created', ...owners]);
    assert.deepEqual((await three.store.children(paths.mailbox(address)))?.names, []);
  });
});

describe('a planned move', () => {
  let cluster: MemoryCluster;
  let one: TestNode;
  let two: TestNode;
  let letGo: () => void;
  const started: string[] = [];
  const movers: Movers[] = [];

  beforeEach(async () => {
    cluster = createMemoryCluster({ sessionTimeoutMs: 4000 });
    started.length = 0;
    const hold = new Promise<void>((resolve) => { letGo = resolve; });
    const job = (name: string) => async (_params: unknown, context: { resumed: boolean }) => {
      started.push(`${name} ${context.resumed ? 'resumed' : 'first'}`);
      if (!context.resumed) await hold;
      return { kind: 'done' as const, value: 1 };
    };
    one = await startNode('n1', await cluster.open(), NODES, job('n1'));
    two = await startNode('n2', await cluster.open(), NODES, job('n2'));
  });
  afterEach(async () => {
    letGo();
    for (const each of movers.splice(0)) each.stop();
    one.stop();
    two.stop();
    await Promise.all([one.store.close(), two.store.close()]);
  });

  const working = async (id: string) => {
    const address = await createCounter(one, id);
    await one.gateway.submit(address, { type: 'work' }, 'test');
    await until(two, address, (record) => record.effects.length === 1);
    return address;
  };

  it('waits for the effects that run, and goes when they are answered', async () => {
    const address = await working('a');
    const moving = one.host.handOver(address, 'n2', { waitMs: 20_000 });
    await one.gateway.submit(address, { type: 'add', value: 1 }, 'test');
    await until(two, address, (record) => counterOf(record).count === 1);
    assert.equal(one.host.owns(address), true, 'it goes on working meanwhile');
    letGo();
    assert.equal((await moving).kind, 'moved');
    const record = await until(two, address, (each) => counterOf(each).owners.length === 2);
    assert.deepEqual(started, ['n1 first']);
    assert.deepEqual(counterOf(record).owners, ['n1:created', 'n2:transferred']);
  });

  it('stays when they are not answered in time', async () => {
    const address = await working('a');
    const result = await one.host.handOver(address, 'n2', { waitMs: 50 });
    assert.deepEqual(result, { kind: 'refused', reason: 'it did not come to rest in time' });
    assert.equal(one.host.owns(address), true);
    letGo();
    await until(two, address, (record) => record.effects.length === 0);
    assert.equal((await one.host.handOver(address, 'n2')).kind, 'moved', 'a later wish is another one');
  });

  it('goes at once with effects that may be resumed: the new owner begins them again, marked so', async () => {
    const address = await working('a');
    const result = await one.host.handOver(address, 'n2', { mayResume: (effect) => effect.kind === 'job' });
    assert.equal(result.kind, 'moved');
    await until(two, address, (record) => record.effects.length === 0 && counterOf(record).owners.length === 2);
    assert.deepEqual(started, ['n1 first', 'n2 resumed']);
  });

  it('is refused for a node that is not live, for an actor that is not here, and while another move is under way',
    async () => {
      const address = await working('a');
      const refused = async (moving: ReturnType<TestNode['host']['handOver']>, reason: RegExp): Promise<void> => {
        const result = await moving;
        assert.ok(result.kind === 'refused' && reason.test(result.reason), JSON.stringify(result));
      };
      await refused(one.host.handOver(address, 'n3'), /n3 is not live/);
      await refused(two.host.handOver(address, 'n1'), /does not run here/);
      await refused(one.host.handOver(address, 'n1'), /is there already/);
      const first = one.host.handOver(address, 'n2');
      await refused(one.host.handOver(address, 'n2'), /being moved already/);
      letGo();
      assert.equal((await first).kind, 'moved');
    });

  it('a target whose lease ended just now gets nothing: the commit is refused, and the actor goes on', async () => {
    const address = await createCounter(one, 'a');
    await until(one, address, (record) => counterOf(record).owners.length === 1);
    two.stop();
    const multi = one.store.multi.bind(one.store);
    one.store.multi = (ops) => {
      one.store.multi = multi;
      cluster.expire(two.store.session.id);
      return multi(ops);
    };
    assert.equal((await one.host.handOver(address, 'n2')).kind, 'refused');
    await one.gateway.submit(address, { type: 'add', value: 4 }, 'test');
    await until(one, address, (record) => counterOf(record).count === 4);
  });

  it('an answer that is lost is read back: it has moved, or it goes again, once', async () => {
    for (const fate of ['applied', 'lost'] as const) {
      const address = await createCounter(one, fate);
      await until(one, address, (record) => counterOf(record).owners.length === 1);
      cluster.cutNextMulti(one.store.session.id, fate);
      assert.equal((await one.host.handOver(address, 'n2')).kind, 'moved');
      const record = await until(two, address, (each) => counterOf(each).owners.length === 2);
      assert.deepEqual([record.ownerEpoch, counterOf(record).owners], [2, ['n1:created', 'n2:transferred']]);
    }
  });

  it('a fresh node takes its share; one that drains gives everything; one that leaves as well', async () => {
    const actors = await Promise.all(Array.from({ length: 30 }, (_, index) => createCounter(one, `${index}`)));
    for (const actor of actors) await until(two, actor, (record) => counterOf(record).owners.length === 1);
    movers.push(startMovers(one), startMovers(two));
    const shares = async (...wanted: readonly number[]): Promise<void> => {
      const all = [one, two, ...fresh];
      for (let wait = 0; wait < 1000; wait += 1) {
        if (all.every((node, index) => node.host.owned().length === wanted[index])) return;
        await systemClock.sleep(10);
      }
      assert.deepEqual(all.map((node) => node.host.owned().length), wanted);
    };
    const fresh: TestNode[] = [];
    await shares(15, 15);
    const three = await startNode('n3', await cluster.open(), NODES);
    fresh.push(three);
    movers.push(startMovers(three));
    await shares(10, 10, 10);
    for (const each of movers) {
      each.draining.add('n1');
      each.balance.changed();
    }
    await shares(0, 15, 15);
    assert.deepEqual(await movers[2]!.balance.leave(), { moved: 15, refused: 0 });
    await shares(0, 30, 0);
    for (const actor of actors) {
      await two.gateway.submit(actor, { type: 'add', value: 1 }, 'test');
      await until(two, actor, (record) => counterOf(record).count === 1);
    }
    three.stop();
    await three.store.close();
  });
});
