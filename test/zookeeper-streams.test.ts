/**
 * What comes over the wire, and how: cut anywhere, trickling, one way only, in floods, with listeners that throw.
 * Numbers as in docs/zookeeper-client.md.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { check, codeOf, create, isDone, readBack, set, textOf, until } from '../fixtures/contracts/store-bench.js';
import { startProxiedEnsemble, statesOf, type ProxiedEnsemble } from '../fixtures/proxied-ensemble.js';
import { openQueuedStock, stockProgram } from '../fixtures/stock-client.js';
import { bareReply } from '../fixtures/scripted-server.js';
import { systemClock } from '../runtime/clock.js';
import { createLog } from '../runtime/log.js';
import { StoreCounters } from '../runtime/store-metrics.js';
import { StoreError, type Store } from '../runtime/store.js';
import { createManager, MANAGER, type WatchEvent } from '../runtime/zookeeper/client.js';
import { Pipe } from '../runtime/zookeeper/pipe.js';

const SESSION_MS = 4_000;
const now = (): number => systemClock.monotonicMs();

/** Bytes joined by Buffer.concat while `act` runs. */
function bytesJoined(act: () => void): number {
  const concat = Buffer.concat;
  let bytes = 0;
  Buffer.concat = (list, length) => {
    const joined = concat(list, length);
    bytes += joined.length;
    return joined;
  };
  try {
    act();
  } finally {
    Buffer.concat = concat;
  }
  return bytes;
}

/** A watch event: xid -1, type, state 3 (connected), path. */
function notification(type: number, path: string): Buffer {
  const frame = Buffer.alloc(32 + path.length);
  frame.writeInt32BE(28 + path.length, 0);
  frame.writeInt32BE(-1, 4);
  frame.writeInt32BE(type, 20);
  frame.writeInt32BE(3, 24);
  frame.writeInt32BE(path.length, 28);
  frame.write(path, 32);
  return frame;
}

