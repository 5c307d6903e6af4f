/**
 * A turn, planned: inputs are stepped together and made into one commit that the store will take. What is too large
 * for one commit is cut; one step that is too large by itself is its machine's fault, told with sizes.
 * Used by the cell only; it touches neither store nor world.
 */
import { ActorFaultError } from './actor-fault.js';
import type { Address } from './address.js';
import { stepBatch, type BatchDeps, type BatchOutput } from './batch.js';
import type { CommitEffect } from './cell-deps.js';
import { commitTurn, prepareTurn, type CommitOutcome, type PreparedTurn } from './commit.js';
import type { Letter } from './letters.js';
import { LIMITS } from './limits.js';
import type { RuntimeMetrics } from './metrics.js';
import type { Pending } from './pending.js';
import { countsAfter, type ActorRecord, type Owner } from './record.js';
import type { StepInput } from './step.js';
import type { Store } from './store.js';
import { birthsOf, type BirthDeps, type Newborn } from './supervision/births.js';
import type { WriterVersion } from './versions.js';

export interface TurnDeps extends BatchDeps, BirthDeps {
  readonly commitEffects: Readonly<Record<string, CommitEffect>>;
  readonly versions: WriterVersion;
  newCommitId(): string;
}

/** What the cell knows of its actor. */
export interface ActorState {
  readonly address: Address;
  readonly record: ActorRecord;
  readonly recordVersion: number;
  /** Format version the record is stored in. */
  readonly storedAs: number;
  readonly owner: Owner;
  readonly ownerVersion: number;
  readonly birth: string;
  /** What it has under way, if anything. */
  readonly pending: Pending | null;
}

export interface Taken {
  readonly internal: readonly StepInput[];
  readonly letters: readonly Letter[];
}

export interface PlannedTurn {
  readonly prepared: PreparedTurn;
  /** Inputs from inside for the next turn. */
  readonly unused: readonly StepInput[];
}

/** Record version of the first daemons that read packs. */
const PACK_SINCE = 2;

/**
 * null = nothing to commit: nothing has changed, and that the actor was acquired is on record. Throws what the step of
 * an input from inside throws, or its being too large.
 */
export function planTurn(deps: TurnDeps, actor: ActorState, { internal, letters }: Taken): PlannedTurn | null {
  let most: number = LIMITS.batch;
  let refusal: string | null = null;
  for (;;) {
    const output = stepBatch(deps, { ...actor, internal, letters, most, refusal });
    const acquired = actor.record.ownerEpoch >= actor.owner.epoch;
    if (output.record === actor.record && output.consumed.length === 0 && acquired) {
      if (output.unused.length === 0) return null;
      internal = output.unused;
      continue;
    }
    const prepared = prepare(deps, actor, output);
    const { tooLarge } = prepared;
    if (tooLarge === null) return { prepared, unused: output.unused };
    if (output.taken > 1) most = output.taken >> 1;
    else if (internal.length === 0 && refusal === null) refusal = `one step would need ${tooLarge}`;
    else throw new ActorFaultError('too-large', `one step would need ${tooLarge}`);
  }
}

function prepare(deps: TurnDeps, actor: ActorState, output: BatchOutput): PreparedTurn {
  const { address, record, recordVersion, owner, ownerVersion } = actor;
  const next = {
    ...actor.pending?.refreshed(output.record) ?? output.record,
    revision: record.revision + 1, commitId: deps.newCommitId(), ownerEpoch: owner.epoch,
    counts: countsAfter(output.record.counts, output.taken),
  };
  return prepareTurn(deps.paths, {
    address, record: next, recordVersion, writeAs: deps.versions.forRecord(next, actor.storedAs), owner, ownerVersion,
    newOwner: output.newOwner, consumed: output.consumed, outgoing: output.outgoing, dead: output.dead,
    births: newborns(deps, actor, output),
    extra: output.actions.flatMap((action) => deps.commitEffects[action.type]?.(action.params, address) ?? []),
  }, deps.versions.current >= PACK_SINCE ? LIMITS.pack : 1);
}

/** One try to commit it, counted. */
export function commitPlanned(
  deps: TurnDeps & { readonly store: Store; readonly metrics?: RuntimeMetrics | undefined }, plan: PlannedTurn,
): Promise<CommitOutcome> {
  const running = commitTurn(deps.store, deps.paths, plan.prepared);
  return deps.metrics?.commit(deps.clock, running) ?? running;
}

function newborns(deps: TurnDeps, { address, birth, owner }: ActorState, output: BatchOutput): readonly Newborn[] {
  if (!output.actions.some(({ type }) => type === 'child.start')) return [];
  const prefix = `${address.replace('/', '~')}.${birth}.${String(output.record.seq).padStart(12, '0')}`;
  return birthsOf(deps, { address, owner, prefix, nowMs: deps.clock.wallMs() }, output.actions);
}
