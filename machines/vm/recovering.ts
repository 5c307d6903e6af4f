/**
 * Part of the VM chart: the guest is to run, or its end is to be known, and some boot may still hold
 * a copy (rule 1, I3). Left only when mayRunOn is empty, and mayRunOn shrinks only by Evidence:
 * proofs of the node actor's fence, an agent's "absent, and incoming refused", or our own destroy.
 */
import { assign } from 'xstate';
import { severedBy, unlocked } from './changes.js';
import { afterProofs, byAgentAbsence, without, withoutProved } from './copies.js';
import type { VmContext } from './messages.js';
import { askOtherSide, isAnswer } from './migrating.js';
import { conclude, forgetProved, noCopyHere, takeOwner, vmSetup, waitForReason } from './setup.js';
import { postponeEnd } from './starting.js';
import { VM_DEADLINES } from './timing.js';

/** A move that lost its node is over. */
const endMove = vmSetup.enqueueActions(({ context, enqueue }) => {
  if (context.move !== null || context.reportTo !== null) enqueue(conclude(() => 'A node was lost during the move'));
  enqueue.assign({ move: null, target: null });
});

const proofs = vmSetup.createStateConfig({
  on: {
    'vm.recover': [
      {
        // Every boot is proved over: straight to the place that the fence's one plan counted.
        guard: ({ context, event }) => withoutProved(context, event.proofs).length === 0,
        target: '#recovering.recovered',
        actions: assign(({ context, event }) => ({
          ...afterProofs(context, event.proofs),
          target: event.target,
          waitingReason: event.reason,
          after: event.after ?? [],
        })),
      },
      {
        target: '#recovering.asking',
        actions: assign(({ context, event }) => ({
          ...afterProofs(context, event.proofs),
          target: null,
          after: event.after ?? [],
        })),
      },
    ],
    'boot.fenced': { target: '#recovering.checking', actions: forgetProved },
  },
});

export const recovering = vmSetup.createStateConfig({
  id: 'recovering',
  initial: 'checking',
  entry: endMove,
  on: { ...postponeEnd, 'owner.acquired': { target: '.checking', actions: takeOwner } },
  states: {
    /** Transient. */
    checking: {
      always: [
        { guard: 'nothingMayRun', target: 'recovered' },
        { guard: 'mayRunHere', target: 'clearingHere' },
        { target: 'proving' },
      ],
    },
    clearingHere: {
      entry: {
        type: 'hypervisor.destroy',
        params: ({ context }) => ({ uuid: context.uuid, deadlineMs: VM_DEADLINES.destroyMs }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'hypervisor.destroy' } },
      on: {
        'hypervisor.destroy.done': { target: 'checking', actions: noCopyHere },
        'hypervisor.destroy.refused': { target: 'clearingHereAgain', actions: waitForReason },
        'hypervisor.destroy.unknown': { target: 'clearingHereAgain', actions: waitForReason },
      },
    },
    clearingHereAgain: { after: { retryMs: 'clearingHere' } },
    /** The node actor's proofs are on their way; agents are asked only if they do not come. */
    proving: {
      entry: vmSetup.assign(({ context }) => ({ waitingReason: waitsFor(context) })),
      after: { askAgentsMs: 'asking' },
      on: { ...proofs.on },
    },
    asking: {
      entry: [
        vmSetup.assign(({ context }) => ({ waitingReason: waitsFor(context) })),
        ...askOtherSide('agent.ensure-absent'),
      ],
      after: { askAgainMs: { target: 'asking', reenter: true } },
      on: {
        ...proofs.on,
        'agent.absent': [
          {
            guard: ({ context, event }) =>
              isAnswer({ context, event }) && without(context.mayRunOn, byAgentAbsence(event)).length === 0,
            target: 'recovered',
            actions: assign(({ context, event }) => ({
              ...severedBy(context, event),
              mayRunOn: without(context.mayRunOn, byAgentAbsence(event)),
              waitingReason: null,
            })),
          },
          {
            guard: isAnswer,
            actions: assign(({ context, event }) => ({
              ...severedBy(context, event), mayRunOn: without(context.mayRunOn, byAgentAbsence(event)),
            })),
          },
        ],
        'agent.failed': { guard: isAnswer, actions: waitForReason },
      },
    },
    /** Transient: no copy is left anywhere. */
    recovered: {
      always: [
        { guard: 'leftAlone', target: '#off.left' },
        {
          guard: ({ context }) =>
            context.desired === 'start' && context.stop === null && (context.after ?? []).length > 0,
          target: '#starting.queueing',
          actions: assign(({ context }) => unlocked(context)),
        },
        {
          guard: ({ context }) => context.desired === 'start' && context.stop === null,
          target: '#starting.heading',
          actions: assign(({ context }) => unlocked(context)),
        },
        { target: '#ended' },
      ],
    },
  },
});

const waitsFor = (context: VmContext): string =>
  `Waiting for proof that ${context.mayRunOn.map((boot) => boot.node).join(' and ')} runs no copy of it`;
