/**
 * Leaving: what a daemon does before it ends on purpose, while it still can. Its node's actor learns that a restart
 * comes, so that nobody takes the silence for a death; the role of primary and the actors that are not bound to this
 * node go to others. Bounded in time: what did not come through is found by the others as after any other end.
 */
import { addressOf } from '../runtime/address.js';
import type { Clock } from '../runtime/clock.js';
import type { Host } from '../runtime/host.js';
import type { Log } from '../runtime/log.js';
import type { Mirror } from '../runtime/mirror.js';
import type { Primacy } from '../runtime/primacy.js';
import type { Store } from '../runtime/store.js';
import type { Homing } from './homing.js';

export interface LeavingDeps {
  readonly store: Store;
  readonly mirror: Mirror;
  readonly host: Host;
  readonly primacy: Primacy;
  readonly homing: Homing;
  readonly clock: Clock;
  readonly log: Log;
  readonly self: { readonly node: string };
  /** Does the whole system go down, for good? Then nobody is to switch it on again. */
  goesDown?(): boolean;
}

/** All of it; the whole stop of the daemon has 5 s. */
const LIMIT_MS = 2_500;
/** When this node is back, or suspected like any other. A restart takes some seconds, most of them loading code. */
const RESTART_MS = 20_000;
const LOOK_MS = 20;

export async function leave(deps: LeavingDeps): Promise<void> {
  const { store, host, primacy, homing, mirror, clock, log, self } = deps;
  if (store.state !== 'connected') return;
  const agent = addressOf('agent', self.node);
  const announced = (): boolean => {
    const context = mirror.actors.get(agent)?.record.snapshot.context;
    return (context as { restarting?: boolean } | undefined)?.restarting === true;
  };
  const giveUpAt = clock.monotonicMs() + LIMIT_MS;
  const down = deps.goesDown?.() === true ? { goesDown: true } : {};
  host.tell(agent, { type: 'agent.restarting', deadlineMs: RESTART_MS, ...down });
  let offered = !primacy.isPrimary();
  void primacy.offer(null).catch((error: unknown) => log.debug('the role of primary stays', { error })).finally(() => {
    offered = true;
  });
  // Nobody else may be there to take anything: then nothing is left to wait for but the announcement.
  const settled = (): boolean => offered && (primacy.isPrimary() || homing.strays().length === 0);
  while (!(announced() && settled()) && clock.monotonicMs() < giveUpAt && store.state === 'connected') {
    await clock.sleep(LOOK_MS);
  }
  log.info('leaves', { announced: announced(), primary: primacy.isPrimary(), left: homing.strays() });
}
