/** What a node tells Prometheus: the text form, and that the figures are those of the runtime. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { apiWorldWithVms, KEY, WEB1, type ApiWorld } from '../fixtures/api-server.js';
import { createCounter, startNode, until } from '../fixtures/runtime/world.js';
import { createMemoryCluster } from '../fixtures/sim/store.js';
import { addressOf } from '../runtime/address.js';
import { systemClock } from '../runtime/clock.js';
import { Histogram } from '../runtime/metrics.js';

const LINE = /^[a-zA-Z_:][\w:]*(\{([a-zA-Z_]\w*="([^"\\\n]|\\.)*",?)*\})? (Nan|[+-]?Inf|-?\d[\d.e+-]*)$/;

describe('metrics', () => {
  let made: ApiWorld;
  before(async () => {
    made = await apiWorldWithVms();
  });
  after(() => made.api.close());

  const text = async (): Promise<string> =>
    (await made.api.inject({ url: '/metrics', headers: { 'x-api-key': KEY } })).body;
  const value = (page: string, sample: string): number => {
    const line = page.split('\n').find((one) => one.startsWith(`${sample} `));
    assert.ok(line, `no sample ${sample}`);
    return Number(line.slice(sample.length + 1));
  };

  test('every line is of the text format, every family has its type once', async () => {
    await made.ask('GET', '/vm');
    const answer = await made.api.inject({ url: '/metrics', headers: { 'x-api-key': KEY } });
    assert.match(String(answer.headers['content-type']), /^text\/plain; version=0\.0\.4/);
    const lines = answer.body.split('\n').filter((line) => line !== '');
    const types = lines.filter((line) => line.startsWith('# TYPE ')).map((line) => line.split(' ')[2]!);
    assert.equal(new Set(types).size, types.length);
    const names = new Set(types.flatMap((name) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]));
    for (const line of lines.filter((one) => !one.startsWith('#'))) {
      assert.match(line, LINE);
      assert.ok(names.has(/^[\w:]+/.exec(line)![0]), `a type for ${line}`);
    }
  });

  test('wants a key, as everything that tells of the cluster', async () => {
    assert.equal((await made.api.inject({ url: '/metrics' })).statusCode, 401);
    const bearer = await made.api.inject({ url: '/metrics', headers: { authorization: `Bearer ${KEY}` } });
    assert.equal(bearer.statusCode, 200);
  });

  test('the cluster: actors, VMs and nodes by state, letters that wait, faults', async () => {
    const web1 = addressOf('vm', WEB1);
    made.world.waitingLetters.set(web1, new Map([['5-a', 4000], ['5-b', 100]]));
    made.world.step(addressOf('node', 'hv3'), { record: { fault: 'it broke' } });
    // One pass over the actors serves a scrape; a later one sees the change.
    let page = await text();
    for (let wait = 0; wait < 100 && !page.includes('pvc_actor_faults 1'); wait += 1) {
      await systemClock.sleep(20);
      page = await text();
    }
    assert.equal(value(page, 'pvc_vms{state="start"}'), 1);
    assert.equal(value(page, 'pvc_vms{state="stop"}'), 1);
    assert.equal(value(page, 'pvc_nodes{state="run,ready"}'), 3);
    assert.equal(value(page, 'pvc_actors{kind="vm",state="running"}'), 1);
    assert.equal(value(page, 'pvc_actor_letters{kind="vm"}'), 2);
    assert.equal(value(page, 'pvc_actor_oldest_letter_seconds{kind="vm"}'), 4);
    assert.equal(value(page, 'pvc_lease_remaining_seconds'), 2.5);
    assert.ok(value(page, 'pvc_feed_lag_seconds_count') >= 1);
  });

  test('the process, the store and the requests to this API', async () => {
    await made.ask('GET', '/node');
    const page = await text();
    assert.ok(value(page, 'process_resident_memory_bytes') > 1e6);
    assert.match(page, /nodejs_eventloop_lag_p99_seconds /);
    assert.match(page, /# TYPE nodejs_gc_duration_seconds histogram/);
    assert.equal(value(page, 'pvc_store_connected'), 1);
    assert.ok(value(page, 'pvc_http_requests_total{method="GET",route="/api/v1/node",status="200"}') >= 1);
    assert.ok(value(page, 'pvc_http_request_seconds_count{method="GET",route="/api/v1/node"}') >= 1);
    assert.doesNotMatch(page, new RegExp(WEB1), 'no label names an actor');
  });

  test('the runtime counts steps, commits, letters, effects and how long letters waited', async () => {
    const node = await startNode('n1', await createMemoryCluster({ sessionTimeoutMs: 2000 }).open(), ['n1']);
    const { metrics } = node;
    const address = await createCounter(node, 'a');
    for (let sent = 0; sent < 10; sent += 1) await node.gateway.submit(address, { type: 'add', value: 1 }, 'test');
    await node.gateway.submit(address, { type: 'work' }, 'test');
    const record = await until(node, address, ({ timers, effects, seq }) =>
      seq > 12 && timers.length === 0 && effects.length === 0).finally(() => {
      node.stop();
      return node.store.close();
    });
    assert.equal(metrics.letters, 11);
    assert.equal(metrics.steps, record.counts.steps);
    assert.equal(metrics.commits.get('committed'), record.counts.commits);
    assert.equal(metrics.commitSeconds.count, record.counts.commits);
    assert.equal(metrics.batchInputs.sum, record.counts.steps);
    assert.equal(metrics.waitedSeconds.count, 11);
    assert.deepEqual([...metrics.effects], [['done', 1]]);
    assert.equal(metrics.effectsRunning, 0);
    assert.equal(metrics.levels.get('cells')?.(), 0);
  });

  test('a histogram counts each value in every bucket that holds it', () => {
    const histogram = new Histogram([1, 2, 4]);
    for (const each of [0.5, 1, 3, 9]) histogram.observe(each);
    assert.deepEqual([histogram.counts, histogram.count, histogram.sum], [[2, 2, 3], 4, 13.5]);
  });
});
