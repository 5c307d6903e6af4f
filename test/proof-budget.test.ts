/** The restart budget across fail-overs, on real processes and servers. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { proofBehaviors, startProofCluster, waitFor, type ProofCluster } from '../fixtures/runtime/proof-cluster.js';
import type { Address } from '../runtime/address.js';
import { systemClock } from '../runtime/clock.js';
import { createActor } from '../runtime/create.js';
import type { ActorRecord } from '../runtime/record.js';
import { contextOf } from '../runtime/supervision/behavior.js';

const ROOT: Address = 'supervisor/root';
const CHILD: Address = 'glass/root.pane';
/** Two crashes before each of the three fail-overs, and none to spare. */
const INTENSITY = 6;
const LIMIT_MS = 60_000;

describe('the restart budget', () => {
  let cluster: ProofCluster;
  before(async () => {
    cluster = await startProofCluster({
      servers: { basePort: 22_780 }, hosts: 3, sessionTimeoutMs: 1200, tickMs: 100,
    });
  });
  after(() => cluster.stop());

  const record = (address: Address): ActorRecord | undefined => cluster.mirror.actors.get(address)?.record;

  async function crash(): Promise<void> {
    const { gateway } = cluster;
    const life = record(CHILD)!.life;
    assert.equal((await gateway.submit(CHILD, { type: 'crash' }, 'test')).kind, 'accepted');
    const told = (): boolean => record(ROOT)!.snapshot.status === 'done'
      || record(CHILD)!.life === life + 1 && record(CHILD)!.exit === null;
    await waitFor(`the end of life ${life}`, told, LIMIT_MS);
  }

  /** SIGKILL to the host that has the supervisor; ends when another has stepped it. */
  async function failOver(): Promise<void> {
    const { mirror, hosts } = cluster;
    const owner = mirror.actors.get(ROOT)!.owner!;
    const host = hosts.find(({ node }) => node === owner.node)!;
    await host.kill();
    const carriedOn = (address: Address): boolean => {
      const actor = mirror.actors.get(address)!;
      return actor.owner!.incarnation !== owner.incarnation && actor.record.ownerEpoch === actor.owner!.epoch;
    };
    await waitFor('another host to carry on', () => carriedOn(ROOT) && carriedOn(CHILD), LIMIT_MS);
    host.start();
    await waitFor('the host to be back', () => mirror.liveOf(host.node) !== null, LIMIT_MS);
  }

  it('a child that crashes across three fail-overs trips at exactly its limit', { timeout: 240_000 }, async () => {
    const { store, paths, mirror } = cluster;
    const deps = {
      store, paths, self: mirror.liveOf('h1')!, clock: systemClock, commitEffectNames: new Set<string>(),
      versions: mirror.versions,
    };
    const flags = { strategy: 'one_for_one', intensity: INTENSITY, periodMs: 3_600_000 };
    const input = { address: ROOT, flags, children: [{ id: 'pane', kind: 'glass' }] };
    await createActor(deps, proofBehaviors().get('supervisor')!, 'root', input);
    await waitFor('the child', () => record(CHILD)?.life === 1, LIMIT_MS);
    for (let round = 1; round <= 3; round += 1) {
      await crash();
      await crash();
      assert.equal(contextOf(record(ROOT)!.snapshot).restarts.length, 2 * round);
      await failOver();
    }
    assert.equal(record(ROOT)!.snapshot.status, 'active');
    assert.equal(contextOf(record(ROOT)!.snapshot).restarts.length, INTENSITY, 'neither forgotten nor counted twice');
    await crash();
    await waitFor('the supervisor to give up', () => record(ROOT)!.snapshot.status === 'done', LIMIT_MS);
  });
});
