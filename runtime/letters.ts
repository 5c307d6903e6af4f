/**
 * The letters of one cell: what it has read of its mailbox and not yet consumed, one for each znode; a pack is one
 * letter with several envelopes. Order: the control lane first, then the znode's czxid (the cluster's own order of
 * commits), then its name (the order within one commit), then the place in the pack. It knows whether it may have
 * missed a doorbell, and then gives nothing out: letters are stepped in the order of their creation or not at all.
 * Used by the cell only; it reads the store and writes nothing there.
 */
import type { Address } from './address.js';
import { UndecodableError } from './codec.js';
import type { Envelope } from './envelope.js';
import { LIMITS } from './limits.js';
import { causeChain } from './log.js';
import { decodeMail } from './pack.js';
import { laneOf, type Paths } from './paths.js';
import { rawEnvelope } from './raw-letter.js';
import { asInput } from './requests.js';
import type { StepInput } from './step.js';
import type { Store } from './store.js';

export interface Letter {
  /** Name of its znode in the mailbox. */
  readonly name: string;
  /** The znode's czxid. */
  readonly order: number;
  /** The znode's version: +1 each time only a part of a pack was consumed. */
  readonly version: number;
  readonly bytes: number;
  /** What has not been consumed, never none. */
  readonly envelopes: readonly Envelope[];
}

/** The first `count` envelopes of a letter, which a commit takes. */
export interface Consumed {
  readonly letter: Letter;
  readonly count: number;
}

const isBefore = (a: Letter, b: Letter): boolean => a.order < b.order || (a.order === b.order && a.name < b.name);

/** One lane, in order. Letters come at its end and go at its front, but for rescans and rare races. */
class Lane {
  private items: Letter[] = [];
  private head = 0;

  get first(): Letter | undefined {
    return this.items[this.head];
  }

  insert(letter: Letter): void {
    let at = this.items.length;
    while (at > this.head && isBefore(letter, this.items[at - 1]!)) at -= 1;
    if (at === this.items.length) this.items.push(letter);
    else this.items.splice(at, 0, letter);
  }

  /** `by` takes the letter's place; null = nothing does. */
  replace(letter: Letter, by: Letter | null): void {
    const at = this.items[this.head] === letter ? this.head : this.items.indexOf(letter, this.head);
    if (at < 0) return;
    if (by !== null) this.items[at] = by;
    else if (at > this.head) this.items.splice(at, 1);
    else {
      this.head += 1;
      if (this.head === this.items.length || this.head === 1024) {
        this.items = this.items.slice(this.head);
        this.head = 0;
      }
    }
  }

  /** Adds letters from the front to `into` while there is room. Answers the room left. */
  give(into: Letter[], most: number, bytes: number): { most: number; bytes: number } {
    for (let at = this.head; at < this.items.length && most > 0; at += 1) {
      const letter = this.items[at]!;
      if (into.length > 0 && letter.bytes > bytes) return { most: 0, bytes: 0 };
      into.push(letter);
      most -= letter.envelopes.length;
      bytes -= letter.bytes;
    }
    return { most, bytes };
  }
}

/** Letters that wait; most actors have none at most times. */
class Waiting {
  readonly read = new Map<string, Letter>();
  readonly control = new Lane();
  readonly normal = new Lane();

  laneOf(letter: Letter): Lane {
    return laneOf(letter.name) === 'control' ? this.control : this.normal;
  }
}

export class Letters {
  private all: Waiting | null = null;
  private envelopes = 0;
  /** True while doorbells may have been missed: letters wait for a whole scan, or their order would break. */
  private unsure = true;
  private scans = 0;
  private closed = false;

  constructor(
    private readonly address: Address, private readonly deps: { readonly store: Store; readonly paths: Paths },
  ) {}

  has(name: string): boolean {
    return this.all?.read.has(name) ?? false;
  }

  /** Envelopes that have been read and wait. */
  get size(): number {
    return this.envelopes;
  }

  /** When the oldest waiting letter was sent, wall-clock milliseconds; null = none waits. */
  get oldestSentAt(): number | null {
    const firsts = [this.all?.control.first, this.all?.normal.first];
    const sent = firsts.flatMap((letter) => letter?.envelopes[0]?.sentAt ?? []);
    return sent.length === 0 ? null : Math.min(...sent);
  }

