/** Durable timers: what a new owner does with them, by policy, on clocks that the test turns. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { raise, setup } from 'xstate';
import { startLoneHost, untilRecord, type LoneHost } from '../fixtures/runtime/lone-host.js';
import { ManualClock } from '../fixtures/runtime/manual-clock.js';
import { createMemoryCluster, type MemoryCluster } from '../fixtures/sim/store.js';
import { behaviorOf, stateText, type MachineDefinition } from '../runtime/behavior.js';
import { Pending } from '../runtime/pending.js';
import type { ActorRecord, Timer } from '../runtime/record.js';
import { createRecord, step } from '../runtime/step.js';

const HOUR_MS = 3_600_000;

const sleeper: MachineDefinition = {
  kind: 'sleeper', version: 1, admit: () => ({ kind: 'accept' }),
  timers: { longNap: 'remaining', alarm: 'keep', lunch: 'keep', watch: 'remaining' },
  machine: setup({ delays: { nap: HOUR_MS, longNap: HOUR_MS } }).createMachine({
    initial: 'awake',
    on: {
      set: {
        actions: [
          raise({ type: 'alarm' }, { id: 'alarm', delay: HOUR_MS }),
          raise({ type: 'lunch' }, { id: 'lunch', delay: HOUR_MS / 2 }),
        ],
      },
      wind: { actions: [raise({ type: 'watch' }, { id: 'watch', delay: HOUR_MS })] },
      alarm: { actions: raise({ type: 'rung' }) }, lunch: { actions: raise({ type: 'eaten' }) },
      watch: { actions: raise({ type: 'stopped' }) },
    },
    states: {
      awake: { on: { nap: 'napping', 'long-nap': 'longNapping' } },
      napping: { after: { nap: 'awake' } },
      longNapping: { after: { longNap: 'awake' } },
    },
  }),
};

/** Types of the events that timers brought, in order. */
const firedOf = ({ tail }: ActorRecord): string[] =>
  tail.map(({ event }) => event.type).filter((type) => ['alarm', 'lunch', 'watch'].includes(type));

