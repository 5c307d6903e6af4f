/**
 * Power is pulled: from the guest's node, the primary, ZooKeeper's leader, both ends of a migration.
 * One copy runs afterwards.
 */
import assert from 'node:assert/strict';
import { before, beforeEach, describe, it } from 'node:test';
import { bridgeAddresses } from '../fixtures/rack/network.js';
import type { Cluster, Vm } from '../fixtures/story/cluster.js';
import { storyCluster } from '../fixtures/story/rack.js';
import { systemClock } from '../runtime/clock.js';

describe('power pulls', () => {
  let cluster: Cluster;

  before(async () => {
    cluster = await storyCluster();
  }, { timeout: 300_000 });
  beforeEach(() => cluster.healthy());

  /** Pulls the node's power and expects the guest elsewhere, at no moment twice, and the node back by itself. */
  async function pulled(vm: Vm, node: string): Promise<void> {
    const [boot, bridges] = [await cluster.bootId(node), await bridgeAddresses(cluster.rack.plan)];
    await cluster.neverTwice(vm, async () => {
      await cluster.rack.power(node, 'off');
      await cluster.runsElsewhere(vm, node);
    });
    // Else the switches of the rack, and with them all BMCs, would be out of reach until neighbour tables are aged.
    assert.deepEqual(await bridgeAddresses(cluster.rack.plan), bridges);
    // By itself first: a node whose ZooKeeper server went with the power may tell for some seconds how it was before.
    await cluster.until(`${node} is up again`, () => cluster.bootId(node), (now) => now !== '' && now !== boot);
    await cluster.nodeIs(node, 'run', 'ready');
    await cluster.ticks(vm);
  }

  it('of the node that runs the guest', async () => {
    const node = cluster.other(await cluster.primary(), await cluster.rack.zookeeperLeader() ?? '');
    await pulled(await cluster.launch('web1', node), node);
  });

  it('of the primary, which runs the guest', async () => {
    const node = await cluster.primary();
    await pulled(await cluster.launch('web1', node), node);
    assert.notEqual(await cluster.primary(), node);
  });

  it('of the ZooKeeper leader, which runs the guest', async () => {
    const leader = await cluster.until('a leader', () => cluster.rack.zookeeperLeader(), (each) => each !== null);
    const node = leader ?? '';
    await pulled(await cluster.launch('web1', node), node);
  });

  for (const end of ['source', 'target'] as const) {
    it(`of the ${end} during a live migration`, async () => {
      const [source, target] = ['hv1', 'hv2'];
      const vm = await cluster.launch('web1', source);
      await cluster.ask('POST', '/vm/web1/node', { action: 'migrate', node: target });
      await systemClock.sleep(300);
      await cluster.rack.power(end === 'source' ? source : target, 'off');
      const node = await cluster.runsOn(vm, null);
      if (end === 'source') assert.notEqual(node, source);
      await cluster.ticks(vm);
    });
  }
});
