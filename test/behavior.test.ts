import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assign, setup } from 'xstate';
import { behaviorOf, stateText } from '../runtime/behavior.js';

const lamp = setup({
  types: {} as { context: { count: number }; events: { type: 'press'; by: number } | { type: 'fail' } },
  actions: {} as { shine: (unused: unknown, params: { watts: number }) => void },
  delays: { tired: 250 },
}).createMachine({
  context: { count: 0 },
  initial: 'off',
  states: {
    off: {
      on: {
        press: {
          target: 'on',
          actions: [
            assign({ count: ({ context, event }) => context.count + event.by }),
            { type: 'shine', params: ({ context }) => ({ watts: context.count * 10 }) },
          ],
        },
      },
    },
    on: {
      after: { tired: 'off' },
      on: { press: 'off', fail: { actions: assign({ count: () => { throw new Error('broken filament'); } }) } },
    },
  },
});

const definition = { kind: 'lamp', version: 1, machine: lamp, admit: () => ({ kind: 'accept' as const }) };

describe('XState as a pure function (its inert scope, version pinned)', () => {
  const behavior = behaviorOf(definition);

  it('gives actions as data with their params, run in order, nothing executed', () => {
    const first = behavior.init(undefined);
    assert.equal(stateText(first.snapshot.value), 'off');
    const next = behavior.react(first.snapshot, { type: 'press', by: 4 });
    assert.equal(stateText(next.snapshot.value), 'on');
    assert.deepEqual(next.snapshot.context, { count: 4 });
    assert.deepEqual(next.actions[0], { type: 'shine', params: { watts: 40 } });
    const timer = next.actions.find((action) => action.type === 'xstate.raise');
    assert.equal(timer?.params['delay'], 250);
    assert.equal(typeof timer?.params['id'], 'string');
  });

  it('names the timer again when the state is left, and takes its event back in', () => {
    const on = behavior.react(behavior.init(undefined).snapshot, { type: 'press', by: 1 });
    const timer = on.actions.find((action) => action.type === 'xstate.raise')!;
    const left = behavior.react(on.snapshot, { type: 'press', by: 1 });
    const cancelled = left.actions.filter((action) => action.type === 'xstate.cancel');
    assert.ok(cancelled.some((action) => action.params['sendId'] === timer.params['id']));
    const fired = behavior.react(on.snapshot, timer.params['event'] as { type: string });
    assert.equal(stateText(fired.snapshot.value), 'off');
  });

  it('restores from plain JSON and gives the same answer', () => {
    const on = behavior.react(behavior.init(undefined).snapshot, { type: 'press', by: 2 });
    const restored = JSON.parse(JSON.stringify(on.snapshot)) as typeof on.snapshot;
    const press = { type: 'press', by: 1 };
    assert.deepEqual(behavior.react(restored, press).snapshot, behavior.react(on.snapshot, press).snapshot);
  });

  it('throws what an assign throws, and is usable afterwards', () => {
    const on = behavior.react(behavior.init(undefined).snapshot, { type: 'press', by: 2 });
    assert.throws(() => behavior.react(on.snapshot, { type: 'fail' }), /broken filament/);
    assert.equal(stateText(behavior.react(on.snapshot, { type: 'press', by: 1 }).snapshot.value), 'off');
  });

  it('refuses events of XState itself from outside, timers aside', () => {
    const off = behavior.init(undefined).snapshot;
    assert.deepEqual(behavior.react(off, { type: 'xstate.done.actor.x' }), { snapshot: off, actions: [] });
  });

  it('leaves an unknown event without a trace', () => {
    const off = behavior.init(undefined).snapshot;
    const same = behavior.react(off, { type: 'nothing' });
    assert.equal(same.snapshot.context, off.context);
    assert.deepEqual(same.actions, []);
  });

  it('knows no more of what was than its record tells: an owner that restores it goes the same way', () => {
    const machine = setup({}).createMachine({
      initial: 'awake',
      states: {
        awake: {
          initial: 'one', on: { sleep: 'asleep' },
          states: { one: { on: { next: 'two' } }, two: {}, before: { type: 'history' } },
        },
        asleep: { on: { wake: 'awake.before' } },
      },
    });
    const sleeper = behaviorOf({ kind: 'sleeper', version: 1, machine, admit: () => ({ kind: 'accept' }) });
    let live = sleeper.init(undefined).snapshot;
    let restored = live;
    for (const type of ['next', 'sleep', 'wake']) {
      live = sleeper.react(live, { type }).snapshot;
      restored = structuredClone(sleeper.react(restored, { type }).snapshot);
      assert.deepEqual(live, restored);
    }
  });

  it('goes on from thousands of actors in turn as from one', () => {
    const actors = Array.from({ length: 5000 }, () => behavior.init(undefined).snapshot);
    for (let round = 1; round <= 3; round += 1) {
      actors.forEach((snapshot, at) => { actors[at] = behavior.react(snapshot, { type: 'press', by: 1 }).snapshot; });
    }
    const seen = actors.map(({ value, context }) => `${stateText(value)} ${String(context['count'])}`);
    assert.deepEqual(new Set(seen), new Set(['on 2']));
  });
});
