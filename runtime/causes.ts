/**
 * Causes: from what was stepped back to the transition it came from. Every letter and every effect carries an id in
 * which its sender, that sender's life and its transition are named (step.ts makes it), so the story of a
 * request is found in the tails and the feed, and nothing more is stored for it. Pure.
 */
import type { Address } from './address.js';
import type { ActorRecord, Owner, Transition } from './record.js';
import type { StepInput } from './step.js';

/** What made a step happen. */
export type Origin =
  /** A letter or an effect's answer: of transition `seq` of `address`, the `index`-th of its kind. */
  | { readonly kind: 'letter' | 'effect'; readonly address: Address; readonly seq: number; readonly index: number }
  /** A timer that a transition of the same actor set at `setAt`, wall-clock milliseconds. */
  | { readonly kind: 'timer'; readonly timerId: string; readonly setAt: number }
  /** The actor has a new owner, or the same one anew. */
  | { readonly kind: 'owner'; readonly epoch: number }
  /** A command of a user, a fact that a node told, a birth: nothing here came before it. */
  | { readonly kind: 'outside' };

/**
 * `vm~<id>.<birth>.<seq, 12 digits>.<index>`, the index of an effect begins with `e`, that of a letter between a
 * supervisor and its children with `y` or `z`.
 */
const SENT = /^([^~]+)~(.+)\.[^.]*\.(\d{12})\.([eyz]?)(\d+)$/;
const TIMER = /^[^:]+:(.+)@(\d+)$/;
const ACQUIRED = /:acquired:(\d+)$/;

/** Reads a transition's `causation`. */
export function originOf({ causation }: Pick<Transition, 'causation'>): Origin {
  const sent = SENT.exec(causation ?? '');
  if (sent !== null) {
    const [, kind, id, seq, isEffect, index] = sent as unknown as [string, string, string, string, string, string];
    return {
      kind: isEffect === 'e' ? 'effect' : 'letter', address: `${kind}/${id}`, seq: Number(seq), index: Number(index),
    };
  }
  const acquired = ACQUIRED.exec(causation ?? '');
  if (acquired !== null) return { kind: 'owner', epoch: Number(acquired[1]) };
  const timer = TIMER.exec(causation ?? '');
  if (timer !== null) return { kind: 'timer', timerId: timer[1]!, setAt: Number(timer[2]) };
  return { kind: 'outside' };
}

/**
 * What a cell begins with. An actor that was handed over goes on with the story that handed it over; any other change
 * of owner begins its own. `begun`: its supervisor has begun it anew; it looks at the world as a new one does.
 */
export function acquiredInput(
  address: Address, record: ActorRecord, owner: Owner, self: { readonly node: string; readonly bootId: string },
  begun = false,
): StepInput {
  const id = `${address}:acquired:${owner.epoch}`;
  const isNew = record.ownerEpoch < owner.epoch;
  const before = isNew && owner.cause === 'transferred' ? record.tail.at(-1) : undefined;
  const cause = begun ? 'begun' : isNew ? owner.cause : 'restarted';
  return {
    event: { type: 'owner.acquired', node: self.node, bootId: self.bootId, epoch: owner.epoch, cause },
    source: 'owner', id, operationId: null, correlation: before?.correlation ?? id, causation: null, settles: null,
  };
}

/** A transition as tails and feed hold it. */
export interface HeldTransition {
  readonly address: Address;
  /** Of the commit, where the feed saw it; null for one that is known from a tail only. */
  readonly zxid: number | null;
  readonly transition: Transition;
}

export interface Caused extends HeldTransition {
  /** `<address>#<seq>` */
  readonly id: string;
  readonly origin: Origin;
  /** The transition it came from: its id, held or not; null = a first cause. */
  readonly parent: string | null;
  /** False when `parent` is named and no longer held. */
  readonly parentHeld: boolean;
}

export const transitionId = (address: string, seq: number): string => `${address}#${seq}`;

/** Ascending in the cluster's order where it is known, else in time; within an actor always by sequence. */
function inOrder(a: HeldTransition, b: HeldTransition): number {
  if (a.address === b.address) return a.transition.seq - b.transition.seq;
  if (a.zxid !== null && b.zxid !== null && a.zxid !== b.zxid) return a.zxid - b.zxid;
  return a.transition.at - b.transition.at || (a.address < b.address ? -1 : 1);
}

/** `all` = every transition that may be a cause; the result holds those that `wanted` picks, in order. */
export function causesOf(
  all: readonly HeldTransition[], wanted: (held: HeldTransition) => boolean,
): readonly Caused[] {
  const byId = new Map(all.map((held) => [transitionId(held.address, held.transition.seq), held]));
  return all.filter(wanted).sort(inOrder).map((held) => {
    const origin = originOf(held.transition);
    const parent = parentOf(held, origin, byId);
    const id = transitionId(held.address, held.transition.seq);
    return { ...held, id, origin, parent, parentHeld: parent !== null && byId.has(parent) };
  });
}

function parentOf(held: HeldTransition, origin: Origin, byId: ReadonlyMap<string, HeldTransition>): string | null {
  const { address, transition } = held;
  if (origin.kind === 'letter' || origin.kind === 'effect') return transitionId(origin.address, origin.seq);
  if (origin.kind === 'outside') return null;
  // Timers and changes of owner come from an earlier step of the same actor: the newest that fits. A timer set
  // twice in one millisecond has its second setting a millisecond later.
  for (let seq = transition.seq - 1; seq > 0; seq -= 1) {
    const before = byId.get(transitionId(address, seq))?.transition;
    if (before === undefined) return origin.kind === 'timer' ? transitionId(address, seq) : null;
    const isSetter = origin.kind === 'timer' && [origin.setAt, origin.setAt - 1].includes(before.at);
    if (isSetter) return transitionId(address, seq);
    if (origin.kind === 'owner' && before.epoch < origin.epoch) {
      return before.effects.includes('owner.transfer') ? transitionId(address, seq) : null;
    }
  }
  return null;
}

/** From a transition back to its first cause, newest first; ends early where a cause is no longer held. */
export function causeWalk(all: readonly HeldTransition[], address: Address, seq: number): readonly Caused[] {
  const byId = new Map(causesOf(all, () => true).map((caused) => [caused.id, caused]));
  const walk: Caused[] = [];
  const seen = new Set<string>();
  for (let id: string | null = transitionId(address, seq); id !== null && !seen.has(id);) {
    seen.add(id);
    const found: Caused | undefined = byId.get(id);
    if (found === undefined) break;
    walk.push(found);
    id = found.parent;
  }
  return walk;
}
