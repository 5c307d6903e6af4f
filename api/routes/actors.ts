/** Our addition: every actor as it is, whatever its machine: its record, its mailbox, why it is where it is. */
import { addressOf, type Address } from '../../runtime/address.js';
import { causesOf, causeWalk } from '../../runtime/causes.js';
import { PvcError } from '../../runtime/errors.js';
import { cursorText } from '../../runtime/feed.js';
import type { Feed, MirroredActor } from '../../runtime/feed-types.js';
import type { ApiContext } from '../context.js';
import type { Api, ApiReply } from '../http.js';
import {
  ActorList, ActorListArguments, ActorPath, ActorRecordView, CausePath, Causes, Letters, LettersArguments,
  WhyArguments,
} from '../schemas/actor.js';
import { NoArguments, routeAt, routeOf, type Static } from '../schemas/schema.js';
import { actorRow, effectViews, letterView, timerViews } from '../views/actor.js';
import { stepViews } from '../views/causes.js';
import { explanationOf, stateOf, wordOf } from '../views/words.js';

/** Mailboxes that one request may have listed: of more, the rest is shown as not known. */
const LISTED_MAX = 2000;
const LETTERS_SHOWN = 100;
const STEPS_SHOWN = 1000;

export function actorRoutes(api: Api, context: ApiContext): void {
  const { feed, desk, clock } = context;
  api.get('/actors', routeOf('Every actor, in short', ActorListArguments, ActorList), async (request, reply) => {
    const found = await listed(feed, request.query);
    return page(feed, found, request.query, reply as ApiReply);
  });

  const one = routeAt('One actor: what it does and its record as stored', ActorPath, NoArguments, ActorRecordView);
  api.get('/actors/:kind/:id', one, async (request) => {
    const { actor, removedAt } = find(feed, request.params);
    const { address, record, owner } = actor;
    if (removedAt === null) await feed.settleMailboxes([address]);
    return {
      address, cursor: cursorText(feed.head()), word: wordOf(record), explanation: explanationOf(record),
      owner: owner as Record<string, unknown> | null, record: record as unknown as Record<string, unknown>,
      row: actorRow(feed, actor), effects: effectViews(actor), timers: timerViews(actor, clock.wallMs()),
      removed_at: removedAt,
    };
  });

  const letters = routeAt('The letters that wait in its mailbox, in order', ActorPath, LettersArguments, Letters);
  api.get('/actors/:kind/:id/letters', letters, async (request) => {
    const address = addressIn(request.params);
    const waiting = await desk.letters(address, request.query.limit ?? LETTERS_SHOWN);
    if (waiting === null) throw new PvcError('PVC_ACTOR_NOT_FOUND', address);
    return waiting.map(letterView);
  });

  const why = routeAt('From a transition back to its first cause, newest first', ActorPath, WhyArguments, Causes);
  api.get('/actors/:kind/:id/why', why, (request) => {
    const { actor } = find(feed, request.params);
    const seq = request.query.seq ?? actor.record.seq;
    const all = feed.history();
    const walk = causeWalk(all, actor.address, seq);
    const first = walk[0];
    if (first === undefined) {
      const oldest = actor.record.tail[0]?.seq ?? 0;
      throw new PvcError('PVC_INVALID', `Transition ${seq} of ${actor.address} is not held: ${oldest} and later are`);
    }
    const steps = stepViews(feed, all, walk);
    return { correlation: first.transition.correlation, steps: [...steps], truncated: false, lost: lostOf(steps) };
  });

  const causes = routeAt('All that came of one request, by its X-Request-Id', CausePath, NoArguments, Causes);
  api.get('/causes/:correlation', causes, (request) => {
    const { correlation } = request.params;
    const all = feed.history();
    const found = causesOf(all, ({ transition }) => transition.correlation === correlation);
    const steps = stepViews(feed, all, found.slice(0, STEPS_SHOWN));
    return { correlation, steps: [...steps], truncated: found.length > STEPS_SHOWN, lost: lostOf(steps) };
  });
}

function addressIn({ kind, id }: { kind: string; id: string }): Address {
  if (kind === '' || id === '') throw new PvcError('PVC_ACTOR_NOT_FOUND', `${kind}/${id}`);
  return addressOf(kind, id);
}

/** An actor, or what is left of one that was removed. */
function find(feed: Feed, params: { kind: string; id: string }): { actor: MirroredActor; removedAt: number | null } {
  const address = addressIn(params);
  const actor = feed.actor(address);
  if (actor !== null) return { actor, removedAt: null };
  const tomb = feed.tomb(address);
  if (tomb === null) throw new PvcError('PVC_ACTOR_NOT_FOUND', address);
  return { actor: { address, record: tomb.record, owner: null, zxid: tomb.zxid }, removedAt: tomb.at };
}

const lostOf = (steps: readonly { parent: string | null; parent_held: boolean }[]): string[] =>
  [...new Set(steps.flatMap(({ parent, parent_held }) => (parent === null || parent_held ? [] : [parent])))];

type Wanted = Static<typeof ActorListArguments>;

async function listed(feed: Feed, { kind, state, owner, fault, after }: Wanted): Promise<MirroredActor[]> {
  const found = feed.actors(kind).filter((actor) => {
    const { record } = actor;
    return (state === undefined || `${stateOf(record)} ${wordOf(record) ?? ''}`.includes(state))
      && (owner === undefined || actor.owner?.node === owner) && (after === undefined || actor.address > after)
      && (fault === undefined || (record.fault !== null) === fault);
  });
  await feed.settleMailboxes(found.slice(0, LISTED_MAX).map(({ address }) => address));
  return found.sort((a, b) => (a.address < b.address ? -1 : 1));
}

function page(feed: Feed, found: readonly MirroredActor[], { waiting, limit }: Wanted, reply: ApiReply) {
  const wanted = waiting === undefined ? found
    : found.filter(({ address }) => ((feed.mailbox(address)?.letters ?? 0) > 0) === waiting);
  const shown = limit === undefined ? wanted : wanted.slice(0, limit);
  const last = shown.at(-1);
  if (shown.length < wanted.length && last !== undefined) void reply.header('X-Next-After', last.address);
  return shown.map((actor) => actorRow(feed, actor));
}
