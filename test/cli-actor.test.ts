/** `pvc actor` and `pvc dead-letter`: the compiled program against the real API over a cluster in memory. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { domainXml, KEY, WEB1 } from '../fixtures/api-server.js';
import { CliDesk } from '../fixtures/cli-run.js';
import { HOST, streamWorld, type StreamWorld } from '../fixtures/event-client.js';
import { addressOf, type Address } from '../runtime/address.js';

let desk: CliDesk;
let made: StreamWorld;
let vm: Address;
const sentAt = Date.UTC(2026, 10, 22);
const envelope = {
  id: 'op-1', from: 'api', to: addressOf('vm', WEB1), event: { type: 'vm.start' }, operationId: 'op-1',
  correlation: 'req-1', causation: null, senderEpoch: 0, sentAt,
} as const;

before(async () => {
  [desk, made] = await Promise.all([CliDesk.open(), streamWorld()]);
  vm = made.world.addVm(domainXml('web1', WEB1), 'running', 'hv2');
  made.world.waitingLetters.set(vm, new Map([['5-op-1', 75_000]]));
  made.world.mail.set(vm, [
    { name: '5-op-1', envelope, fault: null },
    { name: '5-op-2', envelope: null, fault: 'these 3 bytes are no envelope' },
  ]);
  made.world.deadLetters = [{
    name: 'vm~x~5-op-0', actor: vm, envelope, error: 'Error: it threw', at: sentAt + 1000, state: 'running',
  }];
  const sender = `vm~${WEB1}.k1.000000000002`;
  made.world.step(vm, {
    event: { type: 'vm.migrate' }, value: { migrating: 'copying' }, operationId: 'op-9',
    cause: {
      correlation: 'req-9', causation: 'op-9', effects: ['hypervisor.migrate'],
      sent: [{ to: 'node/hv1', type: 'node.tell' }, { to: 'node/hv2', type: 'node.tell' }],
    },
    record: {
      timers: [{
        timerId: 'deadline', event: { type: 'late' }, delayMs: 600_000, setAt: sentAt + 1e12, policy: 'restart',
        remainingMs: 1,
      }],
      effects: [{
        effectId: `${sender}.e0`, kind: 'hypervisor.migrate', params: {}, epoch: 1, deadlineMs: 60_000,
        correlation: 'req-9', attempt: 2, retry: { attempts: 5, delayMs: 1, factor: 1, maxDelayMs: 1 }, within: null,
      }],
    },
  });
  made.world.step('node/hv1', {
    event: { type: 'node.tell' }, cause: { correlation: 'req-9', causation: `${sender}.000` },
  });
  made.world.waitingLetters.set('node/hv2', new Map([[`5-${sender}.001`, 3]]));
  desk.reset();
  desk.writeStore({ test: { description: '', host: HOST, port: made.port, scheme: 'http', api_key: KEY } });
});
after(() => Promise.all([desk.close(), made.stop()]));

const pvc: CliDesk['pvc'] = (args, options) => desk.pvc(args, options);

test('actor list: state, what waits and since when; filters', async () => {
  const all = await pvc(['actor', 'list']);
  assert.match(all.stdout, /Address +Name +State +Node +Epoch +Letters +Oldest +Steps +Commits/);
  assert.match(all.stdout, new RegExp(`${vm} +web1 +migrating.copying +hv2 +1 +1 +75 s +2 +2 +0 +0 `));
  assert.deepEqual((await pvc(['actor', 'list', '-k', 'node', '-f', 'raw'])).stdout, 'node/hv1\nnode/hv2\nnode/hv3\n');
  assert.equal((await pvc(['actor', 'list', '--waiting', '-f', 'raw'])).stdout, `node/hv2\n${vm}\n`);
  assert.equal((await pvc(['actor', 'list', '-n', '2', '-f', 'raw'])).stdout, 'node/hv1\nnode/hv2\n');
  assert.equal((await pvc(['actor', 'list', '--fault', '-f', 'raw'])).stdout, '\n');
});

test('actor info: mailbox, effects with their attempt, timers with what is left', async () => {
  const page = (await pvc(['actor', 'info', vm])).stdout;
  assert.match(page, /Which means: +Its memory is being copied/);
  assert.match(page, /Mailbox: +1 letters, oldest 75 s/);
  assert.match(page, /Effects: +hypervisor\.migrate, try 2 of 5, deadline 60 s/);
  assert.match(page, /Timers: +late in .* \(of 10 min, restart\)/);
  assert.match(page, /#2 .* hv2 running -> migrating\.copying by vm\.migrate/);
  assert.equal((await pvc(['actor', 'info', 'vm/none'])).status, 3);
  assert.equal((await pvc(['actor', 'info', 'none'])).status, 2);
});

test('actor letters: in order, one that cannot be read with its fault', async () => {
  const { stdout } = await pvc(['actor', 'letters', vm]);
  assert.match(stdout, /2026-11-22 00:00:00\.000 +api +vm\.start +normal +req-1\n.*unreadable.*no envelope/);
});

test('actor causes tells the story of a request as a tree, why walks it back', async () => {
  const lines = (await pvc(['actor', 'causes', 'req-9'])).stdout.trimEnd().split('\n');
  const first = `^${vm}#2 .* running -> migrating.copying +by vm.migrate, from outside \\(op-9\\)`;
  assert.match(lines[0]!, new RegExp(first));
  assert.match(lines[1]!, /^ {2}node\.tell to node\/hv2: waits in the mailbox/);
  assert.match(lines[2]!, /^ {2}hypervisor\.migrate: under way, try 2/);
  assert.match(lines[3]!, /^ {2}node\/hv1#2 .* by node\.tell, letter/);
  const why = (await pvc(['actor', 'why', 'node/hv1', '2'])).stdout.trimEnd().split('\n');
  assert.deepEqual(why.map((line) => line.split(' ')[0]), ['node/hv1#2', `${vm}#2`]);
  assert.equal((await pvc(['actor', 'causes', 'nothing'])).status, 3);
  assert.match((await pvc(['actor', 'why', 'node/hv1', '99'])).stderr, /Transition 99 of node\/hv1 is not held/);
});

test('dead letters: listed, shown, put back, thrown away after a question', async () => {
  assert.match((await pvc(['dead-letter', 'list'])).stdout, /vm\.start +running +Error: it threw +vm~x~5-op-0\n/);
  assert.equal((await pvc(['dead-letter', 'list', 'node/hv1', '-f', 'raw'])).stdout, '\n');
  const shown = (await pvc(['dead-letter', 'show', 'vm~x~5-op-0'])).stdout;
  assert.match(shown, /Error: +Error: it threw\n[^]*"type": "vm.start"/);
  made.world.requeued = 'busy';
  const busy = await pvc(['dead-letter', 'requeue', 'vm~x~5-op-0']);
  assert.deepEqual([busy.status, busy.stdout], [7, '']);
  made.world.requeued = 'requeued';
  const kept = await pvc(['dead-letter', 'discard', 'vm~x~5-op-0'], { input: 'n\n' });
  assert.deepEqual([kept.status, made.world.deadLetters.length], [1, 1]);
  assert.match((await pvc(['dead-letter', 'requeue', 'vm~x~5-op-0'])).stdout, /^Put 'vm~x~5-op-0' back/);
  assert.equal((await pvc(['dead-letter', 'discard', 'vm~x~5-op-0', '-y'])).status, 3);
});

test('actors that stopped: listed; restarted; reset and removed only after a question', async () => {
  made.world.faultList = [{
    address: vm, znode: '/pvc/actors/vm/x/record', kind: 'misfit', reason: 'there is no state limbo', node: 'hv2',
    epoch: 3, at: sentAt,
  }];
  const listed = (await pvc(['actor', 'faults'])).stdout;
  assert.match(listed, /misfit +2026-11-22 00:00:00\.000 +hv2 +there is no state limbo\n/);
  assert.match((await pvc(['actor', 'restart', vm])).stdout, /^Restarting actor 'vm\/.*' from its record\.\n/);
  assert.equal((await pvc(['actor', 'reset', vm], { input: 'n\n' })).status, 1);
  assert.equal((await pvc(['actor', 'remove', vm], { input: '\n' })).status, 1);
  assert.equal((await pvc(['actor', 'reset', vm], { input: 'y\n' })).status, 0);
  assert.match((await pvc(['actor', 'remove', vm, '-y', '--force'])).stdout, /^Removed actor/);
  assert.deepEqual(made.world.mended, [`restart ${vm}`, `reset ${vm}`, `remove ${vm} force`]);
  const reason = 'Its guest may run on hv2: stop the VM first';
  made.world.mends = { kind: 'refused', code: 'PVC_WRONG_STATE', reason };
  const kept = await pvc(['actor', 'reset', vm, '-y']);
  assert.deepEqual([kept.status, kept.stderr], [7, 'Its guest may run on hv2: stop the VM first.\n']);
});
