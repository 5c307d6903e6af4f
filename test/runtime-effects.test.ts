/** World effects: retry with back-off, an end with their state, late answers, stamps at the resource. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setup } from 'xstate';
import { startLoneHost, untilRecord, untilTrue, type LoneHost } from '../fixtures/runtime/lone-host.js';
import { ManualClock } from '../fixtures/runtime/manual-clock.js';
import { createMemoryCluster, type MemoryCluster } from '../fixtures/sim/store.js';
import { behaviorOf, stateText, type MachineDefinition } from '../runtime/behavior.js';
import { systemClock } from '../runtime/clock.js';
import type { EffectContext, EffectOutcome, WorldEffect } from '../runtime/effects.js';
import { pauseBeforeMs } from '../runtime/pending.js';
import type { ActorRecord } from '../runtime/record.js';
import { ResourceGuard } from '../runtime/resource.js';
import { createRecord, step, type StepInput } from '../runtime/step.js';

const RETRY = { attempts: 3, delayMs: 1000, factor: 2, maxDelayMs: 1500 };
type Params = Record<string, unknown>;

const walkerMachine = setup({
  types: {} as { events: { type: string; within?: unknown } },
  actions: {} as { probe: (unused: unknown, params: Params) => void },
}).createMachine({
  initial: 'idle',
  on: { any: { actions: { type: 'probe', params: ({ event }) => ({ within: event.within }) } }, home: '.idle' },
  states: {
    idle: { on: { try: 'trying', nest: 'busy', fork: 'twin', pass: 'passing' } },
    trying: {
      entry: { type: 'probe', params: { retry: RETRY, within: true } },
      on: { 'probe.done': 'idle', 'probe.refused': 'idle', 'probe.unknown': 'failed' },
    },
    failed: {},
    busy: {
      initial: 'one',
      entry: { type: 'probe', params: { within: 'busy', of: 'busy' } },
      states: {
        one: { entry: { type: 'probe', params: { within: true, of: 'one' } }, on: { next: 'two', again: 'one' } },
        two: {},
      },
    },
    twin: {
      type: 'parallel',
      states: {
        left: { initial: 'x', states: { x: { on: { 'left.next': 'y' } }, y: {} } },
        right: { initial: 'x', states: { x: { on: { 'right.next': 'y' } }, y: {} } },
      },
      entry: [
        { type: 'probe', params: { within: true, of: 'twin' } },
        { type: 'probe', params: { within: 'twin.left.x', of: 'left' } },
      ],
    },
    passing: { entry: { type: 'probe', params: { within: 'passing' } }, always: 'failed' },
  },
});
const walker: MachineDefinition = {
  kind: 'walker', version: 1, machine: walkerMachine, admit: () => ({ kind: 'accept' }),
};
const forkedAtRoot: MachineDefinition = {
  ...walker,
  machine: setup({ actions: {} as { probe: (unused: unknown, params: Params) => void } }).createMachine({
    type: 'parallel', states: { a: {}, b: {} }, on: { go: { actions: { type: 'probe', params: { within: true } } } },
  }),
};

const META = { node: 'n1', epoch: 1, nowMs: 1000, revision: 1, commitEffects: new Set<string>() };
const fact = (type: string, fields: object = {}): StepInput => ({
  event: { type, ...fields }, source: 'owner', id: type, operationId: null, correlation: 't', causation: null,
  settles: null,
});
/** The actor's record after these events, by the pure step. */
function walked(events: readonly (string | StepInput)[], definition = walker): ActorRecord {
  const behavior = behaviorOf(definition);
  let record = createRecord(behavior, 'a', undefined, META, 't', 'c');
  for (const each of events) {
    record = step(behavior, record, typeof each === 'string' ? fact(each) : each, META)?.record ?? record;
  }
  return record;
}
const namesOf = (record: ActorRecord): unknown[] => record.effects.map(({ params }) => params['of']);

