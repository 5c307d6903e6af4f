/**
 * The pool machine: one Ceph pool for RBD, `pool/<name>`, owned by the primary. A pool is made in four steps, each of
 * which may be run again; one that cannot be finished is deleted again, as long as it is empty. Deleting opens Ceph's
 * own lock on it (mon_allow_pool_delete) for that moment only, and closes it whatever became of the deletion.
 */
import { assign, setup } from 'xstate';
import type { ActionsOf } from '../effects.js';
import type { PoolEffects } from './effects.js';
import type { PoolCommand, PoolContext, PoolEvent, PoolInput } from './messages.js';

/** Raise when an old snapshot would not mean the same. */
export const POOL_MACHINE_VERSION = 1;

/** What monitors answer within moments; an election lasts some seconds. A scan reads every image. Milliseconds. */
const QUICK_MS = 30_000;
const SCAN_MS = 600_000;

const AGAIN = { retry: { attempts: 6, delayMs: 500, factor: 2, maxDelayMs: 10_000 }, within: true } as const;
const quick = { deadlineMs: QUICK_MS, ...AGAIN };

const poolSetup = setup({
  types: {} as { context: PoolContext; events: PoolEvent; input: PoolInput },
  actions: {} as ActionsOf<PoolEffects>,
  guards: {
    isThere: ({ context }) => context.facts !== null,
  },
  delays: {
    /** Announced, and no command came: whoever announced it is gone. */
    plannedMs: 60_000,
    lookAgainMs: 5_000,
  },
});

type Creation = Extract<PoolCommand, { type: 'pool.create' }>;
const creation = (context: PoolContext): Creation => context.job as Creation;
const ofPool = ({ name }: PoolContext): { pool: string } => ({ pool: name });

const begin = poolSetup.assign(({ event }) => {
  if (!('operationId' in event)) return {};
  const { operationId, at: _at, ...command } = event;
  return { operation: { operationId, command: event.type }, job: command as PoolCommand, failure: null };
});

const noteFailure = poolSetup.assign(({ context, event }) =>
  context.failure === null && 'reason' in event ? { failure: event.reason } : {});

const noteUnknown = poolSetup.assign(({ context, event }) => context.failure === null && 'reason' in event
  ? { failure: `it is not known whether it was done: ${event.reason}` } : {});

const conclude = poolSetup.enqueueActions(({ context, enqueue }) => {
  const { operation, failure } = context;
  if (operation !== null) {
    enqueue({
      type: 'operation.end',
      params: { operationId: operation.operationId, state: failure === null ? 'done' : 'failed', message: failure },
    });
  }
  if (operation === null && context.job === null) return;
  enqueue.assign({ operation: null, job: null, failure: null });
});

const toUndoing = { target: '#removing', actions: noteFailure } as const;
const toUndoingUnknown = { target: '#removing', actions: noteUnknown } as const;
const toLooking = { target: '#looking', actions: noteFailure } as const;
const toLookingUnknown = { target: '#looking', actions: noteUnknown } as const;

const creating = poolSetup.createStateConfig({
  initial: 'ruling',
  states: {
    ruling: {
      entry: {
        type: 'pool.rule', params: ({ context }) => ({ ...ofPool(context), tier: creation(context).tier, ...quick }),
      },
      on: {
        'pool.rule.done': { target: 'making', actions: assign(({ event }) => ({ rule: event.result.rule })) },
        'pool.rule.refused': { target: '#removed', actions: noteFailure },
        'pool.rule.unknown': { target: '#removed', actions: noteUnknown },
      },
    },
    making: {
      entry: { type: 'pool.create', params: ({ context }) => (
        { ...ofPool(context), pgs: creation(context).pgs, rule: context.rule ?? '', ...quick }) },
      on: {
        'pool.create.done': 'replicating',
        'pool.create.refused': { target: '#removed', actions: noteFailure },
        'pool.create.unknown': toUndoingUnknown,
      },
    },
    replicating: {
      entry: { type: 'pool.replicate', params: ({ context }) => {
        const { copies, minCopies } = creation(context);
        return { ...ofPool(context), copies, minCopies, ...quick };
      } },
      on: {
        'pool.replicate.done': 'enabling', 'pool.replicate.refused': toUndoing,
        'pool.replicate.unknown': toUndoingUnknown,
      },
    },
    enabling: {
      entry: { type: 'pool.enable', params: ({ context }) => ({ ...ofPool(context), ...quick }) },
      on: {
        'pool.enable.done': '#looking', 'pool.enable.refused': toUndoing, 'pool.enable.unknown': toUndoingUnknown,
      },
    },
  },
});

