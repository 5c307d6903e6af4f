/** The event stream over real sockets: frames, resumption, gaps, slow and faulty clients, tickets. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { globMatcher, readClientFrame, topicFilters } from '../api/events/client-frames.js';
import { EVENT_LIMITS } from '../api/events/frames.js';
import type { Api } from '../api/server.js';
import { apiWorld, domainXml, KEY, World } from '../fixtures/api-world.js';
import { rawWebSocket, type RawWebSocket } from '../fixtures/raw-websocket.js';
import { systemClock } from '../runtime/clock.js';
import { cursorText } from '../runtime/feed.js';

type Frame = Record<string, unknown>;
interface Event { type: string; topic: string; key: string; cursor: string; data: Record<string, unknown>; coalesced?: number; rev: number }

const HOST = '127.0.0.1';
const AUTH = { 'X-Api-Key': KEY };
const is = (kind: string) => (frame: Frame): boolean => frame['frame'] === kind;
const eventOf = (frame: Frame): Event => frame['event'] as Event;
const eventsIn = (socket: RawWebSocket): Event[] => socket.frames.filter(is('event')).map(eventOf);

describe('event stream', () => {
  let world: World;
  let api: Api;
  let port = 0;
  const open: RawWebSocket[] = [];
  const connect = async (path = '', headers: Record<string, string> = AUTH): Promise<RawWebSocket> => {
    const socket = await rawWebSocket({ host: HOST, port }, `/api/v1/events${path}`, headers);
    open.push(socket);
    return socket;
  };
  const subscribed = async (fields: Frame = {}): Promise<RawWebSocket> => {
    const socket = await connect();
    socket.send({ frame: 'subscribe', id: 's', ...fields });
    await socket.next(is('subscribed'));
    return socket;
  };
  before(async () => {
    ({ world, api } = await apiWorld());
    await api.listen({ host: HOST, port: 0 });
    port = (api.server.address() as { port: number }).port;
  });
  after(async () => {
    for (const socket of open) socket.end();
    await api.close();
  });

  test('hello comes first and says the limits', async () => {
    const socket = await connect();
    const hello = await socket.next(() => true);
    assert.equal(hello['frame'], 'hello');
    assert.equal(hello['protocol'], 'pulse/1');
    assert.deepEqual(hello['limits'], { frame_bytes: 65536, subscriptions: 32, rubbish_frames: 10 });
    assert.deepEqual(hello['server'], { name: 'pvc', version: '2.0.0-test', node: 'hv1' });
  });

  test('snapshot, then mark, then live events', async () => {
    const vm = world.addVm(domainXml('snap1'), { off: 'stopped' }, 'hv2');
    const socket = await subscribed({ topics: ['vm:snap*', 'node'], snapshot: true });
    const mark = await socket.next((frame) => frame['frame'] === 'mark' && frame['sync'] === true);
    const items = socket.frames.filter(is('snapshot')).flatMap((frame) => frame['items'] as Event[]);
    assert.deepEqual(items.map((item) => item.key).sort(), ['hv1', 'hv2', 'hv3', 'snap1']);
    assert.ok(items.every((item) => item.type === 'present'));
    world.step(vm, { value: 'running', event: { type: 'hypervisor.start.done' } });
    const event = eventOf(await socket.next(is('event')));
    assert.equal(event.type, 'state-changed');
    assert.deepEqual([event.data['from'], event.data['to'], event.data['state']], ['off.stopped', 'running', 'start']);
    assert.equal(typeof mark['cursor'], 'string');
  });

  test('a migration names both nodes, a removal is told, an operation ends with its message', async () => {
    const vm = world.addVm(domainXml('mover'), 'running', 'hv2');
    const socket = await subscribed({ topics: ['vm:mover', 'task'] });
    world.step(vm, { value: { migrating: 'copying' }, event: { type: 'vm.migrate' }, operationId: 'op-1' });
    world.step(vm, {
      value: 'running', context: { node: 'hv3', lastNode: 'hv2' }, owner: 'hv3',
      ends: { operationId: 'op-1', state: 'done', message: 'arrived' },
    });
    world.step(vm, { value: 'removed' });
    await socket.next((frame) => frame['frame'] === 'event' && eventOf(frame).type === 'removed');
    const migrated = eventsIn(socket).find((event) => event.type === 'migrated');
    assert.deepEqual([migrated?.data['from_node'], migrated?.data['node'], migrated?.data['last_node']], ['hv2', 'hv3', 'hv2']);
    const tasks = eventsIn(socket).filter((event) => event.topic === 'task');
    assert.deepEqual(tasks.map((event) => [event.key, event.type]), [['op-1', 'operation-started'], ['op-1', 'operation-ended']]);
    assert.deepEqual([tasks[1]?.data['state'], tasks[1]?.data['message'], tasks[1]?.data['name']], ['done', 'arrived', 'mover']);
  });

  test('resuming from any cursor gives exactly what came after it', async () => {
    const vm = world.addVm(domainXml('resumed'), 'running', 'hv1');
    const first = await subscribed({ topics: ['vm:resumed'] });
    for (let index = 0; index < 40; index += 1) world.step(vm, { context: { waitingReason: `step ${index}` } });
    await first.next((frame) => is('event')(frame) && eventOf(frame).data['waiting_reason'] === 'step 39');
    const all = eventsIn(first);
    for (const cut of [0, 1, 17, 38, 39]) {
      const socket = await subscribed({ topics: ['vm:resumed'], since: all[cut]?.cursor });
      if (cut < 39) await socket.next((frame) => is('event')(frame) && eventOf(frame).data['waiting_reason'] === 'step 39');
      assert.deepEqual(eventsIn(socket).map((event) => event.cursor), all.slice(cut + 1).map((event) => event.cursor));
    }
  });

  test('a cursor that is no longer held: gap and snapshot, or gap and 4010', async () => {
    const old = cursorText({ generation: 7, zxid: 1, address: 'vm/x', seq: 1 });
    const asked = await subscribed({ since: old, snapshot: true, topics: ['node'] });
    assert.equal((await asked.next(is('gap')))['reason'], 'expired');
    await asked.next((frame) => frame['sync'] === true);
    const bare = await subscribed({ since: old });
    assert.equal((await bare.untilClosed()).code, 4010);
    assert.ok(bare.frames.some((frame) => is('gap')(frame) && frame['id'] === 's'));
  });

  test('missed transitions are told as a gap with their numbers', async () => {
    const vm = world.addVm(domainXml('holed'), 'running', 'hv1');
    const socket = await subscribed({ topics: ['vm:holed'] });
    const { record, owner } = world.actor(vm)!;
    const cursor = { ...world.head(), zxid: world.head().zxid + 1, seq: 4 };
    world.emit({ cursor, address: vm, transition: null, missing: { fromSeq: 2, toSeq: 4 }, record, owner });
    const gap = await socket.next(is('gap'));
    assert.deepEqual([gap['reason'], gap['actor'], gap['from_seq'], gap['to_seq']], ['missed', vm, 2, 4]);
  });

  test('rubbish: each fault is named, the tenth closes with 4400', async () => {
    const socket = await connect();
    const rubbish: [Buffer | Frame, RegExp][] = [
      [Buffer.from('{'), /not JSON/], [Buffer.from('[]'), /not a JSON object/], [{ frame: 'fly' }, /Unknown frame "fly"/],
      [{ frame: 'subscribe', id: 'a', topic: ['vm'] }, /did you mean 'topics'/], [{ frame: 'subscribe', id: 'a', topics: ['vms'] }, /did you mean 'vm'/],
      [{ frame: 'subscribe', id: '' }, /id must be/], [{ frame: 'subscribe', id: 'a', since: 'rubbish!' }, /not a cursor/],
      [{ frame: 'unsubscribe', id: 'zz' }, /no subscription 'zz'/], [{ frame: 'subscribe', id: 'a', snapshot: 'yes' }, /true or false/],
      [{ frame: 'subscribe', id: 'a', topics: [] }, /list of 1 to 64/],
    ];
    for (const [frame] of rubbish) {
      if (Buffer.isBuffer(frame)) socket.sendRaw(1, frame);
      else socket.send(frame);
    }
    assert.equal((await socket.untilClosed()).code, 4400);
    const errors = socket.frames.filter(is('error'));
    for (const [index, [, text]] of rubbish.entries()) assert.match(String(errors[index]?.['message']), text);
  });

  test('binary frames are faults, invalid UTF-8 and huge frames end the socket, others do not notice', async () => {
    const binary = await connect();
    binary.sendRaw(2, Buffer.from([1, 2, 3]));
    assert.match(String((await binary.next(is('error')))['message']), /Only text frames/);
    const broken = await connect();
    broken.sendRaw(1, Buffer.from([0xff, 0xfe]));
    assert.ok([1007, null].includes((await broken.untilClosed()).code));
    const huge = await connect();
    huge.sendRaw(1, Buffer.alloc(EVENT_LIMITS.frameBytes + 1, 0x20));
    assert.ok([1009, null].includes((await huge.untilClosed()).code));
    binary.send({ frame: 'ping', id: 'still here' });
    await binary.next((frame) => frame['frame'] === 'pong' && frame['id'] === 'still here');
  });

  test('at most 32 subscriptions; an id in use is refused', async () => {
    const socket = await connect();
    for (let index = 0; index < 33; index += 1) socket.send({ frame: 'subscribe', id: `s${index}`, topics: ['task'] });
    socket.send({ frame: 'subscribe', id: 's0' });
    await socket.next((frame) => frame['frame'] === 'error' && frame['id'] === 's32');
    await socket.next((frame) => frame['frame'] === 'error' && frame['code'] === 'id-in-use');
    socket.send({ frame: 'unsubscribe', id: 's0' });
    await socket.next(is('unsubscribed'));
  });

  test('a client that never reads is coalesced, then told its gap and closed; the others get everything', async () => {
    const vms = Array.from({ length: 20 }, (_, index) => world.addVm(domainXml(`slow${index}`), 'running', 'hv1'));
    const stuck = await subscribed({ topics: ['actor', 'vm'] });
    const quick = await subscribed({ topics: ['vm:slow*'] });
    stuck.pause();
    const filler = 'x'.repeat(3000);
    let steps = 0;
    const begun = systemClock.monotonicMs();
    while (eventsIn(quick).length < steps || steps < 4000) {
      for (let index = 0; index < 100 && steps < 4000; index += 1, steps += 1) {
        world.step(vms[steps % vms.length]!, { context: { waitingReason: `${steps} ${filler}` } });
      }
      await systemClock.sleep(5);
      assert.ok(systemClock.monotonicMs() - begun < 30_000, `${eventsIn(quick).length} of ${steps} events`);
    }
    assert.equal(eventsIn(quick).length, 4000);
    await systemClock.sleep(EVENT_LIMITS.coalesceMsMax + 500);
    stuck.resume();
    const closed = await stuck.untilClosed(10_000);
    assert.ok(closed.code === 4008 || closed.code === null, `closed with ${closed.code}`);
    assert.ok(eventsIn(stuck).length < 4000);
    const metrics = (await api.inject({ url: '/metrics', headers: AUTH })).body;
    assert.match(metrics, /pvc_event_slow_closed_total 1\n/);
    assert.match(metrics, /pvc_events_coalesced_total [1-9]/);
  });

  test('a client that falls behind and catches up gets the last state of each key, marked as coalesced', async () => {
    const vm = world.addVm(domainXml('behind'), 'running', 'hv1');
    const socket = await subscribed({ topics: ['vm:behind'] });
    socket.pause();
    const filler = 'y'.repeat(20_000);
    for (let step = 0; step < 1000; step += 1) {
      world.step(vm, { context: { waitingReason: `${step} ${filler}` } });
      if (step % 50 === 0) await systemClock.sleep(1);
    }
    socket.resume();
    const last = eventOf(await socket.next((frame) => is('event')(frame) && String(eventOf(frame).data['waiting_reason']).startsWith('999 ')));
    assert.ok((last.coalesced ?? 0) > 1, `coalesced ${last.coalesced}`);
    const events = eventsIn(socket);
    assert.equal(events.reduce((sum, event) => sum + (event.coalesced ?? 1), 0), 1000);
  });

  test('telemetry comes to those who ask for it', async () => {
    const asked = await subscribed({ topics: ['metric:hv2'] });
    const other = await subscribed({});
    world.report({ node: 'hv2', live: true, staleMs: 3, data: { cpuCount: 2 } });
    const event = eventOf(await asked.next(is('event')));
    assert.deepEqual([event.type, event.key, event.data['live']], ['telemetry-reported', 'hv2', true]);
    assert.equal(eventsIn(other).length, 0);
  });

  test('the upgrade asks for a key, a known protocol and the same origin', async () => {
    assert.equal((await connect('', {})).status, 401);
    assert.equal((await connect('', { 'X-Api-Key': KEY.slice(0, -1) })).status, 401);
    assert.equal((await connect('', { Authorization: `Bearer ${KEY}` })).status, 101);
    assert.equal((await connect('', { ...AUTH, 'Sec-WebSocket-Protocol': 'graphql-ws' })).status, 400);
    assert.equal((await connect('', { ...AUTH, 'Sec-WebSocket-Protocol': 'x, pulse.v1.json' })).status, 101);
    assert.equal((await connect('', { ...AUTH, Origin: 'http://evil.example' })).status, 403);
    assert.equal((await connect('', { ...AUTH, Origin: `http://${HOST}:${port}` })).status, 101);
    const refused = await connect('', {});
    assert.match(refused.body, /"message":"X-Api-Key Authentication required\."/);
  });

  test('a ticket is good once', async () => {
    const { ticket } = (await api.inject({ method: 'POST', url: '/api/v1/events/ticket', headers: AUTH })).json<{ ticket: string }>();
    assert.equal((await connect(`?ticket=${ticket}`, {})).status, 101);
    assert.equal((await connect(`?ticket=${ticket}`, {})).status, 401);
    assert.equal((await connect('?ticket=0123', {})).status, 401);
    assert.equal((await api.inject({ method: 'GET', url: `/api/v1/vm?ticket=${ticket}` })).statusCode, 401);
  });

  test('server-sent events carry the same frames and resume by Last-Event-ID', async () => {
    const vm = world.addVm(domainXml('sse1'), 'running', 'hv1');
    const since = cursorText(world.head());
    world.step(vm, { context: { waitingReason: 'after' } });
    const abort = new AbortController();
    const answer = await fetch(`http://${HOST}:${port}/api/v1/events?topics=vm:sse1`, {
      headers: { ...AUTH, Accept: 'text/event-stream', 'Last-Event-ID': since }, signal: abort.signal,
    });
    assert.equal(answer.headers.get('content-type'), 'text/event-stream');
    let text = '';
    for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString('utf8');
      if (text.includes('event: event')) break;
    }
    abort.abort();
    assert.match(text, /^event: hello|id: [\w-]+\nevent: hello/);
    assert.match(text, /"waiting_reason":"after"/);
    const gone = await fetch(`http://${HOST}:${port}/api/v1/events?since=${cursorText({ generation: 9, zxid: 1, address: 'a', seq: 1 })}`, {
      headers: { ...AUTH, Accept: 'text/event-stream' },
    });
    assert.equal(gone.status, 410);
    assert.match((await gone.json() as { message: string }).message, /no longer held/);
  });

  test('at most 64 streams of one key', async () => {
    const sockets = await Promise.all(Array.from({ length: EVENT_LIMITS.socketsPerKey + 1 }, () => connect()));
    assert.ok(sockets.some((socket) => socket.status === 429));
    for (const socket of open) socket.end();
  });

  test('closing the server says bye and 1012', async () => {
    const other = await apiWorld();
    await other.api.listen({ host: HOST, port: 0 });
    const socket = await rawWebSocket({ host: HOST, port: (other.api.server.address() as { port: number }).port }, '/api/v1/events', AUTH);
    await socket.next(is('hello'));
    await other.api.close();
    assert.equal((await socket.untilClosed()).code, 1012);
    assert.ok(socket.frames.some(is('bye')));
  });
});

describe('client frames', () => {
  test('globs', () => {
    const cases: [string, string, boolean][] = [
      ['*', 'anything', true], ['web-*', 'web-1', true], ['web-*', 'xweb-1', false], ['w?b', 'web', true], ['w?b', 'wb', false],
      ['*-db-*', 'a-db-1', true], ['*a*a*a*b', 'a'.repeat(60), false], ['', '', true], ['', 'x', false],
    ];
    for (const [glob, text, expected] of cases) assert.equal(globMatcher(glob)(text), expected, `${glob} ${text}`);
  });

  test('a frame is read or its fault named, never a throw', () => {
    assert.deepEqual(readClientFrame('{"frame":"ping"}'), { ok: true, frame: { frame: 'ping' } });
    for (const text of ['', 'null', '1', '"x"', '{"frame":"__proto__"}', '{"frame":{"toString":1}}', '{"__proto__":1,"frame":"ping"}']) {
      assert.equal(readClientFrame(text).ok, false, text);
    }
    assert.match(String(topicFilters(['nod'])), /did you mean 'node'/);
  });
});
