/** Bad input over REST: a clear 4xx naming the thing, never a 5xx, never a lost record. */
import assert from 'node:assert/strict';
import { createConnection } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { Api } from '../api/server.js';
import { nearMiss } from '../api/near-miss.js';
import {
  apiWorld,
  apiWorldWithVms,
  domainXml,
  form,
  KEY,
  WEB1,
  type ApiWorld,
  type Ask,
  type Method,
} from '../fixtures/api-server.js';
import type { World } from '../fixtures/api-world.js';
import { addressOf } from '../runtime/address.js';

const AUTH = { 'x-api-key': KEY };

describe('api bad input', () => {
  let made: ApiWorld;
  let world: World;
  let api: Api;
  let ask: Ask;
  before(async () => {
    made = await apiWorldWithVms();
    ({ world, api, ask } = made);
  });
  after(async () => {
    await api.close();
    assert.deepEqual(
      made.lines.filter((line) => line.includes(' error ')),
      [],
    );
  });

  test('arguments: unknown, near miss, twice, ill-typed, missing', async () => {
    const cases: [Method, string, RegExp][] = [
      ['POST', '/vm/web1/state?stat=start', /'stat'.*did you mean 'state'/],
      ['POST', '/vm/web1/state', /'state' must be given/],
      ['POST', '/vm/web1/state?state=fly', /valid state must be specified: start, /],
      ['POST', '/vm/web1/state?state=stop&wait=perhaps', /'wait' must be true or false/],
      ['POST', '/vm/web1/state?state=start&state=stop', /more than once/],
      ['GET', '/vm/web1/console?lines=many', /whole number/],
      ['GET', '/vm/web1/console?lines=-1', /lines/],
      ['GET', '/vm/web1?x=1', /Unknown argument 'x'/],
      ['POST', '/vm/web1/node?action=move&node=hv9', /hv9/],
      ['GET', '/vm?limit=%FF', /UTF-8/],
      ['POST', '/vm/web1/meta?migration_max_downtime=0', /migration_max_downtime/],
      ['GET', '/vm?__proto__=1', /Unknown argument '__proto__'/],
      ['GET', '/vm?constructor=1', /Unknown argument/],
    ];
    for (const [method, path, expected] of cases) {
      const { status, message } = await ask(method, path);
      assert.equal(status, 400, `${path}: ${message}`);
      assert.match(message, expected);
    }
    const both = await ask('POST', '/vm/web1/state?state=start', form({ state: 'stop' }));
    assert.match(both.message, /twice, with different values/);
  });

  test('XML: malformed, entities, megabytes', async () => {
    const xmls = [
      '',
      '<',
      '<domain/>',
      '<a><b></a>',
      domainXml('x').replace('<domain', '<!DOCTYPE d [<!ENTITY a "b">]><domain'),
      domainXml('x', 'not-a-uuid'),
      domainXml('../../etc'),
      domainXml('x').replace('64', '-1'),
      'x'.repeat(400_000),
      `${'<a>'.repeat(5000)}`,
    ];
    for (const xml of xmls) {
      const { status, message } = await ask('POST', '/vm', form({ xml }));
      assert.equal(status, 400, xml.slice(0, 60));
      assert.ok(message.length > 10 && message.length < 500, message);
    }
    const huge = await ask('POST', '/vm', form({ xml: 'x'.repeat(1_200_000) }));
    assert.deepEqual([huge.status, huge.message], [413, 'The body of the request is larger than 1 MiB']);
  });

  test('bodies, media types, methods, paths', async () => {
    const json = { 'content-type': 'application/json' };
    assert.match(
      (await ask('POST', '/vm/web1/state', { headers: json, payload: '{"state":' })).message,
      /not valid JSON/,
    );
    assert.match((await ask('POST', '/vm/web1/state', { headers: json, payload: '[1]' })).message, /JSON object/);
    assert.match(
      (await ask('POST', '/vm/web1/state', { headers: json, payload: Buffer.from([0x7b, 0xff, 0x7d]) })).message,
      /UTF-8/,
    );
    assert.match(
      (await ask('POST', '/vm/web1/state', { headers: json, payload: '{"state":{"a":1}}' })).message,
      /must be a text/,
    );
    assert.equal(
      (await ask('POST', '/vm/web1/state', { headers: { 'content-type': 'text/xml' }, payload: '<a/>' })).status,
      415,
    );
    assert.equal((await ask('PATCH', '/vm/web1')).status, 405);
    assert.equal((await ask('DELETE', '/status')).headers['allow'], 'GET, POST');
    assert.equal((await ask('GET', '/nothing/here')).status, 404);
    assert.equal((await ask('GET', '/vm/%FF%FE')).status, 400);
    assert.equal((await ask('GET', `/vm/${'x'.repeat(5000)}`)).status >= 400, true);
    assert.equal((await ask('GET', '/vm/no-such-vm')).message, "Could not find VM 'no-such-vm' in the cluster");
  });

  test('near misses', () => {
    assert.equal(nearMiss('stat', ['state', 'wait']), 'state');
    assert.equal(nearMiss('force-live', ['force_live', 'force']), 'force_live');
    assert.equal(nearMiss('zzzzzz', ['state']), null);
  });

  test('raw rubbish on the socket does not end the server', async () => {
    const raw = await apiWorld();
    await raw.api.listen({ host: '127.0.0.1', port: 0 });
    const { port } = raw.api.server.address() as { port: number };
    for (const text of [
      '\x16\x03\x01\x02\x00',
      'GET\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      `GET / HTTP/1.1\r\nX: ${'a'.repeat(100_000)}\r\n\r\n`,
      'POST /api/v1/vm HTTP/1.1\r\nContent-Length: -5\r\n\r\n',
    ]) {
      await new Promise<void>((resolve) => {
        const socket = createConnection(port, '127.0.0.1', () => socket.write(text));
        socket.setTimeout(500, () => socket.destroy());
        socket
          .on('error', () => undefined)
          .on('data', () => socket.destroy())
          .on('close', () => resolve());
      });
    }
    assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);
    await raw.api.close();
  });

  test('2000 random requests: no 5xx, always {"message"}, no stack, every record intact', async () => {
    const next = seeded(20261122);
    world.onAccepted = (to, _command, operationId) => void world.step(to, { ends: { operationId, state: 'done' } });
    for (let round = 0; round < 2000; round += 1) {
      const { method, url, payload, type } = randomRequest(next);
      const answer = await api.inject({
        method,
        url,
        headers: { ...AUTH, ...(payload === undefined ? {} : { 'content-type': type }) },
        ...(payload === undefined ? {} : { payload }),
      });
      const body = answer.body.slice(0, 200);
      const told = `${method} ${url} ${type} ${JSON.stringify(payload)} -> ${answer.statusCode} ${body}`;
      assert.ok(answer.statusCode < 500, told);
      if (answer.statusCode >= 400) assert.equal(typeof answer.json<{ message: unknown }>().message, 'string', told);
      assert.ok(!/\bat .*\.js:\d+/.test(answer.body), told);
    }
    assert.equal(world.actor(addressOf('vm', WEB1))?.record.id, WEB1);
  });
});

