/** Crashes of cells are on record: the budget holds across fail-overs, neither reset nor counted twice. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setup } from 'xstate';
import { startLoneHost, untilRecord, untilTrue, type LoneHost } from '../fixtures/runtime/lone-host.js';
import { ManualClock } from '../fixtures/runtime/manual-clock.js';
import { createMemoryCluster, type MemoryCluster } from '../fixtures/sim/store.js';
import type { Address } from '../runtime/address.js';
import type { MachineDefinition } from '../runtime/behavior.js';
import type { ActorRecord } from '../runtime/record.js';

const glass: MachineDefinition = {
  kind: 'glass', version: 1, admit: () => ({ kind: 'accept' }),
  machine: setup({ actions: { shatter: () => undefined }, guards: { breaks: () => { throw new Error('it broke'); } } })
    .createMachine({ initial: 'whole', on: { knock: { guard: 'breaks', target: '.whole' } }, states: { whole: {} } }),
};

describe('crashes of a cell', () => {
  let cluster: MemoryCluster;
  let clock: ManualClock;
  let hosts: LoneHost[];
  const exhausted: ActorRecord[] = [];
  const start = async (name: string, takesCare = false): Promise<LoneHost> => {
    const onExhausted = (record: ActorRecord): Promise<boolean> =>
      Promise.resolve(takesCare && exhausted.push(record) > 0);
    const host = await startLoneHost({
      name, store: await cluster.open(), clock, definitions: [glass], host: { onExhausted },
    });
    hosts.push(host);
    return host;
  };
  /** A fact that its machine cannot bear; returns when that is on record and its cell is back. */
  const crash = async (host: LoneHost, address: Address, restarts: number): Promise<void> => {
    await untilTrue(() => host.host.tell(address, { type: 'knock' }), () => `${address} does not run`);
    await untilRecord(host, address, (record) => record.restarts.length === restarts);
    await clock.advance(2000);
    await untilTrue(() => host.host.owns(address));
  };
  const take = async (host: LoneHost, address: Address): Promise<void> => {
    const epoch = host.feed.actor(address)!.owner!.epoch + 1;
    await host.seize(address);
    await untilRecord(host, address, ({ ownerEpoch }) => ownerEpoch === epoch);
  };
  beforeEach(() => {
    cluster = createMemoryCluster({ sessionTimeoutMs: 60_000 });
    clock = new ManualClock();
    hosts = [];
    exhausted.length = 0;
  });
  afterEach(async () => {
    for (const host of hosts) {
      host.stop();
      await host.store.close();
    }
  });

  it('stop the actor at the limit, across three owners, with the fault on record for all to see', async () => {
    const [one, two, three] = [await start('n1'), await start('n2'), await start('n3')];
    const address = await one.create('glass', 'a');
    await untilRecord(one, address, ({ ownerEpoch }) => ownerEpoch === 1);
    for (const count of [1, 2]) await crash(one, address, count);
    await untilRecord(two, address, () => true);
    await take(two, address);
    for (const count of [3, 4]) await crash(two, address, count);
    await take(three, address);
    await crash(three, address, 5);
    await untilTrue(() => three.host.tell(address, { type: 'knock' }));
    const record = await untilRecord(one, address, ({ fault }) => fault !== null);
    assert.match(record.fault!, /it broke/);
    assert.equal(record.restarts.length, 5);
    assert.equal(record.counts.restarts, 5);
    await one.seize(address);
    await untilTrue(() => one.feed.actor(address)!.owner!.node === 'n1');
    await clock.advance(100_000);
    assert.equal(one.host.owns(address), false, 'a new owner does not begin it either');
  });

  it('are forgotten after the period', async () => {
    const one = await start('n1');
    const address = await one.create('glass', 'a');
    await untilRecord(one, address, ({ ownerEpoch }) => ownerEpoch === 1);
    for (const count of [1, 2, 3, 4, 5]) await crash(one, address, count);
    await clock.advance(30_000);
    await crash(one, address, 1);
    assert.equal(one.feed.actor(address)!.record.fault, null);
    assert.equal(one.feed.actor(address)!.record.counts.restarts, 6);
  });

  it('are counted once, whatever becomes of the commit that notes them', async () => {
    const one = await start('n1');
    const address = await one.create('glass', 'a');
    await untilRecord(one, address, ({ ownerEpoch }) => ownerEpoch === 1);
    for (const [index, fate] of (['applied', 'lost', 'applied'] as const).entries()) {
      cluster.cutNextMulti(one.store.session.id, fate);
      one.host.tell(address, { type: 'knock' });
      // Time stands still for the host: what waits for the connection goes on as the clock is turned.
      await untilTrue(() => {
        void clock.advance(250);
        return (one.feed.actor(address)?.record.restarts.length ?? 0) > index;
      });
      await untilTrue(() => {
        void clock.advance(250);
        return one.host.owns(address);
      });
    }
    const record = one.feed.actor(address)!.record;
    assert.equal(record.counts.restarts, 3);
  });

  it('over the limit are its supervisor\'s business where that takes care', async () => {
    const one = await start('n1', true);
    const address = await one.create('glass', 'a');
    await untilRecord(one, address, ({ ownerEpoch }) => ownerEpoch === 1);
    for (const count of [1, 2, 3, 4, 5]) await crash(one, address, count);
    one.host.tell(address, { type: 'knock' });
    await untilTrue(() => exhausted.length === 1);
    assert.equal(one.host.owns(address), false, 'not at once');
    await clock.advance(5000);
    await untilTrue(() => one.host.owns(address));
    assert.equal(one.feed.actor(address)!.record.fault, null);
  });
});
