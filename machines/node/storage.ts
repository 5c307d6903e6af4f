/**
 * Part of the node chart: cutting a boot off from shared storage (proof P3), beside the path by its power and never
 * waiting for it. It begins with the fence, ends with every client of the boot refused by every OSD, and then lets
 * those VMs go on that can write to nothing but RBD; all others wait for another proof. Once the storage was asked,
 * the boot is condemned: its guests may have lost their disks, so that it never counts as alive again.
 */
import { cutAfter, cutAsked, cutRequestId, helpersOf, p3Evidence, proofOf } from './changes.js';
import type { NodeContext, StorageCut } from './messages.js';
import { tellVms } from './rehoming.js';
import { nodeSetup } from './setup.js';
import { NODE_DEADLINES } from './timing.js';

/** Nothing is asked of the storage about no boot: that would be a broken invariant, not a case. */
function theCut(context: NodeContext): StorageCut {
  if ((context.cut ?? null) === null) throw new Error(`node ${context.name} was never to be cut off from storage`);
  return context.cut!;
}

/** Condemns the boot in the same commit that has its storage asked; again and again does no harm. */
export const cutOff = [
  nodeSetup.assign(({ context }) => cutAsked(context)),
  nodeSetup.enqueueActions(({ context, enqueue }) => {
    enqueue({
      type: 'storage.fence', params: { boot: theCut(context).boot, deadlineMs: NODE_DEADLINES.storageMs },
    });
  }),
];
export const cancelCut = { type: 'effect.cancel', params: { kind: 'storage.fence' } } as const;
export const takeCut = nodeSetup.assign(({ context, event }) => cutAfter(context, event));

/** The same by the next coordinator's agent: the primary's own storage cable may be the one that is out. */
const askNextToCut = [
  nodeSetup.assign(({ context }) => ({ cutHelper: (context.cutHelper ?? -1) + 1 })),
  nodeSetup.enqueueActions(({ context, enqueue }) => {
    const { boot } = theCut(context);
    enqueue({
      type: 'tell',
      params: {
        to: `agent/${helpersOf(context)[context.cutHelper ?? 0] ?? context.name}`,
        event: {
          type: 'agent.run', effect: 'storage.fence',
          params: { node: context.name, boot, deadlineMs: NODE_DEADLINES.storageMs },
          replyTo: `node/${context.name}`, requestId: cutRequestId(context),
        },
      },
    });
  }),
];

/** P3 on file: from here on the boot can write to no image any more. The only maker of it. */
const proveCut = nodeSetup.enqueueActions(({ context, event, enqueue }) => {
  const known = { ...context, ...cutAfter(context, event) };
  const proof = proofOf(known, 'P3', p3Evidence(known), event.at ?? 0);
  if (proof === null) return;
  enqueue.assign({ cut: known.cut ?? null, storageReason: null, storageProof: proof });
  enqueue({ type: 'proof.record', params: { proof } });
});

/** Where so many were lost at once that only power or a person counts (rule 7), being cut off moves nothing. */
const inForce = [
  { guard: 'isMassLoss', target: 'inForce', actions: takeCut },
  { target: 'awaitingLease', actions: proveCut },
] as const;

const p3 = (context: NodeContext) => context.storageProof ?? null;

