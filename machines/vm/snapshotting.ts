/**
 * Part of the VM chart: snapshots of all its RBD disks at one moment. A guest that runs is brought to rest for it, by
 * its agent or by a pause, and this state is left only after it was let go: whoever takes over begins where the record
 * is. What a snapshot that failed may have left is noted in the same commit, and dropped before the VM comes to rest.
 */
import { assign } from 'xstate';
import type { VmContext, VmSnapshot, VmSnapshotJob } from './messages.js';
import {
  beginOperation, conclude, noCopyHere, takeOwner, vmSetup, waitForReason, wishEnd,
} from './setup.js';
import { VM_DEADLINES } from './timing.js';

const jobOf = (context: VmContext): VmSnapshotJob =>
  context.snapshotting ?? { name: '', volumes: [], definition: context.definition, still: null, failure: null };

const finished = conclude((context: VmContext) => jobOf(context).failure);
const dropped = conclude(() => null);

/** Its names were free when it began: what bears them now is its own. */
const leave = (context: VmContext, failure: string): Partial<VmContext> => {
  const { name, volumes } = jobOf(context);
  return {
    snapshotting: { ...jobOf(context), failure },
    dropping: { name, volumes, at: 0, definition: context.definition, still: null, isWhole: false },
  };
};

const take = vmSetup.assign(({ context, event }) => {
  const { name, volumes, definition, still } = jobOf(context);
  const snapshot: VmSnapshot = { name, volumes, definition, still, at: event.at };
  return { snapshots: [...(context.snapshots ?? []), snapshot] };
});

const reasonOf = (event: object): string => ('reason' in event ? String(event.reason) : 'no answer');
const failWith = vmSetup.assign(({ context, event }) => leave(context, reasonOf(event)));
/** Nothing was begun that would have to be dropped. */
const failEarly = vmSetup.assign(({ context, event }) => (
  { snapshotting: { ...jobOf(context), failure: reasonOf(event) } }));

/** The guest ended, or its node: nothing is to be let go any more. */
const abandon = vmSetup.enqueueActions(({ context, enqueue }) => {
  if (!context.snapshotting) return;
  const taken = (context.snapshots ?? []).some((each) => each.name === jobOf(context).name);
  const failure = 'The guest ended before the snapshot was taken';
  // Before the guest stood still nothing was begun on its volumes.
  if (!taken && jobOf(context).still !== null) enqueue.assign(({ context: now }) => leave(now, failure));
  else if (!taken) enqueue.assign(({ context: now }) => ({ snapshotting: { ...jobOf(now), failure } }));
  enqueue(finished);
  enqueue.assign({ snapshotting: null });
});

const forget = vmSetup.assign({ snapshotting: null });

const lookAgain = [
  // The pending effect is run again.
  { guard: 'ownerKeptItsBoot', actions: takeOwner },
  { guard: 'nothingMayRun', actions: takeOwner },
  { target: '#recovering', actions: [abandon, takeOwner] },
] as const;

/** Its agent may never answer again: whoever has waited enough ends the guest, and the freeze with it. */
const endFrozen = { target: '#stopping', actions: [finished, forget, beginOperation, wishEnd] } as const;
const endsFrozen = {
  'vm.stop': endFrozen, 'vm.shutdown': endFrozen, 'vm.disable': endFrozen, 'vm.undefine': endFrozen,
} as const;

/** The guest is let go on; `ends`: what a user may do about it meanwhile. */
const letGo = <Ends extends Partial<typeof endsFrozen>>(ends: Ends) => ({
  entry: {
    type: 'hypervisor.thaw',
    params: ({ context }: { context: VmContext }) => ({ uuid: context.uuid, deadlineMs: VM_DEADLINES.freezeMs }),
  },
  exit: { type: 'effect.cancel', params: { kind: 'hypervisor.thaw' } },
  on: {
    ...ends,
    'hypervisor.thaw.done': { target: 'resting', actions: vmSetup.assign({ waitingReason: null }) },
    'hypervisor.thaw.refused': { target: '#observing', actions: abandon },
    'hypervisor.thaw.unknown': { target: 'thawingAgain', actions: waitForReason },
  },
} as const);

const guestEnds = {
  'guest.stopped': { target: '#ended', actions: [abandon, vmSetup.assign({ desired: 'stop' }), noCopyHere] },
  'guest.crashed': { target: '#observing', actions: abandon },
} as const;

