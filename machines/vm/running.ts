/** Parts of the VM chart: the guest runs, is being ended, or must be looked at. */
import { assign } from 'xstate';
import { cutShortOn, evacuationOf, returnOf, withDisks } from './changes.js';
import { alsoMayRunOn } from './copies.js';
import { changesDevices } from './devices.js';
import type { VmContext } from './messages.js';
import { movesAway } from './moves.js';
import { beginOperation, conclude, noCopyHere, takeOwner, vmSetup, waitForReason, wishEnd } from './setup.js';
import { takesSnapshots } from './snapshots.js';
import { postponeEnd } from './starting.js';
import { VM_DEADLINES, VM_LIMITS } from './timing.js';

const end = { target: '#stopping', actions: [beginOperation, wishEnd] } as const;

/** A failed move leaves the guest where it was: the end of that operation is a failure. */
const concludeRunning = conclude((context: VmContext) => (context.move === null ? null : context.move.failure));

/** What the guard ends because its node's lease is over is no fault of the guest's: it is never given up for that. */
const crash = vmSetup.assign(({ context, event }) => ({
  crashes: 'leaseOver' in event && event.leaseOver === true ? context.crashes : context.crashes + 1,
  failedReason: 'detail' in event ? `The guest ended by itself: ${event.detail}` : 'The guest ended by itself',
}));

/** Each time counts like a crash, until it was stable again. */
const stall = vmSetup.assign(({ context }) => ({
  crashes: context.crashes + 1,
  waitingReason: 'One of its disks reports errors: it stands still and is tried again',
  failedReason: 'One of its disks reports errors',
}));

/** As after too many crashes: it comes to rest as failed, with the reason. */
const giveUpOnError = vmSetup.assign({
  crashes: VM_LIMITS.crashesMax,
  failedReason: 'One of its disks reported an error, and its policy is to stop then: '
    + 'look at its storage, then start it',
});

/** Back under the same boot: look before acting. Under any other: the guest went with its node. */
const lookAgain = [
  { guard: 'ownerKeptItsBoot', target: '#observing', actions: takeOwner },
  { target: '#recovering', actions: takeOwner },
] as const;

/** A copy is here, whatever the record thought: a start that came late, for one. */
const copyHere = vmSetup.assign(({ context }) =>
  context.owner === null ? {} : { mayRunOn: alsoMayRunOn(context.mayRunOn, context.owner) },
);

export const running = vmSetup.createStateConfig({
  id: 'running',
  entry: [
    concludeRunning,
    vmSetup.assign({
      desired: 'start',
      move: null,
      stop: null,
      target: null,
      waitingReason: null,
      failedReason: null,
      triedNodes: [],
    }),
  ],
  always: [
    { guard: 'guestHasNews', target: '#changing.resizing' },
    { guard: 'mustDrop', target: '#discarding' },
  ],
  after: { stableMs: { actions: vmSetup.assign({ crashes: 0, startFailures: 0 }) } },
  on: {
    ...changesDevices,
    ...takesSnapshots,
    'vm.shutdown': end,
    'vm.stop': end,
    'vm.restart': end,
    'vm.disable': end,
    'vm.undefine': end,
    ...movesAway,
    'vm.modify': [
      {
        guard: ({ event }) => event.restart,
        target: '#stopping',
        actions: [beginOperation, assign(({ event }) => ({ definition: event.definition })), wishEnd],
      },
      {
        actions: [
          assign(({ event }) => ({ definition: event.definition })),
          {
            type: 'operation.end',
            params: ({ event }) => ({ operationId: event.operationId, state: 'done', message: null }),
          },
        ],
      },
    ],
    'vm.evacuate': [
      {
        guard: ({ event }) => event.target !== null,
        target: '#migrating',
        actions: assign(({ context, event }) => ({
          move: evacuationOf(context, event.target!),
          target: event.target,
          reportTo: event.replyTo,
        })),
      },
      {
        // Nowhere to go: off now, and on again with its node's `ready` (PVC).
        target: '#stopping',
        actions: assign(({ context, event }) => ({
          desired: 'stop',
          stop: { then: 'rest', force: false },
          reportTo: event.replyTo,
          meta: { ...context.meta, autostart: true },
          waitingReason: event.reason,
        })),
      },
    ],
    // A live migration would wait for the very writes that hang.
    'vm.forsake': {
      guard: 'isWhereItRuns',
      target: '#stopping',
      actions: assign(({ context, event }) => ({
        stop: { then: 'relocate', force: true },
        target: event.target,
        ...cutShortOn({ ...context, definition: withDisks(context.definition, event.rbdDisks) }, event.boot.node),
        definition: withDisks(context.definition, event.rbdDisks),
        waitingReason: `${event.boot.node} has no way to the storage: it begins anew on ${event.target.node}`,
      })),
    },
    'vm.return': {
      target: '#migrating',
      actions: assign(({ event }) => ({
        move: returnOf(event.target),
        target: event.target,
        reportTo: event.replyTo,
      })),
    },
    'guest.stopped': [
      // Ended from outside, not by its own wish: it is to run.
      { guard: ({ event }) => /destroy|fail|crash|kill/.test(event.detail), target: '#observing', actions: crash },
      { target: '#ended', actions: [vmSetup.assign({ desired: 'stop' }), noCopyHere] },
    ],
    'guest.crashed': { target: '#observing', actions: crash },
    'guest.stalled': [
      {
        guard: ({ context }) => context.meta.ioErrors === 'stop', target: '#observing.clearing',
        actions: giveUpOnError,
      },
      // Going on does not help (its client is shut out for good, for one): a new QEMU may.
      { guard: 'stalledTooOften', target: '#observing.clearing', actions: stall },
      { target: '#observing.lookingAgain', actions: stall },
    ],
    'owner.acquired': lookAgain,
  },
});

