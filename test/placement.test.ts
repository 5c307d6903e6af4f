/** Placement: PVC's selectors, real capacity, one plan. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  place,
  planMoves,
  type PlacementNode,
  type PlacementRequest,
  type PlacementWorld,
} from '../machines/placement.js';
import type { NodeSelector } from '../machines/vm/messages.js';

const node = (name: string, change: Partial<PlacementNode> = {}): PlacementNode => ({
  name,
  bootId: `${name}-boot`,
  daemonState: 'run',
  domainState: 'ready',
  memoryTotalMiB: 8192,
  memoryFreeMiB: 4096,
  memoryProvisionedMiB: 1024,
  vcpusAllocated: 2,
  load: 1,
  vms: 2,
  ...change,
});
const vm = (uuid: string, change: Partial<PlacementRequest> = {}): PlacementRequest => ({
  uuid,
  memoryMiB: 1024,
  vcpus: 1,
  nodeLimit: null,
  selector: null,
  ...change,
});
const world = (nodes: readonly PlacementNode[], change: Partial<PlacementWorld> = {}): PlacementWorld => ({
  nodes,
  defaultSelector: 'mem',
  ...change,
});
const nameOf = (request: PlacementRequest, given: PlacementWorld): string | null =>
  place(request, given).target?.node ?? null;

test('each selector takes the node that PVC would', () => {
  const nodes = [
    node('hv1', { memoryFreeMiB: 2000, memoryProvisionedMiB: 100, vcpusAllocated: 9, load: 9, vms: 9 }),
    node('hv2', { memoryFreeMiB: 3000, memoryProvisionedMiB: 9000, vcpusAllocated: 1, load: 8, vms: 8 }),
    node('hv3', { memoryFreeMiB: 2500, memoryProvisionedMiB: 8000, vcpusAllocated: 8, load: 1, vms: 8 }),
    node('hv4', { memoryFreeMiB: 2500, memoryProvisionedMiB: 8000, vcpusAllocated: 8, load: 8, vms: 1 }),
  ];
  const expected: Record<NodeSelector, string> = {
    mem: 'hv2',
    memprov: 'hv1',
    vcpus: 'hv2',
    load: 'hv3',
    vms: 'hv4',
    none: 'hv4',
  };
  for (const [selector, name] of Object.entries(expected)) {
    assert.equal(
      nameOf(vm('a', { selector: selector as NodeSelector }), world(nodes, { defaultSelector: 'vms' })),
      name,
      selector,
    );
  }
  assert.equal(nameOf(vm('a'), world(nodes, { defaultSelector: 'none' })), 'hv2', 'no default means mem');
});

test('only run and ready nodes with a live boot, inside the limit, and not left out', () => {
  const cases: [string, Partial<PlacementNode>, Partial<PlacementRequest>, RegExp][] = [
    ['fenced', { daemonState: 'fenced' }, {}, /daemon state is fenced/],
    ['no session', { bootId: null }, {}, /daemon state/],
    ['flushed', { domainState: 'flushed' }, {}, /domain state is flushed/],
    ['limit', {}, { nodeLimit: ['hv9'] }, /not in its node limit/],
    ['left out', {}, { exclude: ['hv1'] }, /left out/],
    ['without storage', {}, { withoutStorage: ['hv1'] }, /its storage does not answer/],
    ['too small', { memoryFreeMiB: 1023 }, {}, /1023 MiB are free, 1024 are needed/],
    ['another was asked for', {}, { only: 'hv2' }, /not the one asked for|there is no node "hv2"/],
  ];
  for (const [name, change, request, reason] of cases) {
    const placed = place(vm('a', request), world([node('hv1', change)]));
    assert.equal(placed.target, null, name);
    assert.match(placed.reason ?? '', reason, name);
  }
});

test('equal nodes are taken by name, a preferred one before any', () => {
  const nodes = [node('hv3'), node('hv1'), node('hv2')];
  assert.equal(nameOf(vm('a'), world(nodes)), 'hv1');
  assert.equal(nameOf(vm('a', { prefer: 'hv3' }), world(nodes)), 'hv3');
  assert.equal(nameOf(vm('a', { prefer: 'hv3', exclude: ['hv3'] }), world(nodes)), 'hv1');
  assert.equal(nameOf(vm('a', { only: 'hv2' }), world(nodes)), 'hv2');
});

test('overcommitted memory is a warning, or a refusal by setting', () => {
  const full = [node('hv1', { memoryProvisionedMiB: 8000 })];
  const placed = place(vm('a'), world(full));
  assert.equal(placed.target?.node, 'hv1');
  assert.match(placed.reason ?? '', /overcommitted: 9024 of 8192/);
  assert.equal(place(vm('a'), world(full, { overcommit: 'refuse' })).target, null);
});

test('one plan counts what it has placed, in string order of ids', () => {
  const nodes = [node('hv1', { memoryFreeMiB: 2048 }), node('hv2', { memoryFreeMiB: 2047 })];
  const plan = planMoves([vm('b'), vm('a'), vm('c'), vm('d')], world(nodes));
  assert.deepEqual(
    plan.map((move) => [move.uuid, move.target?.node ?? null]),
    [
      ['a', 'hv1'],
      ['b', 'hv2'],
      ['c', 'hv1'],
      ['d', null],
    ],
  );
  assert.match(plan[3]!.reason ?? '', /hv1: 0 MiB are free, 1024 are needed; hv2: 1023 MiB/);
});

/** A small repeatable generator: the same cases on every run. */
function* numbers(seed: number): Generator<number, never> {
  let state = seed;
  for (;;) {
    state = (state * 1103515245 + 12345) % 2147483648;
    yield state;
  }
}

test('properties: no node is ever given more than it has free, and nothing depends on the order of the input', () => {
  const source = numbers(7);
  const below = (limit: number): number => source.next().value % limit;
  for (let round = 0; round < 300; round += 1) {
    const nodes = Array.from({ length: 1 + below(5) }, (_, index) =>
      node(`hv${index + 1}`, {
        memoryFreeMiB: below(6000),
        load: below(9),
        vms: below(9),
        vcpusAllocated: below(9),
        memoryProvisionedMiB: below(9000),
        domainState: below(5) === 0 ? 'flush' : 'ready',
      }),
    );
    const selectors: NodeSelector[] = ['mem', 'memprov', 'vcpus', 'load', 'vms', 'none'];
    const requests = Array.from({ length: below(9) }, (_, index) =>
      vm(`vm${index}`, {
        memoryMiB: 1 + below(3000),
        vcpus: 1 + below(4),
        selector: selectors[below(6)]!,
        nodeLimit: below(3) === 0 ? ['hv1', 'hv2'] : null,
      }),
    );
    const plan = planMoves(requests, world(nodes));
    assert.deepEqual(planMoves([...requests].reverse(), world([...nodes].reverse())), plan);
    for (const each of nodes) {
      const taken = plan
        .filter((move) => move.target?.node === each.name)
        .reduce((sum, move) => sum + requests.find((request) => request.uuid === move.uuid)!.memoryMiB, 0);
      assert.ok(
        taken === 0 || taken <= each.memoryFreeMiB,
        `round ${round}: ${each.name} is given ${taken} of ${each.memoryFreeMiB} MiB`,
      );
    }
    for (const move of plan) {
      const request = requests.find((each) => each.uuid === move.uuid)!;
      if (move.target !== null) assert.ok(request.nodeLimit === null || request.nodeLimit.includes(move.target.node));
      else assert.ok(move.reason !== null, 'no target without a reason');
    }
  }
});
