/**
 * Jobs: stopping and starting several children, one after the other, over as many turns as it takes. One child at a
 * time is waited for; a supervisor that ends stops its dynamic children together.
 */
import type { Draft } from './draft.js';
import { restartFailed } from './restarting.js';
import { startChild } from './starting.js';
import { isAlive, isDynamic, type Child, type Job } from './state.js';
import { beginEnd, forget, rest, stopChild } from './stopping.js';

/** Children told to stop in one step: below what one step may send. */
const TOLD_AT_ONCE = 150;

/** Goes on with the job as far as it can; true = it has just ended. */
export function advance(draft: Draft): boolean {
  const had = draft.context.job !== null;
  while (draft.context.job !== null && work(draft, draft.context.job)) { /* one step of it is done */ }
  return had && draft.context.job === null;
}

/** One step of the job. False = it waits for a child. */
function work(draft: Draft, job: Job): boolean {
  const [stopped, ...stop] = job.stop;
  if (stopped === '*') return stopTogether(draft, job);
  if (stopped !== undefined) {
    const child = draft.child(stopped);
    if (child?.status === 'stopping') return false;
    if (child?.status === 'running' || child?.status === 'starting') {
      stopChild(draft, child);
      return false;
    }
    if (child !== undefined) rest(draft, child);
    draft.set({ job: { ...job, stop } });
    return true;
  }
  const [next, ...start] = job.start;
  if (next === undefined) return finish(draft, job);
  const child = draft.child(next);
  if (child?.status === 'starting') return false;
  if (child !== undefined && child.status !== 'running') {
    const result = startChild(draft, child);
    if (result === 'waiting') return false;
    if (typeof result === 'object') return startFailed(draft, child, result.error);
    if (result === 'ignored') ignored(draft, child);
  }
  draft.set({ job: { ...job, start } });
  return true;
}

/** A child that ignores its start keeps its spec, unless it is temporary. */
export function ignored(draft: Draft, child: Child): void {
  if (draft.spec(child).restart === 'temporary') forget(draft, child);
  else draft.move(child, 'stopped');
}

/** A start of this job came to nothing: the first start of a supervisor fails with it, a restart is tried again. */
export function startFailed(draft: Draft, child: Child, error: string): boolean {
  const { job } = draft.context;
  if (job?.why === 'init') {
    draft.report(child.id, 'start failed', error);
    draft.set({ job: null });
    beginEnd(draft, { reason: 'shutdown', detail: `failed to start child ${child.id}: ${error}` });
  } else if (job?.why === 'restart') {
    draft.set({ job: null });
    draft.phase = 'running';
    restartFailed(draft, child, error);
  }
  return true;
}

function stopTogether(draft: Draft, job: Job): boolean {
  if (job.told !== true) {
    let told = 0;
    for (const child of [...draft.all()]) {
      if (told >= TOLD_AT_ONCE) break;
      if (child.status === 'stopping' || child.status === 'stopped' && !isDynamic(draft.context)) continue;
      if (child.status === 'restarting' || child.status === 'stopped') rest(draft, child);
      else stopChild(draft, child);
      told += 1;
    }
    if (told >= TOLD_AT_ONCE) {
      // The rest is told in the next steps, which begin at once.
      draft.due(draft.now);
      return false;
    }
    draft.set({ job: { ...job, told: true } });
  }
  for (const child of draft.all()) if (isAlive(child)) return false;
  draft.set({ job: { ...job, stop: [] } });
  return true;
}

function finish(draft: Draft, job: Job): boolean {
  draft.set({ job: null });
  if (job.why !== 'end') {
    draft.phase = 'running';
    if (job.why === 'init') draft.act('supervision.ready', {});
    return true;
  }
  draft.phase = 'ended';
  for (const child of [...draft.all()]) if (child.added === true) forget(draft, child);
  for (const { answer } of draft.all()) draft.answer(answer, { error: 'terminated' });
  draft.answer(draft.context.endAnswer, { ok: null });
  draft.set({ endAnswer: null });
  return true;
}
