/**
 * The supervisor as a pure function: context and event in, context and actions out. One thing happens at a time; what
 * comes in the middle of a job waits for its end, as calls and exit signals wait for OTP's supervisor process.
 */
import type { EmittedAction } from '../behavior.js';
import type { ActorEvent } from '../envelope.js';
import type { ReplyTo } from '../requests.js';
import { isSupervisorCommand, readChildren, runCommand } from './commands.js';
import { Draft, type Probe } from './draft.js';
import { advance, startFailed } from './jobs.js';
import { exitedByItself, restartFailed, restartNow, type ExitReason } from './restarting.js';
import { checkAddress, checkFlags, checkSpecs } from './spec.js';
import { childAddress, started } from './starting.js';
import {
  DEFERRED_MAX, isDynamic, type AnswerTo, type Child, type Deferred, type Phase, type SupervisorContext,
  type SupervisorInput,
} from './state.js';
import { beginEnd, forget, killChild, rest } from './stopping.js';

/** The context a supervisor begins a life with. Throws SpecError. `former` is the context of its last life. */
export function supervisorContext(input: SupervisorInput, former: SupervisorContext | null): SupervisorContext {
  checkAddress(input.address);
  const flags = checkFlags(input.flags);
  const specs = checkSpecs(input.children, flags);
  const dynamic = flags.strategy === 'simple_one_for_one';
  const children = dynamic ? [] : specs.map((spec): [string, Child] => [
    spec.id, { id: spec.id, address: childAddress(input.address, spec), life: 0, status: 'stopped' },
  ]);
  return {
    address: input.address, flags, specs: Object.fromEntries(specs.map((spec) => [spec.id, spec])),
    order: specs.map(({ id }) => id), children: Object.fromEntries(children), dynamic: {}, dynamicCount: 0,
    counter: former?.counter ?? 0, former: former === null ? {} : livesOf(former), restarts: [], job: null,
    deferred: [], armedAt: null, reports: former?.reports ?? [], end: null, endAnswer: null,
  };
}

/** The actors a supervisor has, or had and has not removed, with their lives. */
export function livesOf(context: SupervisorContext): Readonly<Record<string, number>> {
  const own = [...Object.values(context.children), ...Object.values(context.dynamic).flatMap(Object.values<Child>)];
  return {
    ...context.former,
    ...Object.fromEntries(own.filter(({ life }) => life > 0).map(({ address, life }) => [address, life])),
  };
}

export interface Reduced {
  readonly context: SupervisorContext;
  readonly phase: Phase;
  readonly actions: readonly EmittedAction[];
}

/** One event. The same context is given back if it means nothing to the supervisor. `event.at`: wall milliseconds. */
export function reduceSupervisor(context: SupervisorContext, phase: Phase, event: ActorEvent, probe: Probe): Reduced {
  const dueAt = event.type === 'supervisor.due' ? Number(event['dueAt']) : 0;
  const draft = new Draft(context, phase, Math.max(Number(event['at'] ?? 0), dueAt), probe);
  dispatch(draft, event);
  if (draft.context === context && draft.phase === phase && draft.actions.length === 0) {
    return { context, phase, actions: [] };
  }
  settle(draft);
  return { context: draft.context, phase: draft.phase, actions: draft.actions };
}

/** Goes on until something has to be waited for. */
function settle(draft: Draft): void {
  for (;;) {
    if (advance(draft)) draft.overdue = true;
    if (draft.context.job !== null || draft.phase === 'ended') break;
    if (draft.overdue) {
      draft.overdue = false;
      due(draft);
      continue;
    }
    const [next, ...deferred] = draft.context.deferred;
    if (next === undefined) break;
    draft.set({ deferred });
    dispatch(draft, next);
  }
  if (draft.phase !== 'ended') return;
  for (const event of draft.context.deferred) draft.answer(answerTo(event), { error: 'terminated' });
  draft.set({ deferred: [] });
  if (draft.context.armedAt === null) return;
  draft.act('xstate.cancel', { sendId: 'supervisor.due' });
  draft.set({ armedAt: null });
}

function dispatch(draft: Draft, event: ActorEvent): void {
  if (draft.phase === 'ended' && event.type === 'supervisor.begin') return beginAgain(draft, event);
  if (draft.phase === 'ended' && event.type === 'supervisor.remove') return removeAll(draft);
  if (isSupervisorCommand(event.type)) return command(draft, event);
  switch (event.type) {
    case 'owner.acquired': return begin(draft);
    case 'child.started': case 'child.ready': return reported(draft, event);
    case 'child.refused': return refused(draft, event);
    case 'child.exited': return exited(draft, event);
    case 'supervisor.due':
      draft.set({ armedAt: null });
      return due(draft);
    case 'shutdown': return beginEnd(draft, { reason: 'shutdown', detail: '' });
    case 'kill': return beginEnd(draft, { reason: 'killed', detail: '' });
  }
}

/** A root that has ended begins anew, with its flags and specs as they were last and no restart on its account. */
function beginAgain(draft: Draft, event: ActorEvent): void {
  const { address, flags, order, specs } = draft.context;
  draft.context = supervisorContext({ address, flags, children: order.map((id) => specs[id]!) }, draft.context);
  draft.phase = 'created';
  begin(draft);
  draft.answer(answerTo(event), { ok: null });
}

/** A root that has ended goes, with the actors that it still has a spec for. */
function removeAll(draft: Draft): void {
  for (const [address, life] of Object.entries(livesOf(draft.context))) {
    draft.command(address as Child['address'], { type: 'supervision.remove', life });
  }
  draft.act('actor.remove', { names: [] });
}

