/**
 * Part of the VM chart: another node is to run the guest (rule 2, I10).
 * The one commit point is the change of owner in `handingOver`, made only when the hypervisor said
 * that the source's copy is gone and the target's is paused. Any other end is resolved by looking at
 * both sides; until then nothing is committed and the target stays on mayRunOn.
 */
import { assign } from 'xstate';
import { alsoMayRunOn, byAgentAbsence, byOwnObservation, sameBoot, without } from './copies.js';
import type { VmContext, VmMove } from './messages.js';
import { forgetProved, takeOwner, vmSetup, waitForReason } from './setup.js';
import { postponeEnd } from './starting.js';
import { VM_DEADLINES, VM_LIMITS } from './timing.js';

const placeParams = ({ context }: { context: VmContext }) => ({
  uuid: context.uuid,
  purpose: 'migrate' as const,
  only: context.move?.only ?? null,
  prefer: null,
  exclude: [context.node],
  memoryMiB: context.definition.memoryMiB,
  vcpus: context.definition.vcpus,
  nodeLimit: context.meta.nodeLimit,
  selector: context.meta.nodeSelector,
  asked: context.operation !== null,
  deadlineMs: VM_DEADLINES.placeMs,
});

const failedBecause = (move: VmMove | null, reason: string): VmMove | null =>
  move === null ? null : { ...move, failure: reason };

/** The boot other than ours that may hold a copy: the target whose attempt failed. */
const otherSide = (context: VmContext) => context.mayRunOn.find((boot) => !sameBoot(boot, context.owner)) ?? null;

export const isAnswer = ({ context, event }: { context: VmContext; event: { requestId: string } }): boolean =>
  event.requestId === `${context.uuid}:${context.question}`;

/** Asks the other side's agent. The number makes sure that only the answer to this question counts. */
export const askOtherSide = (type: 'agent.observe' | 'agent.ensure-absent') => [
  vmSetup.assign(({ context }) => ({ question: context.question + 1 })),
  vmSetup.enqueueActions(({ context, enqueue }) => {
    for (const boot of context.mayRunOn) {
      if (sameBoot(boot, context.owner)) continue;
      enqueue({
        type: 'tell',
        params: {
          to: `agent/${boot.node}`,
          event: {
            type,
            uuid: context.uuid,
            replyTo: `vm/${context.uuid}`,
            requestId: `${context.uuid}:${context.question}`,
          },
        },
      });
    }
  }),
];

const sourceGone = vmSetup.assign(({ context }) =>
  context.owner === null ? {} : { mayRunOn: without(context.mayRunOn, byOwnObservation(context.owner)) },
);

/** A restart while both sides are looked at: looked at anew, or a whole copy at the target would pass for nothing. */
const lookOn = {
  'owner.acquired': [
    { guard: 'ownerKeptItsBoot', target: '#migrating.lookingAtSource', actions: takeOwner },
    { target: '#recovering', actions: takeOwner },
  ],
} as const;

