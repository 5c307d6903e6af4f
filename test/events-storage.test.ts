/** The topics of shared storage on the event stream: OSDs, pools, volumes, by the names that people use. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { PulseEvent } from '../api/events/frames.js';
import { eventLine } from '../api/cli/format/event.js';
import { eventOf, is, streamWorld, type StreamWorld } from '../fixtures/event-client.js';
import type { OsdContext } from '../machines/osd/messages.js';
import type { PoolContext } from '../machines/pool/messages.js';
import type { VolumeContext, VolumeFacts } from '../machines/volume/messages.js';

const OSD = {
  uuid: '0a4ef0a0-0000-4000-8000-000000000001', node: 'hv2', number: null, device: '/dev/sdb', dbDevice: null,
  up: false, in: false, reason: null, progress: null,
} satisfies Partial<OsdContext>;
const POOL = { name: 'vms', facts: null, failure: null } satisfies Partial<PoolContext>;
const VOLUME = { pool: 'vms', name: 'web1_disk0', facts: null, failure: null, progress: null } satisfies
  Partial<VolumeContext>;

describe('topics of storage', () => {
  let made: StreamWorld;
  before(async () => {
    made = await streamWorld();
  });
  after(() => made.stop());

  test('each object under its own name, first present, then as it changes', async () => {
    const { world } = made;
    const osd = world.birth('osd', OSD.uuid, 'building', OSD, 'hv2');
    const volume = world.birth('volume', 'vms~web1_disk0', 'creating', VOLUME, 'hv1');
    world.birth('volume', 'other~x', 'creating', { ...VOLUME, pool: 'other', name: 'x' }, 'hv1');
    world.birth('pool', 'vms', 'ready', { ...POOL, facts: { id: 1, pgs: 8, copies: 3, minCopies: 2 } }, 'hv1');
    const socket = await made.subscribed({ topics: ['osd', 'pool', 'volume:vms/*'], snapshot: true });
    await socket.next((frame) => frame['frame'] === 'mark' && frame['sync'] === true);
    const items = socket.frames.filter(is('snapshot')).flatMap((frame) => frame['items'] as PulseEvent[]);
    assert.deepEqual(items.map(({ topic, type, key, node }) => [topic, type, key, node]).sort(), [
      ['osd', 'present', OSD.uuid, 'hv2'], ['pool', 'present', 'vms', 'hv1'],
      ['volume', 'present', 'vms/web1_disk0', 'hv1'],
    ]);
    assert.deepEqual(items.find(({ topic }) => topic === 'pool')?.data, {
      name: 'vms', pgs: 8, copies: 3, min_copies: 2, tier: null, reason: null, state: 'ready', from: '', to: 'ready',
    });

    const next = async (topic: string, type: string): Promise<PulseEvent> => eventOf(await socket.next((frame) =>
      is('event')(frame) && eventOf(frame).topic === topic && eventOf(frame).type === type));
    world.step(osd, { value: 'running', context: { ...OSD, number: 3, up: true, in: true } });
    const up = await next('osd', 'state-changed');
    assert.deepEqual([up.key, up.node, up.data['up'], up.data['to']], ['3', 'hv2', true, 'running']);

    const facts = { sizeBytes: 1 << 30 } as VolumeFacts;
    world.step(volume, { context: { ...VOLUME, progress: { current: 5, total: 1000, status: 'half' } } });
    world.step(volume, { value: 'ready', context: { ...VOLUME, facts, failure: 'the pool is full' } });
    const { data: updated } = await next('volume', 'updated');
    assert.deepEqual(updated['progress'], { current: 5, total: 1000, status: 'half' });
    const ready = await next('volume', 'state-changed');
    assert.deepEqual([ready.data['size_bytes'], ready.data['from']], [1 << 30, 'creating']);
    const line = eventLine(ready, (_colour, text) => text);
    assert.match(line, / volume state-changed +vms\/web1_disk0 creating -> ready - the pool is full$/);
  });
});