const removing = poolSetup.createStateConfig({
  id: 'removing',
  initial: 'checking',
  states: {
    checking: {
      entry: { type: 'pool.check', params: ({ context }) => ({ ...ofPool(context), ...quick }) },
      on: { 'pool.check.done': 'allowing', 'pool.check.refused': toLooking, 'pool.check.unknown': toLookingUnknown },
    },
    allowing: {
      entry: { type: 'pool.allow', params: ({ context }) => ({ ...ofPool(context), allowed: true, ...quick }) },
      on: {
        'pool.allow.done': 'deleting',
        'pool.allow.refused': { target: 'forbidding', actions: noteFailure },
        'pool.allow.unknown': { target: 'forbidding', actions: noteUnknown },
      },
    },
    deleting: {
      entry: { type: 'pool.delete', params: ({ context }) => (
        { ...ofPool(context), onlyEmpty: context.job?.type === 'pool.create', ...quick }) },
      on: {
        'pool.delete.done': 'forbidding',
        'pool.delete.refused': { target: 'forbidding', actions: noteFailure },
        'pool.delete.unknown': { target: 'forbidding', actions: noteUnknown },
      },
    },
    forbidding: {
      entry: { type: 'pool.allow', params: ({ context }) => ({ ...ofPool(context), allowed: false, ...quick }) },
      on: { 'pool.allow.done': '#looking', 'pool.allow.refused': '#looking', 'pool.allow.unknown': '#looking' },
    },
  },
});

export const poolMachine = poolSetup.createMachine({
  id: 'pool',
  context: ({ input }) => ({ ...input, operation: null, job: null, failure: null, rule: null }),
  initial: 'born',
  states: {
    born: { always: [{ guard: 'isThere', target: 'available' }, { target: 'planned' }] },
    planned: {
      on: { 'pool.create': { target: 'creating', actions: begin } },
      after: { plannedMs: 'removed' },
    },
    creating,
    available: {
      entry: conclude,
      on: {
        'pool.setPgs': { target: 'changing', actions: begin },
        'pool.remove': { target: 'removing', actions: begin },
        'pool.scan': { target: 'scanning', actions: begin },
        'pool.observed': { actions: assign(({ event }) => ({ facts: event.facts })) },
        'pool.vanished': 'removed',
      },
    },
    changing: {
      entry: { type: 'pool.setPgs', params: ({ context }) => (
        { ...ofPool(context), pgs: context.job?.type === 'pool.setPgs' ? context.job.pgs : 0, ...quick }) },
      on: { 'pool.setPgs.done': 'looking', 'pool.setPgs.refused': toLooking, 'pool.setPgs.unknown': toLookingUnknown },
    },
    scanning: {
      entry: { type: 'pool.scan', params: ({ context }) => (
        { ...ofPool(context), deadlineMs: SCAN_MS, within: true as const }) },
      on: { 'pool.scan.done': 'looking', 'pool.scan.refused': toLooking, 'pool.scan.unknown': toLookingUnknown },
    },
    removing,
    looking: {
      id: 'looking',
      entry: { type: 'pool.look', params: ({ context }) => ({ ...ofPool(context), ...quick }) },
      on: {
        'pool.look.done': [
          {
            guard: ({ event }) => event.result.facts !== null,
            target: 'available',
            actions: assign(({ event }) => ({ facts: event.result.facts })),
          },
          {
            // Gone: that is what was asked for, or else why it failed.
            target: 'removed',
            actions: assign(({ context }) => ({
              failure: context.job?.type === 'pool.remove' ? null
                : context.failure ?? 'there is no such pool in Ceph any more',
            })),
          },
        ],
        'pool.look.refused': 'lookingAgain',
        'pool.look.unknown': 'lookingAgain',
      },
    },
    lookingAgain: { after: { lookAgainMs: 'looking' } },
    removed: { id: 'removed', type: 'final', entry: [conclude, { type: 'actor.remove', params: { names: [] } }] },
  },
});
