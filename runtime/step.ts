/**
 * The step: a pure function from a record and one input to the next record and what is to be sent
 * and done. Nothing here reads a clock, a store or a driver. One step is part of exactly one commit.
 */
import type { Address } from './address.js';
import { stateText, type Behavior, type EmittedAction } from './behavior.js';
import type { ActorEvent, Envelope } from './envelope.js';
import { NOTHING } from './compact.js';
import type { Admission } from './gateway-types.js';
import { LIMITS } from './limits.js';
import { cancelled, envelopeOf, requestOf, SENDING, settleRequest, type Answers } from './requests.js';
import { pendingEffect, raiseTimer, settle, triedAgain, withoutLeft } from './step-effects.js';
import {
  FRESH_FIELDS, RECORD_VERSION, type ActorRecord, type Operation, type PendingEffect, type Timer, type Transition,
} from './record.js';
import { LIFECYCLE_EFFECTS } from './supervision/protocol.js';

export interface StepInput {
  readonly event: ActorEvent;
  readonly source: 'mailbox' | 'effect' | 'timer' | 'owner';
  readonly id: string;
  readonly operationId: string | null;
  readonly correlation: string;
  readonly causation: string | null;
  /** Of an effect's answer (effectKey) or a timer (timerKey): which pending one it ends. */
  readonly settles: string | null;
  /** Of an answer to a request: which one it ends. */
  readonly answers?: Answers;
}

export interface StepMeta {
  readonly node: string;
  readonly epoch: number;
  readonly nowMs: number;
  /** Revision that the commit of this step will write. */
  readonly revision: number;
  /** Names of actions that become operations of the commit; all other custom actions are world effects. */
  readonly commitEffects: ReadonlySet<string>;
  /** Tells this actor from earlier ones of its address, so that ids of what it sends and does never come twice. */
  readonly birth?: string;
  /** Takes the transitions in place of the records' tails: who gives it makes the last record's tail (batch.ts). */
  readonly journal?: Transition[];
}

export interface StepOutput {
  readonly record: ActorRecord;
  readonly outgoing: readonly Envelope[];
  readonly commitEffects: readonly EmittedAction[];
}

/** A record that is being made: only the step that made this very object has it, and it still writes to it. */
type Draft = { -readonly [Field in keyof ActorRecord]: ActorRecord[Field] };

const address = (record: ActorRecord): Address => `${record.kind}/${record.id}`;
const isOwnerChange = (action: EmittedAction): boolean => action.type === 'owner.transfer';

/** null = the input is stale (an answer to a forgotten effect or timer, a repeated command): only consume it. */
export function step(behavior: Behavior, record: ActorRecord, input: StepInput, meta: StepMeta): StepOutput | null {
  const again = triedAgain(record, input);
  if (again !== null) return { record: again, outgoing: [], commitEffects: [] };
  const answered = settle(record, input);
  const request = answered === null ? null : settleRequest(answered, input);
  if (request === null) return null;
  const settled = request.record;
  let operations = settled.operations;
  if (input.operationId !== null) {
    if (operations.some((operation) => operation.operationId === input.operationId)) return null;
    const admission = tooManyOpen(record) ?? behavior.admit(record.snapshot, input.event);
    const operation: Operation = {
      operationId: input.operationId, command: input.event.type,
      state: admission.kind === 'accept' ? 'accepted' : admission.kind === 'already' ? 'done' : 'failed',
      message: admission.kind === 'accept' ? null : admission.message,
      acceptedAt: meta.nowMs, endedAt: admission.kind === 'accept' ? null : meta.nowMs,
    };
    operations = kept([...operations, operation]);
    if (admission.kind !== 'accept') {
      const answered = withTransition({ ...settled, operations }, record, input, meta, [], []);
      return { record: answered, outgoing: [], commitEffects: [] };
    }
  }
  const { operationId } = input;
  const event: ActorEvent = operationId === null
    ? { ...request.event, at: meta.nowMs } : { ...request.event, at: meta.nowMs, operationId };
  const reaction = behavior.react(record.snapshot, event);
  if (settled === record && input.operationId === null && reaction.actions.length === 0
    && reaction.snapshot.context === record.snapshot.context
    && stateText(reaction.snapshot.value) === stateText(record.snapshot.value)) {
    return { record, outgoing: [], commitEffects: [] };
  }
  const next = { ...settled, operations, snapshot: reaction.snapshot };
  return applyActions(behavior, next, record, reaction.actions, input, meta);
}

