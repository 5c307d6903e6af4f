/** Clients of the event stream that are slow, faulty or not let in. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { EVENT_LIMITS } from '../api/events/frames.js';
import { domainXml, KEY } from '../fixtures/api-server.js';
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
import { systemClock } from '../runtime/clock.js';

describe('event stream, faulty clients', () => {
  let made: StreamWorld;
  let world: World;
  before(async () => {
    made = await streamWorld();
    ({ world } = made);
  });
  after(() => made.stop());

  test('rubbish: each fault is named, the tenth closes with 4400', async () => {
    const socket = await made.connect();
    const rubbish: [Buffer | Frame, RegExp][] = [
      [Buffer.from('{'), /not JSON/],
      [Buffer.from('[]'), /not a JSON object/],
      [{ frame: 'fly' }, /Unknown frame "fly"/],
      [{ frame: 'subscribe', id: 'a', topic: ['vm'] }, /did you mean 'topics'/],
      [{ frame: 'subscribe', id: 'a', topics: ['vms'] }, /did you mean 'vm'/],
      [{ frame: 'subscribe', id: '' }, /id must be/],
      [{ frame: 'subscribe', id: 'a', since: 'rubbish!' }, /not a cursor/],
      [{ frame: 'unsubscribe', id: 'zz' }, /no subscription 'zz'/],
      [{ frame: 'subscribe', id: 'a', snapshot: 'yes' }, /true or false/],
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
    const binary = await made.connect();
    binary.sendRaw(2, Buffer.from([1, 2, 3]));
    assert.match(String((await binary.next(is('error')))['message']), /Only text frames/);
    const broken = await made.connect();
    broken.sendRaw(1, Buffer.from([0xff, 0xfe]));
    assert.ok([1007, null].includes((await broken.untilClosed()).code));
    const huge = await made.connect();
    huge.sendRaw(1, Buffer.alloc(EVENT_LIMITS.frameBytes + 1, 0x20));
    assert.ok([1009, null].includes((await huge.untilClosed()).code));
    binary.send({ frame: 'ping', id: 'still here' });
    await binary.next((frame) => frame['frame'] === 'pong' && frame['id'] === 'still here');
  });

  test('at most 32 subscriptions; an id in use is refused', async () => {
    const socket = await made.connect();
    for (let index = 0; index < 33; index += 1)
      socket.send({ frame: 'subscribe', id: `s${index}`, topics: ['task'] });
    socket.send({ frame: 'subscribe', id: 's0' });
    await socket.next((frame) => frame['frame'] === 'error' && frame['id'] === 's32');
    await socket.next((frame) => frame['frame'] === 'error' && frame['code'] === 'id-in-use');
    socket.send({ frame: 'unsubscribe', id: 's0' });
    await socket.next(is('unsubscribed'));
  });

  test('a client that never reads is coalesced, then told its gap and closed; the others get everything', async () => {
    const vms = Array.from({ length: 20 }, (_, index) => world.addVm(domainXml(`slow${index}`), 'running', 'hv1'));
    const stuck = await made.subscribed({ topics: ['actor', 'vm'] });
    const quick = await made.subscribed({ topics: ['vm:slow*'] });
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
    const metrics = (await made.api.inject({ url: '/metrics', headers: AUTH })).body;
    assert.match(metrics, /pvc_event_slow_closed_total 1\n/);
    assert.match(metrics, /pvc_events_coalesced_total [1-9]/);
  });

  test('a client that falls behind and catches up gets the last state of each key, marked as coalesced', async () => {
    const vm = world.addVm(domainXml('behind'), 'running', 'hv1');
    const socket = await made.subscribed({ topics: ['vm:behind'] });
    socket.pause();
    const filler = 'y'.repeat(20_000);
    for (let step = 0; step < 1000; step += 1) {
      world.step(vm, { context: { waitingReason: `${step} ${filler}` } });
      if (step % 50 === 0) await systemClock.sleep(1);
    }
    socket.resume();
    const last = eventOf(
      await socket.next(
        (frame) => is('event')(frame) && String(eventOf(frame).data['waiting_reason']).startsWith('999 '),
      ),
    );
    assert.ok((last.coalesced ?? 0) > 1, `coalesced ${last.coalesced}`);
    const events = eventsIn(socket);
    assert.equal(
      events.reduce((sum, event) => sum + (event.coalesced ?? 1), 0),
      1000,
    );
  });

  test('the upgrade asks for a key, a known protocol and the same origin', async () => {
    assert.equal((await made.connect('', {})).status, 401);
    assert.equal((await made.connect('', { 'X-Api-Key': KEY.slice(0, -1) })).status, 401);
    assert.equal((await made.connect('', { Authorization: `Bearer ${KEY}` })).status, 101);
    assert.equal((await made.connect('', { ...AUTH, 'Sec-WebSocket-Protocol': 'graphql-ws' })).status, 400);
    assert.equal((await made.connect('', { ...AUTH, 'Sec-WebSocket-Protocol': 'x, pulse.v1.json' })).status, 101);
    assert.equal((await made.connect('', { ...AUTH, Origin: 'http://evil.example' })).status, 403);
    assert.equal((await made.connect('', { ...AUTH, Origin: `http://${HOST}:${made.port}` })).status, 101);
    const refused = await made.connect('', {});
    assert.match(refused.body, /"message":"X-Api-Key Authentication required\."/);
  });

  test('a ticket is good once', async () => {
    const { ticket } = (await made.api.inject({ method: 'POST', url: '/api/v1/events/ticket', headers: AUTH })).json<{
      ticket: string;
    }>();
    assert.equal((await made.connect(`?ticket=${ticket}`, {})).status, 101);
    assert.equal((await made.connect(`?ticket=${ticket}`, {})).status, 401);
    assert.equal((await made.connect('?ticket=0123', {})).status, 401);
    assert.equal((await made.api.inject({ method: 'GET', url: `/api/v1/vm?ticket=${ticket}` })).statusCode, 401);
  });

  test('at most 64 streams of one key', async () => {
    const sockets = await Promise.all(Array.from({ length: EVENT_LIMITS.socketsPerKey + 1 }, () => made.connect()));
    assert.ok(sockets.some((socket) => socket.status === 429));
    for (const socket of sockets) socket.end();
  });
});
