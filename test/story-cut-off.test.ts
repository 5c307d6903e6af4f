/** Nodes that are cut off, frozen, or cannot be switched off: no second copy, whatever the BMC says. */
import assert from 'node:assert/strict';
import { before, beforeEach, describe, it } from 'node:test';
import type { Cluster, Vm } from '../fixtures/story/cluster.js';
import { storyCluster } from '../fixtures/story/rack.js';
import { systemClock } from '../runtime/clock.js';

describe('nodes that are cut off', () => {
  let cluster: Cluster;
  let vm: Vm;
  let node: string;

  before(async () => {
    cluster = await storyCluster();
  }, { timeout: 300_000 });
  beforeEach(async () => {
    await cluster.healthy();
    node = cluster.other(await cluster.primary());
    vm = await cluster.launch('web1', node);
  });

  it('a cable out for less than the session: nothing happens to the guest or its node', async () => {
    const [copy, boot] = [await cluster.copyOf(vm), await cluster.bootId(node)];
    await cluster.rack.cable(node, 'out');
    await systemClock.sleep(2500);
    await cluster.rack.cable(node, 'in');
    await systemClock.sleep(8000);
    await cluster.runsOn(vm, node);
    assert.equal((await cluster.copyOf(vm)).pid, copy.pid);
    assert.equal(await cluster.bootId(node), boot);
  });

  it('a cable out for longer: guard ends guest, fence follows, it runs elsewhere; then the node is back', async () => {
    await cluster.neverTwice(vm, async () => {
      await cluster.rack.cable(node, 'out');
      await cluster.runsElsewhere(vm, node);
    });
    await cluster.rack.cable(node, 'in');
    await cluster.nodeIs(node, 'run', 'ready');
    await cluster.runsOn(vm, null);
  });

  it('frozen for longer than its session: switched off before anybody else starts its guests', async () => {
    await cluster.neverTwice(vm, async () => {
      await cluster.rack.freeze(node);
      await cluster.runsElsewhere(vm, node);
      await cluster.rack.thaw(node).catch(() => undefined);
      await systemClock.sleep(2000);
    });
    await cluster.nodeIs(node, 'run', 'ready');
    await cluster.runsOn(vm, null);
  });

  it('frozen for a moment: it goes on as if nothing had been', async () => {
    const copy = await cluster.copyOf(vm);
    await cluster.rack.freeze(node);
    await systemClock.sleep(2000);
    await cluster.rack.thaw(node);
    await systemClock.sleep(4000);
    await cluster.runsOn(vm, node);
    assert.equal((await cluster.copyOf(vm)).pid, copy.pid);
  });

  for (const mode of ['dead', 'lies-on'] as const) {
    it(`power lost and the BMC ${mode}: stays fencing with a reason until a person confirms`, async () => {
      await cluster.rack.bmc(node, mode);
      await cluster.neverTwice(vm, async () => {
        await cluster.rack.power(node, 'off');
        const seen = await cluster.until('a visible reason', () => cluster.node(node),
          (each) => each.daemon_state === 'dead' && /BMC|power|answer/i.test(each.waiting_reason ?? ''));
        assert.equal(seen.domain_state, 'fence-flush');
        await systemClock.sleep(3000);
        assert.deepEqual(await cluster.rack.copies(vm.uuid), [], 'nothing was started without proof');
        await cluster.ask('POST', `/node/${node}/confirm-fenced`, { 'yes-i-really-mean-it': 'yes' });
        await cluster.runsElsewhere(vm, node);
      });
    });
  }

  it('cut off, with a BMC that lies off: nothing starts before the lease deadline ended the old copy', async () => {
    await cluster.rack.bmc(node, 'lies-off');
    await cluster.neverTwice(vm, async () => {
      await cluster.rack.cable(node, 'out');
      await cluster.runsElsewhere(vm, node);
    });
  });
});
