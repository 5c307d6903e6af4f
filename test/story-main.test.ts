/** The main job on real parts: define, start, console, live migration, ACPI shutdown, flush and ready. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Cluster, Vm } from '../fixtures/story/cluster.js';
import { storyCluster } from '../fixtures/story/rack.js';

describe('the main job', () => {
  let cluster: Cluster;
  let web: Vm;

  before(async () => {
    cluster = await storyCluster();
    await cluster.healthy();
  }, { timeout: 300_000 });

  it('a guest that was defined and started runs on its node and speaks on its console', async () => {
    web = await cluster.launch('web1', 'hv1');
    await cluster.ticks(web);
  });

  it('its console is read through any node', async () => {
    for (const node of cluster.rack.nodes) {
      const path = '/vm/web1/console?lines=5';
      const reply = await cluster.ask<{ name: string; data: string }>('GET', path, undefined, [node]);
      assert.match(reply.data, /tick \d+/);
    }
  });

  it('a live migration moves it, and it goes on counting where it was', async () => {
    const tick = async (): Promise<number> => {
      const { data } = await cluster.ask<{ data: string }>('GET', '/vm/web1/console?lines=3');
      return Number([...data.matchAll(/tick (\d+) /g)].at(-1)?.[1] ?? 0);
    };
    const before = await cluster.until('it has counted for a while', tick, (count) => count >= 3);
    await cluster.ask('POST', '/vm/web1/node', { action: 'migrate', node: 'hv3', wait: 'true' });
    await cluster.runsOn(web, 'hv3');
    assert.equal((await cluster.vm(web)).migrated, 'from hv1');
    await cluster.ticks(web);
    assert.ok(await cluster.until('a tick', tick, (count) => count > 0) >= before, 'the counter did not begin anew');
  });

  it('it comes home by unmigrate', async () => {
    await cluster.ask('POST', '/vm/web1/node', { action: 'unmigrate', wait: 'true' });
    await cluster.runsOn(web, 'hv1');
    assert.equal((await cluster.vm(web)).migrated, 'no');
  });

  it('a flush empties the node and says flushed only then; ready brings the guest home', async () => {
    await cluster.ask('POST', '/node/hv1/domain-state', { state: 'flush', wait: 'true' });
    assert.equal((await cluster.node('hv1')).domain_state, 'flushed');
    await cluster.runsElsewhere(web, 'hv1');
    await cluster.ask('POST', '/node/hv1/domain-state', { state: 'ready', wait: 'true' });
    await cluster.runsOn(web, 'hv1');
    await cluster.nodeIs('hv1', 'run', 'ready');
  });

  it('another coordinator becomes primary when asked, and everything still works', async () => {
    const primary = await cluster.primary();
    const next = cluster.other(primary);
    await cluster.ask('POST', `/node/${next}/coordinator-state`, { state: 'primary' });
    await cluster.until(`${next} is primary`, () => cluster.primary(), (node) => node === next);
    await cluster.ask('POST', '/vm/web1/node', { action: 'migrate', node: 'hv2', wait: 'true' });
    await cluster.runsOn(web, 'hv2');
  });

  it('a shutdown asks the guest by ACPI, and it ends by itself', async () => {
    await cluster.ask('POST', '/vm/web1/state', { state: 'shutdown', wait: 'true' });
    await cluster.until('web1 is stopped', () => cluster.vm(web), (vm) => vm.state === 'stop');
    assert.deepEqual(await cluster.rack.copies(web.uuid), []);
  });

  it('an undefined VM is gone, name and all, and can be defined again', async () => {
    await cluster.ask('DELETE', '/vm/web1');
    const list = (): Promise<unknown[]> => cluster.ask<unknown[]>('GET', '/vm').catch(() => []);
    await cluster.until('web1 is forgotten', list, (vms) => vms.length === 0);
    const again = await cluster.define('web1', 'hv2');
    assert.equal((await cluster.vm(again)).state, 'stop');
    await cluster.remove(again);
  });
});
