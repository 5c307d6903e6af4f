/** The plan of who owns what: homes, drains, shares, and how few moves that takes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf } from '../runtime/address.js';
import { planMoves, type Home, type Move, type PlacedActor } from '../runtime/placer.js';
import { attraction, heirOf } from '../runtime/rendezvous.js';

const actorsOn = (counts: Readonly<Record<string, number>>, home: Home = 'anywhere'): PlacedActor[] =>
  Object.entries(counts).flatMap(([node, count]) => Array.from({ length: count }, (_, index) => (
    { address: addressOf('counter', `${node}-${index}`), node, home })));

const places = (nodes: readonly string[], draining: readonly string[] = [], primary: string | null = null) => (
  { nodes, draining: new Set(draining), primary });

/** How many each node owns once the moves are made. */
function after(actors: readonly PlacedActor[], moves: readonly Move[]): Record<string, number> {
  const where = new Map(actors.map((actor) => [actor.address, actor.node]));
  for (const move of moves) {
    assert.equal(where.get(move.address), move.from, 'a move begins where the actor is');
    where.set(move.address, move.to);
  }
  const counts: Record<string, number> = {};
  for (const node of where.values()) counts[node] = (counts[node] ?? 0) + 1;
  return counts;
}

test('a fresh node takes its share, and nothing else moves', () => {
  const actors = actorsOn({ a: 30, b: 30 });
  const moves = planMoves(actors, places(['a', 'b', 'c']));
  assert.deepEqual(after(actors, moves), { a: 20, b: 20, c: 20 });
  assert.equal(moves.length, 20);
  assert.ok(moves.every((move) => move.to === 'c' && move.why === 'balance'));
});

test('what is balanced stays; a remainder stays with who has it', () => {
  assert.deepEqual(planMoves(actorsOn({ a: 4, b: 3, c: 3 }), places(['a', 'b', 'c'])), []);
  assert.deepEqual(planMoves(actorsOn({ a: 3, b: 4, c: 3 }), places(['a', 'b', 'c'])), []);
});

test('a node that drains gives all it may and takes nothing; the last one standing keeps all', () => {
  const actors = actorsOn({ a: 7, b: 2 });
  const moves = planMoves(actors, places(['a', 'b', 'c'], ['a']));
  assert.deepEqual(after(actors, moves), { b: 5, c: 4 });
  assert.equal(moves.filter((move) => move.why === 'drain').length, 7);
  assert.deepEqual(planMoves(actors, places(['a', 'b'], ['a', 'b'])), []);
});

test('what is bound goes home if home is live, what is the primary\'s to the primary, even while that drains', () => {
  const bound = actorsOn({ a: 1 }, { node: 'b' });
  const roled = actorsOn({ c: 1 }, 'primary');
  const moves = planMoves([...bound, ...roled], places(['a', 'b', 'c'], ['a', 'b'], 'b'));
  assert.deepEqual(moves.map(({ to, why }) => [to, why]), [['b', 'home'], ['b', 'home']]);
  assert.deepEqual(planMoves(bound, places(['a', 'c'])), [], 'home is not live: it stays where it is');
  assert.deepEqual(planMoves(roled, places(['a', 'c'])), [], 'nobody is primary');
});

test('actors of a dead owner are nobody\'s to hand over', () => {
  assert.deepEqual(planMoves(actorsOn({ dead: 5, a: 1 }), places(['a', 'b'])), []);
});

test('whatever the loads, shares differ by one at most, no move is needless, and the order of what is known is nothing',
  () => {
    let seed = 7;
    const drawn = (below: number): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % below;
    for (let round = 0; round < 200; round += 1) {
      const nodes = Array.from({ length: 1 + drawn(7) }, (_, index) => `n${index}`);
      const actors = actorsOn(Object.fromEntries(nodes.map((node) => [node, drawn(40)])));
      const moves = planMoves(actors, places(nodes));
      const counts = nodes.map((node) => after(actors, moves)[node] ?? 0);
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, JSON.stringify(counts));
      const least = Math.ceil(actors.length / nodes.length);
      const needless = moves.filter((move) => actors.filter((actor) => actor.node === move.from).length < least);
      assert.deepEqual(needless, [], 'only who has more than a share gives');
      assert.deepEqual(planMoves([...actors].reverse(), places([...nodes].reverse())), moves);
    }
  });

test('rendezvous: heirs are spread evenly, and a node that goes changes only what was its own', () => {
  const nodes = ['hv1', 'hv2', 'hv3', 'hv4'];
  const names = Array.from({ length: 4000 }, (_, index) => `vm/${index}`);
  const before = names.map((name) => heirOf(name, nodes));
  for (const node of nodes) {
    const share = before.filter((heir) => heir === node).length;
    assert.ok(share > 800 && share < 1200, `${node} inherits ${share} of 4000`);
  }
  const left = nodes.filter((node) => node !== 'hv2');
  names.forEach((name, index) => {
    if (before[index] !== 'hv2') assert.equal(heirOf(name, left), before[index]);
  });
  assert.equal(heirOf('vm/1', []), null);
  assert.equal(attraction('hv1', 'vm/1'), attraction('hv1', 'vm/1'));
});
