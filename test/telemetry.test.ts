/** How often a node asks its hypervisor for figures: with each heartbeat while there are guests, else seldom. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PvcConfig } from '../actors/config.js';
import type { DomainEvent, DomainStats, Hypervisor } from '../actors/drivers/hypervisor.js';
import { createTelemetry } from '../actors/telemetry.js';
import { systemClock } from '../runtime/clock.js';

const GUEST: DomainStats = {
  uuid: 'u1', name: 'web1', state: 'running', memoryMaxKib: 1024, memoryKib: 1024, vcpus: 1, cpuTimeNs: 0,
  rssKib: null, vnc: null,
};
const HOST = {
  kernel: 'k', arch: 'x86_64', cpuCount: 8, memory: () => ({ totalMiB: 4096, availableMiB: 1024 }), load: () => 0.123,
};
const config = { node: 'hv1', capacity: { memoryMiB: 1024, cpus: 2 } } as unknown as PvcConfig;

test('without guests one heartbeat in five asks; an event of libvirt, or a guest, makes every one ask', async () => {
  let asked = 0;
  let guests: readonly DomainStats[] = [];
  const listeners = new Set<(event: DomainEvent) => void>();
  const hypervisor = {
    connected: true,
    stats: () => {
      asked += 1;
      return Promise.resolve({ kind: 'done', value: guests });
    },
    onEvent: (listener: (event: DomainEvent) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  } as unknown as Hypervisor;
  const telemetry = createTelemetry(config, hypervisor, systemClock, { bootId: 'b1', version: '1', os: 'Linux' }, HOST);
  const beats = async (count: number): Promise<number> => {
    const before = asked;
    for (let beat = 0; beat < count; beat += 1) await telemetry.refresh();
    return asked - before;
  };
  assert.equal(await beats(5), 5, 'at first it does not know');
  assert.equal(await beats(20), 4);
  guests = [GUEST];
  for (const listener of listeners) listener({ uuid: 'u1', type: 'started', detail: '' });
  assert.equal(await beats(1), 1);
  assert.deepEqual(telemetry.blob('b1.1').guests.map(({ name }) => name), ['web1']);
  assert.equal(await beats(20), 20);
  guests = [];
  assert.equal(await beats(10), 3, 'the one that finds nothing, and then one in five');
  telemetry.close();
  assert.equal(listeners.size, 0);
});

test('as long as no figure of a guest changes, what is told of the guests is the same list', async () => {
  let cpuTimeNs = 5;
  const hypervisor = {
    connected: true, onEvent: () => () => undefined,
    stats: () => Promise.resolve({
      kind: 'done', value: [{ ...GUEST, cpuTimeNs }, { ...GUEST, uuid: 'u2', state: 'off' }],
    }),
  } as unknown as Hypervisor;
  const telemetry = createTelemetry(config, hypervisor, systemClock, { bootId: 'b1', version: '1', os: 'Linux' }, HOST);
  const told = async (): Promise<readonly unknown[]> => {
    await telemetry.refresh();
    return telemetry.blob('b1.1').guests;
  };
  const first = await told();
  assert.deepEqual(first.length, 1);
  assert.equal(await told(), first);
  cpuTimeNs = 6;
  const second = await told();
  assert.notEqual(second, first);
  assert.equal((second[0] as DomainStats).cpuTimeNs, 6);
  telemetry.close();
});
