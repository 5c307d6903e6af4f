/** Actors that have nothing to do sleep: no cell, nothing lost, and what is theirs wakes them. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { assign, setup } from 'xstate';
import { lonePaths, startLoneHost, untilRecord, untilTrue, type LoneHost } from '../fixtures/runtime/lone-host.js';
import { ManualClock } from '../fixtures/runtime/manual-clock.js';
import { createMemoryCluster, type MemoryCluster } from '../fixtures/sim/store.js';
import type { Address } from '../runtime/address.js';
import type { MachineDefinition } from '../runtime/behavior.js';
import { systemClock } from '../runtime/clock.js';
import type { WorldEffect } from '../runtime/effects.js';
import { LIMITS } from '../runtime/limits.js';
import type { ActorRecord } from '../runtime/record.js';

interface Context { readonly count: number; readonly owners: readonly string[] }
type Event = { type: string; cause?: string };

const counterMachine = (hearsRestarts: boolean) => setup({
  types: {} as { context: Context; events: Event },
  actions: {} as { job: (unused: unknown, params: object) => void },
  guards: { isHeard: ({ event }) => hearsRestarts || event.cause !== 'restarted' },
}).createMachine({
  context: { count: 0, owners: [] },
  initial: 'free',
  on: {
    add: { actions: assign({ count: ({ context }) => context.count + 1 }) },
    'owner.acquired': {
      guard: 'isHeard',
      actions: assign({ owners: ({ context, event }) => [...context.owners, event.cause ?? ''] }),
    },
  },
  states: {
    free: { on: { work: 'busy', rest: 'resting' } },
    busy: { entry: { type: 'job', params: {} }, on: { 'job.done': 'free' } },
    resting: { after: { 3_600_000: 'free' } },
  },
});
const counter: MachineDefinition = {
  kind: 'counter', version: 1, machine: counterMachine(false), admit: () => ({ kind: 'accept' }),
};
const alert: MachineDefinition = { ...counter, kind: 'alert', machine: counterMachine(true) };
const contextOf = (record: ActorRecord): Context => record.snapshot.context as unknown as Context;

describe('idle actors', () => {
  let cluster: MemoryCluster;
  let clock: ManualClock;
  let hosts: LoneHost[];
  let letGo: () => void;
  const start = async (name: string, options: { incarnation?: string } = {}): Promise<LoneHost> => {
    const held = new Promise<void>((resolve) => { letGo = resolve; });
    const job: WorldEffect = async () => {
      await held;
      return { kind: 'done', value: null };
    };
    const host = await startLoneHost({
      name, store: await cluster.open(), clock, definitions: [counter, alert], worldEffects: { job }, ...options,
    });
    hosts.push(host);
    return host;
  };
  const stepped = (record: ActorRecord): boolean => record.ownerEpoch >= 1;
  const fallAsleep = async (host: LoneHost, address: Address): Promise<void> => {
    await untilRecord(host, address, stepped);
    await clock.advance(2 * LIMITS.idleMs);
    await untilTrue(() => host.host.population().awake === 0);
  };
  beforeEach(() => {
    cluster = createMemoryCluster({ sessionTimeoutMs: 60_000 });
    clock = new ManualClock();
    hosts = [];
  });
  afterEach(async () => {
    letGo();
    for (const host of hosts) {
      host.stop();
      await host.store.close();
    }
  });

  it('lose their cell after a while, and are still owned', async () => {
    const one = await start('n1');
    const address = await one.create('counter', 'a');
    await untilRecord(one, address, stepped);
    assert.deepEqual(one.host.population(), { awake: 1, asleep: 0 });
    await fallAsleep(one, address);
    assert.deepEqual(one.host.population(), { awake: 0, asleep: 1 });
    assert.equal(one.host.owns(address), true);
    assert.deepEqual(one.host.owned(), [address]);
  });

  it('are woken by a letter, and are not told of their owner again', async () => {
    const one = await start('n1');
    const address = await one.create('alert', 'a');
    await fallAsleep(one, address);
    await one.send(address, { type: 'add' });
    const record = await untilRecord(one, address, (each) => contextOf(each).count === 1);
    assert.deepEqual(contextOf(record).owners, ['created']);
  });

  it('are woken by a fact of this node', async () => {
    const one = await start('n1');
    const address = await one.create('counter', 'a');
    await fallAsleep(one, address);
    assert.equal(one.host.tell(address, { type: 'add' }), true);
    await untilRecord(one, address, (record) => contextOf(record).count === 1);
  });

  it('are woken by a change of owner, which their machine is told', async () => {
    const one = await start('n1');
    const address = await one.create('counter', 'a');
    await fallAsleep(one, address);
    await one.seize(address);
    const record = await untilRecord(one, address, ({ ownerEpoch }) => ownerEpoch === 2);
    assert.deepEqual(contextOf(record).owners, ['created', 'claimed']);
    const two = await start('n2');
    await fallAsleep(one, address);
    await two.seize(address);
    await untilRecord(two, address, ({ ownerEpoch }) => ownerEpoch === 3);
    await untilTrue(() => !one.host.owns(address));
  });

  it('keep their cell while an effect runs or a timer is armed', async () => {
    const one = await start('n1');
    const [busy, resting] = [await one.create('counter', 'busy'), await one.create('counter', 'resting')];
    await one.send(busy, { type: 'work' });
    await one.send(resting, { type: 'rest' });
    await untilRecord(one, busy, ({ effects }) => effects.length === 1);
    await untilRecord(one, resting, ({ timers }) => timers.length === 1);
    await clock.advance(3 * LIMITS.idleMs);
    assert.deepEqual(one.host.population(), { awake: 2, asleep: 0 });
    letGo();
    await untilRecord(one, busy, ({ effects }) => effects.length === 0);
    await clock.advance(3 * LIMITS.idleMs);
    await untilTrue(() => one.host.population().asleep === 1);
  });

  it('lose no letter, however falling asleep and doorbells meet', async () => {
    const one = await start('n1');
    const addresses = await Promise.all(Array.from({ length: 8 }, (_, at) => one.create('counter', `a${at}`)));
    for (const address of addresses) await untilRecord(one, address, stepped);
    let sent = 0;
    for (let round = 0; round < 40; round += 1) {
      const putting = addresses.map((address) => one.send(address, { type: 'add' }));
      // Neither waits for the other: cells end between a doorbell, its read and its commit.
      await Promise.all([...putting, clock.advance(LIMITS.idleMs / (1 + round % 3))]);
      sent += 1;
    }
    for (const address of addresses) await untilRecord(one, address, (record) => contextOf(record).count === sent);
    await clock.advance(2 * LIMITS.idleMs);
    assert.equal(one.host.population().asleep, addresses.length);
  });

  it('are found by the scan when a doorbell was missed', async () => {
    const one = await start('n1');
    const address = await one.create('counter', 'a');
    await fallAsleep(one, address);
    cluster.disconnect(one.store.session.id);
    const other = await cluster.open();
    const worldEffects = { job: async () => ({ kind: 'done' as const, value: null }) };
    const definitions = [counter, alert];
    const sender = await startLoneHost({ name: 'n9', store: other, clock, definitions, worldEffects });
    hosts.push(sender);
    await sender.send(address, { type: 'add' });
    cluster.reconnect(one.store.session.id);
    await untilRecord(one, address, (record) => contextOf(record).count === 1);
  });

  it('sleep from the start where the machine need not hear of a restart; letters are found all the same', async () => {
    const one = await start('n1');
    const { incarnation } = one;
    const names = ['quiet', 'lettered'];
    for (const name of names) await untilRecord(one, await one.create('counter', name), stepped);
    const heard = await one.create('alert', 'heard');
    await untilRecord(one, heard, stepped);
    one.stop();
    await one.send('counter/lettered', { type: 'add' });
    const again = await start('n1', { incarnation });
    await untilRecord(again, 'counter/lettered', (record) => contextOf(record).count === 1);
    const record = await untilRecord(again, heard, (each) => contextOf(each).owners.length === 2);
    assert.deepEqual(contextOf(record).owners, ['created', 'restarted']);
    await systemClock.sleep(20);
    assert.deepEqual(again.host.population(), { awake: 2, asleep: 1 });
    assert.equal((await again.store.read(lonePaths.record('counter/quiet')))?.stat.version, 1, 'not written again');
  });
});
