/** Authentication and reading over REST: PVC's words for a cluster in memory. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Api } from '../api/server.js';
import { apiWorld, apiWorldWithVms, KEY, WEB1, form, type ApiWorld, type Ask } from '../fixtures/api-server.js';
import type { World } from '../fixtures/api-world.js';
import { addressOf } from '../runtime/address.js';

describe('api authentication', () => {
  let made: ApiWorld;
  let api: Api;
  before(async () => {
    made = await apiWorldWithVms();
    ({ api } = made);
  });
  after(async () => {
    await api.close();
    assert.deepEqual(
      made.lines.filter((line) => line.includes(' error ')),
      [],
    );
  });

  const status = async (headers: Record<string, string>): Promise<number> =>
    (await api.inject({ url: '/api/v1/vm', headers })).statusCode;

  test('the whole key, by any of three ways', async () => {
    assert.equal(await status({ 'x-api-key': KEY }), 200);
    assert.equal(await status({ authorization: `Bearer ${KEY}` }), 200);
    assert.equal(await status({ authorization: `Basic ${Buffer.from(`anyone:${KEY}`).toString('base64')}` }), 200);
  });

  test('anything else is 401 with a message', async () => {
    for (const key of [
      '',
      KEY.slice(0, 8),
      KEY.slice(1),
      `${KEY} x`,
      `${KEY}${KEY}`,
      KEY.toUpperCase(),
      'null',
      '[object Object]',
    ]) {
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

  test('probes and the root are open; authentication can be off; an empty configured key opens nothing', async () => {
    for (const url of ['/healthz', '/readyz', '/api/v1/', '/inspect/'])
      assert.equal((await api.inject({ url })).statusCode, 200, url);
    const off = await apiWorld({ api: { authentication: false } });
    assert.equal((await off.api.inject({ url: '/api/v1/node' })).statusCode, 200);
    const empty = await apiWorld({ api: { tokens: [{ description: 'empty', token: '' }] } });
    assert.equal((await empty.api.inject({ url: '/api/v1/node', headers: { 'x-api-key': '' } })).statusCode, 401);
    await Promise.all([off.api.close(), empty.api.close()]);
  });
});

describe('api reading', () => {
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

  test('/status has the whole shape', async () => {
    const { status, body } = await ask('GET', '/status');
    assert.equal(status, 200);
    const found = body as Record<string, unknown>;
    assert.deepEqual(Object.keys(found), [
      'cluster_name',
      'cluster_health',
      'node_health',
      'maintenance',
      'primary_node',
      'pvc_version',
      'upstream_ip',
      'nodes',
      'vms',
      'networks',
      'osds',
      'pools',
      'volumes',
      'snapshots',
      'resources',
      'detail',
    ]);
    assert.deepEqual(
      [found['maintenance'], found['primary_node'], found['upstream_ip']],
      ['false', 'hv1', '127.77.1.254'],
    );
    assert.deepEqual(found['vms'], { total: 2, start: 1, stop: 1 });
    assert.equal((found['nodes'] as Record<string, number>)['total'], 3);
    assert.equal((found['resources'] as { memory: { total: number } }).memory.total, 24000);
  });

  test('maintenance', async () => {
    assert.equal((await ask('POST', '/status?state=true')).message, 'Successfully set cluster in maintenance mode');
    assert.equal((await ask('POST', '/status?state=true')).message, 'Cluster is already in maintenance mode');
    assert.equal(((await ask('GET', '/status')).body as { maintenance: string }).maintenance, 'true');
    assert.equal(
      (await ask('POST', '/status', form({ state: 'false' }))).message,
      'Successfully set cluster in normal mode',
    );
  });

  test('nodes: list, filters, one, states', async () => {
    const names = async (query: string): Promise<string[]> =>
      ((await ask('GET', `/node?${query}`)).body as { name: string }[]).map(({ name }) => name);
    assert.deepEqual(await names(''), ['hv1', 'hv2', 'hv3']);
    assert.deepEqual(await names('limit=v2'), ['hv2']);
    assert.deepEqual(await names('limit=^hv[12]$'), ['hv1', 'hv2']);
    assert.deepEqual(await names('coordinator_state=primary'), ['hv1']);
    assert.equal((await ask('GET', '/node?limit=nothing')).status, 404);
    const one = (await ask('GET', '/node/hv2')).body as Record<string, unknown>[];
    assert.equal(one.length, 1);
    assert.deepEqual(one[0]?.['running_domains'], ['web1']);
    assert.deepEqual(one[0]?.['vcpu'], { total: 4, allocated: 1 });
    assert.deepEqual((await ask('GET', '/node/hv2/coordinator-state')).body, {
      name: 'hv2',
      coordinator_state: 'secondary',
    });
    assert.deepEqual((await ask('GET', '/node/hv2/daemon-state')).body, { name: 'hv2', daemon_state: 'run' });
    assert.deepEqual((await ask('GET', '/node/hv2/domain-state')).body, { name: 'hv2', domain_state: 'ready' });
    assert.deepEqual((await ask('GET', '/node/hv2/log?lines=5')).body, { name: 'hv2', data: '' });
    assert.match((await ask('GET', '/node/hv9')).message, /hv9/);
  });

  test('a VM by name or UUID, with the fields of its XML', async () => {
    const byName = (await ask('GET', '/vm/web1')).body as Record<string, unknown>[];
    const byUuid = (await ask('GET', `/vm/${WEB1.toUpperCase()}`)).body as Record<string, unknown>[];
    assert.deepEqual(byName, byUuid);
    const [vm] = byName;
    assert.deepEqual(
      [vm?.['state'], vm?.['node'], vm?.['last_node'], vm?.['migrated']],
      ['start', 'hv2', 'hv1', 'from hv1'],
    );
    assert.deepEqual(
      [vm?.['memory'], vm?.['vcpu'], vm?.['arch'], vm?.['machine'], vm?.['profile']],
      [64, 1, 'x86_64', 'q35', 'None'],
    );
    assert.deepEqual(vm?.['features'], ['acpi']);
    assert.ok(String(vm?.['xml']).includes("<domain type='kvm'>"));
  });

  test('VM filters and negate', async () => {
    const names = async (query: string): Promise<string[]> =>
      ((await ask('GET', `/vm?${query}`)).body as { name: string }[]).map(({ name }) => name);
    assert.deepEqual(await names('negate=False'), ['db1', 'web1']);
    assert.deepEqual(await names('limit=b1'), ['db1', 'web1']);
    assert.deepEqual(await names('limit=^w'), ['web1']);
    assert.deepEqual(await names(`limit=${WEB1}`), ['web1']);
    assert.deepEqual(await names('state=stop'), ['db1']);
    assert.deepEqual(await names('state=stop&negate=true'), ['web1']);
    assert.deepEqual(await names('node=hv2'), ['web1']);
    assert.deepEqual(await names('tag=gold&negate=yes'), ['web1']);
    assert.equal((await ask('GET', '/vm?state=flying')).status, 400);
    assert.equal((await ask('GET', '/vm?node=hv77')).status, 400);
    assert.equal((await ask('GET', '/vm?limit=nobody')).status, 404);
    for (const limit of ['(a%2B)%2B%24', '(((((', 'a%7B1%7D%7B2%7D', '[', '%5C'])
      assert.equal((await ask('GET', `/vm?limit=${limit}`)).status, 400, limit);
  });

  test('meta, tags, state, node of one VM', async () => {
    assert.deepEqual((await ask('GET', '/vm/web1/meta')).body, {
      name: 'web1',
      node_limit: null,
      node_selector: 'none',
      node_autostart: 'False',
      migration_method: 'none',
      migration_max_downtime: 300,
      ...{ ha: true, priority: 0, max_restart: 1, max_relocate: 1, failback: true, lock: null, io_errors: 'pause' },
    });
    assert.deepEqual((await ask('GET', '/vm/db1/tags')).body, {
      name: 'db1',
      tags: [{ name: 'gold', type: 'user', protected: false }],
    });
    assert.deepEqual((await ask('GET', '/vm/web1/state')).body, { name: 'web1', state: 'start' });
    assert.deepEqual((await ask('GET', '/vm/web1/node')).body, { name: 'web1', node: 'hv2', last_node: 'hv1' });
  });

  test('actors, tasks, network, openapi, metrics, headers', async () => {
    const actors = (await ask('GET', '/actors')).body as { address: string; state: string }[];
    assert.ok(actors.some(({ address, state }) => address === addressOf('vm', WEB1) && state === 'running'));
    const { body } = await ask('GET', `/actors/vm/${WEB1}`);
    assert.equal(
      (body as { record: { snapshot: { context: { name: string } } } }).record.snapshot.context.name,
      'web1',
    );
    assert.equal((await ask('GET', '/actors/vm/nobody')).status, 404);
    assert.equal((await ask('GET', '/tasks/nobody')).status, 404);
    assert.deepEqual((await ask('GET', '/network')).body, []);
    const document = (await ask('GET', '/openapi.json')).body as {
      openapi: string;
      paths: Record<string, Record<string, unknown>>;
    };
    assert.equal(document.openapi, '3.1.0');
    assert.ok(document.paths['/api/v1/vm/{vm}/state']?.['post'] !== undefined);
    const metrics = (await ask('GET', '/api/v1/metrics')).body as string;
    assert.match(metrics, /pvc_actors\{kind="vm",state="running"\} 1\n/);
    assert.match(metrics, /pvc_http_requests_total\{method="GET",route="\/api\/v1\/vm\/:vm",status="200"\} \d/);
    const { headers } = await ask('GET', '/vm', { headers: { 'x-request-id': 'my-request.1' } });
    assert.equal(headers['x-request-id'], 'my-request.1');
    assert.equal(typeof headers['x-cluster-cursor'], 'string');
    assert.notEqual(
      (await ask('GET', '/vm', { headers: { 'x-request-id': 'bad id\t' } })).headers['x-request-id'],
      'bad id\t',
    );
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
