/** Administration at run time, with OTP's answers: list, count, get, start, terminate, restart, delete, change. */
import { addressOf, splitAddress, type Address } from '../address.js';
import type { ActorEvent } from '../envelope.js';
import type { Answer, Draft } from './draft.js';
import { checkFlags, checkSpec, checkSpecs, SpecError, type ChildSpec } from './spec.js';
import { childAddress, startChild } from './starting.js';
import {
  childrenOf, DYNAMIC_MAX, isAlive, isDynamic, type AnswerTo, type Child, type SupervisorContext,
} from './state.js';
import { beginEnd, forget, stopChild } from './stopping.js';

/** Commands, each with its fields. */
export const SUPERVISOR_COMMANDS = {
  'supervisor.children.list': 'all children with address, status and type',
  'supervisor.children.count': 'how many specs, active children, supervisors, workers',
  'supervisor.child.get': 'the spec of `child` (id or address)',
  'supervisor.child.start': 'adds `spec` and starts it; under simple_one_for_one: starts one with `input`',
  'supervisor.child.terminate': 'stops `child` (under simple_one_for_one by address) and keeps its spec',
  'supervisor.child.restart': 'starts the stopped child `child`',
  'supervisor.child.delete': 'forgets the spec of the stopped child `child`',
  'supervisor.change': 'sets `flags` and `children` live: nothing is started, stopped or forgotten by it',
  'supervisor.stop': 'stops all children in reverse order, then the supervisor',
  'supervisor.begin': 'begins a root that has ended anew, with its flags and specs as they are',
  'supervisor.remove': 'removes a root that has ended, and what it still has specs for',
} as const;
export type SupervisorCommand = keyof typeof SUPERVISOR_COMMANDS;

export const isSupervisorCommand = (type: string): type is SupervisorCommand =>
  Object.hasOwn(SUPERVISOR_COMMANDS, type);

/** Reading commands, which wait for nothing. */
export function readChildren(context: SupervisorContext, command: ActorEvent): Answer | null {
  switch (command.type) {
    case 'supervisor.children.list': return { ok: listChildren(context) };
    case 'supervisor.children.count': return { ok: countChildren(context) };
    case 'supervisor.child.get': return getSpec(context, command['child']);
    default: return null;
  }
}

export interface ListedChild {
  readonly id: string;
  readonly address: Address;
  /** `undefined` in OTP's words is `stopped` here. */
  readonly status: Child['status'];
  readonly type: ChildSpec['type'];
  readonly life: number;
}

const specFor = (context: SupervisorContext, child: Child): ChildSpec =>
  context.specs[isDynamic(context) ? context.order[0]! : child.id]!;

/** Static children in start order. */
export function listChildren(context: SupervisorContext): readonly ListedChild[] {
  return [...childrenOf(context)].map((child) => ({
    id: child.id, address: child.address, status: child.status, type: specFor(context, child).type, life: child.life,
  }));
}

export interface ChildCounts {
  readonly specs: number;
  readonly active: number;
  readonly supervisors: number;
  readonly workers: number;
}

/** Under simple_one_for_one there is one spec; supervisors and workers count children then, otherwise specs. */
export function countChildren(context: SupervisorContext): ChildCounts {
  const children = [...childrenOf(context)];
  const supervisors = children.filter((child) => specFor(context, child).type === 'supervisor').length;
  return {
    specs: isDynamic(context) ? 1 : children.length, active: children.filter(isAlive).length,
    supervisors, workers: children.length - supervisors,
  };
}

function getSpec(context: SupervisorContext, child: unknown): Answer {
  const known = [...childrenOf(context)].find(({ id, address }) => id === child || address === child);
  return known === undefined ? { error: 'not_found' } : { ok: specFor(context, known) };
}

