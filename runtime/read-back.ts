/** After an unknown outcome: did the commit happen? The record names its commit. Used by the cell only. */
import type { Clock } from './clock.js';
import { decodeRecord, UndecodableError } from './codec.js';
import type { Turn } from './commit.js';
import type { Log } from './log.js';
import type { Paths } from './paths.js';
import type { Store } from './store.js';
import type { WriterVersion } from './versions.js';

export interface ReadBackDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly clock: Clock;
  readonly log: Log;
  readonly versions: WriterVersion;
}

export type ReadBack =
  | { readonly kind: 'applied'; readonly recordVersion: number; readonly zxid: number }
  /** It was not applied, and nothing else was: the same transaction may be sent again. */
  | { readonly kind: 'again' }
  /** The record is another one. */
  | { readonly kind: 'reload' }
  | { readonly kind: 'session lost' }
  | { readonly kind: 'given up' };

/** Pause between two tries while the connection is away, milliseconds. */
const PAUSE_MS = 50;

/** Waits for the connection; `goOn` = false gives up. Rejects with what the record's decoding throws. */
export async function readBack(deps: ReadBackDeps, turn: Turn, goOn: () => boolean): Promise<ReadBack> {
  const { store, clock } = deps;
  const path = deps.paths.record(turn.address);
  while (goOn()) {
    if (store.state === 'connecting' || store.state === 'suspended') {
      // It would be refused at once: every cell with a commit out waits like this.
      deps.log.debug('waiting to read a commit back', { actor: turn.address, store: store.state });
      await clock.sleep(PAUSE_MS);
      continue;
    }
    try {
      await store.sync(path);
      const node = await store.read(path);
      if (node === null) return { kind: 'reload' };
      const stored = decodeRecord(node.data, deps.versions.reads);
      const { version, mzxid: zxid } = node.stat;
      if (stored.commitId === turn.record.commitId) return { kind: 'applied', recordVersion: version, zxid };
      return { kind: version === turn.recordVersion ? 'again' : 'reload' };
    } catch (error) {
      if (error instanceof UndecodableError) return { kind: 'reload' };
      if (store.state === 'expired' || store.state === 'closed') return { kind: 'session lost' };
      deps.log.debug('waiting to read a commit back', { actor: turn.address, error });
      await clock.sleep(PAUSE_MS);
    }
  }
  return { kind: 'given up' };
}