describe('an effect that lives within a state', () => {
  it('`true` is the innermost state after the step, a name is that state; leaving it cancels the effect', () => {
    assert.deepEqual(namesOf(walked(['nest'])), ['busy', 'one']);
    assert.deepEqual(walked(['nest']).effects.map(({ within }) => within), ['busy', 'busy.one']);
    assert.deepEqual(namesOf(walked(['nest', 'next'])), ['busy'], 'the outer state was not left');
    assert.deepEqual(namesOf(walked(['nest', 'next', 'home'])), []);
  });

  it('in a parallel state `true` is the parallel state itself; a region is bound by name', () => {
    assert.deepEqual(walked(['fork']).effects.map(({ within }) => within), ['twin', 'twin.left.x']);
    assert.deepEqual(namesOf(walked(['fork', 'right.next'])), ['twin', 'left']);
    assert.deepEqual(namesOf(walked(['fork', 'right.next', 'left.next'])), ['twin']);
    assert.deepEqual(namesOf(walked(['fork', 'home'])), []);
  });

  it('a state that a step only passes through never begins its effect', () => {
    const record = walked(['pass']);
    assert.equal(stateText(record.snapshot.value), 'failed');
    assert.deepEqual(record.effects, []);
  });

  it('what names no state, or no single one, is a mistake that is told', () => {
    assert.throws(() => walked([fact('any', { within: 'nowhere' })]), /"within" names no state .*nowhere/);
    assert.throws(() => walked(['go'], forkedAtRoot), /no single state is active/);
  });

  it('the answer of an effect whose state was left is dropped', () => {
    const behavior = behaviorOf(walker);
    const before = walked(['nest']);
    const late: StepInput = { ...fact('probe.done'), source: 'effect', settles: before.effects[1]!.effectId };
    assert.notEqual(step(behavior, before, late, META), null);
    assert.equal(step(behavior, walked(['nest', 'next']), late, META), null);
  });
});

describe('the pause before a repetition', () => {
  it('grows by the factor up to its maximum; half of it is chance', () => {
    const policy = { attempts: 9, delayMs: 100, factor: 3, maxDelayMs: 1000 };
    assert.deepEqual([2, 3, 4, 5].map((attempt) => pauseBeforeMs(policy, attempt, 1)), [100, 300, 900, 1000]);
    assert.deepEqual([2, 3, 4, 5].map((attempt) => pauseBeforeMs(policy, attempt, 0)), [50, 150, 450, 500]);
  });
});

describe('world effects of a host', () => {
  let cluster: MemoryCluster;
  let clock: ManualClock;
  let hosts: LoneHost[];
  let asked: Pick<EffectContext, 'effectId' | 'epoch' | 'resumed'>[];
  let answers: (EffectOutcome | Promise<EffectOutcome>)[];
  let signals: AbortSignal[];
  const probe: WorldEffect = async (_params, { effectId, epoch, resumed, signal }) => {
    asked.push({ effectId, epoch, resumed });
    signals.push(signal);
    return await answers.shift() ?? { kind: 'done', value: null };
  };
  const start = async (name: string, onClock = clock): Promise<LoneHost> => {
    const store = await cluster.open();
    const host = await startLoneHost({
      name, store, clock: onClock, definitions: [walker], worldEffects: { probe },
    });
    hosts.push(host);
    return host;
  };
  beforeEach(() => {
    cluster = createMemoryCluster({ sessionTimeoutMs: 60_000 });
    clock = new ManualClock();
    [hosts, asked, answers, signals] = [[], [], [], []];
  });
  afterEach(async () => {
    for (const host of hosts) {
      host.stop();
      await host.store.close();
    }
  });
  const UNKNOWN: EffectOutcome = { kind: 'unknown', reason: 'no answer' };
  const stateIs = (state: string) => (record: ActorRecord) => stateText(record.snapshot.value) === state;

  it('an unknown outcome is tried again under the same id, after a pause, and only the last one is told', async () => {
    const one = await start('n1');
    answers = [UNKNOWN, UNKNOWN, UNKNOWN];
    const address = await one.create('walker', 'a');
    await one.send(address, { type: 'try' });
    const noted = await untilRecord(one, address, ({ effects }) => effects[0]?.attempt === 2);
    assert.equal(asked.length, 1, 'noted in the record before it is tried again');
    assert.ok(noted.tail.every(({ event }) => event.type !== 'probe.unknown'), 'the machine was not told');
    await clock.advance(499);
    assert.equal(asked.length, 1, 'at least half the pause');
    await clock.advance(501);
    await untilRecord(one, address, ({ effects }) => effects[0]?.attempt === 3);
    await clock.advance(1500);
    await untilRecord(one, address, stateIs('failed'));
    assert.equal(new Set(asked.map(({ effectId }) => effectId)).size, 1);
    assert.deepEqual(asked.map(({ resumed }) => resumed), [false, true, true]);
  });

  it('a refusal is an answer', async () => {
    const one = await start('n1');
    answers = [{ kind: 'refused', reason: 'no' }];
    const address = await one.create('walker', 'a');
    await one.send(address, { type: 'try' });
    await untilRecord(one, address, ({ seq, snapshot }) => seq > 2 && stateText(snapshot.value) === 'idle');
    assert.equal(asked.length, 1);
  });

  it('the count of tries survives a fail-over', async () => {
    const [one, two] = [await start('n1'), await start('n2', new ManualClock())];
    answers = [UNKNOWN, UNKNOWN, UNKNOWN];
    const address = await one.create('walker', 'a');
    await one.send(address, { type: 'try' });
    await untilRecord(two, address, ({ effects }) => effects[0]?.attempt === 2);
    one.stop();
    await two.seize(address);
    await untilRecord(two, address, ({ ownerEpoch }) => ownerEpoch === 2);
    await (two.clock as ManualClock).advance(1000);
    await untilRecord(two, address, ({ effects }) => effects[0]?.attempt === 3);
    await (two.clock as ManualClock).advance(1500);
    await untilRecord(two, address, stateIs('failed'));
    assert.deepEqual(asked.map(({ epoch }) => epoch), [1, 2, 2]);
  });

  it('leaving the state aborts the effect; its late answer changes nothing', async () => {
    const one = await start('n1');
    let letGo: (outcome: EffectOutcome) => void = () => undefined;
    answers = [new Promise((resolve) => { letGo = resolve; })];
    const address = await one.create('walker', 'a');
    await one.send(address, { type: 'try' });
    await untilTrue(() => signals.length === 1);
    await one.send(address, { type: 'home' });
    await untilRecord(one, address, ({ effects }) => effects.length === 0);
    assert.equal(signals[0]!.aborted, true);
    letGo({ kind: 'unknown', reason: 'too late' });
    await systemClock.sleep(20);
    assert.equal(stateText(one.feed.actor(address)!.record.snapshot.value), 'idle');
  });

  it('the answer of an earlier epoch is dropped, also by the owner that comes back', async () => {
    const [one, two] = [await start('n1'), await start('n2')];
    let letGo: (outcome: EffectOutcome) => void = () => undefined;
    const never = new Promise<EffectOutcome>(() => undefined);
    answers = [new Promise((resolve) => { letGo = resolve; }), never, never];
    const address = await one.create('walker', 'a');
    await one.send(address, { type: 'try' });
    await untilTrue(() => asked.length === 1);
    await two.seize(address);
    await untilTrue(() => asked.length === 2);
    await one.seize(address);
    await untilTrue(() => asked.length === 3);
    letGo({ kind: 'refused', reason: 'of the first epoch' });
    await systemClock.sleep(20);
    assert.deepEqual(asked.map(({ epoch }) => epoch), [1, 2, 3]);
    assert.equal(stateText(one.feed.actor(address)!.record.snapshot.value), 'trying');
  });

  it('an effect without an answer is unknown at its deadline', async () => {
    const one = await start('n1');
    answers = [new Promise(() => undefined)];
    const address = await one.create('walker', 'a');
    await one.send(address, { type: 'any' });
    await untilTrue(() => asked.length === 1);
    await clock.advance(60_000);
    const record = await untilRecord(one, address, ({ effects }) => effects.length === 0);
    assert.equal(record.tail.at(-1)?.event.type, 'probe.unknown');
  });
});