describe('durable timers', () => {
  let cluster: MemoryCluster;
  let hosts: LoneHost[];
  const start = async (name: string, clock: ManualClock): Promise<LoneHost> => {
    const host = await startLoneHost({ name, store: await cluster.open(), clock, definitions: [sleeper] });
    hosts.push(host);
    return host;
  };
  const clockOf = (host: LoneHost): ManualClock => host.clock as ManualClock;
  /** The first host ends; the second, whose process is younger, takes the actor at this wall-clock time. */
  const failOver = async (one: LoneHost, address: `${string}/${string}`, wallMs: number): Promise<LoneHost> => {
    one.stop();
    const two = await start('n2', new ManualClock(wallMs, 77));
    await two.seize(address);
    await untilRecord(two, address, ({ ownerEpoch }) => ownerEpoch === 2);
    return two;
  };
  beforeEach(() => {
    cluster = createMemoryCluster({ sessionTimeoutMs: 60_000 });
    hosts = [];
  });
  afterEach(async () => {
    for (const host of hosts) {
      host.stop();
      await host.store.close();
    }
  });

  it('says its policy by the id of a raise or the name of a delay; without one it is restart', () => {
    const behavior = behaviorOf(sleeper);
    const meta = { node: 'n', epoch: 1, nowMs: 5, revision: 1, commitEffects: new Set<string>() };
    const policies = ['set', 'nap', 'long-nap'].map((type) => {
      const record = createRecord(behavior, 'a', undefined, meta, 't', 'c');
      const input = { event: { type }, source: 'owner' as const, id: 't', operationId: null, correlation: 't' };
      const after = step(behavior, record, { ...input, causation: null, settles: null }, meta)!.record;
      return after.timers.map(({ policy }) => policy);
    });
    assert.deepEqual(policies, [['keep', 'keep'], ['restart'], ['remaining']]);
  });

  it('restart: a new owner arms it in full, whatever the clock on the wall says', async () => {
    const one = await start('n1', new ManualClock(0));
    const address = await one.create('sleeper', 'a');
    await one.send(address, { type: 'nap' });
    await untilRecord(one, address, ({ timers }) => timers.length === 1);
    await clockOf(one).advance(HOUR_MS - 1);
    const two = await failOver(one, address, 5 * HOUR_MS);
    await clockOf(two).advance(HOUR_MS - 1);
    assert.equal(stateText(two.feed.actor(address)!.record.snapshot.value), 'napping');
    await clockOf(two).advance(1);
    await untilRecord(two, address, ({ snapshot }) => stateText(snapshot.value) === 'awake');
  });

  it('keep: due at the time on the wall; a new owner waits for the rest of it', async () => {
    const one = await start('n1', new ManualClock(0));
    const address = await one.create('sleeper', 'a');
    await one.send(address, { type: 'set' });
    await untilRecord(one, address, ({ timers }) => timers.length === 2);
    const two = await failOver(one, address, HOUR_MS / 4);
    await clockOf(two).advance(HOUR_MS / 4 - 1);
    assert.deepEqual(firedOf(two.feed.actor(address)!.record), []);
    await clockOf(two).advance(1);
    await untilRecord(two, address, (record) => firedOf(record).length === 1);
    await clockOf(two).advance(HOUR_MS / 2);
    const record = await untilRecord(two, address, (each) => firedOf(each).length === 2);
    assert.deepEqual(firedOf(record), ['lunch', 'alarm']);
  });

  it('keep: overdue ones fire at once, in the order in which they were due', async () => {
    const one = await start('n1', new ManualClock(0));
    const address = await one.create('sleeper', 'a');
    await one.send(address, { type: 'set' });
    await untilRecord(one, address, ({ timers }) => timers.length === 2);
    const two = await failOver(one, address, 9 * HOUR_MS);
    const record = await untilRecord(two, address, ({ timers }) => timers.length === 0);
    assert.deepEqual(firedOf(record), ['lunch', 'alarm']);
  });

  it('remaining: what was left at the last commit is what a new owner waits for', async () => {
    const one = await start('n1', new ManualClock(0));
    const address = await one.create('sleeper', 'a');
    await one.send(address, { type: 'wind' });
    await untilRecord(one, address, ({ timers }) => timers.length === 1);
    await clockOf(one).advance(HOUR_MS / 4);
    await one.send(address, { type: 'nap' });
    const left = await untilRecord(one, address, ({ timers }) => timers.length === 2);
    assert.equal(left.timers.find(({ timerId }) => timerId === 'watch')!.remainingMs, HOUR_MS * 0.75);
    await clockOf(one).advance(HOUR_MS / 4);
    const two = await failOver(one, address, 50 * HOUR_MS);
    await clockOf(two).advance(HOUR_MS * 0.75 - 1);
    assert.deepEqual(firedOf(two.feed.actor(address)!.record), []);
    await clockOf(two).advance(1);
    await untilRecord(two, address, (record) => firedOf(record).includes('watch'));
  });

  it('a timer longer than 2^31 milliseconds waits for all of it', async () => {
    const clock = new ManualClock(0);
    const fired: string[] = [];
    const gate = { held: () => true, whenHeld: () => Promise.resolve() };
    const pending = new Pending('sleeper/a', { clock, gate, worldEffects: {} }, ({ event }) => fired.push(event.type));
    const delayMs = 3000 * HOUR_MS;
    const timer: Timer = {
      timerId: 'far', event: { type: 'far' }, delayMs, setAt: 0, policy: 'restart', remainingMs: delayMs,
    };
    pending.sync({ timers: [timer], effects: [] } as unknown as ActorRecord, { epoch: 1, begun: new Set() });
    await clock.advance(delayMs - 1);
    assert.deepEqual(fired, []);
    await clock.advance(1);
    assert.deepEqual(fired, ['far']);
    pending.stop();
  });
});
