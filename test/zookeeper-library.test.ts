/**
 * node-zookeeper-client as we know it: its exact version, each field of it that the adapter borrows, and the
 * behaviours the adapter counts on. One of these fails first when the library changes under us.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, describe, it } from 'node:test';
import { until } from '../fixtures/contracts/store-bench.js';
import { bareReply, connectReply, startScriptedServer, type ScriptedServer } from '../fixtures/scripted-server.js';
import { assertContract, BORROWED, createManager, LIBRARY_ERROR, MANAGER, type Manager }
  from '../runtime/zookeeper/client.js';

const VERSION = '1.1.3';
const SESSION = '00000000000000ab';
const PASSWORD = '11'.repeat(16);

type Document = Record<string, Record<string, unknown>>;
const jsonOf = (path: string): Document =>
  JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')) as Document;

const fresh = (): Manager => createManager({ servers: ['contract:1'], sessionTimeoutMs: 4_321 });

describe('node-zookeeper-client', () => {
  it(`is exactly ${VERSION}: named, locked and installed`, () => {
    assert.equal(jsonOf('package.json')['dependencies']?.['node-zookeeper-client'], VERSION);
    const packages = jsonOf('package-lock.json')['packages'] as Record<string, { version: string }>;
    assert.equal(packages['node_modules/node-zookeeper-client']?.version, VERSION);
    assert.equal(jsonOf('node_modules/node-zookeeper-client/package.json')['version'], VERSION);
  });

  for (const [field, holds] of Object.entries(BORROWED)) {
    it(`has ${field} as borrowed`, () => {
      const manager = fresh();
      assert.ok(holds(manager));
      assertContract(manager);
      Object.assign(manager, { [field]: undefined });
      assert.throws(() => assertContract(manager), new RegExp(`not the version we know: (.*, )?${field}(,|$)`));
    });
  }
});

describe('what the library does', () => {
  let server: ScriptedServer;
  const managers: Manager[] = [];
  let events: string[] = [];
  const NAMES = Object.fromEntries(Object.entries(MANAGER).map(([name, state]) => [String(state), name]));

  /** One that connects to the scripted server and tells its states. */
  const manager = (servers: readonly string[] = [server.address]): Manager => {
    const made = createManager({ servers, sessionTimeoutMs: 4_000 });
    managers.push(made);
    // Of this test: what an earlier one's manager says on its way out goes elsewhere.
    const told = events;
    made.on('state', (state) => told.push(NAMES[String(state)] ?? String(state)));
    return made;
  };
  const packet = (xid: number): Manager['pendingQueue'][number] => ({
    request: { header: { xid } },
    callback: (error) => { events.push(`answer ${xid}: ${error?.code ?? 0}`); },
  });

  before(async () => { server = await startScriptedServer(); });
  afterEach(() => {
    for (const each of managers.splice(0)) {
      each.connect = () => undefined;
      each.socket?.destroy();
    }
    events = [];
  });
  after(() => server.stop());

  it('asks for a new session, takes what is granted, and tells "connected" when it has taken it', async () => {
    server.answer(connectReply(2_500, SESSION, PASSWORD));
    const asked = server.connects.length;
    const mine = manager();
    let taken = '';
    mine.on('state', (state) => { if (state === MANAGER.connected) taken = mine.sessionId.toString('hex'); });
    mine.connect();
    await until('connected', () => mine.state === MANAGER.connected);
    assert.deepEqual(server.connects[asked], {
      zxid: '0'.repeat(16), timeoutMs: 4_000, sessionId: '0'.repeat(16), password: '0'.repeat(32),
    });
    assert.equal(taken, SESSION);
    assert.equal(mine.sessionPassword.toString('hex'), PASSWORD);
    assert.equal(mine.sessionTimeout, 2_500);
    assert.deepEqual(events, ['connecting', 'connected']);
  });

  it('answers all that is pending, in order, before it tells "disconnected"; then connects again', async () => {
    server.answer(connectReply(4_000, SESSION, PASSWORD));
    const mine = manager();
    mine.connect();
    await until('connected', () => mine.state === MANAGER.connected);
    mine.pendingQueue.push(packet(7), packet(8));
    const before = server.connects.length;
    server.end();
    await server.connected(before + 1);
    await until('connected again', () => events.at(-1) === 'connected');
    const lost = LIBRARY_ERROR.connectionLoss;
    assert.deepEqual(events, [
      'connecting', 'connected', `answer 7: ${lost}`, `answer 8: ${lost}`, 'disconnected', 'connecting', 'connected',
    ]);
  });

  it('resumes the session with its password, and tells the zxid we have put down', async () => {
    server.answer(connectReply(4_000, SESSION, PASSWORD));
    const mine = manager();
    mine.connect();
    await until('connected', () => mine.state === MANAGER.connected);
    bareReply(0, 0x1_2345, 0).copy(mine.zxid, 0, 8, 16);
    const before = server.connects.length;
    server.end();
    await server.connected(before + 1);
    const [last] = server.connects.slice(-1);
    assert.equal(last?.zxid, '0000000000012345');
    assert.equal(last?.sessionId, SESSION);
    assert.equal(last?.password, PASSWORD);
  });

  it('tells "expired" for a time-out of 0, then ends for good', async () => {
    server.answer(connectReply(0, '0'.repeat(16), '0'.repeat(32)));
    const mine = manager();
    mine.connect();
    await until('expired', () => events.includes('expired'));
    server.end();
    await until('closed', () => events.at(-1) === 'closed');
    assert.deepEqual(events, ['connecting', 'expired', 'disconnected', 'closed']);
  });

  it('sends the end of a session with the next xid, waits for its answer, and tells "closed"', async () => {
    server.answer(connectReply(4_000, SESSION, PASSWORD));
    const mine = manager();
    mine.connect();
    await until('connected', () => mine.state === MANAGER.connected);
    mine.xid = 41;
    mine.close();
    assert.equal(mine.pendingQueue[0]?.request.header.xid, 41);
    assert.equal(mine.xid, 42);
    await until('the request', () => server.frames.length === 1);
    assert.equal(server.frames[0]?.toString('hex'), '00000029fffffff5');
    server.end();
    await until('closed', () => events.at(-1) === 'closed');
    assert.deepEqual(events.slice(2), ['closing', 'disconnected', 'closed']);
  });

  it('rotates: each server once a round, the same order every round, a random start', async () => {
    const names = ['a:1', 'b:2', 'c:3', 'd:4', 'e:5'];
    const firsts = new Set<string>();
    for (let round = 0; round < 40 && firsts.size < 2; round += 1) {
      const mine = manager(names);
      firsts.add(mine.servers[0]?.host ?? '');
      assert.deepEqual(mine.servers.map(({ host, port }) => `${host}:${port}`).sort(), names);
    }
    assert.ok(firsts.size > 1, 'the order is shuffled for each client');
    const mine = manager(names);
    const tried: string[] = [];
    for (let attempt = 0; attempt < 10; attempt += 1) {
      tried.push(await new Promise((resolve) => mine.findNextServer(({ host }) => resolve(host))));
    }
    const order = mine.servers.map(({ host }) => host);
    assert.deepEqual(tried, [...order, ...order]);
  });

  it('reads nothing by itself once its reader is replaced, and looks the reader up at each connection', async () => {
    server.answer(connectReply(4_000, SESSION, PASSWORD));
    const mine = manager();
    const heard: number[] = [];
    mine.onSocketData = (chunk) => heard.push(chunk.length);
    mine.connect();
    await until('a reply', () => heard.length === 1);
    assert.deepEqual(heard, [41]);
    assert.equal(mine.state, MANAGER.connecting);
    assert.equal(mine.pendingBuffer, null);
  });
});
