/**
 * The batch: steps what one turn of a cell has taken, in order, before anything is committed. It touches neither
 * store nor world; its result is what the turn's commit will hold. Used by the cell only.
 */
import type { Address } from './address.js';
import type { Behavior, EmittedAction } from './behavior.js';
import type { Clock } from './clock.js';
import type { Envelope } from './envelope.js';
import { inputOf, type Letter } from './letters.js';
import { LIMITS } from './limits.js';
import { causeChain, type Log } from './log.js';
import type { ActorRecord, Owner } from './record.js';
import { step, type StepInput } from './step.js';

export interface BatchDeps {
  readonly behavior: Behavior;
  readonly clock: Clock;
  readonly log: Log;
  readonly self: { readonly node: string };
  /** Names of commit effects, `owner.transfer` included. */
  readonly commitEffectNames: ReadonlySet<string>;
  /** The next owner of an actor handed to a node or to the primary; null = `to` is not live. */
  resolveOwner(to: string, epoch: number): Owner | null;
}

export interface Batch {
  readonly address: Address;
  readonly record: ActorRecord;
  readonly owner: Owner;
  readonly internal: readonly StepInput[];
  readonly letters: readonly Letter[];
}

export interface BatchOutput {
  /** As the last step left it; the same object as before if no step changed anything. */
  readonly record: ActorRecord;
  /** Who owns the actor from this commit on; null = it stays. */
  readonly newOwner: Owner | null;
  /** Names of the letters that were stepped or parked. */
  readonly consumed: readonly string[];
  readonly outgoing: readonly Envelope[];
  readonly actions: readonly EmittedAction[];
  readonly dead: readonly { readonly envelope: Envelope; readonly error: string }[];
  /** Inputs from inside for the next turn: those behind the end of this batch, and refused transfers. */
  readonly unused: readonly StepInput[];
}

/** Steps the inputs in order; ends early at a change of owner or a removal. A letter that throws is parked. */
export function stepBatch(deps: BatchDeps, batch: Batch): BatchOutput {
  const { owner } = batch;
  let record = batch.record;
  const consumed: string[] = [];
  const outgoing: Envelope[] = [];
  const actions: EmittedAction[] = [];
  const dead: { envelope: Envelope; error: string }[] = [];
  const revision = record.revision + 1;
  const queue: { input: StepInput; letter: Letter | null }[] = [
    ...batch.internal.map((input) => ({ input, letter: null })),
    ...batch.letters.map((letter) => ({ input: inputOf(letter.envelope), letter })),
  ];
  let newOwner: Owner | null = null;
  const refused: StepInput[] = [];
  const full = (): boolean => outgoing.length > 0 && outgoing.length >= LIMITS.outgoingPerBatch;
  while (queue.length > 0 && newOwner === null && !record.removed && !full()) {
    const { input, letter } = queue.shift()!;
    if (letter) consumed.push(letter.name);
    try {
      const output = step(deps.behavior, record, input, {
        node: deps.self.node, epoch: owner.epoch, nowMs: deps.clock.wallMs(), revision,
        commitEffects: deps.commitEffectNames,
      });
      if (output === null) continue;
      record = output.record;
      outgoing.push(...output.outgoing);
      actions.push(...output.commitEffects);
      const transfer = output.commitEffects.findLast((action) => action.type === 'owner.transfer');
      if (transfer !== undefined) newOwner = nextOwner(deps, owner, String(transfer.params['to']), refused, input);
    } catch (error) {
      if (letter === null) throw error;
      dead.push({ envelope: letter.envelope, error: causeChain(error) });
      const context = { actor: batch.address, type: input.event.type, error };
      deps.log.error('a message could not be stepped and was parked', context);
    }
  }
  const behind = queue.filter((entry) => entry.letter === null).map((entry) => entry.input);
  return { record, newOwner, consumed, outgoing, actions, dead, unused: [...refused, ...behind] };
}

/** The owner after a transfer; null = it stays here, and if `to` is not live the machine is told so. */
function nextOwner(deps: BatchDeps, owner: Owner, to: string, refused: StepInput[], cause: StepInput): Owner | null {
  const next = deps.resolveOwner(to, owner.epoch + 1);
  if (next !== null) return next.incarnation === owner.incarnation ? null : next;
  refused.push({
    event: { type: 'owner.transfer.refused', to, reason: `${to} is not live` },
    source: 'owner', id: `${cause.id}:refused`, operationId: null,
    correlation: cause.correlation, causation: cause.id, settles: null,
  });
  return null;
}
