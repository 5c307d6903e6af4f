/**
 * Records that stand in an older version than all registered nodes read are brought up behind their actors' backs. An
 * actor that has something to do is written anew by its own commits; one that sleeps would keep the old version for
 * ever, and with it every daemon the code that reads it. It is a commit like any other, without a step: nothing has
 * happened to the actor. Whatever else writes meanwhile wins (owner and record are checked by version).
 */
import type { Address } from './address.js';
import { encodeRecord } from './codec.js';
import type { Mirror } from './mirror.js';
import type { Paths } from './paths.js';
import { countsAfter } from './record.js';
import type { Store } from './store.js';

export interface OutdatedDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly mirror: Pick<Mirror, 'actors' | 'versions'>;
}

/** At most so many in one sweep: after an upgrade there may be thousands. */
const SWEPT_TOGETHER = 32;

/** Brings up some of these actors of this process, which have no cell. Resolves to how many were written. */
export async function bringUp(
  { store, paths, mirror }: OutdatedDeps, asleep: readonly Address[], newCommitId: () => string,
): Promise<number> {
  const { current } = mirror.versions;
  const outdated = asleep.flatMap((address) => mirror.actors.get(address) ?? [])
    .filter(({ storedAs, record }) => storedAs < current && !record.removed);
  const results = await Promise.all(outdated.slice(0, SWEPT_TOGETHER).map(({ address, record, ...at }) => {
    const { counts, revision } = record;
    const next = { ...record, revision: revision + 1, commitId: newCommitId(), counts: countsAfter(counts, 0) };
    return store.multi([
      { op: 'check', path: paths.owner(address), version: at.ownerVersion },
      { op: 'set', path: paths.record(address), version: at.recordVersion, data: encodeRecord(next, current) },
    ]);
  }));
  return results.filter(({ kind }) => kind === 'done').length;
}
