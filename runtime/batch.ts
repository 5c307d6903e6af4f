/**
 * The batch: steps what one turn of a cell has taken, in order, before anything is committed. It touches neither
 * store nor world; its result is what the turn's commit will hold. Used by the cell only.
 */
import { ActorFaultError, faultText } from './actor-fault.js';
import type { Address } from './address.js';
import { stateText, type Behavior, type EmittedAction } from './behavior.js';
import type { Clock } from './clock.js';
import type { Dead } from './dead-letters.js';
import type { Envelope } from './envelope.js';
import { inputOf, type Consumed, type Letter } from './letters.js';
import { LIMITS } from './limits.js';
import { causeChain, type Log } from './log.js';
import type { Paths } from './paths.js';
import { whyRaw, withoutBytes } from './raw-letter.js';
import type { ActorRecord, Owner, Transition } from './record.js';
import { refuse, type StepInput, type StepMeta } from './step.js';
import { isHeeded, stepActor } from './supervision/lifecycle.js';
import { needsVersion } from './upcast.js';
import { cannotRead, type WriterVersion } from './versions.js';

export interface BatchDeps {
  readonly paths: Paths;
  readonly behavior: Behavior;
  readonly clock: Clock;
  readonly log: Log;
  readonly self: { readonly node: string };
  readonly versions: WriterVersion;
  /** Names of commit effects, `owner.transfer` included. */
  readonly commitEffectNames: ReadonlySet<string>;
  /** The next owner of an actor handed to a node or to the primary; null = `to` is not live. */
  resolveOwner(to: string, epoch: number): Owner | null;
}

export interface Batch {
  readonly address: Address;
  readonly record: ActorRecord;
  readonly owner: Owner;
  /** Tells this actor from earlier ones of the same address: part of the ids of what it sends. */
  readonly birth: string;
  readonly internal: readonly StepInput[];
  readonly letters: readonly Letter[];
  /** Inputs that may be taken, from inside and of letters together. */
  readonly most: number;
  /** Why the first envelope is parked without being stepped; null = it is stepped like the others. */
  readonly refusal: string | null;
}

export interface BatchOutput {
  /** As the last step left it; the same object as before if no step changed anything. */
  readonly record: ActorRecord;
  /** Who owns the actor from this commit on; null = it stays. */
  readonly newOwner: Owner | null;
  /** What was stepped or parked of the letters. */
  readonly consumed: readonly Consumed[];
  readonly outgoing: readonly Envelope[];
  readonly actions: readonly EmittedAction[];
  readonly dead: readonly Dead[];
  /** Inputs from inside for the next turn: those behind the end of this batch, and refused transfers. */
  readonly unused: readonly StepInput[];
  /** Inputs that were taken. */
  readonly taken: number;
}

/** Steps the inputs in order; ends early at a change of owner or a removal. A letter that throws is parked. */
export function stepBatch(deps: BatchDeps, batch: Batch): BatchOutput {
  const run = new BatchRun(deps, batch);
  const { internal, letters } = batch;
  let at = 0;
  for (; at < internal.length && run.open; at += 1) run.takeInput(internal[at]!);
  const consumed: Consumed[] = [];
  for (const letter of letters) {
    const { envelopes } = letter;
    let count = 0;
    for (; count < envelopes.length && run.takes(envelopes[count]!); count += 1) run.takeEnvelope(envelopes[count]!);
    if (count > 0) consumed.push({ letter, count });
    if (count < envelopes.length) break;
  }
  return run.output(consumed, internal.slice(at));
}

/** One batch being stepped. */
class BatchRun {
  private record: ActorRecord;
  private newOwner: Owner | null = null;
  private taken = 0;
  private commands = 0;
  private begun = false;
  private readonly outgoing: Envelope[] = [];
  private readonly actions: EmittedAction[] = [];
  private readonly dead: Dead[] = [];
  private readonly refusedTransfers: StepInput[] = [];
  private readonly journal: Transition[] = [];

  constructor(private readonly deps: BatchDeps, private readonly batch: Batch) {
    this.record = batch.record;
  }

  /** True while one more input may be taken. */
  get open(): boolean {
    return this.taken < this.batch.most && this.newOwner === null && !this.record.removed && this.record.fault === null
      && this.outgoing.length < LIMITS.outgoingPerBatch && this.commands < LIMITS.commandsPerBatch;
  }

  takes(envelope: Envelope): boolean {
    return this.open && isHeeded(this.record, envelope);
  }

  /** Throws what the step throws. */
  takeInput(input: StepInput): void {
    this.taken += 1;
    this.step(input, this.meta(), null);
  }

