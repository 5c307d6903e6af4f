/**
 * Crashes of cells, on record: when an actor's cell is begun anew after a fault of its own, the time is committed into
 * its record first. So the budget holds across fail-overs: it neither begins afresh with a new owner nor counts a crash
 * twice. Used by the host, for actors it owns and has stopped.
 */
import type { Address } from './address.js';
import type { Clock } from './clock.js';
import { decodeOwner, decodeStored, encodeRecord } from './codec.js';
import { causeChain, type Log } from './log.js';
import type { RuntimeMetrics } from './metrics.js';
import type { Paths } from './paths.js';
import type { ActorRecord } from './record.js';
import { StoreError, type Store } from './store.js';
import type { WriterVersion } from './versions.js';

export interface CrashDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly clock: Clock;
  readonly log: Log;
  readonly versions: WriterVersion;
  readonly self: { readonly incarnation: string };
  readonly metrics?: RuntimeMetrics | undefined;
  /** Names this process; begins every commit id. */
  readonly processId: string;
  newCommitId(): string;
  /**
   * Asked when an actor's cell crashed once more than INTENSITY allows. true = its supervisor (the record names it) has
   * been told and the record says what it needs: the cell is begun again after a pause, to hear what it is to do.
   * Anything else: the actor stops, with its fault on record.
   */
  onExhausted?(record: ActorRecord, error: unknown): Promise<boolean>;
}

/** What the host does then. */
export interface AfterCrash {
  /** Begins the actor's cell, if it is still this host's to run. */
  follow(address: Address): void;
  /** The actor stops: its fault goes on record. */
  park(address: Address, epoch: number, error: unknown): void;
}

export type Noted =
  /** It is on record; the cell may be begun anew after the pause. */
  | { readonly kind: 'again'; readonly pauseMs: number }
  /** One more than the budget allows: nothing was written. */
  | { readonly kind: 'exhausted'; readonly record: ActorRecord }
  /** The actor is gone, owned elsewhere or under another epoch, or has a fault already: there is nothing to begin. */
  | { readonly kind: 'over' };

/** Restarts of one cell within periodMs (wall clock, since owners change) before the actor stops. */
export const INTENSITY = { restarts: 5, periodMs: 30_000 } as const;
/** Pause before the first restart, milliseconds; it doubles with each one in the period. */
const PAUSE_MS = 100;
/** Pause before a crash is noted again that could not be, milliseconds. */
const AGAIN_MS = 200;

export class Crashes {
  /** Epochs of actors whose crash is being put on record, or that pause after one. */
  private readonly resting = new Map<Address, number>();

  constructor(private readonly deps: CrashDeps, private readonly host: AfterCrash) {}

  isResting(address: Address, epoch: number): boolean {
    return this.resting.get(address) === epoch;
  }

  /** Once the crash is on record, and if that leaves something of the budget. Never rejects. */
  async beginAnew(address: Address, epoch: number, error: unknown): Promise<void> {
    const { deps, host } = this;
    this.resting.set(address, epoch);
    try {
      const noted = await noteCrash(deps, address, epoch, error);
      if (noted.kind === 'exhausted') {
        if (await deps.onExhausted?.(noted.record, error) !== true) host.park(address, epoch, error);
        else await deps.clock.sleep(pauseAfter(INTENSITY.restarts));
      }
      if (noted.kind === 'again') {
        if (deps.metrics) deps.metrics.restarts += 1;
        deps.log.warn('cell crashed and is restarted from its record', { actor: address, error });
        await deps.clock.sleep(noted.pauseMs);
      }
    } catch (why) {
      host.park(address, epoch, why);
    } finally {
      if (this.isResting(address, epoch)) this.resting.delete(address);
      host.follow(address);
    }
  }
}

/**
 * Notes a crash of a cell that ran under `epoch`, however long the store is away. Throws what
 * decoding the record throws, and NeedsVersionError.
 */
export async function noteCrash(deps: CrashDeps, address: Address, epoch: number, error: unknown): Promise<Noted> {
  const { store, clock, log } = deps;
  const commitId = `${deps.processId}.${deps.newCommitId()}`;
  while (store.state !== 'expired' && store.state !== 'closed') {
    try {
      const noted = await tryNote(deps, address, epoch, error, commitId);
      if (noted !== null) return noted;
    } catch (why) {
      if (!(why instanceof StoreError)) throw why;
      log.debug('a crash is noted later', { actor: address, error: why });
      await clock.sleep(AGAIN_MS);
    }
  }
  return { kind: 'over' };
}

/** null = look again: the record moved, or the outcome is not known. */
async function tryNote(
  deps: CrashDeps, address: Address, epoch: number, error: unknown, commitId: string,
): Promise<Noted | null> {
  const { store, paths, clock, versions } = deps;
  // An earlier try may have been applied by a server that this one has not heard of yet.
  await store.sync(paths.record(address));
  const [ownerNode, node] = await Promise.all([store.read(paths.owner(address)), store.read(paths.record(address))]);
  if (ownerNode === null || node === null) return { kind: 'over' };
  const owner = decodeOwner(ownerNode.data);
  if (owner.incarnation !== deps.self.incarnation || owner.epoch !== epoch) return { kind: 'over' };
  const { record, storedAs } = decodeStored(node.data, versions.reads);
  if (record.removed || record.fault !== null) return { kind: 'over' };
  const now = clock.wallMs();
  const recent = record.restarts.filter((at) => Math.abs(now - at) < INTENSITY.periodMs);
  if (record.commitId === commitId) return { kind: 'again', pauseMs: pauseAfter(recent.length) };
  if (recent.length >= INTENSITY.restarts) return { kind: 'exhausted', record };
  const next: ActorRecord = {
    ...record, revision: record.revision + 1, commitId, restarts: [...recent, now],
    counts: { ...record.counts, restarts: record.counts.restarts + 1 },
    lastError: { text: causeChain(error), at: now },
  };
  const result = await store.multi([
    { op: 'check', path: paths.owner(address), version: ownerNode.stat.version },
    {
      op: 'set', path: paths.record(address), version: node.stat.version,
      data: encodeRecord(next, versions.forRecord(next, storedAs)),
    },
  ]);
  return result.kind === 'done' ? { kind: 'again', pauseMs: pauseAfter(recent.length + 1) } : null;
}

const pauseAfter = (restarts: number): number => PAUSE_MS * 2 ** Math.max(0, restarts - 1);
