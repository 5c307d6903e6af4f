/** The VM machine's types, guards and delays: what the parts of the chart are written with. */
import { setup } from 'xstate';
import type { ActionsOf, VmEffects } from '../effects.js';
import { afterProofs, mayRunHere, sameBoot, soleRunner } from './copies.js';
import { absentHere, acquired, cutShortOn, operationOf, wantEnd } from './changes.js';
import type { VmEvent } from './events.js';
import type { VmContext, VmInput } from './messages.js';
import { VM_DELAYS, VM_LIMITS, backOffMs } from './timing.js';

export const vmSetup = setup({
  types: {} as { context: VmContext; events: VmEvent; input: VmInput },
  actions: {} as ActionsOf<VmEffects>,
  guards: {
    /** The same boot carries on: a restart of pvcd or of the cell, not a loss of the node. */
    ownerKeptItsBoot: ({ context, event }) => event.type === 'owner.acquired' && sameBoot(context.owner, event),
    /** The owner is now the boot that the actor was handed to. */
    ownerIsTarget: ({ context, event }) => event.type === 'owner.acquired' && sameBoot(context.target, event),
    /** The same, and its copy counts: a boot that was fenced meanwhile resumes nothing (I7). */
    ownerHoldsTheCopy: ({ context, event }) =>
      event.type === 'owner.acquired' &&
      sameBoot(context.target, event) &&
      context.mayRunOn.some((boot) => sameBoot(boot, event)),
    targetIsHere: ({ context }) => sameBoot(context.target, context.owner),
    targetIsKnown: ({ context }) => context.target !== null,
    onlyThisBootMayRun: ({ context }) => soleRunner(context) !== null,
    mustReachStorage: ({ context }) => soleRunner(context) !== null && context.osdmapEpoch !== undefined,
    /** What its last copy had under way may still arrive. */
    mustShutOut: ({ context }) => soleRunner(context) !== null && !!context.cutShort,
    isWhereItRuns: ({ context, event }) => event.type === 'vm.forsake' && sameBoot(event.boot, context.owner),
    nothingMayRun: ({ context }) => context.mayRunOn.length === 0,
    mayRunHere: ({ context }) => mayRunHere(context),
    /** A volume of it has another size, and it does not know. */
    guestHasNews: ({ context }) => (context.resized ?? []).length > 0,
    /** Something is left of a snapshot that is to go. */
    mustDrop: ({ context }) => !!context.dropping,
    endIsWanted: ({ context }) => context.stop !== null,
    moveFailed: ({ context }) => context.move !== null,
    mayRetryHere: ({ context }) =>
      context.startFailures <= (context.meta.maxRestart ?? VM_LIMITS.startRetriesMax),
    mayTryElsewhere: ({ context }) =>
      context.triedNodes.length < (context.meta.maxRelocate ?? VM_LIMITS.relocationsMax),
    /** Wanted, not ended by anybody's wish, and none of the cluster's business. */
    leftAlone: ({ context }) => context.meta.ha === false && context.desired === 'start' && context.stop === null,
    /** As above, and nobody's command is just trying to start it. */
    leftAloneAtRest: ({ context }) =>
      context.meta.ha === false && context.desired === 'start' && context.startFailures === 0,
    stalledTooOften: ({ context }) => context.crashes >= VM_LIMITS.stallsMax,
    crashedTooOften: ({ context }) => context.crashes >= VM_LIMITS.crashesMax,
  },
  delays: {
    ...VM_DELAYS,
    shutdownMs: ({ context }) => context.shutdownMs,
    changeNodeMs: ({ context }) => backOffMs(context.triedNodes.length),
    backOffMs: ({ context }) => backOffMs(Math.max(context.crashes, context.startFailures)),
  },
});

/** Takes the owner's name from owner.acquired. */
export const takeOwner = vmSetup.assign(({ context, event }) =>
  event.type === 'owner.acquired' ? acquired(context, event) : {},
);

/** A fence proved that a boot is over: true in every state. */
export const forgetProved = vmSetup.assign(({ context, event }) =>
  event.type === 'boot.fenced' ? afterProofs(context, [event.proof]) : {},
);

/** The owner's own node holds no copy. */
export const noCopyHere = vmSetup.assign(({ context, event }) => ({
  ...absentHere(context), ...(wasCutShort(context, event) ? cutShortOn(context, context.owner!.node) : {}),
}));

/**
 * Nobody saw how it ended, or it was ended where the storage did not answer. One that was just ended by command, its
 * storage well, has closed its volumes.
 */
const wasCutShort = (context: VmContext, event: VmEvent): boolean => context.owner !== null && (
  event.type === 'hypervisor.observe.done' && event.result.state === 'absent' && context.stop === null
  || event.type === 'hypervisor.destroy.done' && event.result?.severed === true);

/** A user's command begins; one still open is overtaken by it. */
export const beginOperation = vmSetup.enqueueActions(({ context, event, enqueue }) => {
  if (!('operationId' in event)) return;
  if (context.operation !== null) {
    enqueue({
      type: 'operation.end',
      params: { operationId: context.operation.operationId, state: 'failed', message: `Overtaken by ${event.type}` },
    });
  }
  enqueue.assign({ operation: operationOf(event), waitingReason: null });
});

/** Ends the open operation and tells the node actor that asked for a move. message null = it went well. */
export const conclude = (failure: (context: VmContext) => string | null) =>
  vmSetup.enqueueActions(({ context, enqueue }) => {
    const message = failure(context);
    if (context.operation !== null) {
      enqueue({
        type: 'operation.end',
        params: { operationId: context.operation.operationId, state: message === null ? 'done' : 'failed', message },
      });
    }
    if (context.reportTo !== null) {
      const event =
        message === null
          ? { type: 'vm.left', uuid: context.uuid }
          : { type: 'vm.stayed', uuid: context.uuid, reason: message };
      enqueue({ type: 'tell', params: { to: context.reportTo, event } });
    }
    if (context.operation !== null || context.reportTo !== null) enqueue.assign({ operation: null, reportTo: null });
  });

/** A command that ends within its own step (meta, tag, modify). */
export const endAtOnce = vmSetup.enqueueActions(({ event, enqueue }) => {
  if (!('operationId' in event)) return;
  enqueue({ type: 'operation.end', params: { operationId: event.operationId, state: 'done', message: null } });
});

/** The guest's end is wanted: desired state and what comes after. */
export const wishEnd = vmSetup.assign(({ context, event }) =>
  'operationId' in event ? wantEnd(context, event) : {},
);

/** Why the actor waits, for people. */
export const waitForReason = vmSetup.assign(({ event }) =>
  'reason' in event && typeof event.reason === 'string' ? { waitingReason: event.reason } : {},
);
