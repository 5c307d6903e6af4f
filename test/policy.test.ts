/** Settings, rules and what a node is told before it goes down: by REST, and by the command line over it. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { apiWorldWithVms, KEY, type ApiWorld } from '../fixtures/api-server.js';
import { CliDesk } from '../fixtures/cli-run.js';

describe('policy', () => {
  let made: ApiWorld;
  let desk: CliDesk;
  before(async () => {
    made = await apiWorldWithVms();
    await made.api.listen({ host: '127.0.0.1', port: 0 });
    desk = await CliDesk.open();
  });
  beforeEach(() => {
    desk.reset();
    const address = made.api.server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    desk.writeStore({ test: { description: 'Test', host: '127.0.0.1', port, scheme: 'http', api_key: KEY } });
    made.world.kept.settings = {};
    made.world.submitted.length = 0;
  });
  after(async () => {
    await desk.close();
    await made.api.close();
  });

  const pvc = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await desk.pvcHere(['-c', 'test', ...args]);
    return status === 0 ? stdout : `${status}: ${stderr}`;
  };

  test('settings: shown, changed one by one, and named when they are wrong', async () => {
    const shown = await pvc('cluster', 'settings');
    assert.match(shown, /Shutdown policy\W+conditional[^]*Overcommit\W+fit[^]*Loss of a node/);
    assert.match(await pvc('cluster', 'settings', '--shutdown-policy', 'migrate'), /Successfully changed/);
    const { body } = await made.ask('GET', '/settings');
    assert.deepEqual(body, {
      shutdown_policy: 'migrate', overcommit: 'fit', node_loss: 'warn', storage_loss: 'move', storage_loss_after: 30,
      rebalance_on_start: 'off',
      rebalance_auto: false, maintenance: false, moves_refused: false, disarmed: false, disarmed_nodes: [],
    });
    assert.match(await pvc('cluster', 'settings', '--node-loss', 'never'), /^2: .*ignore/s);
    assert.equal((await made.ask('POST', '/settings?overcommit=perhaps')).status, 400);
    assert.match(await pvc('cluster', 'settings', '--storage-loss', 'wait', '--storage-loss-after', '90'), /Success/);
    assert.match(await pvc('cluster', 'settings'), /Way to storage lost\W+wait[^]*Lost for seconds\W+90/);
    assert.equal((await made.ask('POST', '/settings?storage_loss_after=1')).status, 400);
    assert.equal((await made.ask('POST', '/settings')).status, 400);
  });

  test('a balancer that follows load is answered with a clear "not yet"', async () => {
    const { status, body } = await made.ask('POST', '/settings?rebalance_auto=true');
    assert.deepEqual([status, /^Not yet: /.test((body as { message: string }).message)], [400, true]);
  });

  test('rules: added by names, listed, refused when they cannot be kept, removed', async () => {
    assert.match(await pvc('rule', 'add', 'pair', 'web1', 'db1', '--apart', '--strict'), /added rule 'pair'/);
    assert.match(await pvc('rule', 'add', 'fast', 'web1', '-n', 'hv1=2', '-n', 'hv3'), /added rule 'fast'/);
    const list = await pvc('rule', 'list');
    assert.match(list, /fast\W+node-affinity\W+web1\W+hv1=2, hv3\W+no/);
    assert.match(list, /pair\W+vm-affinity\W+web1, db1\W+apart\W+yes/);
    const both = await pvc('rule', 'add', 'both', 'db1', 'web1', '--together', '--strict');
    assert.match(both, /^7: .*contradicts rule "pair"/s);
    assert.match(await pvc('rule', 'add', 'pair', 'web1', 'db1', '--apart'), /^7: .*already/s);
    assert.match(await pvc('rule', 'add', 'x', 'nosuch', 'db1', '--apart'), /^3: .*nosuch/s);
    assert.match(await pvc('rule', 'add', 'x', 'web1', '-n', 'hv1=a'), /^1: .*whole number/s);
    assert.match(await pvc('rule', 'add', 'x', 'web1', '-n', 'hv1', '--apart'), /^2: .*one of three things/s);
    assert.match(await pvc('rule', 'remove', 'pair', '-y'), /Successfully removed/);
    assert.match(await pvc('rule', 'remove', 'pair', '-y'), /^3: .*pair/s);
    assert.equal((await made.ask('GET', '/rule')).status, 200);
  });

  test('what a VM is to the cluster is part of its metadata', async () => {
    const options = ['--no-ha', '--priority', '5', '--max-relocate', '2', '--no-failback', '--lock', 'backup'];
    await pvc('vm', 'meta', 'web1', ...options);
    assert.deepEqual(made.world.submitted.at(-1)?.command, {
      type: 'vm.meta', meta: { ha: false, priority: 5, maxRelocate: 2, failback: false, lock: 'backup' },
    });
    await pvc('vm', 'meta', 'web1', '--lock', 'none');
    assert.deepEqual(made.world.submitted.at(-1)?.command, { type: 'vm.meta', meta: { lock: null } });
  });

  test('a node that goes down is told so by the policy of the moment', async () => {
    await pvc('node', 'leave', 'hv2', '--reboot');
    assert.deepEqual(made.world.submitted.at(-1)?.command, { type: 'node.leave', policy: 'freeze' });
    await pvc('cluster', 'settings', '--shutdown-policy', 'migrate');
    assert.match(await pvc('node', 'leave', 'hv3', '--shutdown'), /Preparing node hv3 for its shutdown/);
    assert.deepEqual(made.world.submitted.at(-1)?.command, { type: 'node.leave', policy: 'migrate' });
    assert.match(await pvc('node', 'leave', 'hv2'), /^2: .*one of --shutdown and --reboot/s);
  });

  test('maintenance may refuse moves and disarm; off ends it all', async () => {
    await pvc('cluster', 'maintenance', 'on', '--disarm', '--refuse-moves', '-y');
    assert.match(await pvc('cluster', 'settings'), /Maintenance\W+on, moves refused, disarmed/);
    await pvc('cluster', 'maintenance', 'off');
    assert.match(await pvc('cluster', 'settings'), /Maintenance\W+off/);
    assert.equal((await made.ask('POST', '/status?state=false&disarm=true')).status, 400);
  });

  test('a start that endangers something says so, and the cluster\'s health names what would be lost', async () => {
    made.world.kept.startWarning = 'If one of these nodes were lost';
    assert.match(await pvc('vm', 'start', 'db1'), /Starting VM 'db1'\. Warning: If one of these nodes were lost\./);
    made.world.kept.lossWarnings = [{ node: 'hv1', text: 'If node hv1 were lost, no other could take web1' }];
    assert.match(await pvc('cluster', 'status'), /NODE_LOSS_HV1[^]*no other could take web1/);
    made.world.kept.startWarning = null;
    made.world.kept.lossWarnings = [];
  });
});
