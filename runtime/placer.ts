/**
 * Placing: which live node should own which actor. A pure plan; who carries it out stands in balance.ts.
 * Actors that may be anywhere are spread by count, with as few moves as that takes.
 */
import type { Address } from './address.js';
import { attraction } from './rendezvous.js';

/** Where an actor belongs: on the node named (even while that one is gone), on the primary, or on any node. */
export type Home = 'anywhere' | 'primary' | { readonly node: string };

export interface PlacedActor {
  readonly address: Address;
  /** Its present owner's node. */
  readonly node: string;
  readonly home: Home;
}

export interface Places {
  /** Live nodes. */
  readonly nodes: readonly string[];
  /** Live nodes that are to own nothing that may be elsewhere. */
  readonly draining: ReadonlySet<string>;
  /** null = nobody is. */
  readonly primary: string | null;
}

/** `drain`: it has to leave its node; `home`: it belongs elsewhere; `balance`: its node has more than its share. */
export interface Move {
  readonly address: Address;
  readonly from: string;
  readonly to: string;
  readonly why: 'home' | 'drain' | 'balance';
}

/**
 * What has to move. Actors whose owner is not live are not in it: those are claimed (heirs.ts). The same facts
 * give the same plan everywhere. With every node draining, nothing is drained.
 */
export function planMoves(actors: readonly PlacedActor[], places: Places): Move[] {
  const live = new Set(places.nodes);
  const takers = places.nodes.filter((node) => !places.draining.has(node)).sort();
  const moves: Move[] = [];
  const free: PlacedActor[] = [];
  for (const actor of actors) {
    if (!live.has(actor.node)) continue;
    if (actor.home === 'anywhere') free.push(actor);
    else {
      const to = actor.home === 'primary' ? places.primary : actor.home.node;
      if (to === null || to === actor.node || !live.has(to)) continue;
      moves.push({ address: actor.address, from: actor.node, to, why: 'home' });
    }
  }
  return takers.length === 0 ? moves : [...moves, ...spread(free, takers)];
}

/** Every taker gets its share, which is the same for all but one; who has more already keeps that one. */
function spread(actors: readonly PlacedActor[], takers: readonly string[]): Move[] {
  const held = new Map<string, PlacedActor[]>(takers.map((node) => [node, []]));
  const leaving: PlacedActor[] = [];
  for (const actor of actors) (held.get(actor.node) ?? leaving).push(actor);
  const share = Math.floor(actors.length / takers.length);
  let larger = actors.length - share * takers.length;
  const byLoad = [...takers].sort((a, b) => held.get(b)!.length - held.get(a)!.length || (a < b ? -1 : 1));
  const room: { node: string; left: number }[] = [];
  for (const node of byLoad) {
    const most = share + (larger > 0 ? 1 : 0);
    larger -= 1;
    const mine = held.get(node)!;
    if (mine.length < most) room.push({ node, left: most - mine.length });
    else leaving.push(...leastDrawn(mine, node, mine.length - most));
  }
  return fill(leaving, room, new Set(takers));
}

/** Those that the node draws least go: then everybody names the same ones. */
function leastDrawn(actors: readonly PlacedActor[], node: string, count: number): PlacedActor[] {
  if (count === 0) return [];
  return actors.map((actor) => ({ actor, drawn: attraction(node, actor.address) }))
    .sort((a, b) => a.drawn - b.drawn || (a.actor.address < b.actor.address ? -1 : 1))
    .slice(0, count).map(({ actor }) => actor);
}

/** Each goes to the node that draws it most of those that still have room. */
function fill(
  leaving: readonly PlacedActor[], room: readonly { node: string; left: number }[], takers: ReadonlySet<string>,
): Move[] {
  const moves: Move[] = [];
  const open = room.map((each) => ({ ...each }));
  for (const { address, node } of [...leaving].sort((a, b) => (a.address < b.address ? -1 : 1))) {
    const to = open.filter(({ left }) => left > 0)
      .sort((a, b) => attraction(b.node, address) - attraction(a.node, address))[0];
    if (to === undefined) break;
    to.left -= 1;
    moves.push({ address, from: node, to: to.node, why: takers.has(node) ? 'balance' : 'drain' });
  }
  return moves;
}