  /** True if `next` has something to give. `controlOnly`: of the control lane. */
  waiting(controlOnly: boolean): boolean {
    if (this.unsure || this.all === null) return false;
    return !controlOnly || this.all.control.first !== undefined;
  }

  /** True while it is not known what waits. */
  get held(): boolean {
    return this.unsure;
  }

  /** Reads one letter; one that is gone was consumed already. */
  async take(name: string): Promise<void> {
    const path = this.deps.paths.envelope(this.address, name);
    const node = await this.deps.store.read(path);
    if (node === null || this.closed) return;
    this.put({
      name, order: node.stat.czxid, version: node.stat.version, bytes: node.data.length,
      envelopes: envelopesAt(this.address, path, name, node.data),
    });
  }

  /** Lists the mailbox and reads what is new. True = all is read, and no connection was lost meanwhile. */
  async scan(): Promise<boolean> {
    const scan = (this.scans += 1);
    const listed = await this.deps.store.children(this.deps.paths.mailbox(this.address));
    if (listed === null || this.closed) return false;
    await Promise.all(listed.names.filter((name) => !this.has(name)).map((name) => this.take(name)));
    if (scan !== this.scans) return false;
    this.unsure = false;
    return true;
  }

  /** The connection is lost: nothing is given out before the next whole scan. */
  hold(): void {
    this.unsure = true;
    this.scans += 1;
  }

  /**
   * The oldest letters with at least `most` envelopes together, as far as there are so many and LIMITS.batchBytes
   * allows; they stay until they are dropped.
   */
  next(most: number, controlOnly: boolean): readonly Letter[] {
    const found: Letter[] = [];
    if (this.unsure || most <= 0 || this.all === null) return found;
    const room = this.all.control.give(found, most, LIMITS.batchBytes);
    if (!controlOnly) this.all.normal.give(found, room.most, room.bytes);
    return found;
  }

  /** The first two envelopes that `next` would give; null = it is not known what waits. */
  peek(controlOnly: boolean): readonly Envelope[] | null {
    if (this.unsure) return null;
    if (this.all === null) return [];
    const found: Letter[] = [];
    const room = this.all.control.give(found, 2, LIMITS.batchBytes);
    if (!controlOnly) this.all.normal.give(found, room.most, LIMITS.batchBytes);
    return found.flatMap((letter) => letter.envelopes.slice(0, 2)).slice(0, 2);
  }

  /** These were consumed by a commit; of a pack that was consumed in part, the rest keeps its place. */
  drop(consumed: readonly Consumed[]): void {
    const { all } = this;
    if (all === null) return;
    for (const { letter, count } of consumed) {
      if (all.read.get(letter.name) !== letter) continue;
      const rest = letter.envelopes.slice(count);
      this.envelopes -= count;
      const by = rest.length === 0 ? null : { ...letter, version: letter.version + 1, envelopes: rest };
      all.laneOf(letter).replace(letter, by);
      if (by === null) all.read.delete(letter.name);
      else all.read.set(letter.name, by);
    }
    if (all.read.size === 0) this.all = null;
  }

  /** The mailbox is not what was read: all of it is read again. */
  forget(): void {
    this.hold();
    this.all = null;
    this.envelopes = 0;
  }

  /** The cell has ended: what is still being read is thrown away. */
  close(): void {
    this.closed = true;
  }

  private put(letter: Letter): void {
    const all = (this.all ??= new Waiting());
    const known = all.read.get(letter.name);
    all.read.set(letter.name, letter);
    this.envelopes += letter.envelopes.length - (known?.envelopes.length ?? 0);
    const lane = all.laneOf(letter);
    if (known === undefined) lane.insert(letter);
    else lane.replace(known, letter);
  }
}

/** Envelopes of a znode; of one that cannot be read one that stands for its bytes. */
export function envelopesAt(address: Address, path: string, name: string, data: Uint8Array): readonly Envelope[] {
  try {
    return decodeMail(data);
  } catch (error) {
    if (!(error instanceof UndecodableError)) throw error;
    return [rawEnvelope(address, name, data, `${path} cannot be read: ${causeChain(error)}`)];
  }
}

/** What the step sees of an envelope. */
export function inputOf(envelope: Envelope): StepInput {
  const { id, operationId = null, correlation, causation } = envelope;
  const { event, answers } = asInput(envelope);
  const input: StepInput = { event, source: 'mailbox', id, operationId, correlation, causation, settles: null };
  return answers === undefined ? input : { ...input, answers };
}
