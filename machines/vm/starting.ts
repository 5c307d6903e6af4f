/** Part of the VM chart: it is to run, and does not yet. */
import { assign } from 'xstate';
import { homeAfterRecovery } from './changes.js';
import { launchOn, soleRunner } from './copies.js';
import type { BootRef, VmContext } from './messages.js';
import { handBack } from './off.js';
import { beginOperation, takeOwner, vmSetup, waitForReason, wishEnd } from './setup.js';
import { VM_DEADLINES } from './timing.js';

/** Nothing runs yet: what is wanted changes at once. */
const endBeforeStart = { target: '#ended', actions: [beginOperation, wishEnd] } as const;
const giveUpStarting = {
  'vm.shutdown': endBeforeStart,
  'vm.stop': endBeforeStart,
  'vm.disable': endBeforeStart,
  'vm.undefine': endBeforeStart,
} as const;
/** A start is under way and cannot be called back: the wish is kept and granted once its outcome is known. */
const endAfterStart = { actions: [beginOperation, wishEnd] } as const;
export const postponeEnd = {
  'vm.shutdown': endAfterStart,
  'vm.stop': endAfterStart,
  'vm.disable': endAfterStart,
  'vm.undefine': endAfterStart,
} as const;

/** A cold move has its own idea of home; any other start elsewhere is temporary. */
const homeAt = (context: VmContext, boot: BootRef): string | null =>
  context.move === null
    ? homeAfterRecovery(context, boot)
    : context.move.lastNode === boot.node ? null : context.move.lastNode;

/** What a launch writes, in the commit before its effect. */
const launch = vmSetup.assign(({ context }) => {
  const runner = soleRunner(context);
  return runner === null
    ? {}
    : { ...launchOn(runner, context), lastNode: homeAt(context, runner.boot), waitingReason: null };
});

const placeParams = ({ context }: { context: VmContext }) => ({
  uuid: context.uuid,
  purpose: 'start' as const,
  only: null,
  prefer: context.node,
  exclude: context.triedNodes,
  memoryMiB: context.definition.memoryMiB,
  vcpus: context.definition.vcpus,
  nodeLimit: context.meta.nodeLimit,
  selector: context.meta.nodeSelector,
  asked: context.operation !== null,
  deadlineMs: VM_DEADLINES.placeMs,
});

