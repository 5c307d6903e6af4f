/** The cluster's policies, played by the shipped daemons in virtual time. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { BegunCluster } from '../fixtures/sim/scenario/begun.js';

const NODES = { hv1: {}, hv2: {}, hv3: {} };
const on = (node: string, change = {}) => ({ node, state: 'start', ...change });

describe('the cluster', () => {
  let cluster: BegunCluster;
  const begin = async (parts: Record<string, unknown>, nodes: Record<string, object> = NODES): Promise<void> => {
    cluster = await BegunCluster.of({ nodes, ...parts }, { seed: 3 });
  };
  afterEach(() => {
    assert.deepEqual(cluster.stage.checkers.violations, []);
    cluster.close();
  });

  it('starts what has the higher priority first when a node is lost', async () => {
    await begin({ vms: { 101: on('hv1'), 102: on('hv1'), 103: on('hv1'), 109: on('hv1') } });
    for (const [vm, priority] of [['109', 10], ['102', 5]] as const) {
      assert.equal(await cluster.submit('vm', vm, { type: 'vm.meta', meta: { priority } }), 'accepted');
    }
    await cluster.quiet();
    const from = cluster.stage.world.lines.length;
    await cluster.stage.speak('power hv1 off', { verb: 'power', node: 'hv1', on: false });
    await cluster.quiet(5000);
    const started = cluster.stage.world.lines.slice(from)
      .flatMap((line) => /^\s*[\d.]+ (\d+) runs on/.exec(line)?.[1] ?? []);
    assert.deepEqual(started.slice(0, 2), ['109', '102']);
    assert.deepEqual(started.slice(2).sort(), ['101', '103']);
  });

  it('does not wait for ever for one of a higher priority that does not start', async () => {
    await begin({ vms: { 101: on('hv1'), 109: on('hv1') } });
    await cluster.submit('vm', '109', { type: 'vm.meta', meta: { priority: 10, maxRestart: 20 } });
    await cluster.quiet();
    cluster.stage.world.options.wishes.startFails = (id) => (id === '109' ? 'the test makes it fail' : null);
    await cluster.stage.speak('power hv1 off', { verb: 'power', node: 'hv1', on: false });
    await cluster.quiet(90_000);
    assert.equal(cluster.runsOn('101').length, 1);
  });

  it('refuses a start that a lost node would not forgive, if it is told to, and warns otherwise', async () => {
    const small = { hv1: { memoryMiB: 4096 }, hv2: { memoryMiB: 4096 } };
    await begin({
      vms: { 101: on('hv1', { memoryMiB: 2048 }), 102: on('hv2', { memoryMiB: 2048 }),
        103: { node: 'hv2', state: 'stop', memoryMiB: 1024 } },
    }, small);
    const start = { type: 'vm.start' };
    const { policy } = cluster.services().admin;
    const warning = policy.startWarning('vm/103', start);
    assert.match(warning ?? '', /not every VM would find a place any more: hv1 \(101\); hv2 \(103\)/);
    await cluster.ask(({ admin }) => admin.policy.change({ nodeLoss: 'refuse' }));
    await cluster.quiet();
    assert.match(await cluster.submit('vm', '103', start), /not every VM would find a place any more/);
    assert.deepEqual(policy.lossWarnings(), []);
    await cluster.ask(({ admin }) => admin.policy.change({ nodeLoss: 'ignore' }));
    await cluster.quiet();
    assert.equal(await cluster.submit('vm', '103', start), 'accepted');
    await cluster.quiet();
    await cluster.ask(({ admin }) => admin.policy.change({ nodeLoss: 'warn' }));
    await cluster.quiet();
    assert.deepEqual(policy.lossWarnings().map(({ node }) => node), ['hv1', 'hv2']);
  });

  it('starts a VM where the cluster becomes most even, if it is told to, and its home is there then', async () => {
    await begin({
      vms: {
        101: on('hv1', { memoryMiB: 8192 }), 102: on('hv2', { memoryMiB: 4096 }), 103: { node: 'hv1', state: 'stop' },
      },
      settings: { rebalance: { onStart: true } },
    });
    assert.equal(await cluster.submit('vm', '103', { type: 'vm.start' }), 'accepted');
    await cluster.quiet();
    assert.deepEqual(cluster.runsOn('103'), ['hv3']);
    const { node, lastNode } = cluster.services().feed.actor('vm/103')!.record.snapshot.context;
    assert.deepEqual([node, lastNode], ['hv3', null]);
  });

  it('lets guests run on without the cluster while it is disarmed, and fences as ever afterwards', async () => {
    await begin({ vms: { 101: on('hv3'), 102: on('hv1') } });
    await cluster.ask(({ admin }) => admin.policy.setMaintenance(true, { disarmed: true }));
    await cluster.quiet();
    // The switch of the cluster's network is replaced: nobody has a quorum.
    for (const node of Object.keys(NODES)) await cluster.cable(node, false);
    await cluster.stage.run(120_000);
    assert.deepEqual([cluster.runsOn('101'), cluster.runsOn('102')], [['hv3'], ['hv1']]);
    for (const node of Object.keys(NODES)) await cluster.cable(node, true);
    await cluster.quiet();
    await cluster.cable('hv3', false);
    await cluster.stage.run(60_000);
    assert.deepEqual(cluster.runsOn('101'), ['hv3'], 'cut off alone, and nobody else acts');
    await cluster.ask(({ admin }) => admin.policy.setMaintenance(false));
    await cluster.quiet(60_000);
    assert.equal(cluster.runsOn('101').length, 1);
    assert.notDeepEqual(cluster.runsOn('101'), ['hv3']);
  });

  it('loses no setting that two write at once', async () => {
    await begin({ vms: { 101: on('hv1'), 102: on('hv2') } });
    const rule = (name: string, node: string) =>
      ({ kind: 'node-affinity', name, vms: ['101'], nodes: { [node]: 1 }, strict: false }) as const;
    const answers = await cluster.ask(async () => {
      const policies = [...cluster.stage.world.nodes.values()].flatMap((node) => node.services?.admin.policy ?? []);
      return Promise.all([
        policies[0]!.addRule(rule('one', 'hv2')), policies[1]!.addRule(rule('two', 'hv3')),
        policies[2]!.change({ shutdownPolicy: 'freeze' }),
      ]);
    });
    assert.deepEqual(answers, [null, null, undefined]);
    await cluster.quiet();
    const { rules, shutdownPolicy } = cluster.services().admin.policy.settings();
    assert.deepEqual([rules.map(({ name }) => name).sort(), shutdownPolicy], [['one', 'two'], 'freeze']);
    assert.match(await cluster.ask(({ admin }) => admin.policy.addRule(rule('one', 'hv1'))) ?? '', /already/);
    assert.equal(await cluster.ask(({ admin }) => admin.policy.removeRule('one')), true);
    assert.equal(await cluster.ask(({ admin }) => admin.policy.removeRule('one')), false);
  });

  it('flushes VMs that are strictly kept together to one node, together', async () => {
    await begin({
      vms: { 101: on('hv1'), 102: on('hv1') },
      rules: [{ kind: 'vm-affinity', vms: ['101', '102'], together: true, strict: true }],
    });
    assert.equal(await cluster.submit('node', 'hv1', { type: 'node.flush' }), 'accepted');
    await cluster.quiet();
    assert.equal(cluster.runsOn('101').length, 1, 'it was moved, not shut down');
    assert.deepEqual(cluster.runsOn('101'), cluster.runsOn('102'));
    assert.notDeepEqual(cluster.runsOn('101'), ['hv1']);
  });
});
