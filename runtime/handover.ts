/**
 * Hand-over: a planned move of an actor to another live node, without its machine taking part. At a turn boundary
 * the owner's cell commits one change: owner -> {target, epoch + 1}. The mailbox does not move: what was not consumed
 * is the new owner's to take, in the same order. The target's mirror has the record already; its cell begins at once.
 * World effects that run are waited for, or begun again by the new owner (marked `resumed`) where that is allowed.
 */
import type { Clock } from './clock.js';
import type { Turn } from './commit.js';
import type { Paths } from './paths.js';
import type { ActorRecord, Owner, PendingEffect } from './record.js';

export interface HandOverOptions {
  /** How long effects that may not be resumed are waited for, milliseconds; without it WAIT_MS. */
  readonly waitMs?: number;
  /** May the new owner begin this effect again? Only what is idempotent; without it, none. */
  mayResume?(effect: PendingEffect): boolean;
  /** Asked of the record that would be handed over, at the turn boundary: false = it stays after all. */
  fits?(record: ActorRecord, owner: Owner): boolean;
}

export type HandOverResult =
  | { readonly kind: 'moved'; readonly owner: Owner }
  /** It stays here; or its cell was ended, by a stop or by another owner. */
  | { readonly kind: 'refused'; readonly reason: string };

const WAIT_MS = 5_000;

type Present = Pick<Turn, 'address' | 'record' | 'recordVersion' | 'writeAs' | 'owner' | 'ownerVersion'>;

/** One planned move, from the wish to its end. Made by the host, carried out by the actor's cell. */
export class Departure {
  readonly done: Promise<HandOverResult>;
  private resolve!: (result: HandOverResult) => void;
  private open = true;
  /** The commit is out: it is too late to stay. */
  private going = false;
  private late = false;
  private readonly cancel: () => void;

  /** `to`: the target's incarnation. */
  constructor(
    private readonly to: Pick<Owner, 'node' | 'incarnation' | 'bootId'>,
    private readonly options: HandOverOptions, clock: Clock,
  ) {
    this.done = new Promise((resolve) => { this.resolve = resolve; });
    this.cancel = clock.after(options.waitMs ?? WAIT_MS, () => {
      this.late = true;
      if (!this.going) this.refuse('it did not come to rest in time');
    }, true);
  }

  /** Nothing keeps the actor here. `inside`: inputs that are not in the store and would be lost. Between turns only. */
  mayGo(record: ActorRecord, owner: Owner, inside: number): boolean {
    this.going = false;
    if (this.late) this.refuse('it could not be moved in time');
    if (!this.open || inside > 0) return false;
    if (record.removed || this.options.fits?.(record, owner) === false) this.refuse('it is not to be moved now');
    return this.open && record.effects.every((effect) => this.options.mayResume?.(effect) === true);
  }

  /** The turn of the move: the same record under another owner, who is checked to be live. */
  turn(paths: Paths, now: Present, commitId: string): Turn {
    this.going = true;
    const { node, incarnation, bootId } = this.to;
    const { record, owner } = now;
    return {
      ...now, newOwner: { node, incarnation, bootId, epoch: owner.epoch + 1, cause: 'transferred' },
      record: { ...record, revision: record.revision + 1, commitId, ownerEpoch: owner.epoch },
      consumed: [], outgoing: [], dead: [],
      extra: [{ op: 'check', path: paths.incarnation(node, incarnation), version: 'exists' }],
    };
  }

  moved(owner: Owner): void {
    this.settle({ kind: 'moved', owner });
  }

  refuse(reason: string): void {
    this.settle({ kind: 'refused', reason });
  }

  get isOpen(): boolean {
    return this.open;
  }

  private settle(result: HandOverResult): void {
    if (!this.open) return;
    this.open = false;
    this.cancel();
    this.resolve(result);
  }
}
