/** The node machine's types, guards, delays and shared actions. */
import { setup } from 'xstate';
import type { ActionsOf, NodeWorldEffects } from '../effects.js';
import { cutAnswer, cutIsInForce, helpersOf, isMassLoss, powerAnswer, proofOf, requestId } from './changes.js';
import type { NodeEvent } from './events.js';
import type { NodeContext, NodeInput, ProofKind } from './messages.js';
import {
  NODE_DEADLINES, NODE_DELAYS, NODE_LIMITS, cutHelperMs, helperMs, leaseLeftMs, restartWithinMs, settleLeftMs, stuckMs,
} from './timing.js';

export const nodeSetup = setup({
  types: {} as { context: NodeContext; events: NodeEvent; input: NodeInput },
  actions: {} as ActionsOf<NodeWorldEffects>,
  guards: {
    sameBootJoined: ({ context, event }) => event.type === 'node.joined' && event.bootId === context.boot?.bootId,
    isAnotherBoot: ({ context, event }) =>
      event.type === 'node.passed' && context.boot !== null && event.bootId !== context.boot.bootId,
    ownBootSpeaks: ({ context, event }) =>
      (event.type === 'node.restarting' || event.type === 'node.restarted') && event.bootId === context.boot?.bootId,
    fencedBootLives: ({ context, event }) => event.type === 'node.outcast' && event.bootId === context.boot?.bootId,
    powerReadsOn: ({ context, event }) => powerAnswer(context, event)?.power === 'on',
    powerReadsOff: ({ context, event }) => powerAnswer(context, event)?.power === 'off',
    /** Off, and by the probe begun with the question nothing of it answers; or that probe is not back yet. */
    readsOffUnheard: ({ context, event }) =>
      powerAnswer(context, event)?.power === 'off' && context.unheard === true,
    readsOffNotYetHeard: ({ context, event }) =>
      powerAnswer(context, event)?.power === 'off' && context.unheard === null,
    /** The doubt has found it silent everywhere a moment ago: its host is not asked once more. */
    lostUnheard: ({ context, event }) => event.type === 'node.lost' && context.unheard === true
      && settleLeftMs(context.sessionTimeoutMs, event.quorumAgeMs) === 0,
    staysOn: ({ context, event }) =>
      powerAnswer(context, event)?.power === 'on' && context.readings >= NODE_LIMITS.readingsMax,
    commandTaken: ({ context, event }) => powerAnswer(context, event)?.done === true,
    /** No answer, and another coordinator is left to try. */
    anotherMayTry: ({ context, event }) =>
      powerAnswer(context, event)?.done === false && context.helper + 1 < helpersOf(context).length,
    noAnswer: ({ context, event }) => powerAnswer(context, event)?.done === false,
    silentEverywhere: ({ event }) => event.type === 'probe.signs.done' && event.result.answered.length === 0,
    /** The strong form of P1: this very fence read on, commanded off, and read off. */
    powerWasCut: ({ context }) => context.powerSeenOnAt !== null && context.commandedOff,
    /** The weak form of P1, which a lying BMC could fake: together with the storage's fence where there is one. */
    leaseOverAndCut: ({ context }) => context.leaseOver && cutIsInForce(context),
    /** A boot that its storage was asked to cut off is not alive, whatever it says (I7). */
    isUncut: ({ context }) => (context.cut ?? null) === null,
    sameBootJoinedUncut: ({ context, event }) =>
      event.type === 'node.joined' && event.bootId === context.boot?.bootId && (context.cut ?? null) === null,
    cutIsWanted: ({ context }) =>
      context.hasStorage === true && context.cutWanted === true && context.boot !== null,
    /** By its own return nothing is left that could write; and what is in force need not be asked for. */
    cutIsSettled: ({ context }) => cutIsInForce(context) || context.proof?.kind === 'P0',
    /**
     * safety: a node whose BMC reads off and that no network hears is past its own deadline (actors/liveness.ts,
     * silentAfterMs); a BMC that lies about it leaves guests that can write nothing, for they are cut off from storage.
     */
    mayGoOnCutOff: ({ context }) => context.sessionGone || context.leaseOver || context.offAndSilent === true,
    helperHasCut: ({ context, event }) => cutAnswer(context, event) === 'done',
    helperHasNotCut: ({ context, event }) => cutAnswer(context, event) === 'not',
    helperHasNotCutAnotherMay: ({ context, event }) =>
      cutAnswer(context, event) === 'not' && (context.cutHelper ?? -1) + 1 < helpersOf(context).length,
    anotherMayCut: ({ context }) => (context.cutHelper ?? -1) + 1 < helpersOf(context).length,
    isMassLossHelperHasCut: ({ context, event }) => isMassLoss(context) && cutAnswer(context, event) === 'done',
    notCutOff: ({ event }) => event.type === 'storage.read.done' && !event.result.fenced,
    isMassLoss: ({ context }) => isMassLoss(context),
    sessionGone: ({ context }) => context.sessionGone,
    quorumIsYoung: ({ context }) => settleLeftMs(context.sessionTimeoutMs, context.quorumAgeMs) > 0,
    isBackAlready: ({ context }) => context.next !== null,
    isBackAndCut: ({ context }) => context.next !== null && (context.cut ?? null) !== null,
    leavesWithVms: ({ event }) => event.type === 'node.leave' && event.policy !== 'failover',
    isLeaving: ({ context }) => context.leaving != null && context.operation?.command === 'node.leave',
    /** Its new boot is known and settled. */
    isBackFromLeaving: ({ context }) =>
      context.leaving != null && context.boot?.bootId !== context.leaving.bootId && context.proof === null,
    returnsFromLeaving: ({ context }) =>
      context.leaving?.returns === true && context.boot?.bootId !== context.leaving.bootId && context.proof === null,
    /** Or its power failed before our eyes. One that was off from the beginning is somebody's to switch on. */
    switchedOffByUs: ({ context }) => context.proof?.kind === 'P1' && context.goesDown !== true
      && (context.commandedOff || context.met !== false),
    /** A new primary, as against a restarted cell of the same. */
    newPrimary: ({ event }) => event.type === 'owner.acquired' && event.cause !== 'restarted',
  },
  delays: {
    ...NODE_DELAYS,
    leaseMs: ({ context }) => leaseLeftMs(context.sessionTimeoutMs, context.silentMs),
    doubtMs: ({ context }) => leaseLeftMs(context.sessionTimeoutMs, context.silentMs) + NODE_DELAYS.graceMs,
    settleMs: ({ context }) => settleLeftMs(context.sessionTimeoutMs, context.quorumAgeMs),
    stuckMs: ({ context }) => stuckMs(context.stuckRounds),
    helperMs: ({ context }) => helperMs(helpersOf(context).length),
    cutHelperMs: ({ context }) => cutHelperMs(helpersOf(context).length),
    restartMs: ({ context }) => restartWithinMs(context.restartForMs ?? NODE_LIMITS.restartMaxMs),
  },
});

