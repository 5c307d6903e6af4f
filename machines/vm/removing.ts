/**
 * Part of the VM chart: nothing runs, and the VM goes with its disks. First it is made sure that nobody else needs one
 * of them; until then everything stays as it was. Then the snapshots that were taken of the VM go, then the volumes,
 * and last the VM. Each step may be run again, so that whoever takes over goes on where the record is. What cannot be
 * removed leaves the VM as it is, to be removed by the same command once the cause is gone.
 */
import { assign } from 'xstate';
import type { DiskMoment } from '../effects.js';
import type { VmContext, VmRemoval } from './messages.js';
import { beginOperation, conclude, takeOwner, vmSetup } from './setup.js';
import { VM_DEADLINES, VM_LIMITS } from './timing.js';

const removalOf = ({ removal }: VmContext): VmRemoval => removal ?? { volumes: [], tries: 0, reason: null };

/** Snapshots of the VM, and what is left of one that was being dropped. */
function ownMoments({ snapshots = [], dropping }: VmContext): readonly DiskMoment[] {
  return [...(dropping ? [dropping] : []), ...snapshots].map(({ volumes, name }) => ({ volumes, name }));
}

const noteReason = vmSetup.assign(({ context, event }) => 'reason' in event && typeof event.reason === 'string'
  ? { removal: { ...removalOf(context), tries: removalOf(context).tries + 1, reason: event.reason },
    waitingReason: event.reason }
  : {});

/** The VM stays, and so does what is not removed yet. */
const giveUp = vmSetup.enqueueActions(({ context, enqueue }) => {
  enqueue(conclude(() => `The VM stays: ${removalOf(context).reason ?? 'its disks cannot be removed'}`));
  enqueue.assign({ removal: null, stop: null, waitingReason: null, progress: null });
});

const firstIsGone = vmSetup.assign(({ context }) =>
  context.dropping ? { dropping: null } : { snapshots: (context.snapshots ?? []).slice(1) });

/** A removal of a VM that does not run begins. One that was disabled stays so if it fails. */
export const removesDisks = {
  guard: ({ event }: { event: object }) => 'disks' in event && Array.isArray(event.disks),
  target: '#removing',
  actions: [
    beginOperation,
    vmSetup.assign(({ context, event }) => event.type !== 'vm.undefine' ? {} : {
      desired: context.desired === 'disable' ? 'disable' as const : 'stop' as const,
      stop: { then: 'remove' as const, force: true },
      removal: { volumes: event.disks ?? [], tries: 0, reason: null },
    }),
  ],
} as const;

const refusedIt = { target: 'failed', actions: noteReason } as const;

export const removing = vmSetup.createStateConfig({
  id: 'removing',
  on: {
    'owner.acquired': { actions: takeOwner },
    'vm.progressed': {
      actions: assign(({ event: { current, total, status } }) => ({ progress: { current, total, status } })),
    },
  },
  initial: 'checking',
  states: {
    checking: {
      entry: {
        type: 'disks.removable',
        params: ({ context }) => ({
          uuid: context.uuid,
          volumes: removalOf(context).volumes,
          own: ownMoments(context).map(({ name }) => name),
          deadlineMs: VM_DEADLINES.disksMs,
        }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'disks.removable' } },
      on: {
        'disks.removable.done': 'choosing',
        'disks.removable.refused': refusedIt,
        'disks.removable.unknown': { target: 'again', actions: noteReason },
      },
    },
    /** Transient: one snapshot after the other. */
    choosing: {
      always: [{ guard: ({ context }) => ownMoments(context).length > 0, target: 'dropping' }, { target: 'deleting' }],
    },
    dropping: {
      entry: {
        type: 'disks.drop',
        params: ({ context }) => (
          { ...(ownMoments(context)[0] ?? { volumes: [], name: '' }), deadlineMs: VM_DEADLINES.disksMs }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'disks.drop' } },
      on: {
        'disks.drop.done': { target: 'choosing', actions: firstIsGone },
        'disks.drop.refused': refusedIt,
        'disks.drop.unknown': { target: 'again', actions: noteReason },
      },
    },
    deleting: {
      entry: {
        type: 'disks.remove',
        params: ({ context }) => ({
          uuid: context.uuid, volumes: removalOf(context).volumes, deadlineMs: VM_DEADLINES.removeMs,
        }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'disks.remove' } },
      on: {
        'disks.remove.done': {
          target: '#removed',
          actions: vmSetup.enqueueActions(({ event, enqueue }) => {
            if (event.type !== 'disks.remove.done') return;
            for (const to of event.result.actors) {
              enqueue({ type: 'tell', params: { to, event: { type: 'volume.vanished' } } });
            }
          }),
        },
        'disks.remove.refused': refusedIt,
        'disks.remove.unknown': { target: 'again', actions: noteReason },
      },
    },
    /** The image of a guest that was ended hard counts as open for half a minute; a storage may be away. */
    again: {
      always: {
        guard: ({ context }) => removalOf(context).tries >= VM_LIMITS.removeTriesMax, target: 'failed',
      },
      after: { retryMs: 'checking' },
    },
    /** Transient. */
    failed: { always: { target: '#ended', actions: giveUp } },
  },
});
