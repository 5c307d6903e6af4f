/**
 * Much at once, and nothing kept for later: floods against the bounds, offline queues, twenty thousand watched nodes
 * over reconnects. Numbers as in docs/zookeeper-client.md.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import {
  bytes, check, codeOf, create, isDone, refused, set, textOf, until,
} from '../fixtures/contracts/store-bench.js';
import { startProxiedEnsemble, statesOf, type ProxiedEnsemble } from '../fixtures/proxied-ensemble.js';
import { codeOfCallback, openQueuedStock } from '../fixtures/stock-client.js';
import { systemClock } from '../runtime/clock.js';
import type { Store } from '../runtime/store.js';
import { ZOOKEEPER_LIMITS } from '../runtime/zookeeper/limits.js';

const SESSION_MS = 4_000;
const WATCHED = 20_000;
/** The servers' bound on a request, lowered so that the stock client's storm needs few watches. */
const REQUEST_MAX = 100_000;
/** Of about 100 bytes each: together more than one request may have. */
const STOCK_WATCHES = 1_200;

describe('load', () => {
  let rig: ProxiedEnsemble;
  let admin: Store;
  const versionOf = async (path: string): Promise<number | undefined> => (await admin.read(path))?.stat.version;

  before(async () => {
    rig = await startProxiedEnsemble({
      servers: 1, basePort: 23_300, sessionTimeoutMs: SESSION_MS, properties: [`jute.maxbuffer=${REQUEST_MAX}`],
    });
    // It only looks on: neither a flood of the tests' own nor a machine that stands still may end its session.
    admin = await rig.open(rig.ensemble.servers, { sessionTimeoutMs: 60_000 });
    isDone(await admin.multi([create('/l')]));
  });
  afterEach(() => rig.healed());
  after(() => rig.stop());

  it('5, 6, 7: asked while offline is answered now, and an end is an end (stock: later, never, "loss")', async () => {
    const proxy = await rig.ownProxy();
    const [store, stock] = [
      await rig.open([proxy.address], { sessionTimeoutMs: 2_000 }), openQueuedStock([proxy.address], 2_000),
    ];
    isDone(await store.multi([{ op: 'create', path: '/l/live', data: bytes(''), ephemeral: true }]));
    stock.client.connect();
    const told = (state: string): Promise<void> => until(`stock: ${state}`, () => stock.states.at(-1) === state);
    await told('SYNC_CONNECTED');
    const offline = async (): Promise<void> => {
      proxy.refuse(true);
      proxy.cut();
      await until('offline', () => store.state === 'suspended' && stock.states.at(-1) === 'DISCONNECTED');
    };
    await offline();
    const late = codeOfCallback((done) => stock.client.setData('/l', Buffer.from('late'), done));
    assert.equal((await store.multi([set('/l', 'ours', 'any')])).kind, 'unknown');
    await assert.rejects(store.read('/l'), codeOf('disconnected'));
    proxy.refuse(false);
    assert.equal(await late, 0, 'the stock client has kept the write and sent it now');
    assert.equal(textOf((await admin.read('/l'))?.data), 'late');
    await until('ours is back', () => store.state === 'connected');

    await told('SYNC_CONNECTED');
    await offline();
    let answered = false;
    stock.client.getData('/l', () => { answered = true; });
    await assert.rejects(store.read('/l'), codeOf('disconnected'));
    await until('the session is gone', async () => await admin.read('/l/live') === null);
    // The other session was cut at the same moment; the servers look at both in the same tick or the next.
    await systemClock.sleep(500);
    proxy.refuse(false);
    await until('expired', () => store.state === 'expired' && stock.states.includes('EXPIRED'));
    await assert.rejects(store.read('/l'), codeOf('session-expired'));
    assert.deepEqual(await store.multi([set('/l', 'x', 'any')]), refused(0, 'session-expired'));
    await systemClock.sleep(200);
    assert.equal(await codeOfCallback((done) => stock.client.getData('/l', done)), -4, 'CONNECTION_LOSS');
    assert.equal(answered, false, 'what the stock client had queued is never answered');
  });

  it('23: a lost answer is unknown, and nothing is sent twice (stock with retries: twice)', async () => {
    isDone(await admin.multi([create('/l/stock'), create('/l/ours')]));
    const proxy = await rig.ownProxy();
    const cutAfter = async (path: string): Promise<void> => {
      await until('applied', async () => await versionOf(path) === 1);
      proxy.holdReplies(false);
      proxy.cut();
    };
    const stock = openQueuedStock([proxy.address], SESSION_MS, undefined, 1);
    stock.client.connect();
    await until('connected', () => stock.states.at(-1) === 'SYNC_CONNECTED');
    proxy.holdReplies(true);
    const twice = codeOfCallback((done) => stock.client.setData('/l/stock', Buffer.from('x'), done));
    await cutAfter('/l/stock');
    assert.equal(await twice, 0);
    assert.equal(await versionOf('/l/stock'), 2);
    stock.destroy();

    const store = await rig.open([proxy.address]);
    proxy.holdReplies(true);
    const once = store.multi([set('/l/ours', 'x', 'any')]);
    await cutAfter('/l/ours');
    assert.equal((await once).kind, 'unknown');
    await until('connected', () => store.state === 'connected');
    await store.sync('/l/ours');
    assert.equal((await store.read('/l/ours'))?.stat.version, 1);
    await store.close();
  });

  it('holds its bounds in a flood: so many under way, so many waiting, the next told at once', async () => {
    const proxy = await rig.ownProxy();
    const store = await rig.open([proxy.address], { sessionTimeoutMs: 60_000, requestTimeoutMs: 2_000 });
    proxy.holdReplies(true);
    const all = ZOOKEEPER_LIMITS.inFlight + ZOOKEEPER_LIMITS.waiting;
    const flood = Array.from({ length: all }, () => store.multi([check('/l', 'exists')]));
    const { inFlight, waiting, queued } = store.metrics();
    assert.deepEqual([inFlight, waiting, queued],
      [ZOOKEEPER_LIMITS.inFlight, ZOOKEEPER_LIMITS.waiting, ZOOKEEPER_LIMITS.waiting]);
    await assert.rejects(store.read('/l'), /not sent: too many requests are waiting/);
    assert.deepEqual(await store.multi([set('/l', 'x', 'any')]),
      { kind: 'unknown', reason: 'not sent: too many requests are waiting' });
    const results = new Set((await Promise.all(flood)).map((result) => JSON.stringify(result)));
    assert.deepEqual([...results], [JSON.stringify({ kind: 'unknown', reason: 'no answer in 2000 ms' })]);
    assert.equal(store.metrics().errors['deadline'], all);
    proxy.holdReplies(false);
    await store.sync('/l');
    assert.ok(await store.read('/l'));
    const calm = store.metrics();
    assert.deepEqual([calm.inFlight, calm.inFlightBytes, calm.waiting, calm.state], [0, 0, 0, 'connected']);
  });

  it('holds its bound of bytes under way', async () => {
    const proxy = await rig.ownProxy();
    const store = await rig.open([proxy.address], { sessionTimeoutMs: 60_000 });
    proxy.blackHole(true, 'requests');
    const large = new Uint8Array(300_000);
    const writes = Array.from({ length: 60 }, () => store.multi([set('/l', large, 'any')]));
    const { inFlight, inFlightBytes, waiting } = store.metrics();
    assert.equal(inFlight, Math.floor(ZOOKEEPER_LIMITS.inFlightBytes / (inFlightBytes / inFlight)));
    assert.ok(inFlightBytes <= ZOOKEEPER_LIMITS.inFlightBytes, String(inFlightBytes));
    assert.equal(inFlight + waiting, 60);
    store.abandon();
    assert.deepEqual([...new Set((await Promise.all(writes)).map(({ kind }) => kind))], ['unknown']);
  });

  it('10: 20,000 nodes under one watch come through reconnects (stock: a storm without end)',
    { timeout: 120_000 }, async () => {
      const [proxy, stockProxy] = [await rig.ownProxy(), await rig.ownProxy()];
      const stock = await rig.openStock([stockProxy.address]);
      const names = Array.from({ length: STOCK_WATCHES }, (_, index) => `/l/${'long-name-'.repeat(8)}${index}`);
      await Promise.all(names.map((path) => codeOfCallback((done) =>
        stock.client.exists(path, () => undefined, done))));
      stockProxy.cut();
      const flips = (): number => stock.states.filter((state) => state === 'DISCONNECTED').length;
      await until('a storm', () => flips() >= 8);
      stock.destroy();

      isDone(await admin.multi([create('/l/many')]));
      const paths = Array.from({ length: WATCHED }, (_, index) => `/l/many/${'long-name-'.repeat(8)}${index}`);
      for (let at = 0; at < WATCHED; at += 400) isDone(await admin.multi(paths.slice(at, at + 400).map(create)));
      const store = await rig.open([proxy.address]);
      let rescans = 0;
      const rung: string[] = [];
      await store.watchTree('/l/many', ({ path }) => rung.push(path), () => { rescans += 1; });
      const seen = statesOf(store);
      const before = store.metrics();
      for (let round = 0; round < 5; round += 1) {
        const told = rescans;
        proxy.cut();
        await until('a rescan', () => rescans > told);
      }
      const metrics = store.metrics();
      // Once a round; a machine that stands still may lose a connection or two by itself, a storm is hundreds.
      assert.ok(seen.length <= 20, seen.join());
      assert.ok(metrics.connectAttempts - before.connectAttempts <= 15);
      // One watch, set once more a round: no more is sent for 20,000 nodes than for one.
      assert.ok(metrics.requests.addWatch - before.requests.addWatch <= 10);
      assert.ok(metrics.bytesSent - before.bytesSent < 5_000, String(metrics.bytesSent - before.bytesSent));
      const nodes = await store.readMany(paths);
      assert.ok(nodes.length === WATCHED && nodes.every((node) => node !== null));
      isDone(await admin.multi([set(paths[WATCHED - 1] ?? '', 'changed', 0)]));
      await until('it rings', () => rung.length === 1);
      assert.deepEqual(rung, [paths[WATCHED - 1]]);
    });

  it('25: many watchers of one path are nothing special (stock: a warning of a leak)', async () => {
    const warnings: string[] = [];
    const warned = (warning: Error): void => { warnings.push(warning.name); };
    process.on('warning', warned);
    try {
      const store = await rig.open(rig.ensemble.servers);
      const stops = await Promise.all(Array.from({ length: 30 }, () =>
        store.watchTree('/l', () => undefined, () => undefined)));
      await systemClock.sleep(50);
      assert.equal(warnings.length, 0, warnings.join());
      for (const stop of stops) stop();
      const stock = await rig.openStock(rig.ensemble.servers);
      for (let index = 0; index < 12; index += 1) {
        await codeOfCallback((done) => stock.client.getData('/l', () => undefined, (error) => done(error)));
      }
      await until('a warning', () => warnings.includes('MaxListenersExceededWarning'));
    } finally {
      process.off('warning', warned);
    }
  });
});
