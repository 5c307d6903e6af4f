/** The cluster in numbers, out of this node's mirror: one pass over all actors, shared by all figures of one look. */
import type { Clock } from '../../runtime/clock.js';
import type { Feed, MirroredActor } from '../../runtime/feed-types.js';
import type { Sample } from '../metrics.js';
import { stateOf, wordOf } from './words.js';

export interface ClusterFigures {
  readonly byState: readonly Sample[];
  readonly letters: readonly Sample[];
  readonly oldestLetterSeconds: readonly Sample[];
  readonly timers: readonly Sample[];
  readonly effects: readonly Sample[];
  readonly outbox: readonly Sample[];
  readonly requests: readonly Sample[];
  readonly vms: readonly Sample[];
  readonly nodes: readonly Sample[];
  readonly faults: number;
  readonly mailboxesUnknown: number;
}

/** For so long, milliseconds, one pass serves: all figures of a scrape are read within it. */
const LOOK_MS = 250;

class Sums {
  private readonly sums = new Map<string, { labels: Readonly<Record<string, string>>; value: number }>();

  add(labels: Readonly<Record<string, string>>, value: number, join = (a: number, b: number): number => a + b): void {
    const key = Object.values(labels).join('\n');
    const known = this.sums.get(key);
    if (known === undefined) this.sums.set(key, { labels, value });
    else known.value = join(known.value, value);
  }

  samples(): readonly Sample[] {
    return [...this.sums.values()].map(({ labels, value }) => [labels, value]);
  }
}

export function clusterFigures(feed: Feed, clock: Clock): () => ClusterFigures {
  let known: { at: number; figures: ClusterFigures } | null = null;
  return () => {
    const now = clock.monotonicMs();
    if (known === null || now - known.at > LOOK_MS) known = { at: now, figures: look(feed) };
    return known.figures;
  };
}

function look(feed: Feed): ClusterFigures {
  const names = ['byState', 'letters', 'oldest', 'timers', 'effects', 'outbox', 'requests', 'vms', 'nodes'] as const;
  const sums = Object.fromEntries(names.map((name) => [name, new Sums()])) as Record<typeof names[number], Sums>;
  let [faults, mailboxesUnknown] = [0, 0];
  for (const actor of feed.actors()) {
    const { kind, fault, timers, effects, outbox, requests } = actor.record;
    if (fault !== null) faults += 1;
    sums.byState.add({ kind, state: stateOf(actor.record) }, 1);
    sums.timers.add({ kind }, timers.length);
    sums.effects.add({ kind }, effects.length);
    sums.outbox.add({ kind }, outbox.length);
    sums.requests.add({ kind }, requests.length);
    const word = wordOf(actor.record);
    if (word !== null) sums[kind === 'vm' ? 'vms' : 'nodes'].add({ state: word }, 1);
    if (!addMail(feed, actor, sums.letters, sums.oldest)) mailboxesUnknown += 1;
  }
  const { oldest, ...rest } = sums;
  const samples = Object.fromEntries(Object.entries(rest).map(([name, each]) => [name, each.samples()]));
  return {
    ...samples as Record<Exclude<typeof names[number], 'oldest'>, readonly Sample[]>,
    oldestLetterSeconds: oldest.samples(), faults, mailboxesUnknown,
  };
}

/** False = not known. */
function addMail(feed: Feed, { address, record: { kind } }: MirroredActor, letters: Sums, oldest: Sums): boolean {
  const depth = feed.mailbox(address);
  letters.add({ kind }, depth?.letters ?? 0);
  oldest.add({ kind }, (depth?.oldestMs ?? 0) / 1000, Math.max);
  return depth !== null;
}
