/**
 * Part of the node chart: may it hold VMs? PVC's words ready, flush, flushed, unflush, with an honest end:
 * flushed only when nothing is left on it, else `blocked` with the reasons. Level-triggered: the plan is made
 * anew from what is really there until nothing is left to do.
 */
import { beginOperation, endAtOnce, endOperation, nodeSetup, waitForAnswer } from './setup.js';
import { NODE_DEADLINES } from './timing.js';

const answered = nodeSetup.assign(({ context, event }) => {
  if (event.type !== 'vm.left' && event.type !== 'vm.stayed') return {};
  return {
    awaiting: context.awaiting.filter((uuid) => uuid !== event.uuid),
    stayed:
      event.type === 'vm.stayed'
        ? [...context.stayed.filter((line) => !line.startsWith(event.uuid)), `${event.uuid}: ${event.reason}`]
        : context.stayed,
  };
});

const clear = nodeSetup.assign({ awaiting: [], stayed: [] });

const tellToLeave = nodeSetup.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== 'cluster.evacuate.done') return;
  for (const { uuid, target, reason } of event.result.moves) {
    enqueue({
      type: 'tell',
      params: { to: `vm/${uuid}`, event: { type: 'vm.evacuate', target, reason, replyTo: `node/${context.name}` } },
    });
  }
  enqueue.assign({ awaiting: event.result.moves.map((move) => move.uuid), stayed: [] });
});

const tellToReturn = nodeSetup.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== 'cluster.homecoming.done' || event.result.boot === null) return;
  for (const uuid of event.result.back) {
    enqueue({
      type: 'tell',
      params: {
        to: `vm/${uuid}`,
        event: { type: 'vm.return', target: event.result.boot, replyTo: `node/${context.name}` },
      },
    });
  }
  for (const uuid of event.result.start) {
    const after = event.result.after?.[uuid];
    enqueue({ type: 'tell', params: { to: `vm/${uuid}`, event: { type: 'vm.autostart', ...(after && { after }) } } });
  }
  enqueue.assign({ awaiting: event.result.back, stayed: [] });
});

const waitsForVms = nodeSetup.assign(({ context }) => ({
  waitingReason: context.stayed.length === 0 ? null : `VMs that could not be moved: ${context.stayed.join('; ')}`,
}));

const takeFlush = nodeSetup.assign(({ event }) => ({ flushStays: event.type === 'node.flush' && event.stay === true }));

const forgetLeaving = nodeSetup.assign({ leaving: null });
/** returns: whoever emptied it for its way down makes it ready when it is back. */
const takeLeave = (returns: boolean) => nodeSetup.assign(({ context, event }) =>
  event.type === 'node.leave' && context.boot !== null
    ? { leaving: { bootId: context.boot.bootId, returns }, flushStays: event.policy === 'freeze' } : {});

const toFlush = { target: '#flushing', actions: [beginOperation, takeFlush] } as const;
const toReady = { target: '#readying', actions: [beginOperation, forgetLeaving] } as const;
/** Nothing is to be done before it goes. */
const justLeave = { actions: endAtOnce } as const;
const toLeave = [
  { guard: 'leavesWithVms', target: '#flushing', actions: [beginOperation, takeLeave(true)] },
  justLeave,
] as const;
/** Only once its new boot is known and what the old one left is settled. */
const whenBack = [
  { guard: 'returnsFromLeaving', target: '#readying', actions: forgetLeaving },
  { guard: 'isBackFromLeaving', actions: forgetLeaving },
] as const;

export const ready = nodeSetup.createStateConfig({
  id: 'ready',
  entry: [
    endOperation((context) => (context.stayed.length === 0 ? null : `Ready; not back: ${context.stayed.join('; ')}`)),
    clear,
  ],
  on: { 'node.flush': toFlush, 'node.leave': toLeave },
});

export const flushed = nodeSetup.createStateConfig({
  id: 'flushed',
  entry: [clear, nodeSetup.assign({ waitingReason: null }), endOperation(() => null)],
  always: whenBack,
  on: { 'node.ready': toReady, 'node.leave': justLeave },
});

export const flushing = nodeSetup.createStateConfig({
  id: 'flushing',
  initial: 'planning',
  always: whenBack,
  after: {
    leaveMs: {
      guard: 'isLeaving',
      actions: endOperation((context) => `Not empty: ${context.waitingReason ?? 'VMs are left'}`),
    },
  },
  on: {
    'node.ready': toReady,
    // Somebody is emptying it: that goes on, by the way that the policy wants, and is his to end.
    'node.leave': [
      {
        guard: 'leavesWithVms',
        target: '#flushing',
        reenter: true,
        actions: [beginOperation, takeLeave(false)],
      },
      justLeave,
    ],
  },
  states: {
    planning: {
      entry: {
        type: 'cluster.evacuate',
        params: ({ context }) => ({
          node: context.name,
          deadlineMs: NODE_DEADLINES.planMs,
          ...(context.flushStays ? { stay: true } : {}),
        }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'cluster.evacuate' } },
      on: {
        'cluster.evacuate.done': [
          {
            guard: ({ event }) => event.result.moves.length === 0 && event.result.busy.length === 0,
            target: '#flushed',
          },
          { target: 'moving', actions: tellToLeave },
        ],
        'cluster.evacuate.refused': { target: 'blocked', actions: waitForAnswer },
        'cluster.evacuate.unknown': { target: 'blocked', actions: waitForAnswer },
      },
    },
    /** The VMs go, each by its own actor, all at once; some may have been under way before. */
    moving: {
      after: { flushCheckMs: 'planning' },
      on: {
        'vm.left': { actions: answered, target: 'counting' },
        'vm.stayed': { actions: answered, target: 'counting' },
      },
    },
    /** Transient. */
    counting: {
      always: [
        { guard: ({ context }) => context.awaiting.length > 0, target: 'moving' },
        { guard: ({ context }) => context.stayed.length > 0, target: 'blocked', actions: waitsForVms },
        { target: 'planning' },
      ],
    },
    /** Not empty, and the reasons are told: tried again now and then. */
    blocked: { after: { flushRetryMs: { target: 'planning', actions: nodeSetup.assign({ stayed: [] }) } } },
  },
});

export const readying = nodeSetup.createStateConfig({
  id: 'readying',
  initial: 'planning',
  on: { 'node.flush': toFlush, 'node.leave': toLeave },
  states: {
    planning: {
      entry: {
        type: 'cluster.homecoming',
        params: ({ context }) => ({ node: context.name, deadlineMs: NODE_DEADLINES.planMs }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'cluster.homecoming' } },
      on: {
        'cluster.homecoming.done': [
          { guard: ({ event }) => event.result.back.length === 0, target: '#ready', actions: tellToReturn },
          { target: 'returning', actions: tellToReturn },
        ],
        'cluster.homecoming.refused': { target: 'planningAgain', actions: waitForAnswer },
        'cluster.homecoming.unknown': { target: 'planningAgain', actions: waitForAnswer },
      },
    },
    planningAgain: { after: { retryMs: 'planning' } },
    /** VMs come home; the node is ready when each has said how it went, or when that takes too long. */
    returning: {
      after: { homecomingMs: '#ready' },
      on: {
        'vm.left': [
          {
            guard: ({ context, event }) => context.awaiting.every((uuid) => uuid === event.uuid),
            target: '#ready',
            actions: answered,
          },
          { actions: answered },
        ],
        'vm.stayed': [
          {
            guard: ({ context, event }) => context.awaiting.every((uuid) => uuid === event.uuid),
            target: '#ready',
            actions: answered,
          },
          { actions: answered },
        ],
      },
    },
  },
});
