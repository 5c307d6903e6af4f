/** Running VMs that rules want elsewhere: one by one, as a group, and in the order in which it can be done. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PlacementNode, PlacementWorld } from '../machines/placement.js';
import { repairMoves, type Resident } from '../machines/repair.js';
import { flawOf, tiedTo, type PlacementRule } from '../machines/rules.js';

const node = (name: string, freeMiB = 4000): PlacementNode => ({
  name, bootId: `${name}-boot`, daemonState: 'run', domainState: 'ready', memoryTotalMiB: 8192, memoryFreeMiB: freeMiB,
  memoryProvisionedMiB: 0, vcpusAllocated: 0, load: 0, vms: 0,
});
const on = (vms: string[], nodes: Record<string, number>, strict = true): PlacementRule =>
  ({ kind: 'node-affinity', vms, nodes, strict });
const company = (vms: string[], together: boolean, strict = true): PlacementRule =>
  ({ kind: 'vm-affinity', vms, together, strict });

const NODES = ['hv1', 'hv2', 'hv3'].map((name) => node(name));

function moves(
  at: Record<string, string>, rules: PlacementRule[], nodes = NODES, failback = true, waiting: readonly string[] = [],
): Record<string, string> {
  const request = (uuid: string) => ({ uuid, memoryMiB: 500, vcpus: 1, nodeLimit: null, selector: null });
  const residents = Object.entries(at).map(([uuid, home]): Resident => (
    { request: request(uuid), node: home, failback }));
  const standing = new Map(Object.entries(at).map(([uuid, home]) => [uuid, [home]]));
  const world: PlacementWorld = { nodes, defaultSelector: 'mem', rules, standing };
  const made = repairMoves(residents, world, waiting.map(request));
  return Object.fromEntries(made.map(({ uuid, target }) => [uuid, target.node]));
}

describe('rules are kept for running VMs', () => {
  test('one that stands where it must not goes; one that is merely liked more goes only if it may', () => {
    assert.deepEqual(moves({ a: 'hv1', b: 'hv1' }, [on(['a'], { hv3: 1 })]), { a: 'hv3' });
    assert.deepEqual(moves({ a: 'hv1' }, [on(['a'], { hv3: 1 }, false)]), { a: 'hv3' });
    assert.deepEqual(moves({ a: 'hv1' }, [on(['a'], { hv3: 1 }, false)], undefined, false), {});
    assert.deepEqual(moves({ a: 'hv3' }, [on(['a'], { hv3: 1 })]), {});
  });

  test('a VM that waits for those it is tied to: they come where it may run', () => {
    const rules = [on(['a'], { hv3: 1 }), company(['a', 'b', 'c'], true)];
    assert.deepEqual(moves({ b: 'hv2', c: 'hv2' }, rules, undefined, true, ['a']), { b: 'hv3', c: 'hv3' });
    assert.deepEqual(moves({ b: 'hv3', c: 'hv3' }, rules, undefined, true, ['a']), {});
    assert.deepEqual(moves({ b: 'hv2' }, rules, NODES.slice(0, 2), true, ['a']), {}, 'nowhere to go');
    assert.deepEqual(moves({ b: 'hv3', c: 'hv1' }, [on(['a'], { hv3: 1 }), company(['a', 'b'], false)], undefined, true,
      ['a']), { b: 'hv1' }, 'it makes room');
  });

  test('VMs that are strictly together go together', () => {
    assert.deepEqual(moves({ a: 'hv1', b: 'hv1' }, [on(['a'], { hv2: 1 }), company(['a', 'b'], true)]),
      { a: 'hv2', b: 'hv2' });
  });

  test('one that stands in the way of another goes first, by itself, and stays away', () => {
    const rules = [on(['x'], { hv1: 1 }), company(['x', 'a'], false), on(['a'], { hv1: 5 }, false)];
    assert.deepEqual(moves({ a: 'hv1', x: 'hv2' }, rules), { a: 'hv3' });
    assert.deepEqual(moves({ a: 'hv3', x: 'hv2' }, rules), { x: 'hv1' });
    assert.deepEqual(moves({ a: 'hv3', x: 'hv1' }, rules), {});
  });

  test('nothing is moved that does not help', () => {
    assert.deepEqual(moves({ a: 'hv1' }, [on(['a'], { hv9: 1 })]), {});
    const full = [node('hv1'), node('hv2', 100)];
    assert.deepEqual(moves({ a: 'hv1', b: 'hv1' }, [company(['a', 'b'], false)], full), {});
  });
});

describe('a rule that cannot be kept', () => {
  const cases: [string, PlacementRule, PlacementRule[], RegExp | null][] = [
    ['no VM', on([], { hv1: 1 }), [], /names no VM/],
    ['no node', on(['a'], {}), [], /names no node/],
    ['one VM twice', company(['a', 'a'], true), [], /at least two VMs/],
    ['together and apart', company(['a', 'b'], true), [{ ...company(['b', 'a', 'c'], false), name: 'old' }],
      /contradicts rule "old"/],
    ['one of them not strict', company(['a', 'b'], true, false), [company(['b', 'a'], false)], null],
    ['no node left', on(['a'], { hv1: 1 }), [on(['a', 'b'], { hv2: 1 })], /leave a VM no node/],
    ['one node left', on(['a'], { hv1: 1, hv2: 1 }), [on(['a'], { hv2: 1 })], null],
  ];
  for (const [name, rule, others, expected] of cases) {
    test(name, () => {
      const flaw = flawOf(rule, others);
      if (expected === null) assert.equal(flaw, null);
      else assert.match(flaw ?? '', expected);
    });
  }

  test('who is tied to whom', () => {
    const rules = [company(['a', 'b'], true), company(['b', 'c'], false), company(['c', 'd'], true, false)];
    assert.deepEqual(tiedTo('a', rules), ['a', 'b', 'c']);
    assert.deepEqual(tiedTo('d', rules), ['d']);
  });
});
