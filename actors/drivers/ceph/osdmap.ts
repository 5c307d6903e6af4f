/** Waiting until a handle's own osdmap is new enough. */
import type { Clock } from '../../../runtime/clock.js';
import type { Cluster } from './cluster.js';
import { CephFailure, check, ETIMEDOUT } from './failure.js';

const RETRY_MS = 50;

export const epochOf = (output: unknown): number => {
  const { epoch } = (output ?? {}) as { epoch?: unknown };
  return check(typeof epoch === 'number' ? epoch : -ETIMEDOUT, 'a monitor does not say the epoch of its osdmap');
};

/**
 * The epoch that the handle has, once it is at least `epoch`. Rejects with ETIMEDOUT at endMs, monotonic.
 *
 * librados does not tell the epoch of its map. But reads from monitors are in order: a monitor that answers holds a
 * lease, which every commit takes back first. So a wait for the latest map that begins after a monitor said `e`
 * ends with a map of `e` or later, whichever monitor it asks.
 */
export async function waitForOsdmap(clock: Clock, cluster: Cluster, epoch: number, endMs: number): Promise<number> {
  for (;;) {
    const found = epochOf((await cluster.command('mon', { prefix: 'osd stat' }, null)).output);
    if (found >= epoch) {
      await cluster.freshMap();
      return found;
    }
    if (clock.monotonicMs() + RETRY_MS >= endMs) {
      throw new CephFailure(ETIMEDOUT, `the monitors are at osdmap ${found}, and not yet at ${epoch}`);
    }
    await clock.sleep(RETRY_MS);
  }
}
