/**
 * The defects of node-zookeeper-client 1.1.3 that would break us, numbered as in docs/zookeeper-client.md. Where it
 * is cheap, the stock client is shown to have them, and our adapter not to, on a real ensemble behind bad connections.
 */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import {
  bytes, check, codeOf, create, isDone, refused, remove, set, until,
} from '../fixtures/contracts/store-bench.js';
import { startProxiedEnsemble, statesOf, type ProxiedEnsemble } from '../fixtures/proxied-ensemble.js';
import { codeOfCallback, openQueuedStock, stockProgram } from '../fixtures/stock-client.js';
import { systemClock } from '../runtime/clock.js';
import { createLog } from '../runtime/log.js';
import type { SessionState, Store } from '../runtime/store.js';
import { StoreCounters } from '../runtime/store-metrics.js';
import { createManager, type Manager } from '../runtime/zookeeper/client.js';
import { Connection } from '../runtime/zookeeper/connection.js';
import { Requests } from '../runtime/zookeeper/requests.js';
import { getDataRequest } from '../runtime/zookeeper/wire.js';

const SESSION_MS = 4_000;
const log = createLog('defects-test', 'error');
const now = (): number => systemClock.monotonicMs();

/** Sets the error number of a lone reply: length 4, xid 4, zxid 8, error 4. */
const withError = (chunk: Buffer, code: number): Buffer => {
  const changed = Buffer.from(chunk.subarray(0, 20));
  changed.writeInt32BE(16, 0);
  changed.writeInt32BE(code, 16);
  return changed;
};

/** A connection by itself, and the requests over it. */
function connectionOf(manager: Manager): { connection: Connection; requests: Requests; states: SessionState[] } {
  const states: SessionState[] = [];
  const counters = new StoreCounters();
  const connection = new Connection(manager, {
    log, clock: systemClock, counters, authRequest: null,
    onWatchEvent: () => undefined, onTick: () => undefined, onState: (state) => states.push(state),
  });
  const requests = new Requests({
    counters, now, timeoutMs: SESSION_MS,
    ready: () => connection.ready(), send: (packet, at) => connection.send(packet, at),
  });
  return { connection, requests, states };
}

