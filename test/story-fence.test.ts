/** A fence is bound to no primary: whoever is primary next finishes it from the record. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Cluster } from '../fixtures/story/cluster.js';
import { storyCluster } from '../fixtures/story/rack.js';

describe('a fence that is interrupted', () => {
  let cluster: Cluster;

  before(async () => {
    cluster = await storyCluster();
    await cluster.healthy();
  }, { timeout: 300_000 });

  it('the primary changes in the middle of it: the next one finishes it, once', async () => {
    const primary = await cluster.primary();
    const node = cluster.other(primary);
    const next = cluster.other(primary, node);
    const vm = await cluster.launch('web1', node);
    await cluster.rack.bmc(node, 'dead');
    await cluster.neverTwice(vm, async () => {
      await cluster.rack.power(node, 'off');
      await cluster.until(`${node} is being fenced`, () => cluster.node(node), (seen) => seen.daemon_state === 'dead');
      await cluster.ask('POST', `/node/${next}/coordinator-state`, { state: 'primary' });
      await cluster.until(`${next} is primary`, () => cluster.primary(), (name) => name === next);
      assert.equal((await cluster.node(node)).daemon_state, 'dead', 'still without proof');
      assert.deepEqual(await cluster.rack.copies(vm.uuid), []);
      await cluster.rack.bmc(node, 'ok');
      await cluster.runsElsewhere(vm, node);
    });
    await cluster.nodeIs(node, 'run', 'ready');
  });
});
