/** What the loss of a node would leave without a place, and plans that find a place for all if there is one. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bruteForce, randomCluster, type SmallCluster } from '../fixtures/small-cluster.js';
import { isSettled, predecessorsOf } from '../machines/order.js';
import { planMoves, type PlacementNode, type PlacementRequest, type PlacementWorld } from '../machines/placement.js';
import type { PlacementRule } from '../machines/rules.js';
import { survival, survives, worsened, type AtRisk } from '../machines/survival.js';

const node = (name: string, freeMiB: number): PlacementNode => ({
  name, bootId: `${name}-boot`, daemonState: 'run', domainState: 'ready', memoryTotalMiB: 8192, memoryFreeMiB: freeMiB,
  memoryProvisionedMiB: 0, vcpusAllocated: 0, load: 0, vms: 0,
});
const request = (uuid: string, memoryMiB: number, change: Partial<PlacementRequest> = {}): PlacementRequest =>
  ({ uuid, memoryMiB, vcpus: 1, nodeLimit: null, selector: null, ...change });
const world = (
  nodes: PlacementNode[], rules: PlacementRule[] = [], change: Partial<PlacementWorld> = {},
): PlacementWorld =>
  ({ nodes, defaultSelector: 'mem', rules, standing: new Map(), ...change });
const on = (home: string, vm: PlacementRequest): AtRisk => ({ request: vm, node: home });
const targets = (requests: PlacementRequest[], given: PlacementWorld): (string | null)[] =>
  planMoves(requests, given).map((move) => move.target?.node ?? null);

describe('one plan', () => {
  test('finds a place for all although the best one for each would leave the last without', () => {
    const nodes = [node('hv1', 3000), node('hv2', 2000)];
    // Alone, a goes to hv1, the emptier; then b, which fits nowhere else, would have none.
    assert.deepEqual(targets([request('a', 2000), request('b', 3000)], world(nodes)), ['hv2', 'hv1']);
    const limited = [request('a', 2000), request('b', 1500, { nodeLimit: ['hv1'] })];
    assert.deepEqual(targets(limited, world(nodes)), ['hv2', 'hv1']);
  });

  test('gives to the higher priority what is not enough for all', () => {
    const nodes = [node('hv1', 1000)];
    const both = [request('a', 1000), request('b', 1000, { priority: 5 })];
    assert.deepEqual(planMoves(both, world(nodes)).map(({ uuid, target }) => [uuid, target?.node ?? null]),
      [['b', 'hv1'], ['a', null]]);
  });

  test('keeps together what stands together on the node that is left', () => {
    const rules: PlacementRule[] = [{ kind: 'vm-affinity', vms: ['a', 'b'], together: true, strict: true }];
    const standing = new Map([['a', ['hv1']], ['b', ['hv1']]]);
    const both = [request('a', 500, { exclude: ['hv1'] }), request('b', 500, { exclude: ['hv1'] })];
    const nodes = [node('hv1', 8000), node('hv2', 700), node('hv3', 1000)];
    assert.deepEqual(targets(both, world(nodes, rules, { standing })), ['hv3', 'hv3']);
  });

  test('overcommits only by setting, and takes what has room first', () => {
    const nodes = [node('hv1', 500), node('hv2', 100)];
    const two = [request('a', 400), request('b', 400)];
    assert.deepEqual(targets(two, world(nodes)), ['hv1', null]);
    const [, second] = planMoves(two, world(nodes, [], { overcommit: 'warn' }));
    assert.deepEqual([second?.target?.node, second?.reason],
      ['hv1', 'memory of hv1 is overcommitted: 100 MiB are free, 400 are needed']);
  });
});

describe('the loss of a node', () => {
  const three = [node('hv1', 1000), node('hv2', 1000), node('hv3', 1000)];
  const cases: [string, AtRisk[], PlacementNode[], PlacementRule[], Record<string, string[]>][] = [
    ['all fit elsewhere', [on('hv1', request('a', 800)), on('hv2', request('b', 900))], three, [], {}],
    ['one is too large', [on('hv1', request('a', 1200)), on('hv2', request('b', 900))], three, [], { hv1: ['a'] }],
    ['three do not fit on two', ['a', 'b', 'c'].map((uuid) => on('hv1', request(uuid, 900))), three, [],
      { hv1: ['c'] }],
    ['one that is tied to its node goes with it: no news', [on('hv1', request('a', 1, { nodeLimit: ['hv1'] }))],
      three, [], {}],
    ['nor one that a strict rule ties to it', [on('hv1', request('a', 1))], three,
      [{ kind: 'node-affinity', vms: ['a'], nodes: { hv1: 1 }, strict: true }], {}],
    ['its only other node is too small', [on('hv1', request('a', 1200, { nodeLimit: ['hv1', 'hv2'] }))], three, [],
      { hv1: ['a'] }],
    ['a node that is down is not lost again', [on('hv1', request('a', 900))],
      [three[0]!, { ...three[1]!, bootId: null }, three[2]!], [], {}],
    ['one node has nothing to lose it to', [on('hv1', request('a', 900))], [three[0]!], [], {}],
  ];
  for (const [name, vms, nodes, rules, expected] of cases) {
    test(name, () => {
      const found = survival(vms, world(nodes, rules)).map(({ node: lost, stranded }) =>
        [lost, stranded.map(({ uuid }) => uuid)]);
      assert.deepEqual(Object.fromEntries(found), expected);
    });
  }

  test('keeps apart what must be apart', () => {
    const rules: PlacementRule[] = [{ kind: 'vm-affinity', vms: ['a', 'b'], together: false, strict: true }];
    const standing = new Map([['a', ['hv1']], ['b', ['hv2']]]);
    const vms = [on('hv1', request('a', 10)), on('hv2', request('b', 10))];
    const two = world([three[0]!, three[1]!], rules, { standing });
    assert.deepEqual(survival(vms, two).map((loss) => loss.stranded[0]!.uuid), ['a', 'b']);
    assert.deepEqual(survival(vms, world(three, rules, { standing })), []);
  });

  test('is told only if it became worse', () => {
    const loss = (lost: string, ...uuids: string[]) =>
      ({ node: lost, stranded: uuids.map((uuid) => ({ uuid, reason: '' })) });
    const named = (uuid: string): string => `vm-${uuid}`;
    assert.equal(worsened([loss('hv1', 'a')], [loss('hv1', 'a')], named), null);
    const told = worsened([], [loss('hv1', 'a')], named);
    assert.match(told ?? '', /lost, not every VM would find a place any more: hv1 \(vm-a\)/);
  });

  test('agrees with every arrangement tried, on random small clusters', () => {
    for (let seed = 1; seed <= 1500; seed += 1) {
      const cluster: SmallCluster = randomCluster(seed);
      const lost = cluster.world.nodes[0]!.name;
      const verdict = survives(cluster.vms, cluster.world, lost).stranded.length === 0;
      assert.equal(verdict, bruteForce(cluster, lost), `seed ${seed}: ${JSON.stringify(cluster)}`);
    }
  });
});

describe('restart order', () => {
  test('each waits for the next higher priority', () => {
    const order = predecessorsOf([{ uuid: 'web' }, { uuid: 'db', priority: 10 }, { uuid: 'dns', priority: 20 },
      { uuid: 'db2', priority: 10 }, { uuid: 'batch', priority: -1 }]);
    assert.deepEqual(Object.fromEntries(order),
      { db: ['dns'], db2: ['dns'], web: ['db', 'db2'], batch: ['web'] });
    assert.equal(predecessorsOf([{ uuid: 'a' }, { uuid: 'b' }]).size, 0);
  });

  test('nobody is waited for who will not start, or runs', () => {
    const vm = (value: unknown, change = {}) => ({ value, livesSomewhere: true, autostart: false, ...change });
    assert.ok(isSettled(null));
    assert.ok(isSettled(vm('running')));
    assert.ok(isSettled(vm({ off: 'failed' })));
    assert.ok(isSettled(vm({ starting: 'waiting' })));
    assert.ok(isSettled(vm({ off: 'stopped' })));
    assert.ok(!isSettled(vm({ off: 'stopped' }, { autostart: true })), 'it is about to start with its node');
    assert.ok(!isSettled(vm('running', { livesSomewhere: false })), 'its node is dead and it has not heard');
    for (const value of [{ starting: 'launching' }, { starting: 'queueing' }, { recovering: 'proving' }]) {
      assert.ok(!isSettled(vm(value)), JSON.stringify(value));
    }
  });
});