/** The record after an input that is not stepped: its operation, if it is a command, has failed with `message`. */
export function refuse(
  record: ActorRecord, input: StepInput, meta: StepMeta, message: string, why: 'letter.parked' | 'letter.expired',
): ActorRecord {
  const { operationId } = input;
  if (operationId === null) return withTransition({ ...record }, record, input, meta, [why], []);
  const known = record.operations.some((operation) => operation.operationId === operationId);
  const operations = known
    ? endOperation(record.operations, { operationId, state: 'failed', message }, meta.nowMs)
    : kept([...record.operations, {
      operationId, command: input.event.type, state: 'failed', message, acceptedAt: meta.nowMs, endedAt: meta.nowMs,
    }]);
  return withTransition({ ...record, operations }, record, input, meta, [why], []);
}

/** Commands under way are never forgotten: beyond a bound no more are begun, or the record would grow out of hand. */
function tooManyOpen({ kind, id, operations }: ActorRecord): Admission | null {
  if (operations.length < LIMITS.operationsOpen) return null;
  const open = operations.filter((operation) => operation.endedAt === null).length;
  if (open < LIMITS.operationsOpen) return null;
  return { kind: 'deny', code: 'PVC_BUSY', message: `${kind}/${id} has ${open} commands under way: try again later` };
}

/** The recent operations: those under way, and of those that have ended the newest. */
function kept(operations: readonly Operation[]): readonly Operation[] {
  const over = operations.filter((operation) => operation.endedAt !== null).length - LIMITS.operationsKept;
  if (over <= 0) return operations;
  let left = over;
  return operations.filter((operation) => operation.endedAt === null || (left -= 1) < 0);
}

/** What a reaction's actions make of a record. Writes to `next`. */
export function applyActions(
  behavior: Behavior, next: Draft, before: ActorRecord, actions: readonly EmittedAction[],
  input: StepInput, meta: StepMeta,
): StepOutput {
  let { effects, timers, operations, requests } = next;
  let removed = false;
  const outgoing: Envelope[] = [];
  const commitEffects: EmittedAction[] = [];
  const names: string[] = [];
  const epoch = actions.some(isOwnerChange) ? meta.epoch + 1 : meta.epoch;
  // Padded: envelopes of one commit share a czxid and are told apart by their names' order.
  const base = actions.length === 0 ? ''
    : `${next.kind}~${next.id}.${meta.birth ?? '0'}.${String(before.seq + 1).padStart(12, '0')}`;
  for (const action of actions) {
    const { type, params } = action;
    if (type === 'xstate.raise') {
      timers = raiseTimer(timers, params, meta.nowMs, behavior, before.timers, input.correlation);
    } else if (type === 'xstate.cancel') timers = timers.filter((timer) => timer.timerId !== params['sendId']);
    else if (type.startsWith('xstate.')) {
      throw new Error(`machine ${next.kind} uses ${type}, which has no meaning here`);
    } else if (type === 'effect.cancel') effects = effects.filter((effect) => effect.kind !== params['kind']);
    else if (type === 'operation.end') operations = endOperation(operations, params, meta.nowMs);
    else if (type === 'request.cancel') ({ requests, timers } = cancelled(requests, timers, params['as']));
    else if (SENDING.has(type)) {
      const id = `${base}.${String(outgoing.length).padStart(3, '0')}`;
      const envelope = envelopeOf(action, id, address(next), input, meta);
      outgoing.push(envelope);
      if (type !== 'ask') continue;
      const { request, timer } = requestOf(action, envelope);
      requests = [...requests, request];
      timers = raiseTimer(timers, timer, meta.nowMs, behavior, before.timers, input.correlation);
    } else if (meta.commitEffects.has(type) || LIFECYCLE_EFFECTS.has(type)) {
      commitEffects.push(action);
      removed ||= type === 'actor.remove';
      names.push(type);
    } else {
      const stamp = { effectId: `${base}.e${names.length}`, epoch, correlation: input.correlation };
      effects = [...effects, pendingEffect(action, stamp, next.snapshot.value, behavior)];
      names.push(type);
    }
  }
  effects = withoutLeft(effects, next.snapshot.value);
  assertLimits(next, effects, timers, outgoing);
  const sent = outgoing.map((envelope) => ({ to: envelope.to, type: envelope.event.type }));
  next.effects = effects;
  next.timers = timers;
  next.operations = operations;
  next.requests = requests;
  next.removed = removed;
  return { record: withTransition(next, before, input, meta, names, sent), outgoing, commitEffects };
}