export const storage = nodeSetup.createStateConfig({
  initial: 'idle',
  states: {
    idle: { always: { guard: 'cutIsWanted', target: 'asking' } },
    asking: {
      entry: [nodeSetup.assign({ cutHelper: -1 }), ...cutOff],
      exit: cancelCut,
      after: { cutHelperMs: 'askingAgain' },
      on: {
        'storage.fence.done': inForce,
        'storage.fence.refused': { target: 'askingAgain', actions: takeCut },
        'storage.fence.unknown': [
          { guard: 'anotherMayCut', actions: [takeCut, ...askNextToCut] },
          { target: 'reading', actions: takeCut },
        ],
        'agent.answered': [
          { guard: 'isMassLossHelperHasCut', target: 'inForce', actions: takeCut },
          { guard: 'helperHasCut', target: 'awaitingLease', actions: proveCut },
          { guard: 'helperHasNotCutAnotherMay', actions: [takeCut, ...askNextToCut] },
          { guard: 'helperHasNotCut', target: 'reading', actions: takeCut },
        ],
      },
    },
    reading: {
      entry: {
        type: 'storage.read',
        params: ({ context }) => ({ boot: theCut(context).boot, deadlineMs: NODE_DEADLINES.storageMs }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'storage.read' } },
      on: {
        'storage.read.done': [{ guard: 'notCutOff', target: 'askingAgain' }, ...inForce],
        'storage.read.refused': { target: 'askingAgain', actions: takeCut },
        'storage.read.unknown': { target: 'askingAgain', actions: takeCut },
      },
    },
    askingAgain: { after: { retryMs: 'asking' } },
    /**
     * Passes at once when its session is gone, or its power reads off and no network hears it. Another that stands is
     * not ended before the node's own deadline: until then its guests may run, though they cannot write.
     */
    awaitingLease: { always: { guard: 'mayGoOnCutOff', target: 'endingSession' } },
    endingSession: {
      entry: {
        type: 'session.fence',
        params: ({ context }) => ({ boot: theCut(context).boot, by: 'P3', deadlineMs: NODE_DEADLINES.sessionMs }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'session.fence' } },
      on: {
        'session.fence.done': { target: 'rehoming', actions: nodeSetup.assign({ sessionGone: true }) },
        'session.fence.refused': 'endingSessionAgain',
        'session.fence.unknown': 'endingSessionAgain',
      },
    },
    endingSessionAgain: { after: { retryMs: 'endingSession' } },
    rehoming: {
      entry: nodeSetup.enqueueActions(({ context, enqueue }) => {
        const proof = p3(context);
        if (proof === null) throw new Error(`node ${context.name} re-homes VMs by a proof that it has not`);
        enqueue({
          type: 'cluster.rehome', params: { boot: proof.boot, proof, deadlineMs: NODE_DEADLINES.rehomeMs },
        });
      }),
      exit: { type: 'effect.cancel', params: { kind: 'cluster.rehome' } },
      on: {
        'cluster.rehome.done': { target: 'inForce', actions: tellVms(p3) },
        'cluster.rehome.refused': 'rehomingAgain',
        'cluster.rehome.unknown': 'rehomingAgain',
      },
    },
    rehomingAgain: { after: { retryMs: 'rehoming' } },
    inForce: { after: { renewMs: 'renewing' } },
    renewing: {
      entry: cutOff,
      exit: cancelCut,
      on: {
        'storage.fence.done': { target: 'inForce', actions: takeCut },
        'storage.fence.refused': { target: 'renewingAgain', actions: takeCut },
        'storage.fence.unknown': { target: 'renewingAgain', actions: takeCut },
      },
    },
    renewingAgain: { after: { retryMs: 'renewing' } },
  },
});

/** While it stays away its entries must not run out. Without a cut there is no timer. */
export const armRenewal = nodeSetup.enqueueActions(({ context, enqueue }) => {
  if ((context.cut ?? null) !== null) {
    enqueue.raise({ type: 'storage.renew', at: 0 }, { id: 'storageRenewal', delay: 'renewMs' });
  }
});
export const endRenewal = nodeSetup.enqueueActions(({ context, enqueue }) => {
  if ((context.cut ?? null) !== null) enqueue.cancel('storageRenewal');
});

/** Back under another boot, which proves the former one over (P0): only now its entries may go. */
export const liftCut = nodeSetup.enqueueActions(({ context, enqueue }) => {
  enqueue({ type: 'storage.lift', params: { boot: theCut(context).boot, deadlineMs: NODE_DEADLINES.storageMs } });
});
