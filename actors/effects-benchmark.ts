/** Effects of a benchmark: its volume, one test, the end of the volume. */
import type { BenchmarkEffects } from '../machines/benchmark/effects.js';
import { unlessAway } from './drivers/ceph/failure.js';
import { runFio } from './drivers/ceph/fio.js';
import type { CephConnection } from './drivers/ceph/connection.js';
import { done, refused } from './drivers/outcome.js';
import type { HandlersOf } from './handlers.js';

export interface BenchmarkDeps {
  readonly ceph: CephConnection | null;
  readonly confPath: string;
  /** Without `client.`. */
  readonly user: string;
  storeDocument(text: string): Promise<string>;
}

const NO_CEPH = 'this node has no connection to Ceph';

export function benchmarkEffects(deps: BenchmarkDeps): HandlersOf<BenchmarkEffects> {
  const { ceph } = deps;
  return {
    async 'benchmark.prepare'({ pool, volume: image, sizeBytes, deadlineMs }, context) {
      if (ceph === null) return refused(NO_CEPH);
      const made = unlessAway(await ceph.createImage({ pool, image }, sizeBytes, { deadlineMs }));
      const isOurs = made.kind === 'refused' && made.reason.startsWith('EEXIST') && context.resumed;
      return isOurs ? done(null) : made;
    },
    async 'benchmark.test'({ pool, volume, index, runtimeS, deadlineMs }, { signal }) {
      if (ceph === null) return refused(NO_CEPH);
      const { confPath, user } = deps;
      const ran = await runFio({ confPath, user, pool, volume, index, runtimeS, deadlineMs, signal });
      return ran.kind === 'done' ? done({ name: ran.value.name, hash: await deps.storeDocument(ran.value.text) }) : ran;
    },
    async 'benchmark.clean'({ pool, volume: image, deadlineMs }) {
      return ceph === null ? refused(NO_CEPH) : ceph.removeImage({ pool, image }, { deadlineMs });
    },
  };
}