/** Actors of an earlier life that no child is any more go; then the static children start in order. */
function begin(draft: Draft): void {
  if (draft.phase !== 'created') return;
  const { former, order, children } = draft.context;
  const wanted = new Set(Object.values(children).map(({ address }) => address as string));
  const gone = Object.entries(former).filter(([address]) => !wanted.has(address)).slice(0, FAREWELLS_AT_ONCE);
  for (const [address, life] of gone) {
    draft.command(address as Child['address'], { type: 'supervision.remove', life });
  }
  draft.phase = 'starting';
  const left = Object.fromEntries(Object.entries(former).filter(([address]) => wanted.has(address)));
  draft.set({ former: left, job: { why: 'init', stop: [], start: isDynamic(draft.context) ? [] : order } });
}

/** Actors that one step removes: below what one step may send. */
const FAREWELLS_AT_ONCE = 300;

/** The child that the event is about, if the event is about its newest life. */
function concerned(draft: Draft, event: ActorEvent): Child | null {
  const child = draft.at(String(event['address']));
  return child !== undefined && child.life === event['life'] ? child : null;
}

function reported(draft: Draft, event: ActorEvent): void {
  const child = concerned(draft, event);
  if (child === null || child.status !== 'starting') return;
  if (event.type === 'child.ready' || draft.spec(child).ready === 'begun') started(draft, child, event['info']);
}

/** The address is taken by an actor that is none of ours: nothing was made. */
function refused(draft: Draft, event: ActorEvent): void {
  const child = concerned(draft, event);
  if (child === null) return;
  notStarted(draft, withoutActor(draft, child), String(event['detail']));
}

/** There is no actor of this child (any more): its next start makes one. */
function withoutActor(draft: Draft, child: Child): Child {
  const { [child.address]: _former, ...former } = draft.context.former;
  draft.set({ former });
  return draft.put({ ...child, life: 0 });
}

function exited(draft: Draft, event: ActorEvent): void {
  const known = concerned(draft, event);
  if (known === null) return;
  const child = event['gone'] === true ? withoutActor(draft, known) : known;
  const reason = event['reason'] as ExitReason;
  const detail = String(event['detail'] ?? '');
  const { job } = draft.context;
  if (child.status === 'stopping') {
    if (reason === 'error' || reason === 'killed' && draft.spec(child).shutdown !== 'brutal_kill') {
      draft.report(child.id, 'stopped', `${reason}: ${detail}`);
    }
    rest(draft, child);
    return draft.answer(child.answer, { ok: null });
  }
  if (child.status === 'starting' && (draft.spec(child).ready === 'reported' || child.killed === true)) {
    return notStarted(draft, child, `${reason}: ${detail}`);
  }
  if (child.status === 'starting') started(draft, child, null);
  else if (child.status !== 'running' && event['deferred'] !== true) return;
  const now = draft.child(child.id)!;
  if (job === null || event['deferred'] === true) return exitedByItself(draft, now, reason, detail);
  // In the middle of a job: one that is to be stopped anyway has, any other waits for its turn.
  if (job.why === 'end' || job.stop.includes(child.id)) rest(draft, now);
  else {
    draft.move(now, 'stopped');
    defer(draft, { type: 'child.exited', address: child.address, life: child.life, reason, detail, deferred: true });
  }
}

/** A start that was waited for came to nothing. */
function notStarted(draft: Draft, child: Child, error: string): void {
  const { job } = draft.context;
  const { answer } = child;
  const resting = draft.move(child, 'stopped');
  if (draft.phase === 'stopping' || job?.stop.includes(child.id) === true) {
    rest(draft, resting);
    return draft.answer(answer, { error: 'terminated' });
  }
  if (job !== null && job.start[0] === child.id) return void startFailed(draft, resting, error);
  if (answer === undefined) return restartFailed(draft, resting, error);
  draft.report(child.id, 'start failed', error);
  const isNew = child.life <= 1 && (child.added === true || isDynamic(draft.context));
  if (isNew || draft.spec(child).restart === 'temporary') forget(draft, resting);
  draft.answer(answer, { error: child.life === 0 ? 'already_started' : 'start_failed', detail: error });
}

function defer(draft: Draft, event: Deferred): void {
  draft.set({ deferred: [...draft.context.deferred, event] });
}

/** Stops and starts past their deadline are ended; tries whose pause is over are made, when nothing is under way. */
function due(draft: Draft): void {
  for (const { id } of [...draft.all()]) {
    const child = draft.child(id);
    if (child?.dueAt === undefined) continue;
    if (child.dueAt > draft.now) draft.due(child.dueAt);
    else if (child.status === 'stopping' || child.status === 'starting') killChild(draft, child);
    else if (draft.context.job !== null) draft.overdue = true;
    else restartNow(draft, child);
  }
}

function answerTo(event: ActorEvent): AnswerTo | null {
  if (typeof event['operationId'] === 'string') return { operationId: event['operationId'] };
  return event['replyTo'] === undefined ? null : { replyTo: event['replyTo'] as ReplyTo };
}

function command(draft: Draft, event: ActorEvent): void {
  const to = answerTo(event);
  const waits = draft.phase === 'created' || draft.context.job !== null && draft.context.job.why !== 'end';
  const reads = readChildren(draft.context, event) !== null;
  if (!waits || reads || event.type === 'supervisor.stop') return runCommand(draft, event, to);
  if (draft.context.deferred.length >= DEFERRED_MAX) return draft.answer(to, { error: 'busy' });
  defer(draft, { ...event });
}
