/**
 * A turn, planned: inputs are stepped together and made into one commit that the store will take. What is too large
 * for one commit is cut; one step that is too large by itself is its machine's fault, told with sizes.
 * Used by the cell only; it touches neither store nor world.
 */
import { ActorFaultError } from './actor-fault.js';
import type { Address } from './address.js';
import { stepBatch, type BatchDeps, type BatchOutput } from './batch.js';
import { FREE, type Allowance } from './caution.js';
import type { CellDeps, CommitEffect } from './cell-deps.js';
import { NOTHING } from './compact.js';
import { commitTurn, prepareTurn, type CommitOutcome, type PreparedTurn } from './commit.js';
import type { Letter } from './letters.js';
import { LIMITS } from './limits.js';
import type { MailboxDepths } from './mailbox-depths.js';
import type { RuntimeMetrics } from './metrics.js';
import { route, type IsFull, type Routed } from './outbox.js';
import type { Pending } from './pending.js';
import { countsAfter, type ActorRecord, type Owner } from './record.js';
import type { StepInput } from './step.js';
import type { Store } from './store.js';
import { birthsOf, type BirthDeps, type Newborn } from './supervision/births.js';

export interface TurnDeps extends BatchDeps, BirthDeps {
  readonly commitEffects: Readonly<Record<string, CommitEffect>>;
  readonly depths: Pick<MailboxDepths, 'full'>;
  readonly processId: string;
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

/** What a turn is given. */
export interface Taken {
  readonly internal: readonly StepInput[];
  readonly letters: readonly Letter[];
  /** Without it, as many as a batch holds. */
  readonly allowance?: Allowance;
  /** Receivers that took nothing for too long (outbox.ts). */
  readonly hopeless?: ReadonlySet<string>;
}

export interface PlannedTurn {
  readonly prepared: PreparedTurn;
  /** Inputs from inside for the next turn. */
  readonly unused: readonly StepInput[];
  /** Under which letters were taken; null = none could be. */
  readonly allowance: Allowance | null;
}

const NONE: ReadonlySet<string> = new Set();

/**
 * null = nothing to commit: nothing has changed, and that the actor was acquired is on record. Throws what the step of
 * an input from inside throws, or its being too large.
 */
export function planTurn(deps: TurnDeps, actor: ActorState, taken: Taken): PlannedTurn | null {
  const { letters, allowance = FREE, hopeless = NONE } = taken;
  let { internal } = taken;
  let { refusal } = allowance;
  let most = Math.min(LIMITS.batch, internal.length + allowance.most);
  for (;;) {
    const output = stepBatch(deps, { ...actor, internal, letters, most, refusal });
    const routed = routeOf(deps, actor, output, hopeless);
    if (isNothing(actor, output, routed, allowance)) {
      if (output.unused.length === 0) return null;
      internal = output.unused;
      continue;
    }
    const prepared = prepare(deps, actor, output, routed, allowance);
    const { tooLarge } = prepared;
    if (tooLarge === null) return { prepared, unused: output.unused, allowance };
    if (output.taken > 1) most = output.taken >> 1;
    else if (output.taken === 1 && internal.length === 0 && refusal === null) {
      refusal = `one step would need ${tooLarge}`;
    } else throw new ActorFaultError('too-large', `one step would need ${tooLarge}`);
  }
}

function routeOf(deps: TurnDeps, actor: ActorState, output: BatchOutput, hopeless: ReadonlySet<string>): Routed {
  const { outbox } = actor.record;
  if (outbox.length === 0 && output.outgoing.length === 0) return { send: output.outgoing, outbox, givenUp: [] };
  const parks = deps.versions.packMax > 1;
  const isFull: IsFull = (to, lane) => parks && to !== actor.address && deps.depths.full(to, lane);
  return route(outbox, output.outgoing, isFull, hopeless);
}

function isNothing(
  { record, owner }: ActorState, output: BatchOutput, routed: Routed, { suspect }: Allowance,
): boolean {
  return output.record === record && output.consumed.length === 0 && record.ownerEpoch >= owner.epoch
    && routed.send.length === 0 && routed.givenUp.length === 0
    && suspect?.name === record.suspect?.name && suspect?.tries === record.suspect?.tries;
}

function prepare(
  deps: TurnDeps, actor: ActorState, output: BatchOutput, routed: Routed, allowance: Allowance,
): PreparedTurn {
  const { address, record, recordVersion, owner, ownerVersion } = actor;
  const at = deps.clock.wallMs();
  const stepped = withDead(output.record, routed.givenUp.length);
  const next: ActorRecord = {
    ...actor.pending?.refreshed(stepped) ?? stepped, revision: record.revision + 1,
    commitId: `${deps.processId}.${deps.newCommitId()}`, ownerEpoch: owner.epoch,
    counts: countsAfter(stepped.counts, output.taken), suspect: allowance.suspect,
    outbox: routed.outbox.length === 0 ? NOTHING : routed.outbox,
    // A copy without the room that steps left in it for more: it is held for as long as the actor is.
    tail: stepped.tail.slice(),
  };
  const givenUp = routed.givenUp.map((envelope) => ({ envelope, error: GIVEN_UP, at, state: null }));
  return prepareTurn(deps.paths, {
    address, record: next, recordVersion, writeAs: deps.versions.forRecord(next, actor.storedAs), owner, ownerVersion,
    newOwner: output.newOwner, consumed: output.consumed, outgoing: routed.send, dead: [...output.dead, ...givenUp],
    births: newborns(deps, actor, output),
    extra: output.actions.flatMap((action) => deps.commitEffects[action.type]?.(action.params, address) ?? []),
  }, deps.versions.packMax);
}

const GIVEN_UP = `the receiver's mailbox was full for ${LIMITS.outboxPatienceMs / 1000} s`;

const withDead = (record: ActorRecord, count: number): ActorRecord => count === 0 ? record
  : { ...record, counts: { ...record.counts, dead: record.counts.dead + count } };

interface CommitDeps extends TurnDeps, Pick<CellDeps, 'onParked'> {
  readonly store: Store;
  readonly metrics?: RuntimeMetrics | undefined;
}

/** One try to commit it, counted. */
export async function commitPlanned(deps: CommitDeps, plan: PlannedTurn): Promise<CommitOutcome> {
  const running = commitTurn(deps.store, deps.paths, plan.prepared);
  const outcome = await (deps.metrics?.commit(deps.clock, running) ?? running);
  if (outcome.kind !== 'committed') return outcome;
  const { dead } = plan.prepared.turn;
  if (dead.length + outcome.undeliverable.length > 0) {
    deps.onParked?.([...dead.map(({ envelope }) => envelope.to), ...outcome.undeliverable.map(({ to }) => to)]);
  }
  return outcome;
}

function newborns(deps: TurnDeps, { address, birth, owner }: ActorState, output: BatchOutput): readonly Newborn[] {
  if (!output.actions.some(({ type }) => type === 'child.start')) return [];
  const prefix = `${address.replace('/', '~')}.${birth}.${String(output.record.seq).padStart(12, '0')}`;
  return birthsOf(deps, { address, owner, prefix, nowMs: deps.clock.wallMs() }, output.actions);
}