describe('a guarded resource', () => {
  const stamp = (epoch: number, effectId: string) => ({ address: 'walker/a' as const, epoch, effectId });
  const done = (value: unknown): Promise<EffectOutcome> => Promise.resolve({ kind: 'done', value });

  it('refuses a smaller epoch than it has seen of that actor', async () => {
    const guard = new ResourceGuard();
    await guard.apply(stamp(2, 'x'), () => done(1));
    const outcome = await guard.apply(stamp(1, 'y'), () => done(2));
    assert.deepEqual(outcome, { kind: 'refused', reason: 'epoch 1 is over: the owner is at 2' });
    const other = await guard.apply({ ...stamp(1, 'z'), address: 'walker/b' }, () => done(3));
    assert.equal(other.kind, 'done');
  });

  it('does an effect id once: the second is given the first outcome, also while that is on its way', async () => {
    const guard = new ResourceGuard();
    let times = 0;
    const act = async (): Promise<EffectOutcome> => {
      times += 1;
      await systemClock.sleep(5);
      return { kind: 'done', value: times };
    };
    const both = await Promise.all([guard.apply(stamp(1, 'x'), act), guard.apply(stamp(2, 'x'), act)]);
    assert.deepEqual(both, [{ kind: 'done', value: 1 }, { kind: 'done', value: 1 }]);
    assert.deepEqual(await guard.apply(stamp(2, 'x'), act), { kind: 'done', value: 1 });
  });

  it('an unknown outcome is none: the same id may try again', async () => {
    const guard = new ResourceGuard();
    const failed = await guard.apply(stamp(1, 'x'), () => Promise.reject(new Error('cut')));
    assert.deepEqual(failed, { kind: 'unknown', reason: 'cut' });
    assert.deepEqual(await guard.apply(stamp(1, 'x'), () => done(7)), { kind: 'done', value: 7 });
  });
});
