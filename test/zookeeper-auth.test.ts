/** Who may touch our nodes: digest authentication first on every connection, ACLs, what refusals look like. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  absent, bytes, check, codeOf, create, isDone, refused, remove, set, textOf, until,
} from '../fixtures/contracts/store-bench.js';
import { startProxy, type Proxy } from '../fixtures/proxy.js';
import { codeOfCallback, openQueuedStock } from '../fixtures/stock-client.js';
import { startEnsemble, type Ensemble } from '../fixtures/zookeeper.js';
import { systemClock } from '../runtime/clock.js';
import { createLog } from '../runtime/log.js';
import type { Store, StoreAuth, StoreOptions } from '../runtime/store.js';
import { openZookeeper } from '../runtime/zookeeper/store.js';

const SECRET = 'a-secret-of-the-test';
const KEY: StoreAuth = { scheme: 'digest', id: `pvc:${SECRET}` };
const OTHER: StoreAuth = { scheme: 'digest', id: 'pvc:another-secret' };
const SESSION_MS = 4_000;

describe('authentication and ACLs', () => {
  let ensemble: Ensemble;
  let proxy: Proxy;
  let owner: Store;
  const opened: Store[] = [];
  const logged: string[] = [];
  const log = createLog('auth-test', 'debug', (line) => logged.push(line));

  const open = async (auth?: StoreAuth, more: Partial<StoreOptions> = {}): Promise<Store> => {
    const [server = ''] = ensemble.servers;
    const options = { servers: [server], sessionTimeoutMs: SESSION_MS, ...(auth && { auth }), ...more };
    const store = await openZookeeper({ ...options, log, clock: systemClock });
    opened.push(store);
    return store;
  };

  before(async () => {
    ensemble = await startEnsemble({ servers: 1, basePort: 23_100 });
    proxy = await startProxy(ensemble.servers[0] ?? '');
    owner = await open(KEY);
  });
  after(async () => {
    await Promise.all(opened.map((store) => store.close()));
    await proxy.stop();
    await ensemble.stop();
  });

  it('what a session with a key creates is for holders of the key', async () => {
    const ephemeral = { op: 'create', path: '/own/live', data: bytes(''), ephemeral: true } as const;
    isDone(await owner.multi([create('/own'), create('/own/a'), ephemeral, absent('/own/none')]));
    const friend = await open(KEY);
    assert.ok(await friend.read('/own/live'));
    isDone(await friend.multi([set('/own/a', 'friend', 0), create('/own/b'), check('/own', 0)]));
    assert.equal(textOf((await owner.read('/own/a'))?.data), 'friend');
    for (const stranger of [await open(), await open(OTHER)]) {
      await assert.rejects(stranger.read('/own/a'), codeOf('no-auth'));
      await assert.rejects(stranger.children('/own'), /children \/own: not allowed: this session has not the key/);
      await assert.rejects(stranger.readMany(['/', '/own/a']), /readMany \/own\/a: not allowed/);
      assert.deepEqual(await stranger.multi([check('/', 'exists'), set('/own/a', '', 'any')]), refused(1, 'no-auth'));
      assert.deepEqual(await stranger.multi([create('/own/c')]), refused(0, 'no-auth'));
      assert.deepEqual(await stranger.multi([remove('/own/b', 'any')]), refused(0, 'no-auth'));
      assert.deepEqual(await stranger.multi([absent('/own/c')]), refused(0, 'no-auth'));
      assert.equal(stranger.metrics().errors['no-auth'], 7);
      assert.equal(stranger.state, 'connected');
    }
  });

  it('nodes may be left readable, or open for the time of a change', async () => {
    const [readable, opener, stranger] = [
      await open({ ...KEY, nodes: 'readable' }), await open({ ...KEY, nodes: 'open' }), await open(),
    ];
    isDone(await readable.multi([create('/readable')]));
    assert.ok(await stranger.read('/readable'));
    assert.deepEqual(await stranger.multi([set('/readable', 'x', 'any')]), refused(0, 'no-auth'));
    isDone(await opener.multi([create('/open')]));
    isDone(await stranger.multi([set('/open', 'x', 0), create('/open/child')]));
  });

  it('a tree made without a key goes on working with one, and can be guarded from there', async () => {
    const keyless = await open();
    isDone(await keyless.multi([create('/old'), create('/old/a')]));
    isDone(await owner.multi([set('/old/a', 'owner', 0), create('/old/new'), remove('/old/a', 1), create('/old/a')]));
    await assert.rejects(keyless.read('/old/new'), codeOf('no-auth'));
    // The parent is still open to all, and with it the removal of its children.
    isDone(await keyless.multi([remove('/old/new', 'any')]));
  });

  it('11: the key goes before everything else, on every connection (stock: behind what was queued)', async () => {
    isDone(await owner.multi([create('/eleven')]));
    const stock = openQueuedStock(ensemble.servers, SESSION_MS, KEY.id);
    const stockSays = codeOfCallback((done) => stock.client.getData('/eleven', done));
    stock.client.connect();
    assert.equal(await stockSays, -102, 'NO_AUTH: asked before the authentication');
    stock.destroy();

    const store = await open(KEY, { servers: [proxy.address] });
    const outcomes = new Set<string>();
    const ask = (): void => {
      store.read('/eleven').then((node) => outcomes.add(String(node !== null)), (error: { code: string }) =>
        outcomes.add(error.code));
      void store.multi([check('/eleven', 0)]).then((result) => outcomes.add(result.kind));
    };
    let connects = 0;
    store.onState((state) => {
      if (state === 'connected') connects += 1;
      for (let index = 0; index < 20; index += 1) ask();
    });
    for (let round = 0; round < 10; round += 1) {
      for (let index = 0; index < 20; index += 1) ask();
      proxy.cut();
      await until('connected again', () => connects > round && store.state === 'connected');
    }
    await store.sync('/');
    assert.deepEqual([...outcomes].filter((each) => !['true', 'done', 'unknown', 'disconnected'].includes(each)), []);
    assert.ok(outcomes.has('true') && outcomes.has('done'), [...outcomes].join());
    await store.close();
  });

  it('a refused key is final, on a reconnect too, and is told at once', async () => {
    const store = await open(KEY, { servers: [proxy.address] });
    const reading = store.read('/');
    const isAuthReply = (chunk: Buffer): boolean => chunk.length === 20 && chunk.readInt32BE(4) === -4;
    proxy.tamper((chunk) => {
      if (!isAuthReply(chunk)) return null;
      chunk.writeInt32BE(-115, 16);
      return { send: chunk, end: false };
    });
    await reading;
    proxy.cut();
    await until('closed', () => store.state === 'closed');
    const accepted = proxy.accepted();
    await assert.rejects(store.read('/'), codeOf('no-auth'));
    assert.deepEqual(await store.multi([check('/', 'exists')]), refused(0, 'no-auth'));
    await store.close();
    await systemClock.sleep(300);
    assert.equal(proxy.accepted(), accepted, 'nobody knocks again');
  });

  it('servers that take no digest refuse the opening, which does not wait', { timeout: 60_000 }, async () => {
    const properties = ['zookeeper.DigestAuthenticationProvider.enabled=false'];
    const strict = await startEnsemble({ servers: 1, basePort: 23_150, properties });
    try {
      await assert.rejects(open(KEY, { servers: strict.servers }), (error: Error) =>
        codeOf('no-auth')(error) && /ZooKeeper refuses this authentication/.test(error.message));
      assert.equal((await open(undefined, { servers: strict.servers })).state, 'connected');
    } finally {
      await strict.stop();
    }
  });

  it('the secret is in no line of the log', () => {
    assert.ok(logged.some((line) => line.includes('refused the authentication')));
    assert.ok(logged.some((line) => line.includes('this session may not change a node')));
    assert.deepEqual(logged.filter((line) => line.includes(SECRET)), []);
  });
});