export const migrating = vmSetup.createStateConfig({
  id: 'migrating',
  initial: 'beginning',
  on: {
    'owner.acquired': [
      { guard: 'ownerKeptItsBoot', target: '#observing', actions: takeOwner },
      { target: '#recovering', actions: takeOwner },
    ],
  },
  states: {
    /** Transient: the planner of a flush names the target, a user may leave it open. */
    beginning: { always: [{ guard: 'targetIsKnown', target: 'preparing' }, { target: 'choosing' }] },
    choosing: {
      entry: { type: 'cluster.place', params: placeParams },
      exit: { type: 'effect.cancel', params: { kind: 'cluster.place' } },
      on: {
        'guest.stopped': '#observing',
        'guest.crashed': '#observing',
        'cluster.place.done': [
          {
            guard: ({ event }) => event.result.target !== null,
            target: 'preparing',
            actions: assign(({ event }) => ({ target: event.result.target })),
          },
          {
            target: '#running',
            actions: assign(({ context, event }) => ({
              move: failedBecause(context.move, event.result.reason ?? 'No node can take it'),
            })),
          },
        ],
        'cluster.place.refused': {
          target: '#running',
          actions: assign(({ context, event }) => ({ move: failedBecause(context.move, event.reason) })),
        },
        'cluster.place.unknown': {
          target: '#running',
          actions: assign(({ context, event }) => ({ move: failedBecause(context.move, event.reason) })),
        },
      },
    },
    /** Transient: live, or by shutdown and start. */
    preparing: {
      always: [
        {
          guard: ({ context }) =>
            context.move?.forceLive !== true &&
            (context.move?.cold === true || context.meta.migrationMethod === 'shutdown'),
          target: '#stopping',
          actions: vmSetup.assign({ stop: { then: 'relocate', force: false } }),
        },
        {
          target: 'copying',
          actions: vmSetup.assign(({ context }) => ({
            mayRunOn: context.target === null ? context.mayRunOn : alsoMayRunOn(context.mayRunOn, context.target),
            move:
              context.move === null ? null : { ...context.move, attempts: context.move.attempts + 1, failure: null },
          })),
        },
      ],
    },
    /** The target is on mayRunOn; hypervisor.migrate runs, the copy arrives paused. */
    copying: {
      entry: {
        type: 'hypervisor.migrate',
        params: ({ context }) => ({
          uuid: context.uuid,
          target: context.target?.node ?? '',
          maxDowntimeMs: context.meta.migrationMaxDowntimeMs,
          deadlineMs: VM_DEADLINES.migrateMs,
        }),
      },
      on: {
        // The pending effect is answered `unknown` when it is resumed after a restart.
        'owner.acquired': [
          { guard: 'ownerKeptItsBoot', actions: takeOwner },
          {
            target: '#recovering',
            actions: [takeOwner, { type: 'effect.cancel', params: { kind: 'hypervisor.migrate' } }],
          },
        ],
        'hypervisor.migrate.done': {
          target: 'handingOver',
          actions: [
            sourceGone,
            { type: 'owner.transfer', params: ({ context }) => ({ to: context.target?.node ?? '' }) },
          ],
        },
        'hypervisor.migrate.refused': {
          target: 'lookingAtSource',
          actions: assign(({ context, event }) => ({ move: failedBecause(context.move, event.reason) })),
        },
        'hypervisor.migrate.unknown': {
          target: 'lookingAtSource',
          actions: assign(({ context, event }) => ({ move: failedBecause(context.move, event.reason) })),
        },
      },
    },
    /** The commit point is behind us: the target owns the VM and its paused copy. */
    handingOver: {
      entry: vmSetup.assign(({ context }) => ({
        node: context.target?.node ?? context.node,
        lastNode: context.move?.lastNode ?? null,
      })),
      after: { handOverMs: '#recovering' },
      on: {
        'owner.acquired': [
          { guard: 'ownerHoldsTheCopy', target: 'resuming', actions: takeOwner },
          { target: '#recovering', actions: takeOwner },
        ],
        // The target's daemon is away for a moment; its paused copy is the guest.
        'owner.transfer.refused': { target: 'lookingAtTarget', actions: waitForReason },
      },
    },
    resuming: {
      entry: {
        type: 'hypervisor.resume',
        params: ({ context }) => ({ uuid: context.uuid, deadlineMs: VM_DEADLINES.resumeMs }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'hypervisor.resume' } },
      on: {
        'hypervisor.resume.done': [{ guard: 'endIsWanted', target: '#stopping' }, { target: '#running' }],
        // It ended before the answer came: the answer is of the past.
        'guest.stopped': { target: '#observing', actions: vmSetup.assign({ move: null }) },
        'guest.crashed': { target: '#observing', actions: vmSetup.assign({ move: null }) },
        'hypervisor.resume.refused': { target: '#observing', actions: vmSetup.assign({ move: null }) },
        'hypervisor.resume.unknown': { target: '#observing', actions: vmSetup.assign({ move: null }) },
      },
    },
    lookingAtSource: {
      entry: {
        type: 'hypervisor.observe',
        params: ({ context }) => ({ uuid: context.uuid, deadlineMs: VM_DEADLINES.observeMs }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'hypervisor.observe' } },
      on: {
        ...postponeEnd,
        ...lookOn,
        'hypervisor.observe.done': [
          { guard: ({ event }) => event.result.state === 'absent', target: 'lookingAtTarget', actions: sourceGone },
          { target: 'clearingTarget' },
        ],
        'hypervisor.observe.refused': { target: 'lookingAtSourceAgain', actions: waitForReason },
        'hypervisor.observe.unknown': { target: 'lookingAtSourceAgain', actions: waitForReason },
      },
    },
    lookingAtSourceAgain: { after: { retryMs: 'lookingAtSource' }, on: { ...postponeEnd, ...lookOn } },
    /** The source has no copy: did the whole guest arrive? */
    lookingAtTarget: {
      entry: askOtherSide('agent.observe'),
      after: { askAgainMs: { target: 'lookingAtTarget', reenter: true } },
      on: {
        ...postponeEnd,
        ...lookOn,
        'agent.observed': [
          {
            guard: ({ context, event }) =>
              isAnswer({ context, event }) &&
              sameBoot(context.target, event) &&
              (event.state === 'paused' || event.state === 'running'),
            target: 'handingOver',
            actions: { type: 'owner.transfer', params: ({ context }) => ({ to: context.target?.node ?? '' }) },
          },
          { guard: isAnswer, target: 'clearingTarget' },
        ],
        'boot.fenced': { target: '#observing', actions: forgetProved },
      },
    },
    /** Names no target any more, so that the target's agent may destroy what arrived there. */
    clearingTarget: {
      entry: [vmSetup.assign({ target: null }), ...askOtherSide('agent.ensure-absent')],
      always: { guard: ({ context }) => otherSide(context) === null, target: '#observing' },
      after: { askAgainMs: { target: 'clearingTarget', reenter: true } },
      on: {
        ...postponeEnd,
        'agent.absent': {
          guard: isAnswer,
          target: '#observing',
          actions: assign(({ context, event }) => ({ mayRunOn: without(context.mayRunOn, byAgentAbsence(event)) })),
        },
        'agent.failed': { guard: isAnswer, actions: waitForReason },
        'boot.fenced': { target: '#observing', actions: forgetProved },
      },
    },
    /** Transient: it still runs at the source. Again, cold, or not at all (PVC's fallback). */
    failing: {
      always: [
        { guard: ({ context }) => context.move?.failure === null, target: 'pausing' },
        { guard: ({ context }) => (context.move?.attempts ?? 0) < VM_LIMITS.liveAttemptsMax, target: 'pausing' },
        {
          guard: ({ context }) => context.meta.migrationMethod === 'none' && context.move?.forceLive === false,
          target: 'choosing',
          actions: vmSetup.assign(({ context }) => ({
            move: context.move === null ? null : { ...context.move, cold: true },
          })),
        },
        { target: '#running' },
      ],
    },
    pausing: {
      after: { retryMs: 'choosing' },
      on: { ...postponeEnd, 'guest.stopped': '#observing', 'guest.crashed': '#observing' },
    },
  },
});
