/**
 * How many letters wait in every mailbox and since when, as the recursive doorbell tells it: kept for people, never
 * for decisions. What was heard may have holes after a lost connection; such a mailbox is unknown until it is listed.
 */
import type { Address } from './address.js';
import type { Clock } from './clock.js';
import type { Paths } from './paths.js';
import type { Store } from './store.js';

export interface Depth {
  readonly letters: number;
  /** Milliseconds since the oldest was heard of; null in an empty mailbox. */
  readonly oldestMs: number | null;
}

/** Mailboxes listed at the same time. */
const LISTED_TOGETHER = 16;

interface Mailbox {
  /** Monotonic milliseconds by letter's name; the oldest first. */
  readonly letters: Map<string, number>;
  /** Generation of `doubt` in which it was listed last. */
  listed: number;
  /** What is heard while a listing is out: newer than the list. */
  heard: Map<string, 'created' | 'deleted'> | null;
}

export class MailboxDepths {
  private readonly mailboxes = new Map<Address, Mailbox>();
  private generation = 0;

  constructor(private readonly store: Store, private readonly paths: Paths, private readonly clock: Clock) {}

  /** A letter's znode was created or deleted. */
  heard(address: Address, name: string, what: 'created' | 'changed' | 'deleted'): void {
    const mailbox = this.mailboxOf(address);
    if (what === 'deleted') mailbox.letters.delete(name);
    else if (!mailbox.letters.has(name)) mailbox.letters.set(name, this.clock.monotonicMs());
    if (what !== 'changed') mailbox.heard?.set(name, what);
  }

  forget(address: Address): void {
    this.mailboxes.delete(address);
  }

  /** Doorbells may have been missed. */
  doubt(): void {
    this.generation += 1;
  }

  /** null = not known since the connection was last lost: `settle` finds out. */
  of(address: Address): Depth | null {
    const mailbox = this.mailboxes.get(address);
    if (mailbox === undefined || mailbox.listed !== this.generation) return null;
    const oldest = mailbox.letters.values().next().value;
    const oldestMs = oldest === undefined ? null : Math.max(0, this.clock.monotonicMs() - oldest);
    return { letters: mailbox.letters.size, oldestMs };
  }

  /** Names of the letters that wait, as far as known. */
  names(address: Address): readonly string[] {
    return [...this.mailboxes.get(address)?.letters.keys() ?? []];
  }

  /** Lists those that are not known. Never rejects: what cannot be read stays unknown. */
  async settle(addresses: readonly Address[]): Promise<void> {
    const unknown = addresses.filter((address) => this.mailboxes.get(address)?.listed !== this.generation);
    const next = async (): Promise<void> => {
      for (let address = unknown.pop(); address !== undefined; address = unknown.pop()) {
        try {
          await this.list(address);
        } catch {
          return;
        }
      }
    };
    await Promise.all(Array.from({ length: LISTED_TOGETHER }, next));
  }

  private async list(address: Address): Promise<void> {
    const generation = this.generation;
    const mailbox = this.mailboxOf(address);
    const heard = mailbox.heard = new Map<string, 'created' | 'deleted'>();
    const listed = new Set((await this.store.children(this.paths.mailbox(address)))?.names);
    if (mailbox.heard !== heard) return;
    mailbox.heard = null;
    const now = this.clock.monotonicMs();
    for (const name of [...mailbox.letters.keys()]) {
      if (!listed.has(name) && heard.get(name) !== 'created') mailbox.letters.delete(name);
    }
    for (const name of listed) {
      if (!mailbox.letters.has(name) && heard.get(name) !== 'deleted') mailbox.letters.set(name, now);
    }
    if (generation === this.generation) mailbox.listed = generation;
  }

  private mailboxOf(address: Address): Mailbox {
    let mailbox = this.mailboxes.get(address);
    if (mailbox === undefined) {
      mailbox = { letters: new Map(), listed: -1, heard: null };
      this.mailboxes.set(address, mailbox);
    }
    return mailbox;
  }
}
