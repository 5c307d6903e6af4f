/** The event stream over real sockets: frames, snapshot, resumption, gaps, server-sent events. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { apiWorld, domainXml } from '../fixtures/api-server.js';
import type { World } from '../fixtures/api-world.js';
import {
  AUTH,
  eventOf,
  eventsIn,
  HOST,
  is,
  streamWorld,
  type Frame,
  type StreamWorld,
} from '../fixtures/event-client.js';
import { rawWebSocket } from '../fixtures/raw-websocket.js';
import { systemClock } from '../runtime/clock.js';
import { lightOf } from '../runtime/feed-light.js';
import { cursorText } from '../runtime/feed.js';
import type { PulseEvent } from '../api/events/frames.js';

describe('event stream', () => {
  let made: StreamWorld;
  let world: World;
  before(async () => {
    made = await streamWorld();
    ({ world } = made);
  });
  after(() => made.stop());

  test('hello comes first and says the limits', async () => {
    const socket = await made.connect();
    const hello = await socket.next(() => true);
    assert.equal(hello['frame'], 'hello');
    assert.equal(hello['protocol'], 'pulse/1');
    assert.deepEqual(hello['limits'], { frame_bytes: 65536, subscriptions: 32, rubbish_frames: 10 });
    assert.deepEqual(hello['server'], { name: 'pvc', version: '2.0.0-test', node: 'hv1' });
  });

  test('snapshot, then mark, then live events', async () => {
    const vm = world.addVm(domainXml('snap1'), { off: 'stopped' }, 'hv2');
    const socket = await made.subscribed({ topics: ['vm:snap*', 'node'], snapshot: true });
    const mark = await socket.next((frame) => frame['frame'] === 'mark' && frame['sync'] === true);
    const items = socket.frames.filter(is('snapshot')).flatMap((frame) => frame['items'] as PulseEvent[]);
    assert.deepEqual(items.map((item) => item.key).sort(), ['hv1', 'hv2', 'hv3', 'snap1']);
    assert.ok(items.every((item) => item.type === 'present'));
    world.step(vm, { value: 'running', event: { type: 'hypervisor.start.done' } });
    const event = eventOf(await socket.next(is('event')));
    assert.equal(event.type, 'state-changed');
    assert.deepEqual(
      [event.data['from'], event.data['to'], event.data['state']],
      ['off.stopped', 'running', 'start'],
    );
    assert.equal(typeof mark['cursor'], 'string');
  });

  test('a migration names both nodes, a removal is told, an operation ends with its message', async () => {
    const vm = world.addVm(domainXml('mover'), 'running', 'hv2');
    const socket = await made.subscribed({ topics: ['vm:mover', 'task'] });
    world.step(vm, { value: { migrating: 'copying' }, event: { type: 'vm.migrate' }, operationId: 'op-1' });
    world.step(vm, {
      value: 'running',
      context: { node: 'hv3', lastNode: 'hv2' },
      owner: 'hv3',
      ends: { operationId: 'op-1', state: 'done', message: 'arrived' },
    });
    world.step(vm, { value: 'removed' });
    await socket.next((frame) => frame['frame'] === 'event' && eventOf(frame).type === 'removed');
    const migrated = eventsIn(socket).find((event) => event.type === 'migrated');
    assert.deepEqual(
      [migrated?.data['from_node'], migrated?.data['node'], migrated?.data['last_node']],
      ['hv2', 'hv3', 'hv2'],
    );
    const tasks = eventsIn(socket).filter((event) => event.topic === 'task');
    assert.deepEqual(
      tasks.map((event) => [event.key, event.type]),
      [
        ['op-1', 'operation-started'],
        ['op-1', 'operation-ended'],
      ],
    );
    assert.deepEqual(
      [tasks[1]?.data['state'], tasks[1]?.data['message'], tasks[1]?.data['name']],
      ['done', 'arrived', 'mover'],
    );
  });

  test('resuming from any cursor gives exactly what came after it', async () => {
    const vm = world.addVm(domainXml('resumed'), 'running', 'hv1');
    const first = await made.subscribed({ topics: ['vm:resumed'] });
    for (let index = 0; index < 40; index += 1) world.step(vm, { context: { waitingReason: `step ${index}` } });
    await first.next((frame) => is('event')(frame) && eventOf(frame).data['waiting_reason'] === 'step 39');
    const all = eventsIn(first);
    for (const cut of [0, 1, 17, 38, 39]) {
      const socket = await made.subscribed({ topics: ['vm:resumed'], since: all[cut]?.cursor });
      if (cut < 39)
        await socket.next((frame) => is('event')(frame) && eventOf(frame).data['waiting_reason'] === 'step 39');
      assert.deepEqual(
        eventsIn(socket).map((event) => event.cursor),
        all.slice(cut + 1).map((event) => event.cursor),
      );
    }
  });

  test('a long replay comes whole, however slowly it is read, and live events follow it in order', async () => {
    const vm = world.addVm(domainXml('replayed'), 'running', 'hv1');
    const since = cursorText(world.head());
    const filler = 'z'.repeat(5000);
    for (let index = 0; index < 1500; index += 1)
      world.step(vm, { context: { waitingReason: `${index} ${filler}` } });
    const socket = await made.subscribed({ topics: ['vm:replayed'], since });
    socket.pause();
    for (let index = 1500; index < 1520; index += 1) world.step(vm, { context: { waitingReason: `${index} late` } });
    await systemClock.sleep(300);
    socket.resume();
    const fits = (frame: Frame): boolean =>
      is('event')(frame) && eventOf(frame).data['waiting_reason'] === '1519 late';
    await socket.next(fits);
    const numbers = eventsIn(socket).map((event) => Number.parseInt(String(event.data['waiting_reason']), 10));
    assert.deepEqual(
      numbers,
      Array.from({ length: 1520 }, (_, index) => index),
    );
  });

  test('a cursor that is no longer held: gap and snapshot, or gap and 4010', async () => {
    const old = cursorText({ generation: 7, zxid: 1, address: 'vm/x', seq: 1 });
    const asked = await made.subscribed({ since: old, snapshot: true, topics: ['node'] });
    assert.equal((await asked.next(is('gap')))['reason'], 'expired');
    await asked.next((frame) => frame['sync'] === true);
    const bare = await made.subscribed({ since: old });
    assert.equal((await bare.untilClosed()).code, 4010);
    assert.ok(bare.frames.some((frame) => is('gap')(frame) && frame['id'] === 's'));
  });

  test('missed transitions are told as a gap with their numbers', async () => {
    const vm = world.addVm(domainXml('holed'), 'running', 'hv1');
    const socket = await made.subscribed({ topics: ['vm:holed'] });
    const { record, owner } = world.actor(vm)!;
    const cursor = { ...world.head(), zxid: world.head().zxid + 1, seq: 4 };
    const missing = { fromSeq: 2, toSeq: 4 };
    world.emit({ cursor, address: vm, transition: null, missing, record: lightOf(record), owner });
    const gap = await socket.next(is('gap'));
    assert.deepEqual([gap['reason'], gap['actor'], gap['from_seq'], gap['to_seq']], ['missed', vm, 2, 4]);
  });

  test('telemetry comes to those who ask for it', async () => {
    const asked = await made.subscribed({ topics: ['metric:hv2'] });
    const other = await made.subscribed({});
    world.report({ node: 'hv2', live: true, staleMs: 3, data: { cpuCount: 2 } });
    const event = eventOf(await asked.next(is('event')));
    assert.deepEqual([event.type, event.key, event.data['live']], ['telemetry-reported', 'hv2', true]);
    assert.equal(eventsIn(other).length, 0);
  });

  test('server-sent events carry the same frames and resume by Last-Event-ID', async () => {
    const vm = world.addVm(domainXml('sse1'), 'running', 'hv1');
    const since = cursorText(world.head());
    world.step(vm, { context: { waitingReason: 'after' } });
    const abort = new AbortController();
    const answer = await fetch(`http://${HOST}:${made.port}/api/v1/events?topics=vm:sse1`, {
      headers: { ...AUTH, Accept: 'text/event-stream', 'Last-Event-ID': since },
      signal: abort.signal,
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
    const gone = await fetch(
      `http://${HOST}:${made.port}/api/v1/events?since=${cursorText({ generation: 9, zxid: 1, address: 'a', seq: 1 })}`,
      {
        headers: { ...AUTH, Accept: 'text/event-stream' },
      },
    );
    assert.equal(gone.status, 410);
    assert.match(((await gone.json()) as { message: string }).message, /no longer held/);
  });

  test('closing the server says bye and 1012', async () => {
    const other = await apiWorld();
    await other.api.listen({ host: HOST, port: 0 });
    const socket = await rawWebSocket(
      { host: HOST, port: (other.api.server.address() as { port: number }).port },
      '/api/v1/events',
      AUTH,
    );
    await socket.next(is('hello'));
    await other.api.close();
    assert.equal((await socket.untilClosed()).code, 1012);
    assert.ok(socket.frames.some(is('bye')));
  });
});
