/** Commands over REST: from the request to the machine's admission and back to PVC's message. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Api } from '../api/server.js';
import {
  apiWorldWithVms,
  domainXml,
  form,
  NODE_READY,
  WEB1,
  type ApiWorld,
  type Ask,
} from '../fixtures/api-server.js';
import type { World } from '../fixtures/api-world.js';
import { addressOf, splitAddress } from '../runtime/address.js';
import { systemClock } from '../runtime/clock.js';

describe('api commands', () => {
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

  test('a full mailbox: 429, and when to try again', async () => {
    world.busyS = 3;
    const answer = await ask('POST', '/vm/web1/state?state=shutdown');
    world.busyS = null;
    assert.deepEqual([answer.status, answer.headers['retry-after']], [429, '3']);
  });

  test('a command expires only if it is said when', async () => {
    const submit = async (headers: Record<string, string>): Promise<number> =>
      (await ask('POST', '/vm/web1/state?state=stop&force=False&wait=False', { headers })).status;
    for (const text of ['soon', '0', '-1']) assert.equal(await submit({ 'x-expires-after': text }), 400);
    await submit({ 'x-expires-after': '1.5' });
    assert.deepEqual(world.submitOptions, { expiresMs: 1500 });
    await submit({});
    assert.deepEqual(world.submitOptions, {});
  });

  test("accepted: PVC's message at once, the operation in a header", async () => {
    const answer = await ask('POST', '/vm/web1/state?state=shutdown&force=False&wait=False');
    assert.deepEqual([answer.status, answer.message], [200, "Shutting down VM 'web1'"]);
    const operation = String(answer.headers['x-operation-id']);
    assert.deepEqual(world.submitted.at(-1), { to: addressOf('vm', WEB1), command: { type: 'vm.shutdown' } });
    assert.equal(((await ask('GET', `/tasks/${operation}`)).body as { state: string }).state, 'RUNNING');
    assert.deepEqual(Object.keys(((await ask('GET', '/tasks')).body as { active: object }).active), ['hv2']);
  });

  test("already and denied are the machine's own words", async () => {
    const already = await ask('POST', '/vm/web1/state?state=start');
    assert.equal(already.status, 200);
    const denied = await ask('POST', '/vm/db1/state?state=restart');
    assert.equal(denied.status, 409);
    assert.match(denied.message, /db1/);
    assert.ok(!denied.message.includes('"'));
  });

  test('wait: the end of the operation decides', async () => {
    world.onAccepted = (to, command, operationId) => {
      systemClock.after(
        20,
        () =>
          void world.step(to, {
            ends:
              command.type === 'vm.move'
                ? { operationId, state: 'failed', message: 'VM "web1" cannot leave hv2' }
                : { operationId, state: 'done' },
          }),
      );
    };
    const done = await ask('POST', '/vm/web1/node?action=migrate&node=hv3&force=1&wait=true');
    assert.deepEqual([done.status, done.message], [200, "Migrated VM 'web1' to node 'hv3'"]);
    const failed = await ask('POST', '/vm/web1/node', { payload: { action: 'move', node: 'hv3', wait: true } });
    assert.deepEqual([failed.status, failed.message], [409, "VM 'web1' cannot leave hv2"]);
    world.onAccepted = () => undefined;
  });

  test('node: flush, ready, primary, secondary, confirm-fenced', async () => {
    world.addNode('hv4', NODE_READY);
    assert.equal(
      (await ask('POST', '/node/hv4/domain-state?state=flush')).message,
      'Removing node hv4 from active service.',
    );
    assert.equal(splitAddress(world.submitted.at(-1)!.to).id, 'hv4');
    assert.equal(
      (await ask('POST', '/node/hv3/coordinator-state?state=primary')).message,
      'Setting node hv3 in primary coordinator state.',
    );
    assert.equal((await ask('POST', '/node/hv3/confirm-fenced')).status, 400);
    const submitted = world.submitted.length;
    const confirmed = await ask('POST', '/node/hv3/confirm-fenced?yes-i-really-mean-it=1');
    assert.ok([200, 409].includes(confirmed.status), confirmed.message);
    if (confirmed.status === 200)
      assert.deepEqual(world.submitted[submitted]?.command, { type: 'node.confirm-fenced', by: 'tests' });
  });

  test('define, meta, tags, modify, undefine', async () => {
    const xml = domainXml('new1');
    const defined = await ask(
      'POST',
      '/vm?selector=mem&autostart=True&user_tags=a&user_tags=b&protected_tags=c&limit=hv1,hv2',
      form({ xml }),
    );
    assert.match(defined.message, /^Added new VM with Name 'new1' and UUID '[-0-9a-f]{36}' to database\.$/);
    const [vm] = (await ask('GET', '/vm/new1')).body as Record<string, unknown>[];
    assert.deepEqual(
      [vm?.['node_limit'], vm?.['node_selector'], vm?.['node_autostart']],
      [['hv1', 'hv2'], 'mem', true],
    );
    assert.deepEqual(
      (vm?.['tags'] as { name: string; protected: boolean }[]).map((tag) => [tag.name, tag.protected]),
      [
        ['a', false],
        ['b', false],
        ['c', true],
      ],
    );
    assert.equal((await ask('POST', '/vm', form({ xml }))).status, 409);
    assert.equal((await ask('POST', '/vm', form({ xml: domainXml('web1') }))).status, 409);
    assert.equal((await ask('POST', '/vm/other', form({ xml: domainXml('new2') }))).status, 400);
    assert.equal(
      (await ask('POST', '/vm/new1/meta?limit=&migration_method=live')).message,
      "Successfully modified PVC metadata of VM 'new1'.",
    );
    assert.deepEqual(world.submitted.at(-1)?.command, {
      type: 'vm.meta',
      meta: { nodeLimit: null, migrationMethod: 'live' },
    });
    assert.equal((await ask('POST', '/vm/new1/meta')).message, 'ERROR: No updates to apply.');
    assert.equal(
      (await ask('POST', '/vm/new1/tags?action=add&tag=x&protected=on')).message,
      "Successfully added tag 'x' to VM 'new1'.",
    );
    assert.equal(
      (await ask('PUT', '/vm/new1?restart=False', form({ xml: xml.replace('>64<', '>96<') }))).message,
      "Successfully modified configuration of VM 'new1'.",
    );
    assert.equal((await ask('PUT', '/vm/new1', form({ xml: domainXml('new1') }))).status, 400);
    world.onAccepted = (to, _command, operationId) =>
      void world.step(to, { value: 'removed', ends: { operationId, state: 'done' } });
    assert.equal(
      (await ask('DELETE', '/vm/new1?delete_disks=False')).message,
      "Undefined VM 'new1' from the cluster.",
    );
    world.onAccepted = () => undefined;
    assert.equal((await ask('GET', '/vm/new1')).status, 404);
  });
});
