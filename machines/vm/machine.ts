/**
 * The VM machine: one virtual machine's life, in PVC's states. Owner: the node that runs the guest,
 * or the primary while nothing runs. Invariants (docs/machines.md has the tables):
 * V1 hypervisor.start is sent only on entering starting.launching, from starting.claiming, with a SoleRunner (I1, I3).
 * V2 mayRunOn names the target in the same commit that sends hypervisor.migrate, thus before the effect runs.
 * V3 the owner changes after a migration only on `done`, or on both sides observed (I10).
 * V4 off.* has an empty mayRunOn.
 * V5 no copy of another node is destroyed but by its own agent, and only when `target` and owner name it no more.
 */
import { assign } from 'xstate';
import { metaAfter, newVm, tagsAfter } from './changes.js';
import { changing, noteResize } from './changing.js';
import { migrating } from './migrating.js';
import { off } from './off.js';
import { recovering } from './recovering.js';
import { observing, running, stopping } from './running.js';
import { endAtOnce, forgetProved, takeOwner, vmSetup } from './setup.js';
import { discarding, rollingBack, snapshotting } from './snapshotting.js';
import { removing } from './removing.js';
import { ended, starting } from './starting.js';

/** Raise when an old snapshot would not mean the same. */
export const VM_MACHINE_VERSION = 1;

export const vmMachine = vmSetup.createMachine({
  id: 'vm',
  context: ({ input }) => newVm(input),
  initial: 'off',
  on: {
    'vm.meta': {
      actions: [assign(({ context, event }) => ({ meta: metaAfter(context.meta, event.meta) })), endAtOnce],
    },
    'vm.tag': { actions: [assign(({ context, event }) => ({ tags: tagsAfter(context.tags, event) })), endAtOnce] },
    'vm.modify': { actions: [assign(({ event }) => ({ definition: event.definition })), endAtOnce] },
    'boot.fenced': { actions: forgetProved },
    'disk.resized': { actions: noteResize },
    'owner.acquired': { actions: takeOwner },
  },
  states: {
    off,
    starting,
    running,
    changing,
    snapshotting,
    discarding,
    rollingBack,
    stopping,
    ended,
    observing,
    migrating,
    recovering,
    removing,
    removed: {
      id: 'removed',
      type: 'final',
      entry: [
        vmSetup.enqueueActions(({ context, enqueue }) => {
          if (context.operation === null) return;
          enqueue({
            type: 'operation.end',
            params: { operationId: context.operation.operationId, state: 'done', message: null },
          });
          enqueue.assign({ operation: null });
        }),
        { type: 'actor.remove', params: ({ context }) => ({ names: [context.name] }) },
      ],
    },
  },
});
