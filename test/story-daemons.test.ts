/** Daemons die while their node lives: guests go on, nobody is shot. */
import assert from 'node:assert/strict';
import { before, beforeEach, describe, it } from 'node:test';
import type { Cluster, Vm } from '../fixtures/story/cluster.js';
import { storyCluster } from '../fixtures/story/rack.js';
import { systemClock } from '../runtime/clock.js';

describe('daemons that die', () => {
  let cluster: Cluster;
  let vm: Vm;

  before(async () => {
    cluster = await storyCluster();
  }, { timeout: 300_000 });
  beforeEach(async () => {
    await cluster.healthy();
    vm = await cluster.launch('web1', 'hv1');
  });

  /** The same QEMU process of the same boot runs before and after. */
  async function untouched(deed: () => Promise<void>): Promise<void> {
    const [copy, boot] = [await cluster.copyOf(vm), await cluster.bootId('hv1')];
    await deed();
    await systemClock.sleep(12_000);
    await cluster.nodeIs('hv1', 'run', 'ready');
    await cluster.runsOn(vm, 'hv1');
    assert.equal((await cluster.copyOf(vm)).pid, copy.pid, 'the same QEMU');
    assert.equal(await cluster.bootId('hv1'), boot, 'the same boot');
    await cluster.ticks(vm);
  }

  it('pvcd: it resumes its session and carries on', () => untouched(() => cluster.rack.kill('hv1', 'pvcd')));

  it('pvcd asked to end (SIGTERM) on the primary: it hands over, is not suspected, and carries on', async () => {
    if (await cluster.primary() !== 'hv1') {
      await cluster.ask('POST', '/node/hv1/coordinator-state', { state: 'primary' });
      await cluster.until('hv1 is primary', () => cluster.primary(), (node) => node === 'hv1');
    }
    await untouched(async () => {
      const [pid] = (await cluster.rack.exec('hv1', ['pgrep', '-f', 'pvcd.js'])).stdout.trim().split('\n');
      await cluster.rack.exec('hv1', ['kill', '-TERM', pid ?? '']);
      await cluster.until('another is primary', () => cluster.primary(), (node) => node !== 'hv1');
      assert.notEqual((await cluster.node('hv1')).daemon_state, 'dead');
    });
  });

  it('libvirtd: its guests outlive it, and it obeys again', async () => {
    await untouched(() => cluster.rack.kill('hv1', 'libvirtd'));
    await cluster.ask('POST', '/vm/web1/node', { action: 'migrate', node: 'hv2', wait: 'true' });
    await cluster.runsOn(vm, 'hv2');
  });

  it('the ZooKeeper server of the node', () => untouched(() => cluster.rack.kill('hv1', 'zookeeper')));

  it('the ZooKeeper leader', async () => {
    const leader = await cluster.until('a leader', () => cluster.rack.zookeeperLeader(), (node) => node !== null) ?? '';
    await untouched(() => cluster.rack.kill(leader, 'zookeeper'));
  });

  it('pvcd of both ends in the middle of a live migration', async () => {
    // A guest that is still booting under TCG may not live through a move; that is not what is told here.
    await cluster.ticks(vm);
    await cluster.ask('POST', '/vm/web1/node', { action: 'migrate', node: 'hv2' });
    await systemClock.sleep(400);
    await Promise.all([cluster.rack.kill('hv1', 'pvcd'), cluster.rack.kill('hv2', 'pvcd')]);
    await systemClock.sleep(3000);
    await cluster.runsOn(vm, null);
    await cluster.ticks(vm);
    for (const node of ['hv1', 'hv2']) await cluster.nodeIs(node, 'run', 'ready');
  });
});
