/** Shapes of /actors, /causes and /dead-letters: ours, PVC has nothing like it. */
import { anyObject, args, count, flag, nullableText, text, Type } from './schema.js';

const nullableCount = (description = '') =>
  Type.Unsafe<number | null>({ type: ['integer', 'null'], ...(description === '' ? {} : { description }) });

export const ActorListArguments = args({
  kind: text('Only actors of this kind: vm, node ...'),
  state: text('Only those in whose state or PVC word this text occurs'),
  owner: text('Only those that this node owns'),
  fault: flag('Only those that are parked with a fault, or only those that are not'),
  waiting: flag('Only those with letters in their mailbox, or only those without'),
  after: text('Only those whose address comes after this one: the next page'),
  limit: count('At most so many; X-Next-After then names the last', 1, 10_000),
});
export const ActorPath = Type.Object({ kind: Type.String({ maxLength: 64 }), id: Type.String({ maxLength: 128 }) });

const LastError = Type.Unsafe<{ text: string; at: number } | null>({
  type: ['object', 'null'],
  properties: { text: { type: 'string' }, at: { type: 'integer' } },
});

export const ActorRow = Type.Object({
  address: Type.String(),
  kind: Type.String(),
  id: Type.String(),
  name: Type.String(),
  state: Type.String(),
  word: nullableText("PVC's word for the state"),
  owner: nullableText(),
  epoch: nullableCount(),
  revision: Type.Integer(),
  seq: Type.Integer(),
  letters: nullableCount('Letters (znodes) that wait in its mailbox; null = not known since a lost connection'),
  oldest_letter_ms: nullableCount('Since the oldest of them was heard of by the node that answers'),
  steps: Type.Integer({ description: 'Inputs stepped in its life' }),
  commits: Type.Integer(),
  restarts: Type.Integer(),
  dead: Type.Integer({ description: 'Letters parked as dead letters in its life' }),
  pending: Type.Integer({ description: 'World effects pending' }),
  timers: Type.Integer(),
  outbox: Type.Integer({ description: 'Letters parked until their receivers have room' }),
  requests: Type.Integer({ description: 'Requests to other actors that wait for an answer' }),
  operation: Type.Unsafe<{ operationId: string; command: string } | null>({
    type: ['object', 'null'],
    properties: { operationId: { type: 'string' }, command: { type: 'string' } },
  }),
  fault: nullableText(),
  last_error: LastError,
  parent: nullableText('Its supervisor'),
  life: Type.Integer({ description: '+1 each time its supervisor begins it anew' }),
  exit: nullableText('How this life ended: normal, shutdown, killed, error'),
  waiting_reason: nullableText(),
  at: nullableCount(),
  event: nullableText('Type of the last message'),
});
export const ActorList = Type.Array(ActorRow);

export const ActorRecordView = Type.Object({
  address: Type.String(),
  cursor: Type.String(),
  word: nullableText(),
  explanation: nullableText('What the state means'),
  owner: Type.Unsafe<Record<string, unknown> | null>({ type: ['object', 'null'], additionalProperties: true }),
  row: ActorRow,
  effects: Type.Array(Type.Object({
    effect_id: Type.String(), kind: Type.String(), attempt: Type.Integer(),
    attempts: nullableCount('Tries in all; null = it is not tried again'),
    deadline_ms: Type.Integer(), within: nullableText('The state whose leaving cancels it'),
    correlation: Type.String(), epoch: Type.Integer(),
  })),
  timers: Type.Array(Type.Object({
    timer_id: Type.String(), event: Type.String(), delay_ms: Type.Integer(), policy: Type.String(),
    left_ms: Type.Integer({ description: 'As of its setting; a new owner arms a timer of policy restart in full' }),
  })),
  removed_at: nullableCount('Of a removed actor, whose last transitions are kept for a while'),
  record: anyObject('As stored'),
});