function endOperation(
  operations: readonly Operation[], params: EmittedAction['params'], nowMs: number,
): readonly Operation[] {
  return operations.map((operation) => operation.operationId !== params['operationId'] || operation.endedAt !== null
    ? operation
    : {
      ...operation, state: params['state'] === 'failed' ? 'failed' : 'done',
      message: (params['message'] as string | null | undefined) ?? null, endedAt: nowMs,
    });
}

function assertLimits(
  record: ActorRecord, effects: readonly PendingEffect[], timers: readonly Timer[], outgoing: readonly Envelope[],
): void {
  const over = effects.length > LIMITS.effectsPending ? 'pending effects'
    : timers.length > LIMITS.timers ? 'timers'
      : outgoing.length > LIMITS.outgoingPerStep ? 'outgoing messages' : null;
  if (over !== null) throw new Error(`${record.kind}/${record.id}: too many ${over} after one step`);
}

/** Writes to `next`. */
function withTransition(
  next: Draft, before: ActorRecord, input: StepInput, meta: StepMeta,
  effects: readonly string[], sent: Transition['sent'],
): ActorRecord {
  const transition: Transition = {
    seq: before.seq + 1, at: meta.nowMs, node: meta.node, epoch: meta.epoch, event: input.event,
    from: stateText(before.snapshot.value), to: stateText(next.snapshot.value),
    effects: effects.length === 0 ? NOTHING : effects, sent: sent.length === 0 ? NOTHING : sent,
    operationId: input.operationId, correlation: input.correlation, causation: input.id,
  };
  next.seq = transition.seq;
  if (meta.journal === undefined) next.tail = [...next.tail.slice(1 - LIMITS.tailLength), transition];
  else enter(meta.journal, transition);
  return next;
}

/** What was stepped and then not taken after all is written over. */
function enter(journal: Transition[], transition: Transition): void {
  while (journal.length > 0 && journal.at(-1)!.seq >= transition.seq) journal.pop();
  journal.push(transition);
}

/** The first record of a new actor: its machine's initial state, with what that asks for pending. */
export function createRecord(
  behavior: Behavior, id: string, input: unknown, meta: StepMeta, correlation: string, commitId: string,
): ActorRecord {
  const reaction = behavior.init(input);
  const born = { ...meta, birth: commitId };
  const blank: ActorRecord = {
    recordVersion: RECORD_VERSION, kind: behavior.kind, id, machineVersion: behavior.version,
    revision: meta.revision, commitId, ownerEpoch: meta.epoch - 1,
    snapshot: { value: '', context: {}, status: 'active' },
    effects: [], timers: [], operations: [], seq: 0, tail: [], restarts: [], fault: null, removed: false,
    ...FRESH_FIELDS,
  };
  const output = applyActions(behavior, { ...blank, snapshot: reaction.snapshot }, blank, reaction.actions, {
    event: { type: 'actor.created' }, source: 'owner', id: `${behavior.kind}/${id}:created`, operationId: null,
    correlation, causation: null, settles: null,
  }, born);
  if (output.outgoing.length > 0 || output.commitEffects.length > 0) {
    const allowed = 'only timers and world effects may begin there';
    throw new Error(`machine ${behavior.kind} sends or commits something at its birth: ${allowed}`);
  }
  return output.record;
}
