/** How one child is stopped, forgotten, and how a supervisor comes to its own end. */
import type { Exit } from '../record.js';
import type { Draft } from './draft.js';
import { isAlive, isDynamic, type AnswerTo, type Child } from './state.js';

/** Asks a child to stop, or kills it, as its spec says; its `child.exited` ends the status `stopping`. */
export function stopChild(draft: Draft, child: Child, answer?: AnswerTo): void {
  const { shutdown } = draft.spec(child);
  const { life, address } = child;
  draft.answer(child.answer, { error: 'terminated' });
  const kill = shutdown === 'brutal_kill' || draft.context.end?.reason === 'killed';
  draft.command(address, { type: kill ? 'supervision.kill' : 'supervision.stop', life });
  draft.move(child, 'stopping', {
    ...(answer === undefined ? {} : { answer }), ...(kill ? { killed: true } : {}),
    ...(kill || typeof shutdown !== 'number' ? {} : { dueAt: draft.now + shutdown }),
  });
}

/** Its deadline has passed: it is ended without being asked again. */
export function killChild(draft: Draft, child: Child): void {
  draft.command(child.address, { type: 'supervision.kill', life: child.life });
  const { dueAt: _dueAt, ...kept } = child;
  draft.put({ ...kept, killed: true });
}

/** Takes the child out and has its actor removed. */
export function forget(draft: Draft, child: Child): void {
  if (child.life > 0) {
    draft.command(child.address, { type: 'supervision.remove', life: child.life });
    const { [child.address]: _former, ...former } = draft.context.former;
    if (_former !== undefined) draft.set({ former });
  }
  draft.drop(child);
}

/** It has no life any more: a temporary or dynamic child is forgotten, any other keeps its spec. */
export function rest(draft: Draft, child: Child): void {
  if (isDynamic(draft.context) || draft.spec(child).restart === 'temporary') forget(draft, child);
  else draft.move(child, 'stopped');
}

/** Ids to be stopped, the last started first. */
export const inReverse = (draft: Draft, ids: readonly string[]): readonly string[] =>
  [...ids].reverse().filter((id) => {
    const child = draft.child(id);
    return child !== undefined && (isAlive(child) || child.status === 'restarting');
  });

/** Begins the supervisor's end: all children stop, the last one first; dynamic ones, or all to be killed, together. */
export function beginEnd(
  draft: Draft, end: Pick<Exit, 'reason' | 'detail'>, answer: AnswerTo | null = null,
): void {
  const { context } = draft;
  if (draft.phase === 'ended') return draft.answer(answer, { ok: null });
  const kill = end.reason === 'killed';
  if (draft.phase === 'stopping' && (!kill || context.end?.reason === 'killed')) {
    return draft.answer(answer, { error: 'stopping' });
  }
  const stop = kill || isDynamic(context) ? ['*'] : inReverse(draft, context.order);
  draft.set({ end, endAnswer: answer ?? context.endAnswer, job: { why: 'end', stop, start: [] } });
  draft.phase = 'stopping';
  if (!kill) return;
  for (const child of [...draft.all()]) if (child.status === 'stopping' && !child.killed) killChild(draft, child);
}
