/** What a person can do to an actor of PVC's own machines, on a store in memory: what is safe, and what is not. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ActorDesk } from '../actors/actor-desk.js';
import type { PvcConfig } from '../actors/config.js';
import { createMemoryCluster } from '../fixtures/sim/store.js';
import { nodeMayForget } from '../machines/node/forget.js';
import { MACHINES } from '../machines/registry.js';
import { vmMayForget } from '../machines/vm/forget.js';
import { addressOf } from '../runtime/address.js';
import { behaviorOf } from '../runtime/behavior.js';
import { bootstrap } from '../runtime/bootstrap.js';
import { systemClock } from '../runtime/clock.js';
import { encodeRecord } from '../runtime/codec.js';
import { createActorOps } from '../runtime/create.js';
import { createLog } from '../runtime/log.js';
import { Mirror } from '../runtime/mirror.js';
import { pathsUnder } from '../runtime/paths.js';
import { newToken } from '../runtime/random.js';
import type { ActorRecord } from '../runtime/record.js';
import { createRecord } from '../runtime/step.js';
import type { Store } from '../runtime/store.js';

const paths = pathsUnder('/desk');
const behaviors = new Map(MACHINES.map((definition) => [definition.kind, behaviorOf(definition)]));
const UUID = '5f0e9a3c-7d2b-4c1e-9f6a-0b1c2d3e4f50';
const vm = addressOf('vm', UUID);
const config = {
  allNodes: ['hv1'], coordinators: ['hv1'], zookeeper: { sessionTimeoutMs: 4000 },
} as unknown as PvcConfig;
const meta = {
  nodeLimit: null, nodeSelector: null, autostart: false, migrationMethod: 'none', migrationMaxDowntimeMs: 300,
  profile: null,
};
const definition = { xmlHash: 'h', memoryMiB: 64, vcpus: 1, description: '', rbdOnly: false, diskless: true };
const owner = { node: 'hv1', incarnation: 'b.1', bootId: 'b', epoch: 1, cause: 'created' as const };

describe('the desk', () => {
  let store: Store;
  let mirror: Mirror;
  let desk: ActorDesk;
  let record: ActorRecord;
  beforeEach(async () => {
    store = await createMemoryCluster({ sessionTimeoutMs: 5000 }).open();
    await bootstrap(store, paths, [...behaviors.keys()], ['vm'], ['hv1']);
    const input = { uuid: UUID, name: 'web1', node: 'hv1', tags: [], meta, definition };
    record = createRecord(behaviors.get('vm')!, UUID, input, {
      node: 'hv1', epoch: 1, nowMs: 1, revision: 0, commitEffects: new Set(),
    }, 'test', 'c0');
    await store.multi([
      { op: 'create', path: paths.name('vm', 'web1'), data: Buffer.from(UUID) },
      ...createActorOps(paths, vm, record, owner),
    ]);
    mirror = new Mirror(store, paths, systemClock, createLog('mirror', 'error'));
    await mirror.start();
    desk = new ActorDesk({
      store, paths, clock: systemClock, node: 'hv1', behaviors, versions: mirror.versions, mirror, config,
      commitEffectNames: new Set(), newCommitId: () => newToken(),
    });
  });
  afterEach(async () => {
    mirror.stop();
    await store.close();
  });

  /** The record says that a copy may run there. */
  async function mayRunOn(node: string): Promise<void> {
    const context = { ...record.snapshot.context, mayRunOn: [{ node, bootId: 'b' }] };
    const data = encodeRecord({ ...record, revision: 1, snapshot: { ...record.snapshot, context } });
    await store.multi([{ op: 'set', path: paths.record(vm), data, version: 'any' }]);
    const mirrored = (): unknown => mirror.actors.get(vm)?.record.revision;
    for (let wait = 0; wait < 500 && mirrored() !== 1; wait += 1) await systemClock.sleep(5);
  }

  it('a VM that may run nowhere is removed with its name, and leaves a tombstone', async () => {
    assert.deepEqual(await desk.remove(vm, false), { kind: 'done' });
    assert.equal(await store.read(paths.actor(vm)), null);
    assert.equal(await store.read(paths.name('vm', 'web1')), null);
    assert.equal((await store.children(paths.tombs))?.names.length, 1);
  });

  it('a VM whose guest may run is neither removed nor reset, unless a person vouches for it', async () => {
    await mayRunOn('hv2');
    for (const answer of [await desk.remove(vm, false), await desk.reset(vm, false)]) {
      assert.equal(answer.kind === 'refused' && answer.code, 'PVC_WRONG_STATE');
      assert.match(answer.kind === 'refused' ? answer.reason : '', /may run on hv2/);
    }
    assert.deepEqual(await desk.reset(vm, true), { kind: 'done' });
  });

  it('a VM that is reset keeps what it was defined with', async () => {
    assert.deepEqual(await desk.reset(vm, false), { kind: 'done' });
    for (let wait = 0; wait < 500 && mirror.actors.get(vm)?.record.seq === record.seq; wait += 1) {
      await systemClock.sleep(5);
    }
    const { name, definition: kept } = mirror.actors.get(vm)!.record.snapshot.context;
    assert.deepEqual([name, kept], ['web1', definition]);
    assert.equal(Buffer.from((await store.read(paths.name('vm', 'web1')))!.data).toString(), UUID);
  });

  it('the actors of a configured node are reset, never removed', async () => {
    const answer = await desk.remove('node/hv1', true);
    assert.equal(answer.kind === 'refused' && answer.code, 'PVC_INVALID');
  });

  it('machines say what may be forgotten', () => {
    const node = (value: unknown) => nodeMayForget({ value, context: {}, status: 'active' });
    assert.equal(node({ life: { alive: 'steady' }, domain: 'ready' }), null);
    assert.match(node({ life: { judging: { case: 'doubted' } }, domain: 'ready' }) ?? '', /judged or fenced/);
    assert.equal(nodeMayForget(null), null);
    assert.match(vmMayForget(null) ?? '', /Nobody can tell/);
    assert.equal(vmMayForget({ value: 'x', context: { mayRunOn: [] }, status: 'active' }), null);
  });
});
