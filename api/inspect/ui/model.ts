/** What the page knows: one signal an actor, so that a step redraws one row. */
import { computed, signal, type Signal } from '@preact/signals';
import type { PulseEvent } from '../../events/frames.js';

export interface ActorView {
  readonly address: string;
  readonly kind: string;
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly from: string | null;
  readonly to: string;
  readonly event: string | null;
  readonly owner: string | null;
  readonly epoch: number | null;
  readonly revision: number;
  readonly seq: number;
  readonly steps: number;
  readonly commits: number;
  readonly restarts: number;
  readonly pending: number;
  readonly timers: number;
  readonly operation: { readonly operationId: string; readonly command: string } | null;
  readonly fault: string | null;
  readonly waiting: string | null;
  readonly at: number | null;
  /** Raised with every live step: restarts the flash. */
  readonly flash: number;
}

export type Link = 'connecting' | 'live' | 'waiting' | 'key';

const actors = new Map<string, Signal<ActorView>>();
/** Raised when the set of actors, or anything the filter looks at, changed; at most once a frame. */
const version = signal(0);
let announced = false;

export const link = signal<Link>('connecting');
export const server = signal<{ node: string; version: string } | null>(null);
export const keyFault = signal<string | null>(null);
export const steps = signal(0);
export const gaps = signal(0);
export const filter = signal('');
export const selected = signal<string | null>(null);

/** Letters that wait, and since when (milliseconds), by actor; asked for now and then: a letter is no transition. */
export interface Waiting {
  readonly letters: number;
  readonly oldestMs: number;
}
export const mail = signal<ReadonlyMap<string, Waiting>>(new Map());

export const shownMax = 1000;

function announce(): void {
  if (announced) return;
  announced = true;
  requestAnimationFrame(() => {
    announced = false;
    version.value += 1;
  });
}

export const actorOf = (address: string): ActorView | null => actors.get(address)?.value ?? null;

const textOf = (actor: ActorView): string =>
  [
    actor.address,
    actor.name,
    actor.state,
    actor.owner,
    actor.event,
    actor.operation?.command,
    actor.waiting,
    actor.fault,
  ]
    .join(' ')
    .toLowerCase();

const ORDER = ['node', 'vm'];
const rank = (kind: string): number => (ORDER.includes(kind) ? ORDER.indexOf(kind) : ORDER.length);

const sortKey = (actor: ActorView): string => `${rank(actor.kind)} ${actor.kind} ${actor.name}`;

/** The actors the filter lets through: every word must occur somewhere. */
export const visible = computed(() => {
  void version.value;
  const words = filter.value
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  return [...actors.values()]
    .filter((actor) => {
      const text = textOf(actor.peek());
      return words.every((word) => text.includes(word));
    })
    .sort((a, b) => (sortKey(a.peek()) < sortKey(b.peek()) ? -1 : 1));
});

export const totals = computed(() => {
  void version.value;
  let faults = 0;
  for (const actor of actors.values()) if (actor.peek().fault !== null) faults += 1;
  let letters = 0;
  for (const waiting of mail.value.values()) letters += waiting.letters;
  return { actors: actors.size, faults, letters };
});

/** Takes an event of topic `actor`. Of two texts about one actor the one with the higher revision stays. */
export function apply(event: PulseEvent): void {
  if (event.type === 'removed') {
    actors.delete(event.actor);
    return announce();
  }
  const data = event.data as unknown as Omit<ActorView, 'address' | 'revision' | 'flash' | 'waiting'> & {
    waiting_reason: string | null;
  };
  const before = actors.get(event.actor);
  const live = event.type === 'stepped';
  const view: ActorView = {
    address: event.actor,
    kind: data.kind,
    id: data.id,
    name: data.name,
    state: data.state,
    from: data.from,
    to: data.to,
    event: data.event,
    owner: data.owner,
    epoch: data.epoch,
    revision: event.rev,
    seq: data.seq,
    steps: data.steps,
    commits: data.commits,
    restarts: data.restarts,
    pending: data.pending,
    timers: data.timers,
    operation: data.operation,
    fault: data.fault,
    waiting: data.waiting_reason,
    at: data.at,
    flash: (before?.peek().flash ?? 0) + (live ? 1 : 0),
  };
  if (live) steps.value += 1;
  if (before === undefined) actors.set(event.actor, signal(view));
  else if (before.peek().seq <= view.seq) before.value = view;
  announce();
}

/** After a complete snapshot: what it did not hold is gone. */
export function keepOnly(addresses: ReadonlySet<string>): void {
  for (const address of [...actors.keys()]) if (!addresses.has(address)) actors.delete(address);
  announce();
}