/** Who runs the cell is the primary: needed to choose helpers. */
export const takePrimary = nodeSetup.assign(({ event }) =>
  event.type === 'owner.acquired' ? { primary: event.node } : {},
);

export const waitBecause = (reason: string) => nodeSetup.assign({ waitingReason: reason });

/** The reason an effect or an agent gave. */
export const waitForAnswer = nodeSetup.assign(({ context, event }) => {
  const reason = powerAnswer(context, event)?.reason ?? ('reason' in event ? event.reason : null);
  return { waitingReason: reason ?? null };
});

type PowerEffect = 'bmc.read' | 'bmc.set';

/** A new question to the BMC, first by the primary itself. */
export const askBmc = (effect: PowerEffect, power: 'on' | 'off', deadlineMs: number = NODE_DEADLINES.bmcMs) => [
  nodeSetup.assign(({ context }) => ({ question: context.question + 1, helper: -1 })),
  nodeSetup.enqueueActions(({ context, enqueue }) => {
    const base = { node: context.name, requestId: requestId(context), deadlineMs };
    if (effect === 'bmc.read') enqueue({ type: 'bmc.read', params: base });
    else enqueue({ type: 'bmc.set', params: { ...base, power } });
  }),
];

/** The same question by the next coordinator's agent: the primary's own cable may be the one that is out. */
export const askNextHelper = (effect: PowerEffect, power: 'on' | 'off') => [
  nodeSetup.assign(({ context }) => ({ question: context.question + 1, helper: context.helper + 1 })),
  nodeSetup.enqueueActions(({ context, enqueue }) => {
    const base = { node: context.name, deadlineMs: NODE_DEADLINES.bmcMs };
    enqueue({
      type: 'tell',
      params: {
        to: `agent/${helpersOf(context)[context.helper] ?? context.name}`,
        event: {
          type: 'agent.run',
          effect,
          params: effect === 'bmc.set' ? { ...base, power } : base,
          replyTo: `node/${context.name}`,
          requestId: requestId(context),
        },
      },
    });
  }),
];