  takeEnvelope(envelope: Envelope): void {
    const { batch } = this;
    this.taken += 1;
    if (envelope.operationId !== undefined) this.commands += 1;
    const meta = this.meta();
    const isFirst = !this.begun;
    this.begun = true;
    if (batch.refusal !== null && isFirst) return this.park(envelope, meta, batch.refusal);
    const unreadable = whyRaw(envelope);
    if (unreadable !== null) return this.park(envelope, meta, unreadable);
    if (envelope.expiresAt !== undefined && meta.nowMs > envelope.expiresAt) return this.expire(envelope, meta);
    try {
      const failure = this.step(inputOf(envelope), meta, envelope.from);
      if (failure !== undefined) this.park(envelope, meta, causeChain(failure));
    } catch (error) {
      this.park(envelope, meta, causeChain(error));
      this.judge(error);
    }
  }

  output(consumed: readonly Consumed[], behind: readonly StepInput[]): BatchOutput {
    const { newOwner, outgoing, actions, dead, taken } = this;
    if (dead.length > 0) {
      const { envelope, error } = dead[0]!;
      const context = { actor: this.batch.address, type: envelope.event.type, error, count: dead.length };
      this.deps.log.error('messages were parked as dead letters; the first:', context);
    }
    return {
      record: withTail(this.record, this.journal), newOwner, consumed, outgoing, actions, dead, taken,
      unused: [...this.refusedTransfers, ...behind],
    };
  }

  private meta(): StepMeta {
    const { deps, batch } = this;
    return {
      node: deps.self.node, epoch: batch.owner.epoch, nowMs: deps.clock.wallMs(), revision: batch.record.revision + 1,
      commitEffects: deps.commitEffectNames, birth: batch.birth, journal: this.journal,
    };
  }

  /** Answers with what ended a supervised actor's life, if this did. */
  private step(input: StepInput, meta: StepMeta, from: Envelope['from'] | null): unknown {
    const { output, failure } = stepActor(this.deps.behavior, this.record, input, meta, from);
    if (output === null) return failure;
    this.record = output.record;
    if (output.outgoing.length > 0) this.outgoing.push(...output.outgoing);
    if (output.commitEffects.length === 0) return failure;
    this.actions.push(...output.commitEffects);
    const transfer = output.commitEffects.findLast((action) => action.type === 'owner.transfer');
    if (transfer !== undefined) this.newOwner = this.nextOwner(String(transfer.params['to']), input);
    return failure;
  }

  /** A command says so in its operation; what is no command goes where somebody may look for it. */
  private expire(envelope: Envelope, meta: StepMeta): void {
    const text = 'it expired before it could be taken up';
    if (envelope.operationId === undefined) return this.park(envelope, meta, text);
    this.record = refuse(this.record, inputOf(envelope), meta, text, 'letter.expired');
  }

  private park(envelope: Envelope, meta: StepMeta, error: string): void {
    const { record } = this;
    this.dead.push({ envelope, error, at: meta.nowMs, state: stateText(record.snapshot.value) });
    this.record = refuse({
      ...record, counts: { ...record.counts, dead: record.counts.dead + 1 }, lastError: { text: error, at: meta.nowMs },
    }, inputOf(withoutBytes(envelope)), meta, error, 'letter.parked');
  }

  /** A letter is to blame for its step, unless the machine is wrong in itself: then the actor stops with it. */
  private judge(error: unknown): void {
    if (!(error instanceof ActorFaultError)) return;
    const reason = `${causeChain(error)} (${this.deps.paths.record(this.batch.address)})`;
    this.record = { ...this.record, fault: faultText(error.kind, reason) };
  }

  /** The owner after a transfer; null = it stays here, and if `to` is not live the machine is told so. */
  private nextOwner(to: string, cause: StepInput): Owner | null {
    const { owner } = this.batch;
    const next = this.deps.resolveOwner(to, owner.epoch + 1);
    const reads = next === null || this.deps.versions.readsAll(next.node, needsVersion(this.record));
    if (next !== null && reads) return next.incarnation === owner.incarnation ? null : next;
    this.refusedTransfers.push({
      event: { type: 'owner.transfer.refused', to, reason: reads ? `${to} is not live` : cannotRead(to) },
      source: 'owner', id: `${cause.id}:refused`, operationId: null,
      correlation: cause.correlation, causation: cause.id, settles: null,
    });
    return null;
  }
}

/** The tail as it is stored: LIMITS.tailLength transitions, or all of this batch if it holds more. */
function withTail(record: ActorRecord, journal: readonly Transition[]): ActorRecord {
  const entered = journal.filter(({ seq }) => seq <= record.seq);
  const room = Math.max(0, LIMITS.tailLength - entered.length);
  if (entered.length === 0 && record.tail.length <= room) return record;
  return { ...record, tail: [...record.tail.slice(Math.max(0, record.tail.length - room)), ...entered] };
}
