/**
 * ActorDesk: what people may ask of and do to any actor, whatever its machine: look into its mailbox, put dead letters
 * back or throw them away. Implemented by actors/ (structurally), handed in by api/bin.
 * Rejects with a StoreError when ZooKeeper is out of reach; then nothing is known about what was asked for.
 */
import type { Address } from '../runtime/address.js';
import type { Envelope } from '../runtime/envelope.js';

/** A letter in a mailbox; one that this daemon cannot read has its fault and no envelope. */
export interface WaitingLetter {
  /** Name of its znode; several letters that were sent together share one. */
  readonly name: string;
  readonly envelope: Envelope | null;
  readonly fault: string | null;
}

/** An envelope that could not be stepped or delivered. */
export interface ParkedLetter {
  readonly name: string;
  readonly actor: Address;
  readonly envelope: Envelope;
  readonly error: string;
  /** Wall-clock milliseconds. */
  readonly at: number;
  /** The receiver's state when it was to be stepped; null = it was never delivered. */
  readonly state: string | null;
}

export interface ActorDesk {
  /** In the order in which they will be stepped, `most` at most; null = there is no such actor. */
  letters(actor: Address, most: number): Promise<readonly WaitingLetter[] | null>;
  /** Oldest first; `dropped` = how many more there were, too many or too old to be kept. */
  deadLetters(actor?: Address): Promise<{ readonly letters: readonly ParkedLetter[]; readonly dropped: number }>;
  requeue(name: string): Promise<'requeued' | 'gone' | 'no-actor' | 'busy'>;
  discard(name: string): Promise<'discarded' | 'gone'>;
  /** Every actor that stopped, or that this node cannot read, by address. */
  faults(): readonly ActorFaultView[];
  /** Its fault is cleared and its cell begun again from its record: nothing is forgotten. */
  restart(actor: Address): Promise<Mended>;
  /** Its machine is begun anew: state, timers, effects and requests are forgotten. */
  reset(actor: Address, force: boolean): Promise<Mended>;
  /** It is taken away; letters that wait for it become dead letters. */
  remove(actor: Address, force: boolean): Promise<Mended>;
}

export interface ActorFaultView {
  readonly address: Address;
  /** The znode at fault. */
  readonly znode: string;
  /** undecodable, newer, misfit, machine, too-large, crashes */
  readonly kind: string;
  readonly reason: string;
  /** null = not on record: the node that answers has seen it. */
  readonly node: string | null;
  readonly epoch: number | null;
  readonly at: number | null;
}

export type Mended =
  | { readonly kind: 'done' }
  /** code = one of runtime/errors.ts; `reason` is a sentence without its full stop. */
  | { readonly kind: 'refused'; readonly code: string; readonly reason: string }
  /** ZooKeeper went away in the middle: look at the actor. */
  | { readonly kind: 'unknown'; readonly reason: string };
