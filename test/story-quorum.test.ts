/** Most or all of the cluster is lost, and comes back. */
import assert from 'node:assert/strict';
import { before, beforeEach, describe, it } from 'node:test';
import type { Cluster, Vm } from '../fixtures/story/cluster.js';
import { storyCluster } from '../fixtures/story/rack.js';
import { systemClock } from '../runtime/clock.js';

describe('quorum lost and found', () => {
  let cluster: Cluster;
  let vms: Vm[];

  before(async () => {
    cluster = await storyCluster();
  }, { timeout: 300_000 });
  beforeEach(async () => {
    await cluster.healthy();
    vms = [await cluster.launch('web1', 'hv1'), await cluster.launch('web3', 'hv3')];
  });

  it('two nodes of three lost: nothing is started, the third guest follows the lease rule; all is back', async () => {
    const [lost, left] = [vms[0]!, vms[1]!];
    await Promise.all(['hv1', 'hv2'].map((node) => cluster.rack.power(node, 'off')));
    const copiesLeft = (): ReturnType<typeof cluster.rack.copies> => cluster.rack.copies(left.uuid);
    await cluster.until('the lease has ended the guest of the third', copiesLeft, (copies) => copies.length === 0);
    await systemClock.sleep(5000);
    assert.deepEqual(await cluster.rack.copies(lost.uuid), []);
    assert.deepEqual(await cluster.rack.copies(left.uuid), []);
    await Promise.all(['hv1', 'hv2'].map((node) => cluster.rack.power(node, 'on')));
    for (const vm of vms) await cluster.runsOn(vm, null);
    for (const node of cluster.rack.nodes) await cluster.nodeIs(node, 'run', 'ready');
  });

  it('all power lost: a cold start brings the guests back, each once', async () => {
    await Promise.all(cluster.rack.nodes.map((node) => cluster.rack.power(node, 'off')));
    await systemClock.sleep(1000);
    await Promise.all(cluster.rack.nodes.map((node) => cluster.rack.power(node, 'on')));
    for (const vm of vms) await cluster.runsOn(vm, null);
    for (const node of cluster.rack.nodes) await cluster.nodeIs(node, 'run', 'ready');
  });
});
