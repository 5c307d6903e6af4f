/**
 * Looks at the start and then every minute, more often while something is wrong, whether the storage fence would work
 * (drivers/ceph/fencing-preflight.ts): says what is wrong as soon as it is, and when it no longer is.
 */
import type { Clock } from '../runtime/clock.js';
import type { Log } from '../runtime/log.js';
import type { CephConnection } from './drivers/ceph/connection.js';
import { inspectFencing, type FencingFlaw, type PreflightOptions } from './drivers/ceph/fencing-preflight.js';

/** Time between two looks, milliseconds. */
const PERIOD_MS = 60_000;
/** The same while something is wrong: whoever mends it waits for its fault to end. */
const FLAWED_MS = 10_000;
/** The same while the storage has not answered yet. */
const RETRY_MS = 5000;

export interface FencingWatch {
  /** As of the last look that was answered. */
  flaws(): readonly FencingFlaw[];
  stop(): void;
}

export function watchFencing(
  connection: CephConnection, options: PreflightOptions, { clock, log }: { readonly clock: Clock; readonly log: Log },
): FencingWatch {
  let known: readonly FencingFlaw[] = [];
  let stopped = false;
  let cancel = (): void => undefined;
  const look = async (): Promise<void> => {
    const looked = connection.connected ? await inspectFencing(connection, options) : null;
    if (stopped) return;
    if (looked?.kind === 'done') {
      for (const { key, text, cure } of looked.value) {
        if (!known.some((each) => each.key === key)) log.error(text, { key, cure });
      }
      for (const { key } of known) {
        if (!looked.value.some((each) => each.key === key)) log.info('the storage fence: mended', { key });
      }
      known = looked.value;
    }
    const nextMs = looked?.kind !== 'done' ? RETRY_MS : known.length > 0 ? FLAWED_MS : PERIOD_MS;
    cancel = clock.after(nextMs, () => void look(), true);
  };
  void look();
  return {
    flaws: () => known,
    stop: () => {
      stopped = true;
      cancel();
    },
  };
}