export const stopping = vmSetup.createStateConfig({
  id: 'stopping',
  initial: 'choosing',
  on: { 'owner.acquired': lookAgain },
  states: {
    /** Transient: ask the guest, or not. */
    choosing: {
      always: [
        { guard: ({ context }) => context.stop?.force === true, target: 'destroying' },
        { target: 'shuttingDown' },
      ],
    },
    shuttingDown: {
      entry: {
        type: 'hypervisor.shutdown',
        params: ({ context }) => ({ uuid: context.uuid, deadlineMs: VM_DEADLINES.askMs }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'hypervisor.shutdown' } },
      after: { shutdownMs: 'destroying' },
      on: {
        'guest.stopped': { target: '#ended', actions: noCopyHere },
        'guest.crashed': 'destroying',
        'hypervisor.shutdown.done': { actions: vmSetup.assign({ waitingReason: null }) },
        'hypervisor.shutdown.refused': { actions: waitForReason },
        'hypervisor.shutdown.unknown': { actions: waitForReason },
        'vm.stop': { target: 'destroying', actions: [beginOperation, wishEnd] },
        'vm.undefine': { target: 'destroying', actions: [beginOperation, wishEnd] },
        'vm.disable': { actions: [beginOperation, wishEnd] },
      },
    },
    destroying: {
      entry: {
        type: 'hypervisor.destroy',
        params: ({ context }) => ({ uuid: context.uuid, deadlineMs: VM_DEADLINES.destroyMs }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'hypervisor.destroy' } },
      on: {
        'hypervisor.destroy.done': { target: '#ended', actions: noCopyHere },
        'hypervisor.destroy.refused': { target: 'destroyingAgain', actions: waitForReason },
        'hypervisor.destroy.unknown': { target: 'destroyingAgain', actions: waitForReason },
      },
    },
    destroyingAgain: { after: { retryMs: 'destroying' } },
  },
});

/** The guest ended after it was looked at or resumed, and before that answer came: the answer is of the past. */
const endedMeanwhile = {
  'guest.stopped': { target: '#observing.looking', reenter: true },
  'guest.crashed': { target: '#observing.looking', reenter: true },
} as const;

/** What the hypervisor says decides; nothing is assumed. */
export const observing = vmSetup.createStateConfig({
  id: 'observing',
  initial: 'looking',
  on: { ...postponeEnd, 'owner.acquired': lookAgain },
  states: {
    looking: {
      entry: {
        type: 'hypervisor.observe',
        params: ({ context }) => ({ uuid: context.uuid, deadlineMs: VM_DEADLINES.observeMs }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'hypervisor.observe' } },
      on: {
        'hypervisor.observe.done': [
          { guard: ({ event }) => event.result.state === 'absent', target: '#ended', actions: noCopyHere },
          { guard: ({ event }) => event.result.state === 'running', target: 'present', actions: copyHere },
          {
            guard: ({ context, event }) => event.result.state === 'paused' && context.stop === null,
            target: 'resuming',
            actions: copyHere,
          },
          { guard: ({ event }) => event.result.state === 'shutting-down', target: 'lookingAgain', actions: copyHere },
          // crashed, off, half-arrived, or not wanted any more: worth nothing
          { target: 'clearing', actions: copyHere },
        ],
        ...endedMeanwhile,
        'hypervisor.observe.refused': { target: 'lookingAgain', actions: waitForReason },
        'hypervisor.observe.unknown': { target: 'lookingAgain', actions: waitForReason },
      },
    },
    lookingAgain: { after: { retryMs: 'looking' } },
    /** Transient: it runs. After a failed attempt to move it that is not the end yet. */
    present: {
      always: [
        { guard: ({ context }) => context.mayRunOn.length > 1, target: '#migrating.clearingTarget' },
        { guard: 'endIsWanted', target: '#stopping' },
        { guard: 'moveFailed', target: '#migrating.failing' },
        { target: '#running' },
      ],
    },
    resuming: {
      entry: {
        type: 'hypervisor.resume',
        params: ({ context }) => ({ uuid: context.uuid, deadlineMs: VM_DEADLINES.resumeMs }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'hypervisor.resume' } },
      on: {
        ...endedMeanwhile,
        'hypervisor.resume.done': 'present',
        'hypervisor.resume.refused': { target: 'lookingAgain', actions: waitForReason },
        'hypervisor.resume.unknown': { target: 'lookingAgain', actions: waitForReason },
      },
    },
    clearing: {
      entry: {
        type: 'hypervisor.destroy',
        params: ({ context }) => ({ uuid: context.uuid, deadlineMs: VM_DEADLINES.destroyMs }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'hypervisor.destroy' } },
      on: {
        'hypervisor.destroy.done': { target: '#ended', actions: noCopyHere },
        'hypervisor.destroy.refused': { target: 'lookingAgain', actions: waitForReason },
        'hypervisor.destroy.unknown': { target: 'lookingAgain', actions: waitForReason },
      },
    },
  },
});
