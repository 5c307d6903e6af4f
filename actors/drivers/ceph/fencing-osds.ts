/**
 * When is an entry of the blocklist in force? Once no OSD that is up would take a write of that client any more.
 *
 * An OSD learns of a new map from its peers sooner or later (seen: seconds on an idle cluster): one that has it not yet
 * is told to fetch the newest (`get_latest_osdmap`, 2 to 8 ms; it answers nobody before it has heard from its monitor).
 * Its `status` then names the map that it is just storing; it goes by a map only afterwards: so it is asked for the
 * blocklist that it goes by (`dump_blocklist`).
 * One that came up at or after the map with the entry has read that map before it served anybody.
 * An OSD that does not answer is waited for until the map says that it is down.
 */
import type { Clock } from '../../../runtime/clock.js';
import type { CephConnection } from './connection.js';
import type { OsdOfMap, Osdmap } from './fencing-map.js';

/** How long one question may stay open, milliseconds; it is asked again. */
const ASK_MS = 2000;
/** Between two looks at an OSD that has fetched the map and does not go by it yet, milliseconds. */
const LOOK_MS = 10;
/** While OSDs have not confirmed, the osdmap is read again so often, milliseconds: they may be down by now. */
const REREAD_MS = 200;

export interface Confirming {
  readonly connection: CephConnection;
  readonly clock: Clock;
  /** As `wholeAddress` gives it. */
  readonly entry: string;
  /** By `clock.monotonicMs`. */
  readonly untilMs: number;
  /** The newest osdmap; null = it could not be read now. */
  readMap(untilMs: number): Promise<Osdmap | null>;
}

/** `inForce`; or who has not confirmed, or that the entry is not there (any more). */
export type Confirmed =
  | { readonly kind: 'inForce'; readonly map: Osdmap }
  | { readonly kind: 'gone'; readonly map: Osdmap }
  | { readonly kind: 'waiting'; readonly reason: string };

/** One OSD, until it goes by a blocklist with the entry: null; else why it is not known to. */
async function askOsd({ connection, clock, entry, untilMs }: Confirming, id: number): Promise<string | null> {
  const endMs = Math.min(untilMs, clock.monotonicMs() + ASK_MS);
  const tell = (prefix: string) => connection.command({
    command: { prefix }, target: `osd.${id}`, deadlineMs: Math.max(1, endMs - clock.monotonicMs()),
  });
  for (let looks = 0; ; looks += 1) {
    const shown = await tell('dump_blocklist');
    if (shown.kind !== 'done') return shown.reason;
    if (holds(shown.value.output, entry)) return null;
    if (clock.monotonicMs() + LOOK_MS >= endMs) return 'it goes by an older map';
    if (looks > 0) {
      await clock.sleep(LOOK_MS);
      continue;
    }
    const fetched = await tell('get_latest_osdmap');
    if (fetched.kind !== 'done') return fetched.reason;
  }
}

interface Shown { readonly entity_addr_t?: { readonly addr?: string; readonly nonce?: number }; readonly addr?: string }

/** `[{"entity_addr_t": {"type": "any", "addr": "10.77.3.2:0", "nonce": 0}, ...}]`, ranges in a list behind it. */
function holds(output: unknown, entry: string): boolean {
  const shown = (Array.isArray(output) ? output.flat(2) : []) as readonly (Shown | null)[];
  return shown.some((each) => {
    const address = each?.entity_addr_t;
    return entry === (address === undefined ? each?.addr : `${address.addr}/${address.nonce}`);
  });
}

/** Which OSDs have confirmed, of those that were asked; one question to each at a time. */
class Roll {
  /** `id:upFrom`: what one life of an OSD has confirmed counts for that life only. */
  readonly #confirmed = new Set<string>();
  readonly #asking = new Map<number, Promise<void>>();
  readonly #failures = new Map<number, string>();

  constructor(private readonly confirming: Confirming) {}

  has({ id, upFrom }: OsdOfMap): boolean {
    return this.#confirmed.has(`${id}:${upFrom}`);
  }

  ask({ id, upFrom }: OsdOfMap): void {
    if (this.#asking.has(id)) return;
    this.#asking.set(id, this.#ask(id, upFrom).finally(() => this.#asking.delete(id)));
  }

  async #ask(id: number, upFrom: number): Promise<void> {
    const failure = await askOsd(this.confirming, id);
    if (failure === null) {
      this.#confirmed.add(`${id}:${upFrom}`);
      return;
    }
    this.#failures.set(id, failure);
    await this.confirming.clock.sleep(REREAD_MS);
  }

  /** Ends when all that are asked have answered. */
  settled(): Promise<unknown> {
    return Promise.all(this.#asking.values());
  }

  why(missing: readonly OsdOfMap[]): string {
    const each = missing.map(({ id }) => `osd.${id} (${this.#failures.get(id) ?? 'no answer yet'})`);
    return `not confirmed by ${each.join(', ')}`;
  }
}

/** Waits until every OSD that is up goes by a map with the entry, or the time is up. */
export async function confirmEverywhere(confirming: Confirming): Promise<Confirmed> {
  const { clock, entry, untilMs, readMap } = confirming;
  const roll = new Roll(confirming);
  let reason = 'the monitors did not answer in time';
  let sinceEpoch = Infinity;
  for (;;) {
    const map = await readMap(untilMs);
    if (map !== null) {
      if (!map.blocklist.has(entry)) return { kind: 'gone', map };
      sinceEpoch = Math.min(sinceEpoch, map.epoch);
      const missing = map.osds.filter((osd) => osd.isUp && osd.upFrom < sinceEpoch && !roll.has(osd));
      if (missing.length === 0) return { kind: 'inForce', map };
      for (const osd of missing) roll.ask(osd);
      reason = roll.why(missing);
    }
    const leftMs = untilMs - clock.monotonicMs();
    if (leftMs <= 0) return { kind: 'waiting', reason };
    await Promise.race([roll.settled(), clock.sleep(Math.min(REREAD_MS, leftMs))]);
  }
}
