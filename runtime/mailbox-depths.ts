/**
 * How much waits in every mailbox and since when, as the recursive doorbell tells it: for people, and to hold back
 * what would flood an actor (soft and hard limits), so that neither a send nor a command costs a read. The name of a
 * pack says how many envelopes it holds; the rest of one that was taken in part counts in full.
 * What was heard may have holes after a lost connection; such a mailbox is unknown until it is listed, and one that
 * seems full is listed before anybody is turned down for good.
 */
import type { Address } from './address.js';
import type { Clock } from './clock.js';
import type { Lane } from './envelope.js';
import { LIMITS } from './limits.js';
import { envelopesIn, type Paths } from './paths.js';
import { StoreError, type Store } from './store.js';

export interface Depth {
  readonly letters: number;
  /** Milliseconds since the oldest was heard of; null in an empty mailbox. */
  readonly oldestMs: number | null;
}

/** Mailboxes listed at the same time. */
const LISTED_TOGETHER = 16;

/** A mailbox not listed since the connection was lost is listed once so many envelopes were heard of. */
const LISTED_FROM = 32;

/** Of every empty mailbox: most are, and there are many. Nothing is ever put in. */
const NONE = new Map<string, number>();

interface Mailbox {
  /** Monotonic milliseconds by letter's name; the oldest first. */
  letters: Map<string, number>;
  envelopes: number;
  /** Generation of `doubt` in which it was listed last. */
  listed: number;
  /** What is heard while a listing is out: newer than the list. */
  heard: Map<string, 'created' | 'deleted'> | null;
}

export class MailboxDepths {
  private readonly mailboxes = new Map<Address, Mailbox>();
  private readonly listing = new Map<Address, Promise<void>>();
  private generation = 0;

  constructor(private readonly store: Store, private readonly paths: Paths, private readonly clock: Clock) {}

  /** A letter's znode was created or deleted. */
  heard(address: Address, name: string, what: 'created' | 'changed' | 'deleted'): void {
    const mailbox = this.mailboxOf(address);
    if (what === 'deleted') remove(mailbox, name);
    else add(mailbox, name, this.clock.monotonicMs());
    if (what !== 'changed') mailbox.heard?.set(name, what);
    // Empty, and nothing is known of it that is not known of a mailbox never heard of.
    if (mailbox.letters === NONE && mailbox.heard === null && mailbox.listed !== this.generation) this.forget(address);
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

  /** Envelopes that wait, as far as known. */
  envelopes(address: Address): number {
    return this.mailboxes.get(address)?.envelopes ?? 0;
  }

  /** May an actor send no more to this one, on this lane? What it rests on is looked at behind the caller's back. */
  full(address: Address, lane: Lane): boolean {
    const count = this.envelopes(address);
    if (count < LISTED_FROM) return false;
    const full = count >= LIMITS.mailboxHard + (lane === 'control' ? LIMITS.mailboxControlRoom : 0);
    if (full || this.of(address) === null) this.look(address).catch(() => undefined);
    return full;
  }

  /**
   * Envelopes that wait, listed afresh if they may be `limit` or more, or are not known. A store out of reach leaves it
   * at what was heard.
   */
  async atLeast(address: Address, limit: number): Promise<number> {
    const count = this.envelopes(address);
    if (count < limit && (count < LISTED_FROM || this.of(address) !== null)) return count;
    try {
      await this.look(address);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
    return this.envelopes(address);
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

  /** Lists it, once at a time. Rejects when the store is out of reach. */
  private look(address: Address): Promise<void> {
    const under = this.listing.get(address);
    if (under !== undefined) return under;
    const work = this.list(address).finally(() => this.listing.delete(address));
    this.listing.set(address, work);
    return work;
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
      if (!listed.has(name) && heard.get(name) !== 'created') remove(mailbox, name);
    }
    for (const name of listed) {
      if (heard.get(name) !== 'deleted') add(mailbox, name, now);
    }
    if (generation === this.generation) mailbox.listed = generation;
  }

  private mailboxOf(address: Address): Mailbox {
    let mailbox = this.mailboxes.get(address);
    if (mailbox === undefined) {
      mailbox = { letters: NONE, envelopes: 0, listed: -1, heard: null };
      this.mailboxes.set(address, mailbox);
    }
    return mailbox;
  }
}

function add(mailbox: Mailbox, name: string, at: number): void {
  if (mailbox.letters.has(name)) return;
  if (mailbox.letters === NONE) mailbox.letters = new Map();
  mailbox.letters.set(name, at);
  mailbox.envelopes += envelopesIn(name);
}

function remove(mailbox: Mailbox, name: string): void {
  if (mailbox.letters.delete(name)) mailbox.envelopes -= envelopesIn(name);
  if (mailbox.letters.size === 0) mailbox.letters = NONE;
}