/** Whole numbers below `limit`, the same in every run (mulberry32). */
function seeded(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'GET', 'POST'] as const;
const PATHS = (
  '/ /status /node /node/hv1 /node/hv2/domain-state /node/hv2/coordinator-state /vm /vm/web1 /vm/web1/meta ' +
  '/vm/web1/tags /vm/web1/state /vm/web1/node /vm/db1/console /tasks /tasks/x /actors /actors/vm/x ' +
  '/actors/%2e%2e/x /events /events/ticket /openapi.json /network /vm/%00 /vm/..%2f.. // /vm//state'
).split(' ');
const NAMES = [
  ...'state action node limit wait force tag xml lines negate autostart protected zz since topics'.split(' '),
  '__proto__',
  '',
];
const VALUES = [
  ...'start true 1 -1 99999999999999999999 NaN %00 %FF %F0%9F%98%80 ../../etc/passwd .* ( hv1 migrate add'.split(' '),
  ...['', 'primary', '\'"<>&', '[object Object]', 'x'.repeat(300)],
];
const TYPES = [
  ...['application/json', 'application/x-www-form-urlencoded', 'text/plain', ';;;', 'multipart/form-data'],
  'application/json; charset=utf-7',
];
const BODIES = [
  ...['', '{}', 'null', '[]', '{"state":"start"}', '{"state":null}', '{"state":["start","stop"]}', '%', '"'],
  ...['{"a":{"b":[1]}}', 'a=b', '\u0000', '{"wait":2}', `{"xml":"${'<a>'.repeat(50)}"}`, 'state=start&state=stop'],
];

function randomRequest(next: (limit: number) => number): {
  method: Method;
  url: string;
  payload: string | undefined;
  type: string;
} {
  const pick = <T>(list: readonly T[]): T => list[next(list.length)] as T;
  const method = pick(METHODS);
  const value = (): string => {
    const raw = pick(VALUES);
    // Ready-made escapes stay as they are, so that some are no valid UTF-8.
    return (next(2) === 0 ? encodeURI(raw) : encodeURIComponent(raw)).replaceAll('%25', '%');
  };
  const query = Array.from({ length: next(4) }, () => `${encodeURI(pick(NAMES))}=${value()}`).join('&');
  return {
    method,
    url: `/api/v1${pick(PATHS)}${query === '' ? '' : `?${query}`}`,
    payload: method === 'GET' || next(2) === 0 ? undefined : pick(BODIES),
    type: pick(TYPES),
  };
}
