/**
 * How one child is started: its initial state is tried out first (a machine is pure, so a start that fails is known
 * here and now), then the actor is made, or the one that is there is told to begin its next life.
 */
import { addressOf, splitAddress, type Address } from '../address.js';
import type { Draft } from './draft.js';
import type { ChildSpec } from './spec.js';
import type { Child } from './state.js';

/** `waiting`: it reports later; `ignored`: its machine was at its end at birth and said so. */
export type StartResult = 'waiting' | 'running' | 'ignored' | { readonly error: string };

/** Where a static child lives. */
export function childAddress(supervisor: Address, spec: ChildSpec): Address {
  return spec.address ?? addressOf(spec.kind, `${splitAddress(supervisor).id}.${spec.id}`);
}

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A supervisor is told its own address; a dynamic child's own fields go over the template's. */
function inputOf(spec: ChildSpec, child: Child, own: unknown): unknown {
  const merged = own === undefined ? spec.input
    : isFields(spec.input) && isFields(own) ? { ...spec.input, ...own } : own;
  if (spec.type !== 'supervisor' || !isFields(merged ?? {})) return merged;
  return { ...merged as object, address: child.address };
}

/** Starts a child that has no life; `own` is a dynamic child's input. What it changes of the child is in the draft. */
export function startChild(draft: Draft, child: Child, own: unknown = child.input): StartResult {
  const spec = draft.spec(child);
  const input = inputOf(spec, child, own);
  const before = child.life === 0 ? draft.context.former[child.address] ?? 0 : child.life;
  const probed = draft.probe(spec.kind, input);
  if ('error' in probed) return probed;
  if (probed.ignored) return 'ignored';
  const silent = child.id === child.address && spec.ready === 'begun' && before === 0;
  const life = before + 1;
  if (before === 0) {
    draft.act('child.start', {
      address: child.address, kind: spec.kind, input, node: spec.node, life: silent ? 1 : 0,
    });
  } else {
    draft.command(child.address, { type: 'supervision.begin', life, input, keep: spec.keep });
  }
  const answer = child.answer === undefined ? {} : { answer: child.answer };
  const due = silent || spec.startDeadlineMs === 'infinity' ? {} : { dueAt: draft.now + spec.startDeadlineMs };
  const change = { life, startedAt: draft.now, ...answer, ...due };
  draft.move(child, silent ? 'running' : 'starting', change);
  return silent ? 'running' : 'waiting';
}

/** It has reported: whoever asked for it is told. */
export function started(draft: Draft, child: Child, info: unknown): void {
  const { answer } = child;
  draft.move(child, 'running', { startedAt: draft.now });
  draft.answer(answer, { ok: { address: child.address, info: info ?? null } });
}
