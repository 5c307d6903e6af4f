/** Disarming: this node's guard is told whether guests may run on without a lease, whenever the settings change. */
import { settingsOf } from '../machines/cluster-settings.js';
import type { Log } from '../runtime/log.js';
import type { Mirror } from '../runtime/mirror.js';

export interface DisarmingDeps {
  readonly mirror: Mirror;
  readonly log: Log;
  /** Tells the guard; throws when it cannot be told. */
  setDisarmed(disarmed: boolean): void;
}

/** Begins with what the mirror has read; a node that hears nothing stays as it was told last. Returns the end of it. */
export function followDisarming({ mirror, log, setDisarmed }: DisarmingDeps): () => void {
  let stopped = false;
  let told: boolean | null = null;
  const look = (): void => {
    const { disarmed } = settingsOf(mirror.settings());
    if (stopped || told === disarmed) return;
    try {
      setDisarmed(disarmed);
      if (disarmed || told !== null) log.warn(disarmed ? 'disarmed: guests run on without a lease' : 'armed again');
      told = disarmed;
    } catch (error) {
      log.error('the guard could not be told whether it is disarmed', { error });
    }
  };
  mirror.listen({ onSettings: look, onRescan: look });
  look();
  return () => { stopped = true; };
}
