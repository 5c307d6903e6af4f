/** The simulated ZooKeeper ensemble: what its servers do to clients when they lag, fall, come back, or are cut. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { EnsembleWorld } from '../fixtures/sim/ensemble-world.js';
import type { SimStore } from '../fixtures/sim/session.js';
import type { MultiResult, StoreOp } from '../runtime/store.js';

const SERVERS = ['hv1', 'hv2', 'hv3'];
const SESSION_MS = 4000;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const set = (data: string): StoreOp => ({ op: 'set', path: '/a', data: bytes(data), version: 'any' });

describe('the simulated ensemble', () => {
  let world: EnsembleWorld;
  beforeEach(async () => {
    world = new EnsembleWorld(5, SERVERS, ['c1', 'c2']);
    const store = await world.until(world.open('hv1'));
    await write(store, { op: 'create', path: '/a', data: bytes('first') });
    await world.until(store.close());
  });

  const write = async (store: SimStore, ...ops: StoreOp[]): Promise<MultiResult> => {
    const result = await world.until(store.multi(ops));
    assert.equal(result.kind, 'done', JSON.stringify(result));
    return result;
  };
  const read = async (store: SimStore, path = '/a'): Promise<string | null> => {
    const node = await world.until(store.read(path));
    return node === null ? null : new TextDecoder().decode(node.data);
  };
  const serverOf = (store: SimStore): string =>
    world.ensemble.sessions.get(store.session.id)?.owner?.server.name ?? 'none';
  /** A client on the host of a server that does not lead, and that server's name. */
  const atFollower = async (): Promise<{ store: SimStore; follower: string }> => {
    await world.run(2000);
    const follower = SERVERS.find((name) => name !== world.ensemble.leader)!;
    const store = await world.until(world.open(follower));
    assert.equal(serverOf(store), follower);
    return { store, follower };
  };
  const atLeader = (): Promise<SimStore> => world.until(world.open(world.ensemble.leader!));
  const untilConnected = async (store: SimStore): Promise<void> => {
    for (let step = 0; step < 400 && store.state !== 'connected'; step += 1) await world.run(25);
    assert.equal(store.state, 'connected');
  };

  it('a follower that lags answers with what is old, until a sync, and never to who has seen the new', async () => {
    const { store, follower } = await atFollower();
    const other = await atLeader();
    world.ensemble.quorum.lagMs.set(follower, 400);
    const rung: string[] = [];
    await world.until(store.watchTree('/a', ({ type }) => rung.push(type), () => undefined));
    await write(other, set('second'));
    assert.equal(await read(other), 'second');
    assert.equal(await read(store), 'first');
    assert.deepEqual(rung, []);
    await world.until(store.sync('/a'));
    assert.deepEqual(rung, ['changed'], 'the doorbell rings before anybody reads what is new');
    assert.equal(await read(store), 'second');
    await write(store, set('third'));
    assert.equal(await read(store), 'third', 'its own writes it reads at once');
  });

  it('no server that is behind takes a client that has seen more', async () => {
    const { store, follower } = await atFollower();
    const leader = world.ensemble.leader!;
    const behind = SERVERS.find((name) => name !== leader && name !== follower)!;
    world.ensemble.quorum.lagMs.set(behind, 2000);
    await write(store, set('seen'));
    world.cut(follower, leader);
    world.set(follower, { zookeeper: false });
    await world.run(1000);
    assert.equal(world.ensemble.isUsable(behind, follower), true);
    assert.equal(store.state, 'suspended', 'the only server it can reach sends it away');
    await untilConnected(store);
    assert.equal(serverOf(store), behind);
    assert.equal(await read(store), 'seen');
  });

  for (const fate of ['kept', 'lost'] as const) {
    it(`a write that its leader had not committed is ${fate}, and its client told neither`, async () => {
      const client = await world.until(world.open('c1'));
      world.ensemble.loseLeaderAtNextWrite(fate, (leader) => world.set(leader, { powered: false }));
      const result = await world.until(client.multi([set('uncommitted')]));
      assert.equal(result.kind, 'unknown');
      await untilConnected(client);
      await world.until(client.sync('/a'));
      assert.equal(await read(client), fate === 'kept' ? 'uncommitted' : 'first');
      const fallen = SERVERS.find((name) => !world.ensemble.quorum.member(name).serving)!;
      world.set(fallen, { powered: true });
      await world.run(5000);
      const back = await world.until(world.open(fallen));
      assert.equal(await read(back), fate === 'kept' ? 'uncommitted' : 'first', 'what was lost does not come back');
    });
  }

  it('a leader cut off answers reads until it notices, and no writes; the others go on', async () => {
    await world.run(2000);
    const leader = world.ensemble.leader!;
    const inside = await world.until(world.open(leader));
    const outside = await world.until(world.open('c1'));
    for (const other of [...SERVERS, 'c1', 'c2']) {
      if (other !== leader) { world.cut(leader, other); world.cut(other, leader); }
    }
    assert.equal(await read(inside), 'first');
    const vain = inside.multi([set('inside')]);
    await world.run(3000);
    assert.notEqual(world.ensemble.leader, leader);
    assert.equal((await vain).kind, 'unknown');
    await untilConnected(outside);
    await write(outside, set('outside'));
    world.network.heal();
    world.ensemble.topologyChanged();
    await untilConnected(inside);
    await world.until(inside.sync('/a'));
    assert.equal(await read(inside), 'outside');
  });

  it('a session moves with its ephemerals when its server dies, and what was under way is unknown', async () => {
    const { store, follower } = await atFollower();
    await write(store, { op: 'create', path: '/a/live', data: bytes(''), ephemeral: true });
    const vain = store.multi([set('cut')]);
    world.set(follower, { zookeeper: false });
    assert.equal((await world.until(vain)).kind, 'unknown');
    await untilConnected(store);
    assert.notEqual(serverOf(store), follower);
    assert.equal((await world.until(store.read('/a/live')))?.stat.ephemeralOwner, store.session.id);
  });

  it('a session that nobody hears ends at a tick after its time-out, and not without a leader', async () => {
    const [gone, witness] = [await world.until(world.open('c1', SESSION_MS)), await world.until(world.open('c2'))];
    await write(gone, { op: 'create', path: '/a/live', data: bytes(''), ephemeral: true });
    const deletedAt: number[] = [];
    await world.until(witness.watchTree('/a/live', ({ type }) => {
      if (type === 'deleted') deletedAt.push(world.time.nowMs);
    }, () => undefined));
    const cutAt = world.time.nowMs;
    world.set('c1', { powered: false });
    await world.run(SESSION_MS - 1000);
    assert.deepEqual(deletedAt, []);
    await world.run(2000);
    assert.equal(deletedAt.length, 1);
    assert.ok(deletedAt[0]! > cutAt + SESSION_MS - 1100 && deletedAt[0]! < cutAt + SESSION_MS + 900, `${deletedAt[0]}`);
    assert.ok(deletedAt[0]! % 400 < 20, 'soon after a tick');
    const late = await world.until(world.open('c2', SESSION_MS));
    await write(late, { op: 'create', path: '/a/late', data: bytes(''), ephemeral: true });
    world.set('c2', { powered: false });
    for (const name of ['hv1', 'hv2']) world.set(name, { powered: false });
    await world.run(60_000);
    assert.notEqual(world.ensemble.tree.read('/a/late'), null, 'nobody counts while there is no leader');
    for (const name of ['hv1', 'hv2']) world.set(name, { powered: true });
    await world.run(2000);
    assert.notEqual(world.ensemble.tree.read('/a/late'), null, 'a new leader gives it all its time anew');
    await world.run(5000);
    assert.equal(world.ensemble.tree.read('/a/late'), null);
  });

  it('keeps its data through a cold start, and a server with an old disk never leads those who know more', async () => {
    const client = await world.until(world.open('c1'));
    world.ensemble.quorum.keepDisk('hv3');
    await write(client, set('newer'));
    for (const name of SERVERS) world.set(name, { powered: false });
    await world.run(10_000);
    world.ensemble.quorum.oldDisk('hv3');
    world.set('hv3', { powered: true });
    world.set('hv2', { powered: true });
    await world.run(5000);
    assert.equal(world.ensemble.leader, 'hv2');
    const there = await world.until(world.open('hv3'));
    assert.equal(serverOf(there), 'hv3');
    assert.equal(await read(there), 'newer');
    world.set('hv1', { powered: true });
    await untilConnected(client);
    await write(there, set('newest'));
  });

  it('one way is enough to be carried out, and both are needed to know it', async () => {
    const [client, other] = [await world.until(world.open('c1')), await world.until(world.open('c2'))];
    world.cut(serverOf(client), 'c1');
    const result = await world.until(client.multi([set('unheard')]));
    assert.equal(result.kind, 'unknown');
    await world.until(other.sync('/a'));
    assert.equal(await read(other), 'unheard');
  });

  it('a short cut stalls a connection, and loses nothing; bad links are late, and keep their order', async () => {
    const client = await world.until(world.open('c1'));
    const states: string[] = [];
    client.onState((state) => states.push(state));
    for (const way of ['in', 'out'] as const) world.network.set('c1', 'cluster', way, false);
    world.ensemble.topologyChanged();
    const waiting = client.multi([set('waits')]);
    await world.run(500);
    for (const way of ['in', 'out'] as const) world.network.set('c1', 'cluster', way, true);
    world.ensemble.topologyChanged();
    assert.equal((await world.until(waiting)).kind, 'done');
    assert.deepEqual(states, []);
    world.network.disturb({ network: 'cluster' }, { loss: 0.1, delayMs: 5, jitterMs: 20 });
    const results = Promise.all(Array.from({ length: 50 }, (_, index) =>
      client.multi([{ op: 'set', path: '/a', data: bytes(String(index)), version: index + 1 }])));
    assert.ok((await world.until(results)).every(({ kind }) => kind === 'done'));
    assert.equal(await read(client), '49');
  });

  it('is the same with the same seed', async () => {
    const play = async (): Promise<number[]> => {
      const mine = new EnsembleWorld(11, SERVERS, ['c1']);
      const store = await mine.until(mine.open('c1'));
      await mine.until(store.multi([{ op: 'create', path: '/b', data: bytes('') }]));
      mine.set(mine.ensemble.leader!, { powered: false });
      await mine.run(8000);
      return [mine.time.nowMs, mine.time.events, mine.ensemble.tree.zxid];
    };
    assert.deepEqual(await play(), await play());
  });
});