describe('defects of the client, on a real ensemble', () => {
  let rig: ProxiedEnsemble;
  let admin: Store;
  before(async () => {
    rig = await startProxiedEnsemble({ basePort: 22_200, sessionTimeoutMs: SESSION_MS });
    // It only looks on: a machine that stands still for seconds may not end its session.
    admin = await rig.open(rig.ensemble.servers, { sessionTimeoutMs: 60_000 });
    isDone(await admin.multi([create('/d')]));
  });
  afterEach(() => rig.healed());
  after(() => rig.stop());

  it('1: version 0 means version 0 (stock: any)', async () => {
    isDone(await admin.multi([create('/d/one'), set('/d/one', 'newer', 0)]));
    const stock = await rig.openStock(rig.ensemble.servers);
    assert.equal(await stock.setInTransaction('/d/one', 0, 'stale'), 0, 'the stock client overwrites version 1');
    assert.deepEqual(await admin.multi([set('/d/one', 'stale', 0)]), refused(0, 'bad-version'));
    const commit = (transaction: ReturnType<typeof stock.client.transaction>): Promise<number> =>
      codeOfCallback((done) => transaction.commit((error) => done(error ?? null)));
    assert.equal(await commit(stock.client.transaction().check('/d/one', 0)), 0, 'passes for a check of version 2');
    assert.deepEqual(await admin.multi([check('/d/one', 0)]), refused(0, 'bad-version'));
    assert.deepEqual(await admin.multi([remove('/d/one', 0)]), refused(0, 'bad-version'));
    assert.equal(await commit(stock.client.transaction().remove('/d/one', 0)), 0, 'and for its removal');
  });

  it('2: half a reply, then a new connection, is read as that (stock: a false session, or expiry)', async () => {
    const proxy = rig.proxyAt(0);
    const half = (chunk: Buffer): { send: Buffer; end: boolean } =>
      ({ send: chunk.subarray(0, chunk.length - 3), end: true });
    const stock = await rig.openStock([proxy.address]);
    const granted = stock.session();
    proxy.tamper(half);
    stock.read('/d');
    await until('the stock client has a session nobody gave it', () =>
      stock.session() !== granted || stock.states.includes('EXPIRED'));
    const store = await rig.open([proxy.address]);
    const { id } = store.session;
    proxy.tamper(half);
    await assert.rejects(store.read('/d'), codeOf('disconnected'));
    await until('connected', () => store.state === 'connected');
    assert.equal(store.session.id, id);
    assert.ok(await store.read('/d'));
  });

  it('2: half a connect reply, or a false one, is no expiry', async () => {
    const proxy = rig.proxyAt(0);
    const store = await rig.open([proxy.address]);
    const seen = statesOf(store);
    const bad = [
      (chunk: Buffer) => ({ send: chunk.subarray(0, 12), end: true }),
      (chunk: Buffer) => ({ send: Buffer.concat([Buffer.from([0, 0, 0, 8]), Buffer.alloc(8), chunk]), end: false }),
      (chunk: Buffer) => ({ send: Buffer.alloc(chunk.length, 0xff), end: false }),
    ];
    for (const change of bad) {
      const accepted = proxy.accepted();
      proxy.tamper(change);
      proxy.cut();
      await until('connected on a later attempt', () =>
        store.state === 'connected' && proxy.accepted() >= accepted + 2);
    }
    assert.ok(!seen.includes('expired'), seen.join());
    assert.ok(await store.read('/d'));
  });

  it('3: a black-holed connection is left for another server inside the session (stock: never noticed)', async () => {
    const stockProxy = await rig.ownProxy();
    const stock = await rig.openStock([stockProxy.address]);
    const { store, proxy } = await rig.openThroughAll();
    const { id } = store.session;
    isDone(await store.multi([{ op: 'create', path: '/d/three', data: bytes(''), ephemeral: true }]));
    const seen = statesOf(store);
    const begun = now();
    proxy.blackHole(true);
    stockProxy.blackHole(true);
    await until('suspended', () => seen[0] === 'suspended', SESSION_MS);
    const noticed = now() - begun;
    await until('connected elsewhere', () => seen.at(-1) === 'connected', SESSION_MS);
    assert.ok(now() - begun < SESSION_MS, `noticed after ${noticed}, connected after ${now() - begun} ms`);
    assert.equal(store.session.id, id);
    assert.equal((await admin.read('/d/three'))?.stat.ephemeralOwner, id);
    assert.deepEqual(stock.states, ['SYNC_CONNECTED']);
  });

  it('4: a server that accepts and says nothing does not hold us up (stock: for ever)', async () => {
    let met = 0;
    const silent: Server = createServer(() => { met += 1; });
    await new Promise<void>((resolve) => silent.listen(22_290, '127.0.0.1', resolve));
    const stockProxy = await rig.ownProxy();
    const stock = openQueuedStock(['127.0.0.1:22290', stockProxy.address], SESSION_MS);
    stock.client.connect();
    await until('the stock client has met it', () => {
      if (stock.states.at(-1) === 'SYNC_CONNECTED') stockProxy.cut();
      return met > 0;
    });
    const met4Stock = met;
    const store = await rig.open(['127.0.0.1:22290', rig.proxyAt(0).address]);
    const [{ id }, before, begun] = [store.session, met, now()];
    // The library goes on in rotation: now the silent one is next.
    rig.proxyAt(0).cut();
    await until('connected again', () => met > before && store.state === 'connected', SESSION_MS);
    assert.ok(now() - begun < SESSION_MS, `${now() - begun} ms`);
    assert.equal(store.session.id, id);
    assert.notEqual(stock.states.at(-1), 'SYNC_CONNECTED');
    assert.ok(stockProxy.accepted() <= 1 && met4Stock === 1, 'the stock client still waits for its first answer');
    stock.destroy();
    silent.close();
  });

  it('5, 6: thousands of requests under way are all answered when the connection dies', async () => {
    const { store, proxy } = await rig.openThroughAll();
    proxy.blackHole(true);
    const begun = now();
    const writes = Array.from({ length: 3_000 }, () => store.multi([set('/d', 'x', 'any')]));
    const reads = Array.from({ length: 1_000 }, () => store.read('/d').then(() => 'read', () => 'rejected'));
    const kinds = new Set((await Promise.all(writes)).map((result) => result.kind));
    assert.deepEqual([...kinds], ['unknown']);
    assert.deepEqual([...new Set(await Promise.all(reads))], ['rejected']);
    assert.ok(now() - begun < SESSION_MS, `${now() - begun} ms`);
    rig.healed();
    await until('connected', () => store.state === 'connected');
    isDone(await store.multi([set('/d', 'y', 'any')]));
  });

  it('8: an error number nobody knows is an answer (stock: the process dies)', async () => {
    const proxy = await rig.ownProxy();
    const store = await rig.open([proxy.address]);
    const codes = [[-118, 'disconnected'], [-125, 'quota'], [-127, 'other'], [-9_999, 'other']] as const;
    for (const [code, expected] of codes) {
      proxy.tamper((chunk) => ({ send: withError(chunk, code), end: false }));
      await assert.rejects(store.read('/d'), codeOf(expected), String(code));
    }
    proxy.tamper((chunk) => ({ send: withError(chunk, -118), end: false }));
    assert.equal((await store.multi([check('/d', 'exists')])).kind, 'unknown');
    proxy.tamper((chunk) => ({ send: withError(chunk, -112), end: false }));
    assert.deepEqual(await store.multi([check('/d', 'exists')]), refused(0, 'session-expired'));
    assert.ok(await store.read('/d'));
    const own = await rig.ownProxy();
    const child = stockProgram(own.address, 'client.connect(); setInterval(() => client.getData("/d", () => 0), 20);');
    await until('the child is there', () => own.accepted() > 0);
    await systemClock.sleep(300);
    own.tamper((chunk) => ({ send: withError(chunk, -118), end: false }));
    const { status, stderr } = await child;
    assert.equal(status, 1);
    assert.match(stderr, /Unknown code: -118/);
  });

  it('9: xids wrap before they leave 31 bits (stock: no request goes out any more)', async () => {
    const stock = await rig.openStock(rig.ensemble.servers);
    Object.assign(stock.client.connectionManager, { xid: 2 ** 31 });
    for (let round = 0; round < 2; round += 1) assert.throws(() => stock.read('/d'), RangeError);
    const manager = createManager({ servers: rig.ensemble.servers, sessionTimeoutMs: SESSION_MS });
    manager.xid = 2 ** 31 - 3;
    const { connection, requests, states } = connectionOf(manager);
    connection.start();
    await until('connected', () => connection.state === 'connected');
    for (let round = 0; round < 5; round += 1) {
      assert.equal(await new Promise((resolve) => requests.submit('read', getDataRequest('/d'), resolve)), null);
    }
    assert.ok(manager.xid < 100);
    await connection.close();
    assert.deepEqual(states, ['connected', 'closed']);
  });

  it('12, 13: closing while connecting, in a black hole, or twice, ends soon (stock: a crash)', async () => {
    const slow = await rig.ownProxy();
    slow.delay(500, 'replies');
    const dying = stockProgram(slow.address, 'client.connect();'
      + 'setTimeout(() => client.close(), 200);');
    const refused = stockProgram(slow.address, 'client.connect(); client.close();');
    for (const delayMs of [0, 1, 5, 20]) {
      const { connection } = connectionOf(createManager({ servers: rig.all(), sessionTimeoutMs: SESSION_MS }));
      connection.start();
      await systemClock.sleep(delayMs);
      if (delayMs % 2 === 0) connection.stop('closed');
      await connection.close();
      assert.equal(connection.state, 'closed');
    }
    const { store, proxy } = await rig.openThroughAll();
    const stockProxy = await rig.ownProxy();
    const stock = await rig.openStock([stockProxy.address]);
    stockProxy.blackHole(true);
    proxy.blackHole(true);
    const begun = now();
    stock.client.close();
    await Promise.all([store.close(), store.close()]);
    assert.ok(now() - begun < SESSION_MS, `${now() - begun} ms`);
    assert.deepEqual(stock.states, ['SYNC_CONNECTED'], 'the stock client is still closing');
    // The first reply is read as one to a request nobody made; or there is no socket yet to write to.
    assert.match((await dying).stderr, /Error/);
    assert.equal((await dying).status, 1);
    assert.match((await refused).stderr, /TypeError/);
    assert.equal((await refused).status, 1);
  });

  it('expiry is never said by the client: out of reach for longer than the session, it stays suspended', async () => {
    const { store } = await rig.openThroughAll();
    const { session } = store;
    const seen = statesOf(store);
    for (const proxy of rig.proxies) proxy.blackHole(true);
    await systemClock.sleep(SESSION_MS * 1.5 + 500);
    assert.deepEqual(seen, ['suspended']);
    rig.healed();
    await until('expired', () => store.state === 'expired');
    assert.equal(store.session.id, session.id);
  });

  it('losing the server, frozen or killed, the leader too, keeps the session', async () => {
    for (const fault of ['freeze', 'kill'] as const) {
      const leader = await rig.ensemble.leader();
      const store = await rig.open([rig.ensemble.servers[leader] ?? '']);
      // Connected to the leader; from here on it may go anywhere.
      store.abandon();
      const moving = await rig.open(rig.ensemble.servers, { resume: store.session });
      isDone(await moving.multi([{ op: 'create', path: `/d/${fault}`, data: bytes(''), ephemeral: true }]));
      const seen = statesOf(moving);
      await rig.ensemble[fault](leader);
      await until('a write', async () => (await moving.multi([set('/d', fault, 'any')])).kind === 'done', 20_000);
      assert.ok(!seen.includes('expired'), seen.join());
      if (fault === 'freeze') rig.ensemble.thaw(leader);
      else await rig.ensemble.start(leader);
      assert.equal((await moving.read(`/d/${fault}`))?.stat.ephemeralOwner, moving.session.id);
    }
  });
});
