/** Transitions and what they led to -> the story of a request. */
import type { Caused, HeldTransition } from '../../runtime/causes.js';
import { originOf } from '../../runtime/causes.js';
import type { Feed } from '../../runtime/feed-types.js';
import type { CausedStep } from '../schemas/actor.js';
import type { Static } from '../schemas/schema.js';

type Step = Static<typeof CausedStep>;

/** What came of each letter and effect: the transition it led to, by `<sender's transition>/<l|e>/<index>`. */
function outcomes(all: readonly HeldTransition[]): ReadonlyMap<string, HeldTransition> {
  const found = new Map<string, HeldTransition>();
  for (const held of all) {
    const origin = originOf(held.transition);
    if (origin.kind !== 'letter' && origin.kind !== 'effect') continue;
    found.set(`${origin.address}#${origin.seq}/${origin.kind}/${origin.index}`, held);
  }
  return found;
}

/** `all` = every transition that is held: what a step led to may belong to another story. */
export function stepViews(feed: Feed, all: readonly HeldTransition[], caused: readonly Caused[]): readonly Step[] {
  const ends = outcomes(all);
  const depths = new Map<string, number>();
  return caused.map((one) => {
    const { id, address, zxid, transition, origin, parent, parentHeld } = one;
    const depth = parent !== null && depths.has(parent) ? depths.get(parent)! + 1 : 0;
    depths.set(id, depth);
    const { seq, at, node, epoch, from, to, correlation } = transition;
    return {
      id, address, seq, zxid, at, node, epoch, from, to, correlation, event: transition.event.type,
      operation: transition.operationId, cause: origin.kind, parent, parent_held: parentHeld, depth,
      letters: transition.sent.map((sent, index) => letterOf(feed, one, sent, index, ends)),
      effects: transition.effects.map((kind, index) => effectOf(feed, one, kind, index, ends)),
    };
  });
}

function letterOf(
  feed: Feed, { id, transition }: Caused, { to, type }: { to: string; type: string }, index: number,
  ends: ReadonlyMap<string, HeldTransition>,
): Step['letters'][number] {
  const end = ends.get(`${id}/letter/${index}`);
  if (end !== undefined) return { to, type, state: 'stepped', step: `${end.address}#${end.transition.seq}` };
  // Names of waiting letters hold their sender's transition and index; a pack bears the name of its first.
  const mark = `.${String(transition.seq).padStart(12, '0')}.`;
  const sender = id.slice(0, id.indexOf('#')).replace('/', '~');
  const waits = feed.mailboxNames(to as `${string}/${string}`)
    .some((name) => name.includes(`${sender}.`) && name.includes(mark));
  return { to, type, state: waits ? 'waiting' : 'gone', step: null };
}

function effectOf(
  feed: Feed, { id, address, transition }: Caused, kind: string, index: number,
  ends: ReadonlyMap<string, HeldTransition>,
): Step['effects'][number] {
  const end = ends.get(`${id}/effect/${index}`);
  if (end !== undefined) {
    const { seq, event } = end.transition;
    return { kind, state: 'answered', attempt: null, answer: event.type, step: `${end.address}#${seq}` };
  }
  const mark = `.${String(transition.seq).padStart(12, '0')}.e${index}`;
  const pending = feed.actor(address)?.record.effects.find((effect) => effect.effectId.endsWith(mark));
  return {
    kind, state: pending === undefined ? 'gone' : 'pending', attempt: pending?.attempt ?? null, answer: null,
    step: null,
  };
}
