/**
 * A supervisor's context while one event is worked on: read, changed and asked for things in plain steps, then frozen
 * into the next context and the actions. Nothing leaves it before that, and it knows no clock but the event's.
 */
import type { Address } from '../address.js';
import type { EmittedAction } from '../behavior.js';
import type { ActorEvent } from '../envelope.js';
import type { ChildSpec } from './spec.js';
import {
  bucketOf, childrenOf, isDynamic, REPORTS_MAX, type AnswerTo, type Child, type Phase, type Report,
  type SupervisorContext,
} from './state.js';

/** A child's initial state tried out: pure, so what it says holds for the real one. */
export type Probe = (kind: string, input: unknown) => { readonly ignored: boolean } | { readonly error: string };

/** What a command is answered with. */
export type Answer =
  | { readonly ok: unknown }
  | { readonly error: string; readonly detail?: unknown };

/** Bytes of a reason that are kept. */
const REASON_MAX = 300;

export class Draft {
  context: SupervisorContext;
  phase: Phase;
  readonly actions: EmittedAction[] = [];
  /** True: a due time may have come while nothing could be done about it. */
  overdue = false;

  constructor(context: SupervisorContext, phase: Phase, readonly now: number, readonly probe: Probe) {
    this.context = context;
    this.phase = phase;
  }

  set(change: Partial<SupervisorContext>): void {
    this.context = { ...this.context, ...change };
  }

  child(id: string): Child | undefined {
    const { children, dynamic } = this.context;
    return Object.hasOwn(children, id) ? children[id] : dynamic[bucketOf(id)]?.[id];
  }

  /** By address: a static child's id, or a dynamic child's own key. */
  at(address: string): Child | undefined {
    if (isDynamic(this.context)) return this.child(address);
    return Object.values(this.context.children).find((child) => child.address === address);
  }

  spec(child: Child): ChildSpec {
    const { specs, order } = this.context;
    return specs[isDynamic(this.context) ? order[0]! : child.id]!;
  }

  all(): Iterable<Child> {
    return childrenOf(this.context);
  }

  put(child: Child): Child {
    const { children, dynamic, dynamicCount } = this.context;
    if (!isDynamic(this.context)) {
      this.set({ children: { ...children, [child.id]: child } });
      return child;
    }
    const key = bucketOf(child.id);
    const bucket = dynamic[key] ?? {};
    const isNew = bucket[child.id] === undefined;
    this.set({
      dynamic: { ...dynamic, [key]: { ...bucket, [child.id]: child } }, dynamicCount: dynamicCount + (isNew ? 1 : 0),
    });
    return child;
  }

  /** The child with this status; what belonged to the earlier one is gone. */
  move(child: Child, status: Child['status'], change: Partial<Child> = {}): Child {
    const { dueAt: _dueAt, killed: _killed, answer: _answer, ...kept } = child;
    const next = this.put({ ...kept, status, ...change });
    if (next.dueAt !== undefined) this.due(next.dueAt);
    return next;
  }

  /** Takes the child out, a static one with its spec. */
  drop(child: Child): void {
    const { children, specs, order, dynamic, dynamicCount } = this.context;
    if (isDynamic(this.context)) {
      const key = bucketOf(child.id);
      const { [child.id]: gone, ...bucket } = dynamic[key] ?? {};
      if (gone === undefined) return;
      const { [key]: _emptied, ...others } = dynamic;
      const left = Object.keys(bucket).length === 0 ? others : { ...dynamic, [key]: bucket };
      this.set({ dynamic: left, dynamicCount: dynamicCount - 1 });
      return;
    }
    const { [child.id]: _child, ...otherChildren } = children;
    const { [child.id]: _spec, ...otherSpecs } = specs;
    this.set({ children: otherChildren, specs: otherSpecs, order: order.filter((id) => id !== child.id) });
  }

  act(type: string, params: Readonly<Record<string, unknown>>): void {
    this.actions.push({ type, params });
  }

  /** A letter on the control lane: it goes before whatever else waits there. */
  command(to: Address, event: ActorEvent): void {
    this.act('tell', { to, event, lane: 'control' });
  }

  answer(to: AnswerTo | undefined | null, answer: Answer): void {
    if (to === undefined || to === null) return;
    if ('operationId' in to) {
      this.act('operation.end', {
        operationId: to.operationId, state: 'ok' in answer ? 'done' : 'failed', message: JSON.stringify(answer),
      });
      return;
    }
    this.act('reply', { to: to.replyTo, event: { type: 'supervisor.answer', answer } });
  }

  report(child: string, what: Report['what'], reason: string): void {
    const report = { at: this.now, child, what, reason: reason.slice(0, REASON_MAX) };
    this.set({ reports: [...this.context.reports, report].slice(-REPORTS_MAX) });
  }

  /** Something is due at this time: the one timer goes off then, or earlier. */
  due(at: number): void {
    const { armedAt } = this.context;
    if (armedAt !== null && armedAt <= at) return;
    this.set({ armedAt: at });
    this.act('xstate.raise', {
      event: { type: 'supervisor.due', dueAt: at }, delay: Math.max(0, at - this.now), id: 'supervisor.due',
    });
  }
}