/** Carries a command out, or begins to; `to` is told now or at its end. */
export function runCommand(draft: Draft, event: ActorEvent, to: AnswerTo | null): void {
  const read = readChildren(draft.context, event);
  if (read !== null) return draft.answer(to, read);
  if (event.type === 'supervisor.stop') return beginEnd(draft, { reason: 'normal', detail: '' }, to);
  if (draft.phase === 'stopping' || draft.phase === 'ended') return draft.answer(to, { error: 'stopping' });
  try {
    if (event.type === 'supervisor.child.start') startCommand(draft, event, to);
    else if (event.type === 'supervisor.change') draft.answer(to, change(draft, event));
    else if (event.type === 'supervisor.child.terminate') terminate(draft, event['child'], to);
    else if (event.type === 'supervisor.child.restart') restart(draft, event['child'], to);
    else if (event.type === 'supervisor.child.delete') draft.answer(to, deleteChild(draft, event['child']));
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    draft.answer(to, { error: 'invalid', detail: error.message });
  }
}

const answerField = (to: AnswerTo | null): { answer?: AnswerTo } => to === null ? {} : { answer: to };

function startCommand(draft: Draft, event: ActorEvent, to: AnswerTo | null): void {
  if (isDynamic(draft.context)) return startDynamic(draft, event, to);
  const spec = checkSpec(event['spec'], draft.context.flags);
  const present = draft.child(spec.id);
  if (present !== undefined) {
    const error = isAlive(present) ? 'already_started' : 'already_present';
    return draft.answer(to, { error, detail: present.address });
  }
  const address = childAddress(draft.context.address, spec);
  const holder = draft.at(address);
  if (holder !== undefined) return draft.answer(to, { error: 'already_started', detail: holder.id });
  const { order, specs } = draft.context;
  draft.set({ order: [...order, spec.id], specs: { ...specs, [spec.id]: spec } });
  begin(draft, draft.put({ id: spec.id, address, life: 0, status: 'stopped', added: true, ...answerField(to) }), to);
}

/** Under simple_one_for_one the `input` given is kept only if it may be needed for a restart. */
function startDynamic(draft: Draft, event: ActorEvent, to: AnswerTo | null): void {
  const { context } = draft;
  const spec = context.specs[context.order[0]!]!;
  if (context.dynamicCount >= DYNAMIC_MAX) {
    return draft.answer(to, { error: 'too_many', detail: `at most ${DYNAMIC_MAX} dynamic children` });
  }
  const counter = context.counter + 1;
  const address = typeof event['address'] === 'string' ? event['address'] as Address
    : addressOf(spec.kind, `${splitAddress(context.address).id}.${counter}`);
  if (splitAddress(address).kind !== spec.kind) {
    return draft.answer(to, { error: 'invalid', detail: `invalid address: its kind must be ${spec.kind}` });
  }
  const holder = draft.child(address);
  if (holder !== undefined) return draft.answer(to, { error: 'already_started', detail: address });
  draft.set({ counter });
  const own = event['input'];
  const input = own === undefined || spec.restart === 'temporary' ? {} : { input: own };
  begin(draft, draft.put({ id: address, address, life: 0, status: 'stopped', ...input, ...answerField(to) }), to, own);
}

/** The start of a child that did not exist before: if it fails, its spec goes again. */
function begin(draft: Draft, child: Child, to: AnswerTo | null, own?: unknown): void {
  const result = startChild(draft, child, own ?? child.input);
  if (result === 'waiting') return;
  const now = draft.child(child.id)!;
  if (result === 'running') {
    draft.move(now, 'running');
    return draft.answer(to, { ok: { address: child.address, info: null } });
  }
  if (result === 'ignored') {
    if (isDynamic(draft.context) || draft.spec(child).restart === 'temporary') forget(draft, now);
    else draft.move(now, 'stopped');
    return draft.answer(to, { ok: { address: null, info: null } });
  }
  forget(draft, now);
  draft.answer(to, { error: 'start_failed', detail: result.error });
}

