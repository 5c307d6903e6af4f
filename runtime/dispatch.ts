/**
 * Dispatch: how commands get from the gateway into mailboxes. To one lane of one mailbox one create is under way at a
 * time; what comes meanwhile waits and goes together, as one pack. So commands keep their order, and a flood costs
 * the store a few transactions instead of one for each command. A single command goes at once.
 * After a lost connection it looks before it sends again, and says so where that cannot be found out.
 */
import type { Address } from './address.js';
import type { Clock } from './clock.js';
import { decodeRecord } from './codec.js';
import type { Envelope } from './envelope.js';
import type { Submitted } from './gateway-types.js';
import { LIMITS } from './limits.js';
import { parcels, type Parcel } from './pack.js';
import type { Paths } from './paths.js';
import type { ActorRecord } from './record.js';
import { StoreError, type Store } from './store.js';
import type { WriterVersion } from './versions.js';

export interface DispatchDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly clock: Clock;
  readonly versions: WriterVersion;
  /** The record as the mirror has it; null = not known there. */
  known(to: Address): ActorRecord | null;
}

/** A command on its way: an envelope with an operation. */
export type Command = Envelope & { readonly operationId: string };

interface Waiting {
  readonly command: Command;
  readonly giveUpAt: number;
  settle(submitted: Submitted | Promise<never>): void;
}

type Fate = 'sent' | 'not-sent' | 'unknown';

/** How long a command may take to reach its mailbox through lost connections, milliseconds. */
const SUBMIT_LIMIT_MS = 10_000;
/** Pause between two looks while there is no connection, milliseconds. */
const LOOK_AGAIN_MS = 50;

const UNREACHABLE = 'This node cannot reach the cluster at the moment: '
  + 'the command was not confirmed; try again or ask another node';
const FORGOTTEN = 'The connection to the cluster was lost, and so many commands came since that it is not known '
  + 'whether this one was carried out: look, then send it again if it was not';

export class Dispatch {
  /** What waits behind the create that is under way, by mailbox and lane. */
  private readonly lines = new Map<string, Waiting[]>();

  constructor(private readonly deps: DispatchDeps) {}

  /** Resolves when its znode is known to be there (or taken up already), or why it is not. */
  send(command: Command): Promise<Submitted> {
    return new Promise((resolve) => {
      const giveUpAt = this.deps.clock.monotonicMs() + SUBMIT_LIMIT_MS;
      const waiting: Waiting = { command, giveUpAt, settle: resolve };
      const key = keyOf(command.to, command.lane);
      const line = this.lines.get(key);
      if (line !== undefined) return void line.push(waiting);
      this.lines.set(key, [waiting]);
      void this.run(key);
    });
  }

  /** Commands to this lane that are not on their way yet. */
  waiting(to: Address, lane: Envelope['lane']): number {
    return this.lines.get(keyOf(to, lane))?.length ?? 0;
  }

  private async run(key: string): Promise<void> {
    const line = this.lines.get(key)!;
    while (line.length > 0) {
      const taken = line.splice(0, this.deps.versions.packMax);
      const fates = new Map(taken.map((each) => [each.command.id, each]));
      for (const parcel of parcels(taken.map(({ command }) => command), taken.length)) {
        const group = parcel.envelopes.map(({ id }) => fates.get(id)!);
        const delivery = deliver(this.deps, parcel, group[0]!.giveUpAt);
        // What it throws is for each of those who wait.
        await delivery.then(
          (why) => group.forEach(({ command, settle }) => settle(why ?? accepted(command))),
          () => group.forEach(({ settle }) => settle(delivery as Promise<never>)),
        );
      }
    }
    this.lines.delete(key);
  }
}

const keyOf = (to: Address, lane: Envelope['lane']): string => `${lane ?? 'normal'} ${to}`;

const accepted = ({ operationId }: Command): Submitted => ({ kind: 'accepted', operationId });

/** null = it is there. */
async function deliver(deps: DispatchDeps, parcel: Parcel, giveUpAt: number): Promise<Submitted | null> {
  const { clock, store } = deps;
  const { to } = parcel;
  const path = deps.paths.envelope(to, parcel.name);
  const notCommitted = (message: string): Submitted => ({ kind: 'denied', code: 'PVC_NOT_COMMITTED', message });
  for (;;) {
    const before = deps.known(to);
    const result = await store.multi([{ op: 'create', path, data: parcel.data }]);
    if (result.kind === 'done' || (result.kind === 'refused' && result.code === 'node-exists')) return null;
    if (result.kind === 'refused' && result.code === 'no-node') {
      return { kind: 'denied', code: 'PVC_ACTOR_NOT_FOUND', message: `There is no actor "${to}" any more` };
    }
    if (result.kind === 'refused' && result.code !== 'session-expired') {
      return notCommitted(`The command was not stored: ${result.code}`);
    }
    const fate = await lookFor(deps, parcel, path, before, giveUpAt);
    if (fate === 'sent') return null;
    if (fate === 'unknown') return notCommitted(FORGOTTEN);
    if (clock.monotonicMs() >= giveUpAt || isOver(store)) return notCommitted(UNREACHABLE);
  }
}

const isOver = ({ state }: Store): boolean => state === 'expired' || state === 'closed';

/** After an unknown create: reconnect, sync, look in the mailbox and in the record's recent operations. */
async function lookFor(
  deps: DispatchDeps, { to, envelopes }: Parcel, path: string, before: ActorRecord | null, giveUpAt: number,
): Promise<Fate> {
  const { clock, store } = deps;
  while (clock.monotonicMs() < giveUpAt) {
    try {
      await store.sync(path);
      if (await store.read(path) !== null) return 'sent';
      // Consumed or never sent: the record says which. The mirror may not have heard of that commit yet.
      const node = await store.read(deps.paths.record(to));
      return node === null ? 'not-sent' : fateIn(decodeRecord(node.data), before, envelopes);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (isOver(store)) return 'not-sent';
      await clock.sleep(LOOK_AGAIN_MS);
    }
  }
  return 'not-sent';
}

/**
 * What a record says of letters that are no longer in its mailbox, if they ever were. `before`: as it was known before
 * they were sent. A record forgets operations in the order in which it took them up, and none that is under way: so
 * these are not forgotten while fewer steps were made than it keeps, or while one is left that had ended before.
 */
export function fateIn(present: ActorRecord, before: ActorRecord | null, envelopes: readonly Envelope[]): Fate {
  const sent = new Set(envelopes.map(({ operationId }) => operationId));
  if (present.operations.some(({ operationId }) => sent.has(operationId))) return 'sent';
  if (present.seq - (before?.seq ?? 0) < LIMITS.operationsKept) return 'not-sent';
  const ended = new Set(before?.operations.filter(({ endedAt }) => endedAt !== null).map((each) => each.operationId));
  return present.operations.some(({ operationId }) => ended.has(operationId)) ? 'not-sent' : 'unknown';
}
