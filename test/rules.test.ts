/** Placement rules: what they forbid, what they like, and when a running VM is sent elsewhere. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { betterPlace, place, planMoves, type PlacementNode, type PlacementWorld } from '../machines/placement.js';
import type { PlacementRule, Standing } from '../machines/rules.js';

const node = (name: string, change: Partial<PlacementNode> = {}): PlacementNode => ({
  name, bootId: `${name}-boot`, daemonState: 'run', domainState: 'ready', memoryTotalMiB: 8192, memoryFreeMiB: 4096,
  memoryProvisionedMiB: 0, vcpusAllocated: 0, load: 0, vms: 0, ...change,
});
const NODES = [node('hv1', { memoryFreeMiB: 8000 }), node('hv2', { memoryFreeMiB: 6000 }), node('hv3')];
const world = (rules: PlacementRule[], standing: Record<string, string> = {}, nodes = NODES): PlacementWorld => ({
  nodes, defaultSelector: 'mem', rules,
  standing: new Map(Object.entries(standing).map(([vm, at]) => [vm, [at]])) satisfies Standing,
});
const request = (uuid: string) => ({ uuid, memoryMiB: 512, vcpus: 1, nodeLimit: null, selector: null });
const placeOf = (uuid: string, given: PlacementWorld): string | null =>
  place(request(uuid), given).target?.node ?? null;
const affinity = (vms: string[], nodes: Record<string, number>, strict: boolean): PlacementRule =>
  ({ kind: 'node-affinity', vms, nodes, strict });
const company = (vms: string[], together: boolean, strict: boolean): PlacementRule =>
  ({ kind: 'vm-affinity', vms, together, strict });

describe('placement rules', () => {
  test('node affinity: priorities order, strict forbids, others come last', () => {
    assert.equal(placeOf('a', world([affinity(['a'], { hv3: 2, hv2: 1 }, false)])), 'hv3');
    const down = NODES.filter((each) => each.name !== 'hv3');
    assert.equal(placeOf('a', world([affinity(['a'], { hv3: 2, hv2: 1 }, false)], {}, down)), 'hv2');
    assert.equal(placeOf('a', world([affinity(['a'], { hv3: 1 }, false)], {}, down)), 'hv1');
    const refused = place(request('a'), world([affinity(['a'], { hv3: 1 }, true)], {}, down));
    assert.equal(refused.target, null);
    assert.match(refused.reason ?? '', /hv1: a rule keeps it on hv3/);
    assert.equal(placeOf('other', world([affinity(['a'], { hv3: 2 }, true)])), 'hv1');
  });

  test('VM affinity: together and apart, strict or not', () => {
    assert.equal(placeOf('a', world([company(['a', 'b'], true, true)], { b: 'hv3' })), 'hv3');
    assert.equal(placeOf('a', world([company(['a', 'b'], true, false)], { b: 'hv3' })), 'hv3');
    assert.equal(placeOf('a', world([company(['a', 'b'], false, true)], { b: 'hv1' })), 'hv2');
    const alone = [node('hv1')];
    assert.equal(placeOf('a', world([company(['a', 'b'], false, true)], { b: 'hv1' }, alone)), null);
    assert.equal(placeOf('a', world([company(['a', 'b'], false, false)], { b: 'hv1' }, alone)), 'hv1');
    assert.equal(placeOf('a', world([company(['a', 'b'], true, true)])), 'hv1');
  });

  test('one plan keeps its VMs apart', () => {
    const moves = planMoves(['a', 'b', 'c'].map(request), world([company(['a', 'b', 'c'], false, true)]));
    assert.deepEqual(moves.map((move) => move.target?.node), ['hv1', 'hv2', 'hv3']);
  });

  test('a running VM goes back to what it likes better only if it may, and off what is forbidden in any case', () => {
    const liked = world([affinity(['a'], { hv3: 2, hv2: 1 }, false)], { a: 'hv2' });
    assert.equal(betterPlace(request('a'), 'hv2', true, liked)?.node, 'hv3');
    assert.equal(betterPlace(request('a'), 'hv2', false, liked), null);
    assert.equal(betterPlace(request('a'), 'hv3', true, liked), null);
    assert.equal(betterPlace({ ...request('a'), withoutStorage: ['hv3'] }, 'hv2', true, liked), null);
    const forbidden = world([affinity(['a'], { hv3: 1 }, true)], { a: 'hv1' });
    assert.equal(betterPlace(request('a'), 'hv1', false, forbidden)?.node, 'hv3');
    assert.equal(betterPlace(request('free'), 'hv1', true, forbidden), null);
  });
});
