/** The REST API over a cluster in memory: PVC's words, authentication, arguments, commands, and 0 answers of 5xx. */
import assert from 'node:assert/strict';
import { createConnection } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { nearMiss } from '../api/near-miss.js';
import type { Api } from '../api/server.js';
import { apiWorld, domainXml, KEY, NODE_READY, World } from '../fixtures/api-world.js';
import { systemClock } from '../runtime/clock.js';
import { addressOf, splitAddress } from '../runtime/address.js';

const AUTH = { 'x-api-key': KEY };
const UUID = '5f0e9a3c-7d2b-4c1e-9f6a-0b1c2d3e4f50';
type Method = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH';
interface Answer { readonly status: number; readonly body: unknown; readonly message: string; readonly headers: Record<string, unknown> }

describe('api', () => {
  let world: World;
  let api: Api;
  let lines: string[];
  const ask = async (
    method: Method, path: string, options: { headers?: Record<string, string>; payload?: string | Buffer | object } = {},
  ): Promise<Answer> => {
    const answer = await api.inject({
      method, url: path.startsWith('/api') ? path : `/api/v1${path}`, headers: { ...AUTH, ...options.headers },
      ...(options.payload === undefined ? {} : { payload: options.payload }),
    });
    const body = answer.headers['content-type']?.toString().includes('json') ? answer.json<unknown>() : answer.body;
    const message = (body as { message?: unknown } | null)?.message;
    return { status: answer.statusCode, body, message: typeof message === 'string' ? message : '', headers: answer.headers };
  };
  const form = (fields: Record<string, string>) =>
    ({ headers: { 'content-type': 'application/x-www-form-urlencoded' }, payload: new URLSearchParams(fields).toString() });

  before(async () => {
    ({ world, api, lines } = await apiWorld());
    await api.ready();
    world.addVm(domainXml('web1', UUID), 'running', 'hv2', { lastNode: 'hv1', desired: 'start' });
  });
  after(async () => {
    await api.close();
    assert.deepEqual(lines.filter((line) => line.includes(' error ')), []);
  });

  describe('authentication', () => {
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await api.inject({ url: '/api/v1/vm', headers })).statusCode;

    test('the whole key, by any of three ways', async () => {
      assert.equal(await status({ 'x-api-key': KEY }), 200);
      assert.equal(await status({ authorization: `Bearer ${KEY}` }), 200);
      assert.equal(await status({ authorization: `Basic ${Buffer.from(`anyone:${KEY}`).toString('base64')}` }), 200);
    });

    test('anything else is 401 with a message', async () => {
      for (const key of ['', KEY.slice(0, 8), KEY.slice(1), `${KEY} x`, `${KEY}${KEY}`, KEY.toUpperCase(), 'null', '[object Object]']) {
        const answer = await api.inject({ url: '/api/v1/vm', headers: { 'x-api-key': key } });
        assert.equal(answer.statusCode, 401, key);
        assert.equal(typeof answer.json<{ message: unknown }>().message, 'string');
      }
      assert.equal(await status({}), 401);
      assert.equal(await status({ authorization: 'Basic !!!' }), 401);
      assert.equal(await status({ authorization: `Basic ${Buffer.from(KEY).toString('base64')}` }), 401);
      assert.equal(await status({ authorization: 'Bearer' }), 401);
      assert.equal((await api.inject({ url: '/metrics' })).statusCode, 401);
      assert.equal((await api.inject({ url: '/api/v1/status/primary_node' })).statusCode, 401);
    });

    test('probes and the root are open; authentication can be off; an empty key in the configuration opens nothing', async () => {
      for (const url of ['/healthz', '/readyz', '/api/v1/', '/inspect/']) assert.equal((await api.inject({ url })).statusCode, 200, url);
      const off = await apiWorld({ api: { authentication: false } });
      assert.equal((await off.api.inject({ url: '/api/v1/node' })).statusCode, 200);
      const empty = await apiWorld({ api: { tokens: [{ description: 'empty', token: '' }] } });
      assert.equal((await empty.api.inject({ url: '/api/v1/node', headers: { 'x-api-key': '' } })).statusCode, 401);
      await Promise.all([off.api.close(), empty.api.close()]);
    });
  });

  describe('reading', () => {
    test('/status has the whole shape', async () => {
      const { status, body } = await ask('GET', '/status');
      assert.equal(status, 200);
      const found = body as Record<string, unknown>;
      assert.deepEqual(Object.keys(found), ['cluster_name', 'cluster_health', 'node_health', 'maintenance', 'primary_node', 'pvc_version',
        'upstream_ip', 'nodes', 'vms', 'networks', 'osds', 'pools', 'volumes', 'snapshots', 'resources', 'detail']);
      assert.deepEqual([found['maintenance'], found['primary_node'], found['upstream_ip']], ['false', 'hv1', '127.77.1.254']);
      assert.deepEqual(found['vms'], { total: 1, start: 1 });
      assert.equal((found['nodes'] as Record<string, number>)['total'], 3);
      assert.equal((found['resources'] as { memory: { total: number } }).memory.total, 24000);
    });

    test('maintenance', async () => {
      assert.equal((await ask('POST', '/status?state=true')).message, 'Successfully set cluster in maintenance mode');
      assert.equal((await ask('POST', '/status?state=true')).message, 'Cluster is already in maintenance mode');
      assert.equal(((await ask('GET', '/status')).body as { maintenance: string }).maintenance, 'true');
      assert.equal((await ask('POST', '/status', form({ state: 'false' }))).message, 'Successfully set cluster in normal mode');
    });

    test('nodes: list, filters, one, states', async () => {
      const names = async (query: string): Promise<string[]> => ((await ask('GET', `/node?${query}`)).body as { name: string }[]).map(({ name }) => name);
      assert.deepEqual(await names(''), ['hv1', 'hv2', 'hv3']);
      assert.deepEqual(await names('limit=v2'), ['hv2']);
      assert.deepEqual(await names('limit=^hv[12]$'), ['hv1', 'hv2']);
      assert.deepEqual(await names('coordinator_state=primary'), ['hv1']);
      assert.equal((await ask('GET', '/node?limit=nothing')).status, 404);
      const one = (await ask('GET', '/node/hv2')).body as Record<string, unknown>[];
      assert.equal(one.length, 1);
      assert.deepEqual(one[0]?.['running_domains'], ['web1']);
      assert.deepEqual(one[0]?.['vcpu'], { total: 4, allocated: 1 });
      assert.deepEqual((await ask('GET', '/node/hv2/coordinator-state')).body, { name: 'hv2', coordinator_state: 'secondary' });
      assert.deepEqual((await ask('GET', '/node/hv2/daemon-state')).body, { name: 'hv2', daemon_state: 'run' });
      assert.deepEqual((await ask('GET', '/node/hv2/domain-state')).body, { name: 'hv2', domain_state: 'ready' });
      assert.deepEqual((await ask('GET', '/node/hv2/log?lines=5')).body, { name: 'hv2', data: '' });
      assert.match((await ask('GET', '/node/hv9')).message, /hv9/);
    });

    test('a VM by name or UUID, with the fields of its XML', async () => {
      const byName = (await ask('GET', '/vm/web1')).body as Record<string, unknown>[];
      const byUuid = (await ask('GET', `/vm/${UUID.toUpperCase()}`)).body as Record<string, unknown>[];
      assert.deepEqual(byName, byUuid);
      const [vm] = byName;
      assert.deepEqual([vm?.['state'], vm?.['node'], vm?.['last_node'], vm?.['migrated']], ['start', 'hv2', 'hv1', 'from hv1']);
      assert.deepEqual([vm?.['memory'], vm?.['vcpu'], vm?.['arch'], vm?.['machine'], vm?.['profile']], [64, 1, 'x86_64', 'q35', 'None']);
      assert.deepEqual(vm?.['features'], ['acpi']);
      assert.ok(String(vm?.['xml']).includes("<domain type='kvm'>"));
    });

    test('VM filters and negate', async () => {
      world.addVm(domainXml('db1'), { off: 'stopped' }, 'hv1', { tags: [{ name: 'gold', type: 'user', protected: false }] });
      const names = async (query: string): Promise<string[]> => ((await ask('GET', `/vm?${query}`)).body as { name: string }[]).map(({ name }) => name);
      assert.deepEqual(await names('negate=False'), ['db1', 'web1']);
      assert.deepEqual(await names('limit=b1'), ['db1', 'web1']);
      assert.deepEqual(await names('limit=^w'), ['web1']);
      assert.deepEqual(await names(`limit=${UUID}`), ['web1']);
      assert.deepEqual(await names('state=stop'), ['db1']);
      assert.deepEqual(await names('state=stop&negate=true'), ['web1']);
      assert.deepEqual(await names('node=hv2'), ['web1']);
      assert.deepEqual(await names('tag=gold&negate=yes'), ['web1']);
      assert.equal((await ask('GET', '/vm?state=flying')).status, 400);
      assert.equal((await ask('GET', '/vm?node=hv77')).status, 400);
      assert.equal((await ask('GET', '/vm?limit=nobody')).status, 404);
      for (const limit of ['(a%2B)%2B%24', '(((((', 'a%7B1%7D%7B2%7D', '[', '%5C']) assert.equal((await ask('GET', `/vm?limit=${limit}`)).status, 400, limit);
    });

    test('meta, tags, state, node of one VM', async () => {
      assert.deepEqual((await ask('GET', '/vm/web1/meta')).body, {
        name: 'web1', node_limit: null, node_selector: 'none', node_autostart: 'False', migration_method: 'none', migration_max_downtime: 300,
      });
      assert.deepEqual((await ask('GET', '/vm/db1/tags')).body, { name: 'db1', tags: [{ name: 'gold', type: 'user', protected: false }] });
      assert.deepEqual((await ask('GET', '/vm/web1/state')).body, { name: 'web1', state: 'start' });
      assert.deepEqual((await ask('GET', '/vm/web1/node')).body, { name: 'web1', node: 'hv2', last_node: 'hv1' });
    });

    test('actors, tasks, network, openapi, metrics, headers', async () => {
      const actors = (await ask('GET', '/actors')).body as { address: string; state: string }[];
      assert.ok(actors.some(({ address, state }) => address === addressOf('vm', UUID) && state === 'running'));
      const { body } = await ask('GET', `/actors/vm/${UUID}`);
      assert.equal((body as { record: { snapshot: { context: { name: string } } } }).record.snapshot.context.name, 'web1');
      assert.equal((await ask('GET', '/actors/vm/nobody')).status, 404);
      assert.equal((await ask('GET', '/tasks/nobody')).status, 404);
      assert.deepEqual((await ask('GET', '/network')).body, []);
      const document = (await ask('GET', '/openapi.json')).body as { openapi: string; paths: Record<string, Record<string, unknown>> };
      assert.equal(document.openapi, '3.1.0');
      assert.ok(document.paths['/api/v1/vm/{vm}/state']?.['post'] !== undefined);
      const metrics = (await ask('GET', '/api/v1/metrics')).body as string;
      assert.match(metrics, /pvc_actors\{kind="vm",state="running"\} 1\n/);
      assert.match(metrics, /pvc_http_requests_total\{method="GET",route="\/api\/v1\/vm\/:vm",status="200"\} \d/);
      const { headers } = await ask('GET', '/vm', { headers: { 'x-request-id': 'my-request.1' } });
      assert.equal(headers['x-request-id'], 'my-request.1');
      assert.equal(typeof headers['x-cluster-cursor'], 'string');
      assert.notEqual((await ask('GET', '/vm', { headers: { 'x-request-id': 'bad id\t' } })).headers['x-request-id'], 'bad id\t');
    });

    test('the console is read here, asked of its node, or said to be out of reach', async () => {
      world.consoles.set('db1', 'one\ntwo\nthree');
      assert.deepEqual((await ask('GET', '/vm/db1/console?lines=2')).body, { name: 'db1', data: 'two\nthree' });
      world.consoles.set('web1', 'hello from hv2');
      const silent = await ask('GET', '/vm/web1/console');
      assert.equal(silent.status, 409);
      assert.match(silent.message, /hv2/);
      const other = await apiWorld({ node: 'hv2', world });
      await other.api.listen({ host: '127.77.2.2', port: 27370 });
      assert.deepEqual((await ask('GET', '/vm/web1/console?lines=1')).body, { name: 'web1', data: 'hello from hv2' });
      await other.api.close();
    });
  });

  describe('commands', () => {
    test('accepted: PVC\'s message at once, the operation in a header', async () => {
      const answer = await ask('POST', '/vm/web1/state?state=shutdown&force=False&wait=False');
      assert.deepEqual([answer.status, answer.message], [200, "Shutting down VM 'web1'"]);
      const operation = String(answer.headers['x-operation-id']);
      assert.deepEqual(world.submitted.at(-1), { to: addressOf('vm', UUID), command: { type: 'vm.shutdown' } });
      assert.equal(((await ask('GET', `/tasks/${operation}`)).body as { state: string }).state, 'RUNNING');
      assert.deepEqual(Object.keys(((await ask('GET', '/tasks')).body as { active: object }).active), ['hv2']);
    });

    test('already and denied are the machine\'s own words', async () => {
      const already = await ask('POST', '/vm/web1/state?state=start');
      assert.equal(already.status, 200);
      const denied = await ask('POST', '/vm/db1/state?state=restart');
      assert.equal(denied.status, 409);
      assert.match(denied.message, /db1/);
      assert.ok(!denied.message.includes('"'));
    });

    test('wait: the end of the operation decides', async () => {
      world.onAccepted = (to, command, operationId) => {
        systemClock.after(20, () => void world.step(to, { ends: command.type === 'vm.move'
          ? { operationId, state: 'failed', message: 'VM "web1" cannot leave hv2' } : { operationId, state: 'done' } }));
      };
      const done = await ask('POST', '/vm/web1/node?action=migrate&node=hv3&force=1&wait=true');
      assert.deepEqual([done.status, done.message], [200, "Migrated VM 'web1' to node 'hv3'"]);
      const failed = await ask('POST', '/vm/web1/node', { payload: { action: 'move', node: 'hv3', wait: true } });
      assert.deepEqual([failed.status, failed.message], [409, "VM 'web1' cannot leave hv2"]);
      world.onAccepted = () => undefined;
    });

    test('node: flush, ready, primary, secondary, confirm-fenced', async () => {
      world.addNode('hv4', NODE_READY);
      assert.equal((await ask('POST', '/node/hv4/domain-state?state=flush')).message, 'Removing node hv4 from active service.');
      assert.equal(splitAddress(world.submitted.at(-1)!.to).id, 'hv4');
      assert.equal((await ask('POST', '/node/hv3/coordinator-state?state=primary')).message, 'Setting node hv3 in primary coordinator state.');
      assert.equal((await ask('POST', '/node/hv3/confirm-fenced')).status, 400);
      const submitted = world.submitted.length;
      const confirmed = await ask('POST', '/node/hv3/confirm-fenced?yes-i-really-mean-it=1');
      assert.ok([200, 409].includes(confirmed.status), confirmed.message);
      if (confirmed.status === 200) assert.deepEqual(world.submitted[submitted]?.command, { type: 'node.confirm-fenced', by: 'tests' });
    });

    test('define, meta, tags, modify, undefine', async () => {
      const xml = domainXml('new1');
      const defined = await ask('POST', '/vm?selector=mem&autostart=True&user_tags=a&user_tags=b&protected_tags=c&limit=hv1,hv2', form({ xml }));
      assert.match(defined.message, /^Added new VM with Name 'new1' and UUID '[-0-9a-f]{36}' to database\.$/);
      const [vm] = (await ask('GET', '/vm/new1')).body as Record<string, unknown>[];
      assert.deepEqual([vm?.['node_limit'], vm?.['node_selector'], vm?.['node_autostart']], [['hv1', 'hv2'], 'mem', true]);
      assert.deepEqual((vm?.['tags'] as { name: string; protected: boolean }[]).map((tag) => [tag.name, tag.protected]), [['a', false], ['b', false], ['c', true]]);
      assert.equal((await ask('POST', '/vm', form({ xml }))).status, 409);
      assert.equal((await ask('POST', '/vm', form({ xml: domainXml('web1') }))).status, 409);
      assert.equal((await ask('POST', '/vm/other', form({ xml: domainXml('new2') }))).status, 400);
      assert.equal((await ask('POST', '/vm/new1/meta?limit=&migration_method=live')).message, "Successfully modified PVC metadata of VM 'new1'.");
      assert.deepEqual(world.submitted.at(-1)?.command, { type: 'vm.meta', meta: { nodeLimit: null, migrationMethod: 'live' } });
      assert.equal((await ask('POST', '/vm/new1/meta')).message, 'ERROR: No updates to apply.');
      assert.equal((await ask('POST', '/vm/new1/tags?action=add&tag=x&protected=on')).message, "Successfully added tag 'x' to VM 'new1'.");
      assert.equal((await ask('PUT', '/vm/new1?restart=False', form({ xml: xml.replace('64', '96') }))).message, "Successfully modified configuration of VM 'new1'.");
      assert.equal((await ask('PUT', '/vm/new1', form({ xml: domainXml('new1') }))).status, 400);
      world.onAccepted = (to, _command, operationId) => void world.step(to, { value: 'removed', ends: { operationId, state: 'done' } });
      assert.equal((await ask('DELETE', '/vm/new1?delete_disks=False')).message, "Undefined VM 'new1' from the cluster.");
      world.onAccepted = () => undefined;
      assert.equal((await ask('GET', '/vm/new1')).status, 404);
    });
  });

  describe('bad input', () => {
    test('arguments: unknown, near miss, twice, ill-typed, missing', async () => {
      const cases: [Method, string, RegExp][] = [
        ['POST', '/vm/web1/state?stat=start', /'stat'.*did you mean 'state'/], ['POST', '/vm/web1/state', /'state' must be given/],
        ['POST', '/vm/web1/state?state=fly', /valid state must be specified: start, /], ['POST', '/vm/web1/state?state=stop&wait=perhaps', /'wait' must be true or false/],
        ['POST', '/vm/web1/state?state=start&state=stop', /more than once/], ['GET', '/vm/web1/console?lines=many', /whole number/],
        ['GET', '/vm/web1/console?lines=-1', /lines/], ['GET', '/vm/web1?x=1', /Unknown argument 'x'/], ['POST', '/vm/web1/node?action=move&node=hv9', /hv9/],
        ['GET', '/vm?limit=%FF', /UTF-8/], ['POST', '/vm/web1/meta?migration_max_downtime=0', /migration_max_downtime/],
        ['GET', '/vm?__proto__=1', /Unknown argument '__proto__'/], ['GET', '/vm?constructor=1', /Unknown argument/],
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
      const xmls = ['', '<', '<domain/>', '<a><b></a>', domainXml('x').replace('<domain', '<!DOCTYPE d [<!ENTITY a "b">]><domain'),
        domainXml('x', 'not-a-uuid'), domainXml('../../etc'), domainXml('x').replace('64', '-1'), 'x'.repeat(400_000), `${'<a>'.repeat(5000)}`];
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
      assert.match((await ask('POST', '/vm/web1/state', { headers: json, payload: '{"state":' })).message, /not valid JSON/);
      assert.match((await ask('POST', '/vm/web1/state', { headers: json, payload: '[1]' })).message, /JSON object/);
      assert.match((await ask('POST', '/vm/web1/state', { headers: json, payload: Buffer.from([0x7b, 0xff, 0x7d]) })).message, /UTF-8/);
      assert.match((await ask('POST', '/vm/web1/state', { headers: json, payload: '{"state":{"a":1}}' })).message, /must be a text/);
      assert.equal((await ask('POST', '/vm/web1/state', { headers: { 'content-type': 'text/xml' }, payload: '<a/>' })).status, 415);
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
      for (const text of ['\x16\x03\x01\x02\x00', 'GET\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', `GET / HTTP/1.1\r\nX: ${'a'.repeat(100_000)}\r\n\r\n`, 'POST /api/v1/vm HTTP/1.1\r\nContent-Length: -5\r\n\r\n']) {
        await new Promise<void>((resolve) => {
          const socket = createConnection(port, '127.0.0.1', () => socket.write(text));
          socket.setTimeout(500, () => socket.destroy());
          socket.on('error', () => undefined).on('data', () => socket.destroy()).on('close', () => resolve());
        });
      }
      assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);
      await raw.api.close();
    });

    test('2000 random requests: no 5xx, always {"message"}, no stack, every record intact', async () => {
      const next = seeded(20261122);
      world.onAccepted = (to, _command, operationId) => void world.step(to, { ends: { operationId, state: 'done' } });
      const pick = <T>(list: readonly T[]): T => list[next(list.length)] as T;
      const paths = ['/', '/status', '/node', '/node/hv1', '/node/hv2/domain-state', '/node/hv2/coordinator-state', '/vm', '/vm/web1',
        '/vm/web1/meta', '/vm/web1/tags', '/vm/web1/state', '/vm/web1/node', '/vm/db1/console', '/tasks', '/tasks/x', '/actors',
        '/actors/vm/x', '/actors/%2e%2e/x', '/events', '/events/ticket', '/openapi.json', '/network', '/vm/%00', '/vm/..%2f..', '//', '/vm//state'];
      const names = ['state', 'action', 'node', 'limit', 'wait', 'force', 'tag', 'xml', 'lines', 'negate', 'autostart', 'protected', 'zz', '__proto__', '', 'since', 'topics'];
      const values = ['', 'start', 'true', '1', '-1', '99999999999999999999', 'NaN', '%00', '%FF', '%F0%9F%98%80', '\'"<>&', '../../etc/passwd', '.*', '(', 'hv1', 'x'.repeat(300), '[object Object]', 'migrate', 'add', 'primary'];
      const types = ['application/json', 'application/x-www-form-urlencoded', 'text/plain', 'application/json; charset=utf-7', ';;;', 'multipart/form-data'];
      const bodies = ['', '{}', 'null', '[]', '{"state":"start"}', '{"state":null}', '{"state":["start","stop"]}', '{"a":{"b":[1]}}', 'a=b', '%', '\u0000', '"', '{"wait":2}', `{"xml":"${'<a>'.repeat(50)}"}`, 'state=start&state=stop'];
      for (let round = 0; round < 2000; round += 1) {
        const method = pick(['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'GET', 'POST'] as const);
        const query = Array.from({ length: next(4) }, () => `${encodeURI(pick(names))}=${pick([encodeURI(pick(values)), encodeURIComponent(pick(values))]).replaceAll('%25', '%')}`).join('&');
        const url = `/api/v1${pick(paths)}${query === '' ? '' : `?${query}`}`;
        const payload = method === 'GET' || next(2) === 0 ? undefined : pick(bodies);
        const headers = { ...AUTH, ...(payload === undefined ? {} : { 'content-type': pick(types) }) };
        const answer = await api.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
        const told = `${method} ${url} ${JSON.stringify(payload)} -> ${answer.statusCode} ${answer.body.slice(0, 200)}`;
        assert.ok(answer.statusCode < 500, told);
        if (answer.statusCode >= 400) assert.equal(typeof answer.json<{ message: unknown }>().message, 'string', told);
        assert.ok(!/\bat .*\.js:\d+/.test(answer.body), told);
      }
      assert.equal(world.actor(addressOf('vm', UUID))?.record.id, UUID);
    });
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
