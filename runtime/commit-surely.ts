/**
 * A turn's commit, taken to a known outcome: what is unknown is read back, and sent again if it was not applied. The
 * mirror is told what was committed, after `take` has taken it. Used by the cell only.
 */
import type { CellDeps } from './cell-deps.js';
import type { CommitOutcome } from './commit.js';
import type { Committed } from './mirror-types.js';
import { readBack } from './read-back.js';
import { commitPlanned, type PlannedTurn } from './turn.js';

export type SureOutcome =
  | Exclude<CommitOutcome, { kind: 'committed' } | { kind: 'unknown' }>
  | { readonly kind: 'committed'; readonly recordVersion: number; readonly zxid: number | null }
  /** `goOn` said no before it was known. */
  | { readonly kind: 'given up' };

/** Commits and hands the outcome to `take`. Rejects with what committing, reading back or `take` throws. */
export async function commitSurely(
  deps: CellDeps, plan: PlannedTurn, goOn: () => boolean, take: (outcome: SureOutcome) => Promise<void> | void,
): Promise<void> {
  const { address, record, writeAs: storedAs } = plan.prepared.turn;
  let news: Committed | null = null;
  deps.news.expect(address);
  try {
    const outcome = await surely(deps, plan, goOn);
    if (outcome.kind === 'committed' && outcome.zxid !== null) {
      news = { record, zxid: outcome.zxid, recordVersion: outcome.recordVersion, storedAs };
    }
    await take(outcome);
  } finally {
    deps.news.learn(address, news);
  }
}

async function surely(deps: CellDeps, plan: PlannedTurn, goOn: () => boolean): Promise<SureOutcome> {
  for (;;) {
    const outcome = await commitPlanned(deps, plan);
    if (outcome.kind !== 'unknown') return outcome;
    const known = await readBack(deps, plan.prepared.turn, goOn);
    if (known.kind === 'applied') return { ...known, kind: 'committed' };
    if (known.kind === 'reload') return { kind: 'stale' };
    if (known.kind === 'session lost') return { kind: 'deposed', reason: 'session lost' };
    if (known.kind === 'given up') return known;
  }
}