export const Letter = Type.Object({
  name: Type.String({ description: 'Its znode; letters that were sent together share one' }),
  id: nullableText(),
  from: nullableText('An actor, or api'),
  type: nullableText('Of its event; null = this daemon cannot read it'),
  lane: nullableText('control goes before normal'),
  operation: nullableText(),
  correlation: nullableText(),
  sent_at: nullableCount(),
  expires_at: nullableCount(),
  event: Type.Unsafe<Record<string, unknown> | null>({ type: ['object', 'null'], additionalProperties: true }),
  fault: nullableText(),
});
export const LettersArguments = args({ limit: count('At most so many [100]', 1, 1000) });
export const Letters = Type.Array(Letter);

export const CausePath = Type.Object({ correlation: Type.String({ maxLength: 256 }) });
export const WhyArguments = args({ seq: count('Which transition; the last if left out', 1, Number.MAX_SAFE_INTEGER) });

const Sent = Type.Object({
  to: Type.String(), type: Type.String(),
  state: Type.String({ description: 'stepped, waiting (in the mailbox), or gone (no transition of it is held)' }),
  step: nullableText('Id of the transition that it led to'),
});
const Asked = Type.Object({
  kind: Type.String(),
  state: Type.String({ description: 'pending, answered, or gone (cancelled, part of the commit, or not held)' }),
  attempt: nullableCount(), answer: nullableText('Type of the answer'), step: nullableText(),
});
export const CausedStep = Type.Object({
  id: Type.String({ description: '<address>#<seq>' }),
  address: Type.String(), seq: Type.Integer(),
  zxid: nullableCount("The commit's place in the cluster's order; null = known from a tail only"),
  at: Type.Integer(), node: Type.String(), epoch: Type.Integer(), event: Type.String(), from: Type.String(),
  to: Type.String(), correlation: Type.String(), operation: nullableText(),
  cause: Type.String({ description: 'letter, effect, timer, owner, or outside (a command, a fact, a birth)' }),
  parent: nullableText('Id of the transition that it came from; null = a first cause'),
  parent_held: Type.Boolean({ description: 'False: that transition is no longer held' }),
  depth: Type.Integer({ description: 'Below the first cause that is held' }),
  letters: Type.Array(Sent), effects: Type.Array(Asked),
});
export const Causes = Type.Object({
  correlation: Type.String(),
  steps: Type.Array(CausedStep, { description: "In the cluster's order, parents before what came of them" }),
  lost: Type.Array(Type.String(), { description: 'Transitions that are named as causes and no longer held' }),
  truncated: Type.Boolean({ description: 'There were more steps than are shown' }),
});

export const DeadLettersArguments = args({ actor: text('Only those for this actor, e.g. vm/<uuid>') });
export const DeadLetterPath = Type.Object({ name: Type.String({ maxLength: 512 }) });
export const DeadLetterView = Type.Object({
  name: Type.String(), actor: Type.String(), type: Type.String(), from: Type.String(), error: Type.String(),
  state: nullableText('State of the actor when it was to be stepped; null = never delivered'),
  at: Type.Integer(), sent_at: Type.Integer(), correlation: Type.String(), operation: nullableText(),
  event: anyObject(),
});
export const DeadLetterList = Type.Object({
  letters: Type.Array(DeadLetterView, { description: 'Oldest first' }),
  dropped: Type.Integer({ description: 'Further ones that were too many or too old to be kept' }),
});

export const ActorFaultObject = Type.Object({
  address: Type.String(), znode: Type.String(),
  kind: Type.String({ description: 'undecodable, newer, misfit, machine, too-large, crashes' }),
  reason: Type.String(), node: nullableText('Who found it; null = the node that answers'),
  epoch: nullableCount(), at: nullableCount(),
});
export const ActorFaultList = Type.Array(ActorFaultObject);
export const ForgetArguments = args({
  'yes-i-really-mean-it': Type.String({ description: 'Any value: you know what is forgotten', minLength: 1 }),
  force: flag('Also where its machine says that it is not safe: you vouch for that'),
});
