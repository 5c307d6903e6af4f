/**
 * Effects on shared storage: for VMs, that their disks are there; for nodes, a boot's clients are put on its blocklist
 * and taken off again.
 */
import type { StorageEffects, VmEffects } from '../machines/effects.js';
import { done, refused, unknown } from './drivers/outcome.js';
import type { Storage } from './drivers/storage.js';
import type { HandlersOf } from './handlers.js';

const AWAY = 'the storage does not answer this node';
const NO_STORAGE = 'this cluster has no shared storage that could fence';

/** storage null: nothing is fenced, and nothing is there to lift. */
export function storageEffects(storage: Storage | null): HandlersOf<StorageEffects> {
  return {
    async 'storage.fence'(params, context) {
      if (storage === null) return refused(NO_STORAGE);
      // Another coordinator may reach it: no time is lost on a cable that is known to be out.
      if (!storage.connected) return unknown(AWAY);
      const outcome = await storage.fence(params.boot, params.deadlineMs);
      // This try changed nothing; one that a former primary or process began may have.
      return outcome.kind === 'refused' && context.resumed ? unknown(outcome.reason) : outcome;
    },
    async 'storage.read'(params) {
      if (storage === null) return refused(NO_STORAGE);
      return storage.connected ? storage.read(params.boot, params.deadlineMs) : unknown(AWAY);
    },
    async 'storage.lift'(params) {
      // Where there is no storage there is no entry.
      return storage === null ? done(null) : storage.lift(params.boot, params.deadlineMs);
    },
  };
}

type VmStorageNames = 'storage.reach' | 'storage.shutOut';

/**
 * Step 5 of what makes I2 true: whoever serves the next copy knows of the fence of the former one; and where that one
 * was ended without a fence, of what it had under way.
 */
export const reachEffects = (storage: Storage | null): HandlersOf<Pick<VmEffects, VmStorageNames>> => ({
  'storage.reach': (params) => storage === null
    ? Promise.resolve(done(null)) : storage.reach(params.osdmapEpoch, params.deadlineMs),
  'storage.shutOut': (params) => {
    if (storage === null) return Promise.resolve(refused(NO_STORAGE));
    return storage.connected ? storage.shutOut(params.nodes, params.volumes, params.deadlineMs)
      : Promise.resolve(unknown(AWAY));
  },
});