/** Records the proof: from here on the boot can do nothing any more. The only maker of proofs. */
export const prove = (kind: ProofKind, evidence: (context: NodeContext, event: NodeEvent) => string) =>
  nodeSetup.enqueueActions(({ context, event, enqueue }) => {
    const proof = proofOf(context, kind, evidence(context, event), event.at ?? 0);
    if (proof === null) return;
    enqueue.assign({ proof, incarnation: null, waitingReason: null });
    enqueue({ type: 'proof.record', params: { proof } });
  });

/** The role of primary is asked for beside whatever else goes on with the node. */
export const takeOffer = nodeSetup.enqueueActions(({ context, event, enqueue }) => {
  if (!('operationId' in event)) return;
  if (context.offer !== null) {
    enqueue({
      type: 'operation.end',
      params: { operationId: context.offer, state: 'failed', message: `Overtaken by ${event.type}` },
    });
    enqueue({ type: 'effect.cancel', params: { kind: 'primary.offer' } });
  }
  enqueue.assign({ offer: event.operationId });
});

export const endOffer = nodeSetup.enqueueActions(({ context, event, enqueue }) => {
  if (context.offer === null) return;
  const message =
    event.type === 'primary.offer.done' ? `Primary is ${event.result.to}` : 'reason' in event ? event.reason : null;
  enqueue({
    type: 'operation.end',
    params: { operationId: context.offer, state: event.type === 'primary.offer.done' ? 'done' : 'failed', message },
  });
  enqueue.assign({ offer: null });
});

export const beginOperation = nodeSetup.enqueueActions(({ context, event, enqueue }) => {
  if (!('operationId' in event)) return;
  if (context.operation !== null) {
    enqueue({
      type: 'operation.end',
      params: { operationId: context.operation.operationId, state: 'failed', message: `Overtaken by ${event.type}` },
    });
  }
  enqueue.assign({ operation: { operationId: event.operationId, command: event.type } });
});

/** A command that ends within its own step. */
export const endAtOnce = nodeSetup.enqueueActions(({ event, enqueue }) => {
  if (!('operationId' in event)) return;
  enqueue({ type: 'operation.end', params: { operationId: event.operationId, state: 'done', message: null } });
});

export const endOperation = (message: (context: NodeContext) => string | null) =>
  nodeSetup.enqueueActions(({ context, enqueue }) => {
    if (context.operation === null) return;
    enqueue({
      type: 'operation.end',
      params: { operationId: context.operation.operationId, state: 'done', message: message(context) },
    });
    enqueue.assign({ operation: null });
  });
