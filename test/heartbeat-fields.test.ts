/** Of a heartbeat it is known whether it could tell a field, before anybody decodes it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryCluster } from '../fixtures/sim/store.js';
import { bootstrap } from '../runtime/bootstrap.js';
import { systemClock } from '../runtime/clock.js';
import { encode } from '../runtime/codec.js';
import { createLog } from '../runtime/log.js';
import { Mirror } from '../runtime/mirror.js';
import { pathsUnder } from '../runtime/paths.js';

const paths = pathsUnder('/pvc');

/** A mirror that has read these heartbeats, by node. */
async function mirrorOf(beats: Readonly<Record<string, Uint8Array>>): Promise<Mirror> {
  const store = await createMemoryCluster({ sessionTimeoutMs: 5000 }).open();
  await bootstrap(store, paths, ['vm', 'node', 'agent'], ['vm'], ['hv1', 'hv2', 'hv3']);
  for (const [node, data] of Object.entries(beats)) {
    await store.multi([{ op: 'set', path: paths.telemetry(node), data, version: 'any' }]);
  }
  const mirror = new Mirror(store, paths, systemClock, createLog('mirror', 'error'));
  await mirror.start();
  mirror.stop();
  return mirror;
}

test('a field that a heartbeat tells may be told, another surely is not, decoded or not', async () => {
  const mirror = await mirrorOf({
    hv1: encode({ bootId: 'b1', storageOutOfReach: true, guests: [] }),
    hv2: encode({ bootId: 'b2', guests: [] }),
  });
  const asked = (): boolean[] => ['hv1', 'hv2'].map((node) => mirror.mayTell(node, 'storageOutOfReach'));
  assert.deepEqual(asked(), [true, false]);
  assert.equal(mirror.telemetryOf('hv1')?.data['storageOutOfReach'], true);
  assert.equal(mirror.telemetryOf('hv2')?.data['storageOutOfReach'], undefined);
  assert.deepEqual(asked(), [true, false]);
});

test('a node that was never heard, or whose heartbeat cannot be read, tells nothing', async () => {
  const mirror = await mirrorOf({ hv1: Uint8Array.of(0xdf) });
  assert.equal(mirror.mayTell('hv2', 'storage'), false);
  assert.equal(mirror.mayTell('hv1', 'storage'), false);
  assert.equal(mirror.telemetryOf('hv1'), null);
  assert.equal(mirror.mayTell('hv1', 'storage'), false);
});

test('a word within another is no reason to be silent: what may be told is looked up by who asks', async () => {
  const mirror = await mirrorOf({ hv1: encode({ note: 'storageOutOfReach is what the guest is called' }) });
  assert.equal(mirror.mayTell('hv1', 'storageOutOfReach'), true);
  assert.equal(mirror.telemetryOf('hv1')?.data['storageOutOfReach'], undefined);
});
