/** Whoever acts on a proof makes sure first that no lease of that boot can stand any more. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ClusterView } from '../actors/cluster-view.js';
import { clusterEffects } from '../actors/effects-cluster.js';
import { apiConfig } from '../fixtures/api-server.js';
import { createMemoryCluster } from '../fixtures/sim/store.js';
import type { Proof } from '../machines/node/messages.js';
import { bootstrap } from '../runtime/bootstrap.js';
import { systemClock } from '../runtime/clock.js';
import { encode } from '../runtime/codec.js';
import { createLog } from '../runtime/log.js';
import { Mirror } from '../runtime/mirror.js';
import { pathsUnder } from '../runtime/paths.js';
import { READ_VERSIONS } from '../runtime/record.js';
import type { MultiResult, Store } from '../runtime/store.js';

const paths = pathsUnder('/pvc');
const boot = { node: 'hv2', bootId: 'b2' };
const proof: Proof = { kind: 'P1', boot, evidence: 'read as off, silent, lease over', at: 1 };
const config = apiConfig('hv1');
const { sessionTimeoutMs } = config.zookeeper;
const log = createLog('rehome', 'error');
/** What a node without guests tells with its heartbeat. */
const NOTHING = { guests: [], memory: { totalMiB: 1024, freeMiB: 1024 }, vcpusAllocated: 0, load: 0, hypervisor: true };

describe('re-homing what a fenced boot owned', () => {
  let store: Store;
  let theirs: Store;
  let mirror: Mirror;
  let nowMs: number;
  const incarnation = (): string => paths.incarnation('hv2', `b2.${theirs.session.id}`);
  const beat = (bootId: string): Promise<MultiResult> => theirs.multi([
    ...(bootId === 'b2' ? [{ op: 'check', path: incarnation(), version: 'exists' } as const] : []),
    { op: 'set', path: paths.telemetry('hv2'), data: encode({ ...NOTHING, bootId }), version: 'any' },
  ]);
  const rehome = async () => {
    const self = { node: 'hv1', incarnation: `b1.${store.session.id}`, bootId: 'b1' };
    const view = new ClusterView(mirror, config);
    const effects = clusterEffects({ store, paths, log, self, view, mirror, config });
    return effects['cluster.rehome']({ boot, proof, deadlineMs: 1000 }, {
      address: 'node/hv2', effectId: 'e', epoch: 1, resumed: false, deadlineMs: 1000,
      signal: new AbortController().signal, correlation: 'c',
    });
  };

  beforeEach(async () => {
    const cluster = createMemoryCluster({ sessionTimeoutMs: 5000 });
    [store, theirs] = [await cluster.open(), await cluster.open()];
    await bootstrap(store, paths, ['vm', 'node', 'agent'], ['vm'], ['hv1', 'hv2', 'hv3']);
    const lease = encode({ ...boot, recordVersions: READ_VERSIONS });
    await theirs.multi([{ op: 'create', path: incarnation(), data: lease, ephemeral: true }]);
    await beat('b2');
    nowMs = 0;
    mirror = new Mirror(store, paths, { ...systemClock, monotonicMs: () => nowMs }, log);
    await mirror.start();
    await store.multi([
      { op: 'create', path: paths.fence('hv2', 'b2'), data: encode(proof) },
    ]);
  });
  afterEach(async () => {
    mirror.stop();
    await theirs.close();
    await store.close();
  });

  it('ends the leases it came back with, and waits until its last heartbeat is a session old', async () => {
    nowMs = 1000;
    const early = await rehome();
    const reason = `a lease of hv2 may stand for ${sessionTimeoutMs - 1000} ms more`;
    assert.deepEqual(early, { kind: 'unknown', reason });
    assert.equal(await store.read(incarnation()), null);
    assert.equal((await beat('b2')).kind, 'refused', 'its lease is renewed no more');
    nowMs = sessionTimeoutMs - 1;
    assert.equal((await rehome()).kind, 'unknown');
    nowMs = sessionTimeoutMs;
    assert.deepEqual(await rehome(), { kind: 'done', value: { moves: [], concerned: [], claimed: 0 } });
  });

  it('does not wait where another boot of the node is heard', async () => {
    await beat('b3');
    assert.equal((await rehome()).kind, 'done');
  });
});