describe('the stream between client and server', () => {
  let rig: ProxiedEnsemble;
  let admin: Store;
  before(async () => {
    rig = await startProxiedEnsemble({ basePort: 23_200, sessionTimeoutMs: SESSION_MS });
    // It only looks on: a machine that stands still for seconds may not end its session.
    admin = await rig.open(rig.ensemble.servers, { sessionTimeoutMs: 60_000 });
    isDone(await admin.multi([create('/s')]));
  });
  afterEach(() => rig.healed());
  after(() => rig.stop());

  it('2: cut after any byte, either way, no answer is made up, the session stays', { timeout: 120_000 }, async () => {
    const proxy = rig.proxyAt(0);
    const store = await rig.open([proxy.address]);
    const { id } = store.session;
    const seen = statesOf(store);
    isDone(await admin.multi([create('/s/cut')]));
    let version = 0;
    const places = [...Array.from({ length: 50 }, (_, at) => at), 60, 61, 75, 90, 110, 130, 150];
    for (const [round, afterBytes] of places.entries()) {
      proxy.truncate(afterBytes, round % 4 === 3 ? 'requests' : 'replies');
      proxy.cut();
      for (let whole = 0; whole < 3;) {
        await until('connected', () => store.state === 'connected');
        const write = store.multi([set('/s/cut', String(version), version)]);
        const [result, read] = await Promise.all([
          write, store.readMany(['/s/cut', '/s/none']).catch((error: unknown) => error),
        ]);
        if (result.kind !== 'done') assert.equal(result.kind, 'unknown', JSON.stringify(result));
        if (read instanceof Error) assert.ok(codeOf('disconnected')(read), read.message);
        else assert.equal((read as unknown[]).length, 2);
        const stands = (await readBack(store, '/s/cut')).stat.version;
        assert.ok(stands === version || stands === version + 1, `${version} -> ${stands}`);
        if (result.kind === 'done') assert.equal(stands, version + 1);
        whole = result.kind === 'done' && !(read instanceof Error) ? whole + 1 : 0;
        version = stands;
      }
    }
    assert.equal(store.session.id, id);
    assert.ok(!seen.includes('expired'));
  });

  it('3: cut off one way only is cut off, whichever way', { timeout: 60_000 }, async () => {
    for (const direction of ['requests', 'replies'] as const) {
      const { store, proxy } = await rig.openThroughAll();
      const { id } = store.session;
      const seen = statesOf(store);
      const begun = now();
      proxy.blackHole(true, direction);
      await until('connected elsewhere', () => seen.at(-1) === 'connected', SESSION_MS);
      assert.ok(now() - begun < SESSION_MS, `${direction}: ${now() - begun} ms`);
      assert.equal(store.session.id, id);
      assert.ok((store.metrics().disconnects['no reply'] ?? 0) >= 1);
      rig.healed();
      await store.close();
    }
  });

  it('a slow line is not a dead one: what trickles in keeps the connection', { timeout: 60_000 }, async () => {
    const proxy = rig.proxyAt(1);
    const store = await rig.open([proxy.address], { sessionTimeoutMs: 2 * SESSION_MS, requestTimeoutMs: 60_000 });
    const seen = statesOf(store);
    isDone(await admin.multi([{ op: 'create', path: '/s/large', data: new Uint8Array(60_000).fill(7) }]));
    await store.sync('/s');
    // Twice as long as silence may last before it is the end.
    proxy.throttle(30_000, 'replies');
    const begun = now();
    const [large, small] = await Promise.all([store.read('/s/large'), store.readMany(['/s', '/s/large'])]);
    assert.ok(now() - begun > SESSION_MS / 2, 'it took long');
    assert.equal(large?.data.length, 60_000);
    assert.deepEqual(small[1]?.data, large?.data);
    assert.deepEqual(seen, []);
  });

  it('8, 19: an event of a kind nobody knows is let pass (stock: it throws in the socket handler)', async () => {
    const stock = openQueuedStock(rig.ensemble.servers, SESSION_MS);
    const unknown = { type: 99, state: 3, path: '/s' };
    assert.throws(() => stock.client.connectionManager.watcherManager.emit(unknown), /Unknown event type/);
    const proxy = rig.proxyAt(2);
    const store = await rig.open([proxy.address]);
    const rung: string[] = [];
    await store.watchTree('/s', ({ path }) => rung.push(path), () => assert.fail('no rescan'));
    proxy.tamper((chunk) => ({ send: Buffer.concat([notification(99, '/s'), chunk]), end: false }));
    assert.ok(await store.read('/s'));
    isDone(await store.multi([create('/s/rings')]));
    assert.deepEqual(rung, ['/s/rings']);
    assert.equal(store.state, 'connected');
  });

  it('an answer out of turn ends the connection, not the session, and is nobody\'s answer', async () => {
    const proxy = rig.proxyAt(0);
    const store = await rig.open([proxy.address]);
    const { id } = store.session;
    proxy.tamper((chunk) => ({ send: Buffer.concat([bareReply(77, 1, 0), chunk]), end: false }));
    assert.equal((await store.multi([check('/s', 'exists')])).kind, 'unknown');
    await until('connected', () => store.state === 'connected');
    assert.deepEqual(store.metrics().disconnects, { 'unreadable reply': 1 });
    // A body that ends too soon: the request it was for is answered all the same.
    proxy.tamper((chunk) => {
      const short = Buffer.from(chunk.subarray(0, 40));
      short.writeInt32BE(36, 0);
      return { send: short, end: false };
    });
    await assert.rejects(store.read('/s'), codeOf('disconnected'));
    await until('connected', () => store.state === 'connected');
    assert.equal(store.session.id, id);
  });

  it('17: who throws on an answer or an event stops nothing (stock: the process dies)', async () => {
    const dying = stockProgram(rig.ensemble.servers[0] ?? '', `client.connect();
      client.once('connected', () => client.getData('/s', () => { throw new Error('a callback of the test'); }));`);
    const proxy = rig.proxyAt(1);
    const store = await rig.open([proxy.address], {}, createLog('streams-test', 'error', () => undefined));
    const rung: string[] = [];
    let rescans = 0;
    store.onState(() => { throw new Error('a state listener of the test'); });
    const throwing = (): never => { throw new Error('a watch listener of the test'); };
    await store.watchTree('/s', throwing, throwing);
    await store.watchTree('/s', ({ path }) => rung.push(path), () => { rescans += 1; });
    const [thrown] = await Promise.allSettled([store.read('/s').then(throwing)]);
    assert.equal(thrown?.status, 'rejected');
    isDone(await store.multi([create('/s/a'), create('/s/b')]));
    assert.deepEqual(rung, ['/s/a', '/s/b']);
    proxy.cut();
    await until('a rescan', () => rescans === 1);
    assert.ok(await store.read('/s'));
    assert.match((await dying).stderr, /a callback of the test/);
    assert.equal((await dying).status, 1);
  });

  it('18: a burst is read once over (stock: joined anew for each reply in it)', async () => {
    const replies = 2_000;
    const burst = Buffer.concat(Array.from({ length: replies }, (_, xid) => bareReply(xid, xid + 1, 0)));
    const cases = ['stock', 'ours'] as const;
    const joined = cases.map((which) => {
      const manager = createManager({ servers: ['unused:1'], sessionTimeoutMs: SESSION_MS });
      let answered = 0;
      manager.state = MANAGER.connected;
      manager.socket = { destroyed: false } as unknown as NonNullable<typeof manager.socket>;
      for (let xid = 0; xid < replies; xid += 1) {
        manager.pendingQueue.push(Object.assign({
          request: { header: { xid, type: 2 } }, callback: () => { answered += 1; },
        }));
      }
      const nothing = (): void => undefined;
      const port = { onPong: nothing, onAuthReply: nothing, onWatchEvent: nothing };
      const pipe = new Pipe(manager, new StoreCounters(), nothing, port);
      const bytes = bytesJoined(() => which === 'stock' ? manager.onSocketData(burst) : pipe.receive(burst));
      assert.equal(answered, replies, which);
      return bytes;
    });
    assert.ok((joined[0] ?? 0) > 100 * burst.length, `stock: ${joined[0]}`);
    assert.equal(joined[1], 0);
  });

  it('24: what is asked in one turn goes out in one write (stock: one each)', async () => {
    const stock = await rig.openStock(rig.ensemble.servers);
    const counted = { stock: 0, ours: 0 };
    const socket = stock.client.connectionManager.socket as unknown as { write(chunk: Buffer): boolean };
    const write = socket.write.bind(socket);
    socket.write = (chunk) => {
      counted.stock += 1;
      return write(chunk);
    };
    for (let index = 0; index < 200; index += 1) stock.read('/s');
    assert.equal(counted.stock, 200);
    const manager = createManager({ servers: ['unused:1'], sessionTimeoutMs: SESSION_MS });
    const sent: Buffer[] = [];
    const fake = { writable: true, write: (chunk: Buffer) => sent.push(chunk) > 0 };
    manager.socket = fake as unknown as NonNullable<typeof manager.socket>;
    const pipe = new Pipe(manager, new StoreCounters(), () => undefined, {
      onPong: () => undefined, onAuthReply: () => undefined, onWatchEvent: (event: WatchEvent) => void event,
    });
    for (let index = 0; index < 200; index += 1) pipe.write(Buffer.alloc(12, index));
    await systemClock.sleep(0);
    assert.deepEqual(sent.map((chunk) => chunk.length), [2_400]);
  });

  it('20, 21: numbers are numbers, and a commit tells its zxid (stock: 8 bytes each, and none)', async () => {
    const stock = await rig.openStock(rig.ensemble.servers);
    const transaction = stock.client.transaction().create('/s/stock', Buffer.from(''));
    const results = await new Promise<unknown>((resolve) => transaction.commit((_error, each) => resolve(each)));
    assert.deepEqual(results, [{ type: 1, path: '/s/stock' }]);
    const stat = await new Promise<unknown>((resolve) =>
      stock.client.getData('/s', (_error, _data, each) => resolve(each)));
    assert.ok(Buffer.isBuffer((stat as { mzxid: unknown }).mzxid));
    const done = await admin.multi([create('/s/ours'), set('/s', 'x', 'any')]);
    isDone(done);
    assert.equal(done.zxid, (await admin.read('/s/ours'))?.stat.czxid);
  });

  it('a request past its deadline is answered, its late reply dropped', async () => {
    const proxy = rig.proxyAt(2);
    const store = await rig.open([proxy.address], { sessionTimeoutMs: 2 * SESSION_MS, requestTimeoutMs: 300 });
    proxy.holdReplies(true);
    const write = store.multi([set('/s', 'late', 'any')]);
    const read = store.read('/s').then(() => null, (error: unknown) => error);
    const many = store.readMany(['/s', '/s']).then(() => null, (error: unknown) => error);
    assert.deepEqual(await write, { kind: 'unknown', reason: 'no answer in 300 ms' });
    for (const error of [await read, await many]) {
      assert.ok(error instanceof StoreError && error.code === 'deadline', String(error));
    }
    assert.equal(store.metrics().errors['deadline'], 3);
    assert.equal(store.state, 'connected', 'that one answer is late is no reason to change the server');
    proxy.holdReplies(false);
    assert.equal(textOf((await store.read('/s'))?.data), 'late');
    assert.equal(store.metrics().inFlight, 0);
  });
});