/** By id; under simple_one_for_one by address only, as OTP takes pids only. */
function find(draft: Draft, child: unknown): Child | Answer {
  const found = typeof child === 'string' ? draft.child(child) : undefined;
  if (found !== undefined) return found;
  const isAddress = typeof child === 'string' && child.includes('/');
  return { error: isDynamic(draft.context) && !isAddress ? 'simple_one_for_one' : 'not_found' };
}

const isChild = (found: Child | Answer): found is Child => 'status' in found;

function terminate(draft: Draft, id: unknown, to: AnswerTo | null): void {
  const child = find(draft, id);
  if (!isChild(child)) return draft.answer(to, child);
  if (child.status === 'running' || child.status === 'starting') return stopChild(draft, child, to ?? undefined);
  if (child.status === 'stopping') {
    if (child.answer === undefined && to !== null) draft.put({ ...child, answer: to });
    else draft.answer(to, { error: 'stopping' });
    return;
  }
  if (isDynamic(draft.context) || draft.spec(child).restart === 'temporary') forget(draft, child);
  else draft.move(child, 'stopped');
  draft.answer(to, { ok: null });
}

/** Why a child that has a spec cannot be restarted or deleted now; null = it can. */
function notAtRest(draft: Draft, child: Child): Answer | null {
  if (isDynamic(draft.context)) return { error: 'simple_one_for_one' };
  return child.status === 'restarting' ? { error: 'restarting' } : isAlive(child) ? { error: 'running' } : null;
}

function restart(draft: Draft, id: unknown, to: AnswerTo | null): void {
  if (isDynamic(draft.context)) return draft.answer(to, { error: 'simple_one_for_one' });
  const child = find(draft, id);
  if (!isChild(child)) return draft.answer(to, child);
  const refusal = notAtRest(draft, child);
  if (refusal !== null) return draft.answer(to, refusal);
  const result = startChild(draft, draft.put({ ...child, ...answerField(to) }));
  if (result === 'waiting') return;
  draft.move(draft.child(child.id)!, 'stopped');
  if (typeof result === 'object') return draft.answer(to, { error: 'start_failed', detail: result.error });
  draft.answer(to, { ok: { address: null, info: null } });
}

function deleteChild(draft: Draft, id: unknown): Answer {
  if (isDynamic(draft.context)) return { error: 'simple_one_for_one' };
  const child = find(draft, id);
  if (!isChild(child)) return child;
  const refusal = notAtRest(draft, child);
  if (refusal !== null) return refusal;
  forget(draft, child);
  return { ok: null };
}

/**
 * OTP's code_change: new flags count from now on, specs with a known id replace the old ones, new ones are known and
 * not started, missing ones stay behind the others. Strategy and the kind of a present child's actor cannot change
 * between static and dynamic.
 */
function change(draft: Draft, event: ActorEvent): Answer {
  const { context } = draft;
  const flags = checkFlags({ ...context.flags, ...event['flags'] as object | undefined });
  if ((flags.strategy === 'simple_one_for_one') !== isDynamic(context)) {
    throw new SpecError('strategy', 'invalid strategy: static and dynamic children cannot be exchanged');
  }
  const kept = context.order.map((id) => context.specs[id]!);
  const given = event['children'] === undefined ? kept : checkSpecs(event['children'], flags);
  if (isDynamic(context)) {
    draft.set({ flags, specs: { [given[0]!.id]: given[0]! }, order: [given[0]!.id] });
    return { ok: null };
  }
  const all = [...given, ...kept.filter(({ id }) => !given.some((spec) => spec.id === id))];
  const children = Object.fromEntries(all.map((spec): [string, Child] => [
    spec.id, context.children[spec.id]
      ?? { id: spec.id, address: childAddress(context.address, spec), life: 0, status: 'stopped', added: true },
  ]));
  draft.set({
    flags, children, order: all.map(({ id }) => id),
    specs: Object.fromEntries(all.map((spec) => [spec.id, spec])),
  });
  return { ok: null };
}
