/**
 * Caution: finding the letter that kills the process that steps it. Normal running pays nothing for it. When a cell
 * finds letters waiting and the record's last commit is another process's, that process may have died of one of them:
 *
 * 1. Before any letter is taken, a commit (that of `owner.acquired`, mostly) says in `record.suspect` which letter
 *    comes first. Then a batch is taken as ever; its commit takes the mark away, and caution is over.
 * 2. A process that finds such a mark knows that its predecessor died with that batch. It takes one letter at a time,
 *    as many as a batch may have held; each commit marks the next letter, with the number of tries.
 * 3. A letter marked LIMITS.suspectTries times is parked as a dead letter without being stepped.
 *
 * A mark that this process wrote itself (its cell began anew) is no evidence: the process lives.
 */
import type { Envelope } from './envelope.js';
import { LIMITS } from './limits.js';
import type { Suspect } from './record.js';

/** What a turn may do with letters. */
export interface Allowance {
  /** Envelopes it may take. */
  readonly most: number;
  /** The mark that its commit leaves. */
  readonly suspect: Suspect | null;
  /** Why the first envelope is parked without being stepped, or null. */
  readonly refusal: string | null;
}

export const FREE: Allowance = { most: LIMITS.batch, suspect: null, refusal: null };

/**
 * null = no need of any. `stored`: the record's mark. `ours`: this process wrote the record. `handed`: the actor was
 * given to this process by an owner that lived.
 */
export function cautionFor(stored: Suspect | null, ours: boolean, handed: boolean): Caution | null {
  return stored === null && (ours || handed) ? null : new Caution(stored, ours);
}

/** `stored`: the mark in the record. */
export class Caution {
  private mode: 'off' | 'batch' | 'single';
  /** Letters still to be taken one at a time. */
  private left: number = LIMITS.batch;
  /** Id of the letter that this process marked. */
  private marked: string | null;

  constructor(private stored: Suspect | null, ours: boolean) {
    this.mode = stored === null ? 'batch' : 'single';
    this.marked = ours ? stored?.name ?? null : null;
  }

  get isOff(): boolean {
    return this.mode === 'off';
  }

  /** `waiting`: the first envelopes in order, two if there are; null = it is not known what waits. */
  allow(waiting: readonly Envelope[] | null): Allowance {
    if (this.mode === 'off') return FREE;
    if (waiting === null) return { most: 0, suspect: this.stored, refusal: null };
    const [head, next] = waiting;
    if (head === undefined) {
      this.mode = 'off';
      return FREE;
    }
    const mark = next !== undefined && this.left > 1 ? { name: next.id, tries: 1 } : null;
    if (this.marked === head.id) return this.mode === 'batch' ? FREE : { most: 1, suspect: mark, refusal: null };
    const tries = this.stored?.name === head.id ? this.stored.tries : 0;
    if (tries < LIMITS.suspectTries) {
      return { most: 0, suspect: { name: head.id, tries: tries + 1 }, refusal: null };
    }
    return { most: 1, suspect: mark, refusal: `it killed its process ${tries} times` };
  }

  /** A turn under this allowance was committed. */
  committed({ most, suspect }: Allowance): void {
    if (this.mode === 'off') return;
    this.stored = suspect;
    this.marked = suspect?.name ?? null;
    if (most === 0) return;
    this.left -= 1;
    if (this.mode === 'batch' || suspect === null) this.mode = 'off';
  }
}