export const snapshotting = vmSetup.createStateConfig({
  id: 'snapshotting',
  on: { ...guestEnds, 'owner.acquired': lookAgain },
  initial: 'checking',
  states: {
    /** Nobody else's snapshot has this name: so that what is dropped after a failure is ours. */
    checking: {
      entry: {
        type: 'disks.check',
        params: ({ context }) => ({
          volumes: jobOf(context).volumes, name: jobOf(context).name, deadlineMs: VM_DEADLINES.disksMs,
        }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'disks.check' } },
      on: {
        'disks.check.done': [{ guard: 'nothingMayRun', target: 'taking' }, { target: 'freezing' }],
        'disks.check.refused': { target: 'resting', actions: failEarly },
        'disks.check.unknown': { target: 'resting', actions: failEarly },
      },
    },
    freezing: {
      entry: {
        type: 'hypervisor.freeze',
        params: ({ context }) => ({ uuid: context.uuid, deadlineMs: VM_DEADLINES.freezeMs }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'hypervisor.freeze' } },
      on: {
        'hypervisor.freeze.done': {
          target: 'taking',
          actions: assign(({ context, event }) => (
            { snapshotting: { ...jobOf(context), still: event.result.how } })),
        },
        'hypervisor.freeze.refused': { target: 'thawing', actions: failEarly },
        'hypervisor.freeze.unknown': { target: 'thawing', actions: failEarly },
      },
    },
    taking: {
      entry: {
        type: 'disks.snapshot',
        params: ({ context }) => ({
          volumes: jobOf(context).volumes, name: jobOf(context).name, deadlineMs: VM_DEADLINES.disksMs,
        }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'disks.snapshot' } },
      on: {
        'disks.snapshot.done': [
          { guard: 'nothingMayRun', target: 'resting', actions: take },
          { target: 'thawing', actions: take },
        ],
        'disks.snapshot.refused': [
          { guard: 'nothingMayRun', target: 'resting', actions: failWith },
          { target: 'thawing', actions: failWith },
        ],
        'disks.snapshot.unknown': [
          { guard: 'nothingMayRun', target: 'resting', actions: failWith },
          { target: 'thawing', actions: failWith },
        ],
      },
    },
    /** A moment, as a rule: a paused guest that is asked to shut down would not hear of it. */
    thawing: letGo({}),
    thawingAgain: { after: { retryMs: 'thawingStill' }, on: endsFrozen },
    thawingStill: letGo(endsFrozen),
    /** Transient: the moment is over. */
    resting: {
      always: [
        { guard: 'nothingMayRun', target: '#ended', actions: [finished, forget] },
        { target: '#running', actions: [finished, forget] },
      ],
    },
  },
});

/** It stays one of the VM's if it was one. */
const putBack = vmSetup.assign(({ context }) => {
  const { dropping, snapshots = [] } = context;
  if (!dropping?.isWhole) return { dropping: null };
  const { isWhole: _whole, ...snapshot } = dropping;
  return { dropping: null, snapshots: [...snapshots, snapshot] };
});
const notDropped = conclude((context: VmContext) => context.waitingReason ?? 'The storage refused it');

const endIt = [
  { guard: 'nothingMayRun', target: '#ended', actions: [beginOperation, wishEnd] },
  { target: '#stopping', actions: [beginOperation, wishEnd] },
] as const;

/** A snapshot goes: one that the user wants gone, or what is left of one that failed. Waits for the storage. */
export const discarding = vmSetup.createStateConfig({
  id: 'discarding',
  on: {
    'vm.stop': endIt,
    'vm.shutdown': endIt,
    'vm.disable': endIt,
    'vm.undefine': endIt,
    'guest.stopped': { target: '#ended', actions: [vmSetup.assign({ desired: 'stop' }), noCopyHere] },
    'guest.crashed': '#observing',
    'owner.acquired': [
      { guard: 'ownerKeptItsBoot', actions: takeOwner },
      { guard: 'nothingMayRun', actions: takeOwner },
      { target: '#recovering', actions: takeOwner },
    ],
  },
  initial: 'dropping',
  states: {
    dropping: {
      entry: {
        type: 'disks.drop',
        params: ({ context }) => ({
          volumes: context.dropping?.volumes ?? [],
          name: context.dropping?.name ?? '',
          deadlineMs: VM_DEADLINES.disksMs,
        }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'disks.drop' } },
      on: {
        'disks.drop.done': [
          { guard: 'nothingMayRun', target: '#ended', actions: [dropped, vmSetup.assign({ dropping: null })] },
          { target: '#running', actions: [dropped, vmSetup.assign({ dropping: null })] },
        ],
        'disks.drop.refused': [
          { guard: 'nothingMayRun', target: '#ended', actions: [waitForReason, notDropped, putBack] },
          { target: '#running', actions: [waitForReason, notDropped, putBack] },
        ],
        'disks.drop.unknown': { target: 'droppingAgain', actions: waitForReason },
      },
    },
    droppingAgain: { after: { retryMs: 'dropping' } },
  },
});

/** The definition is that of the snapshot again, too. */
const adoptRolledBack = vmSetup.assign(({ context }) => {
  const snapshot = (context.snapshots ?? []).find((each) => each.name === context.rollingBack);
  return { rollingBack: null, ...(snapshot === undefined ? {} : { definition: snapshot.definition }) };
});

/** Nothing runs. A rollback that was begun is brought to its end before anything starts: half of it is nothing. */
export const rollingBack = vmSetup.createStateConfig({
  id: 'rollingBack',
  on: { 'owner.acquired': { actions: takeOwner } },
  initial: 'rolling',
  states: {
    rolling: {
      entry: {
        type: 'disks.rollback',
        params: ({ context }) => ({
          volumes: (context.snapshots ?? []).find((each) => each.name === context.rollingBack)?.volumes ?? [],
          name: context.rollingBack ?? '',
          deadlineMs: VM_DEADLINES.rollbackMs,
        }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'disks.rollback' } },
      on: {
        'disks.rollback.done': { target: '#ended', actions: [dropped, adoptRolledBack] },
        'disks.rollback.refused': {
          target: '#ended',
          actions: [waitForReason, notDropped, vmSetup.assign({ rollingBack: null })],
        },
        'disks.rollback.unknown': { target: 'rollingAgain', actions: waitForReason },
      },
    },
    rollingAgain: { after: { retryMs: 'rolling' } },
  },
});