export const starting = vmSetup.createStateConfig({
  id: 'starting',
  initial: 'placing',
  states: {
    placing: {
      entry: [vmSetup.assign({ target: null }), { type: 'cluster.place', params: placeParams }],
      exit: { type: 'effect.cancel', params: { kind: 'cluster.place' } },
      on: {
        ...giveUpStarting,
        'cluster.place.done': [
          {
            guard: ({ event }) => event.result.target !== null,
            target: 'heading',
            actions: assign(({ event }) => ({
              target: event.result.target,
              ...(event.result.settles === true ? { node: event.result.target!.node } : {}),
            })),
          },
          { guard: ({ context }) => context.triedNodes.length > 0, target: '#off.failed' },
          {
            target: 'waiting',
            actions: assign(({ event }) => ({ waitingReason: event.result.reason ?? 'No node can take it' })),
          },
        ],
        'cluster.place.refused': { target: 'waiting', actions: waitForReason },
        'cluster.place.unknown': { target: 'waiting', actions: waitForReason },
      },
    },
    /** No legal node: looked for again when something changed, and now and then. */
    waiting: {
      entry: handBack,
      after: { retryPlacementMs: 'placing' },
      on: { ...giveUpStarting, 'cluster.changed': 'placing' },
    },
    /** VMs of a higher priority start first; a place it was given in their plan stays its own meanwhile. */
    queueing: {
      entry: vmSetup.assign({ waitingReason: 'VMs of a higher priority start first' }),
      exit: vmSetup.assign({ after: [], waitingReason: null }),
      after: { queueMs: 'heading' },
      on: { ...giveUpStarting, 'vm.turn': 'heading' },
    },
    /** Transient: the actor goes to where the guest will run. */
    heading: {
      always: [
        { guard: 'targetIsHere', target: 'claiming' },
        {
          guard: 'targetIsKnown',
          target: 'transferring',
          actions: [
            { type: 'owner.transfer', params: ({ context }) => ({ to: context.target?.node ?? 'primary' }) },
            vmSetup.assign({ heldAs: 'runner' }),
          ],
        },
        { target: 'placing' },
      ],
    },
    transferring: {
      after: { handOverMs: 'heading' },
      on: {
        'owner.acquired': [
          { guard: 'ownerIsTarget', target: 'claiming', actions: takeOwner },
          { target: '#recovering', actions: takeOwner },
        ],
        'owner.transfer.refused': { target: 'turnedAway', actions: waitForReason },
      },
    },
    /** The chosen node went at that very moment: another one in a moment. */
    turnedAway: { after: { turnedAwayMs: 'placing' }, on: giveUpStarting },
    /** Transient: a start needs that no other boot may hold a copy (rule 1). */
    claiming: {
      always: [
        { guard: 'mustShutOut', target: 'shuttingOut' },
        { guard: 'mustReachStorage', target: 'reaching' },
        { guard: 'onlyThisBootMayRun', target: 'launching', actions: launch },
        { target: '#recovering' },
      ],
    },
    /** Its last copy was cut short: what the kernel of that node still holds of its writes would go out yet. */
    shuttingOut: {
      entry: {
        type: 'storage.shutOut',
        params: ({ context }) => ({
          nodes: context.cutShort?.nodes ?? [], volumes: context.cutShort?.volumes ?? [],
          deadlineMs: VM_DEADLINES.shutOutMs,
        }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'storage.shutOut' } },
      on: {
        ...giveUpStarting,
        'storage.shutOut.done': {
          target: 'claiming',
          actions: assign(({ context, event }) => ({
            cutShort: null, osdmapEpoch: Math.max(context.osdmapEpoch ?? 0, event.result.osdmapEpoch),
          })),
        },
        'storage.shutOut.refused': { target: 'storageAway', actions: waitForReason },
        'storage.shutOut.unknown': { target: 'storageAway', actions: waitForReason },
        'owner.acquired': [
          { guard: 'ownerKeptItsBoot', actions: takeOwner },
          { target: '#recovering', actions: takeOwner },
        ],
      },
    },
    /**
     * A former copy was cut off from storage: every OSD that serves this one must know of that. A storage that does not
     * answer here is no failure of the VM: another place is looked for, or this one again.
     */
    reaching: {
      entry: {
        type: 'storage.reach',
        params: ({ context }) => ({ osdmapEpoch: context.osdmapEpoch ?? 0, deadlineMs: VM_DEADLINES.storageMs }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'storage.reach' } },
      on: {
        ...giveUpStarting,
        'storage.reach.done': [
          { guard: 'onlyThisBootMayRun', target: 'launching', actions: launch },
          { target: '#recovering' },
        ],
        'storage.reach.refused': { target: 'storageAway', actions: waitForReason },
        'storage.reach.unknown': { target: 'storageAway', actions: waitForReason },
        'owner.acquired': [
          { guard: 'ownerKeptItsBoot', actions: takeOwner },
          { target: '#recovering', actions: takeOwner },
        ],
      },
    },
    storageAway: {
      after: { retryMs: 'placing' },
      on: {
        ...giveUpStarting,
        'owner.acquired': [
          { guard: 'ownerKeptItsBoot', actions: takeOwner },
          { target: '#recovering', actions: takeOwner },
        ],
      },
    },
    launching: {
      entry: {
        type: 'hypervisor.start',
        params: ({ context }) => ({
          uuid: context.uuid,
          name: context.name,
          xmlHash: context.definition.xmlHash,
          deadlineMs: VM_DEADLINES.startMs,
          ...(context.meta.lock ? { lock: context.meta.lock } : {}),
          ...(context.meta.ioErrors ? { ioErrors: context.meta.ioErrors } : {}),
        }),
      },
      exit: [{ type: 'effect.cancel', params: { kind: 'hypervisor.start' } }, vmSetup.assign({ endedEarly: false })],
      on: {
        ...postponeEnd,
        'guest.stopped': { actions: vmSetup.assign({ endedEarly: true }) },
        'guest.crashed': { actions: vmSetup.assign({ endedEarly: true }) },
        'hypervisor.start.done': [
          { guard: ({ context }) => context.endedEarly, target: '#observing' },
          { guard: 'endIsWanted', target: '#stopping' },
          { target: '#running' },
        ],
        'hypervisor.start.refused': {
          target: '#observing',
          actions: assign(({ context, event }) => ({
            failedReason: event.reason,
            startFailures: context.startFailures + 1,
          })),
        },
        'hypervisor.start.unknown': {
          target: '#observing',
          actions: assign(({ context, event }) => ({
            failedReason: event.reason,
            startFailures: context.startFailures + 1,
          })),
        },
        'owner.acquired': [
          { guard: 'ownerKeptItsBoot', target: '#observing', actions: takeOwner },
          { target: '#recovering', actions: takeOwner },
        ],
      },
    },
    /** Transient: the guest is not there although it should be: again here, elsewhere, or not at all. */
    deciding: {
      always: [
        { guard: 'crashedTooOften', target: '#off.failed' },
        { guard: 'mayRetryHere', target: 'backingOff' },
        {
          guard: 'mayTryElsewhere',
          target: 'changingNode',
          actions: vmSetup.assign(({ context }) => ({
            triedNodes: [...context.triedNodes, context.node],
            startFailures: 0,
          })),
        },
        { target: '#off.failed' },
      ],
    },
    changingNode: { after: { changeNodeMs: 'placing' }, on: giveUpStarting },
    backingOff: {
      after: {
        backOffMs: { target: 'heading', actions: vmSetup.assign(({ context }) => ({ target: context.owner })) },
      },
      on: {
        ...giveUpStarting,
        'owner.acquired': [
          { guard: 'ownerKeptItsBoot', actions: takeOwner },
          { target: '#recovering', actions: takeOwner },
        ],
      },
    },
  },
});

/** Transient: the guest has ended and holds no copy here. */
export const ended = vmSetup.createStateConfig({
  id: 'ended',
  always: [
    { guard: ({ context }) => context.mayRunOn.length > 0, target: '#recovering' },
    { guard: ({ context }) => context.stop?.then === 'remove' && !!context.removal, target: '#removing' },
    { guard: ({ context }) => context.stop?.then === 'remove', target: '#removed' },
    {
      guard: ({ context }) => context.stop?.then === 'start' || context.stop?.then === 'relocate',
      target: '#starting.heading',
      actions: vmSetup.assign({ stop: null }),
    },
    { guard: ({ context }) => context.desired === 'disable', target: '#off.disabled' },
    { guard: ({ context }) => context.desired === 'stop', target: '#off.stopped' },
    { guard: 'leftAloneAtRest', target: '#off.left' },
    { target: '#starting.deciding' },
  ],
});
