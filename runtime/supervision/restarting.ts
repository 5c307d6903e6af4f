/** What an exit leads to: the restart rules, the restart history, the pauses between tries. All as in OTP. */
import type { Exit } from '../record.js';
import type { Draft } from './draft.js';
import { startChild } from './starting.js';
import { beginEnd, inReverse, rest } from './stopping.js';
import { hashOf, isAlive, type Child } from './state.js';

export type ExitReason = Exit['reason'];

/** An exit that was nobody's wish here: restart, rest or be forgotten, by the child's restart kind. */
export function exitedByItself(draft: Draft, child: Child, reason: ExitReason, detail: string): void {
  const { restart } = draft.spec(child);
  const clean = reason === 'normal' || reason === 'shutdown';
  if (restart === 'permanent' || restart === 'transient' && !clean) {
    if (!clean) draft.report(child.id, 'terminated', `${reason}: ${detail}`);
    const ran = draft.now - (child.startedAt ?? draft.now);
    const settled = ran >= (draft.spec(child).backoff?.maxMs ?? 0);
    const resting = draft.move(child, 'stopped', settled ? { inRow: 0 } : {});
    return tryRestart(draft, resting, `${reason}: ${detail}`, false);
  }
  const { significant } = draft.spec(child);
  rest(draft, child);
  if (significant) significantEnded(draft, child.id);
}

function significantEnded(draft: Draft, id: string): void {
  const { autoShutdown } = draft.context.flags;
  const others = [...draft.all()].some((each) =>
    (isAlive(each) || each.status === 'restarting') && draft.spec(each).significant);
  if (autoShutdown === 'any_significant' || autoShutdown === 'all_significant' && !others) {
    beginEnd(draft, { reason: 'shutdown', detail: `the significant child ${id} has ended` });
  }
}

/** Least pause after a start that failed, milliseconds: whatever waits goes first. */
const FAILED_PAUSE_MS = 1;

/** Notes one restart; false = that is one too many. */
function noteRestart(draft: Draft): boolean {
  const { flags, restarts } = draft.context;
  const recent = [...restarts, draft.now].filter((at) => draft.now - at <= flags.periodMs);
  draft.set({ restarts: recent });
  return recent.length <= flags.intensity;
}

/**
 * One restart, counted: at once, after its pause, or not at all when it is one too many. `failed`: this is the next try
 * after a start that failed; it lets whatever waits go first, so that a child that never starts blocks nobody.
 */
export function tryRestart(draft: Draft, child: Child, reason: string, failed: boolean): void {
  if (!noteRestart(draft)) {
    const { intensity, periodMs } = draft.context.flags;
    const detail = `more than ${intensity} restarts in ${periodMs} ms; last: ${child.id} ${reason}`;
    draft.report(child.id, 'gave up', detail);
    return beginEnd(draft, { reason: 'shutdown', detail });
  }
  const pause = Math.max(pauseMs(draft, child), failed ? FAILED_PAUSE_MS : 0);
  if (pause === 0) return restartNow(draft, child);
  draft.move(child, 'restarting', { dueAt: draft.now + pause, inRow: (child.inRow ?? 0) + 1 });
}

/** The pause before the next restart in a row. Jitter is a hash of address and life: the same on every host. */
export function pauseMs(draft: Draft, child: Child): number {
  const { backoff } = draft.spec(child);
  if (backoff === null) return 0;
  const grown = Math.min(backoff.maxMs, backoff.minMs * backoff.factor ** (child.inRow ?? 0));
  const chance = hashOf(`${child.address}#${child.life}#${child.inRow ?? 0}`) / 0xffffffff * 2 - 1;
  return Math.max(0, Math.round(grown * (1 + backoff.jitter * chance)));
}

/** Restarts a child whose restart is counted, with those its failure takes along. */
export function restartNow(draft: Draft, child: Child): void {
  const { flags: { strategy }, order } = draft.context;
  if (strategy === 'one_for_one' || strategy === 'simple_one_for_one') {
    const result = startChild(draft, child);
    if (result === 'ignored') rest(draft, child);
    else if (typeof result === 'object') restartFailed(draft, child, result.error);
    return;
  }
  const group = strategy === 'one_for_all' ? order : order.slice(order.indexOf(child.id));
  draft.move(child, 'stopped', child.inRow === undefined ? {} : { inRow: child.inRow });
  draft.phase = 'restarting';
  draft.set({
    job: {
      why: 'restart', stop: inReverse(draft, group),
      start: group.filter((id) => id === child.id || draft.spec(draft.child(id)!).restart !== 'temporary'),
    },
  });
}

/** A restart came to nothing: that is counted, and tried again. */
export function restartFailed(draft: Draft, child: Child, error: string): void {
  draft.report(child.id, 'start failed', error);
  tryRestart(draft, draft.child(child.id) ?? child, `start failed: ${error}`, true);
}
