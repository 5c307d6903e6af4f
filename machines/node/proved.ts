/**
 * Part of the node chart: the proof is on file. What the boot owned finds a new home, then the node is
 * switched on again.
 */
import { takeJoin, takeNext } from './life.js';
import { tellVms } from './rehoming.js';
import { askBmc, askNextHelper, nodeSetup, waitBecause, waitForAnswer } from './setup.js';
import type { NodeContext, Proof } from './messages.js';
import { armRenewal, cancelCut, cutOff, endRenewal, liftCut, takeCut } from './storage.js';
import { NODE_DEADLINES } from './timing.js';

/** Nothing is re-homed without it: a missing proof is a broken invariant, not a case. */
function theProof(context: NodeContext): Proof {
  if (context.proof === null) throw new Error(`node ${context.name} is in a proved state without a proof`);
  return context.proof;
}

const onTaken = [
  {
    guard: 'commandTaken',
    target: 'awaitingReturn',
    actions: waitBecause('Switched on again; waiting for it to come back'),
  },
] as const;
const setElsewhere = [
  { guard: 'anotherMayTry', actions: askNextHelper('bmc.set', 'on') },
  { guard: 'noAnswer', target: 'poweringOnAgain', actions: waitForAnswer },
] as const;

const cutTaken = [{ guard: 'commandTaken', target: 'cyclingPause' }] as const;
const cutElsewhere = [
  { guard: 'anotherMayTry', actions: askNextHelper('bmc.set', 'off') },
  { guard: 'noAnswer', target: 'awaitingReturn', actions: waitForAnswer },
] as const;

/** Back under another boot: the former one's entries go first, then it is alive. */
const back = [
  { guard: 'isBackAndCut', target: 'lifting' },
  { guard: 'isBackAlready', target: '#alive', actions: takeJoin },
] as const;

export const proved = nodeSetup.createStateConfig({
  id: 'proved',
  initial: 'opening',
  on: {
    'node.joined': [
      // I7: a boot that was fenced never comes back. Its daemon refuses to work; only a reboot helps.
      {
        guard: 'sameBootJoined',
        target: '.endingSession',
        actions: [
          nodeSetup.assign({ sessionGone: false }),
          waitBecause('It answers under the boot that was fenced: it must be rebooted'),
        ],
      },
      { actions: takeNext },
    ],
  },
  states: {
    /** Transient. */
    opening: { always: [{ guard: 'sessionGone', target: 'settling' }, { target: 'endingSession' }] },
    endingSession: {
      entry: {
        type: 'session.fence',
        params: ({ context }) => ({ boot: theProof(context).boot, deadlineMs: NODE_DEADLINES.sessionMs }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'session.fence' } },
      on: {
        'session.fence.done': { target: 'settling', actions: nodeSetup.assign({ sessionGone: true }) },
        'session.fence.refused': { target: 'endingSessionAgain', actions: waitForAnswer },
        'session.fence.unknown': { target: 'endingSessionAgain', actions: waitForAnswer },
        'node.lost': { target: 'settling', actions: nodeSetup.assign({ sessionGone: true }) },
      },
    },
    endingSessionAgain: { after: { retryMs: 'endingSession' } },
    /** Transient. */
    settling: { always: [{ guard: 'cutIsSettled', target: 'rehoming' }, { target: 'cuttingOff' }] },
    /** The proof in hand is enough; but images that the dead clients still hold could not be opened at once. */
    cuttingOff: {
      entry: cutOff,
      exit: cancelCut,
      after: { cutPatienceMs: 'rehoming' },
      on: {
        'storage.fence.done': { target: 'rehoming', actions: takeCut },
        'storage.fence.refused': { target: 'rehoming', actions: takeCut },
        'storage.fence.unknown': { target: 'rehoming', actions: takeCut },
      },
    },
    rehoming: {
      entry: {
        type: 'cluster.rehome',
        params: ({ context }) => ({
          boot: theProof(context).boot,
          proof: theProof(context),
          deadlineMs: NODE_DEADLINES.rehomeMs,
        }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'cluster.rehome' } },
      on: {
        'cluster.rehome.done': { target: 'rehomed', actions: tellVms((context) => context.proof) },
        'cluster.rehome.refused': { target: 'rehomingAgain', actions: waitForAnswer },
        'cluster.rehome.unknown': { target: 'rehomingAgain', actions: waitForAnswer },
      },
    },
    rehomingAgain: { after: { retryMs: 'rehoming' } },
    /** Transient. A node that a person vouched for, or that was shut down in order, is his to switch on. */
    rehomed: {
      always: [
        ...back,
        { guard: 'switchedOffByUs', target: 'poweringOn' },
        { target: 'awaitingReturn' },
      ],
    },
    poweringOn: {
      entry: askBmc('bmc.set', 'on'),
      exit: { type: 'effect.cancel', params: { kind: 'bmc.set' } },
      always: back,
      after: { helperMs: { target: 'poweringOnAgain', actions: waitBecause('No coordinator could switch it on') } },
      on: {
        'bmc.set.done': onTaken,
        'bmc.set.refused': setElsewhere,
        'bmc.set.unknown': setElsewhere,
        'agent.answered': [...onTaken, ...setElsewhere],
      },
    },
    poweringOnAgain: {
      always: back,
      after: { powerOnMs: 'poweringOn' },
    },
    /** Fenced for good; only another boot of it brings it back. */
    awaitingReturn: {
      entry: armRenewal,
      exit: [endRenewal, cancelCut],
      always: back,
      on: {
        'storage.renew': { actions: [...cutOff, armRenewal] },
        'node.outcast': {
          guard: 'fencedBootLives',
          target: 'cyclingOff',
          actions: waitBecause('It runs under the boot that was fenced: it is switched off and on'),
        },
      },
    },
    /** The fenced boot lives (its BMC lied, or the person erred) and owns nothing any more: it is power-cycled. */
    cyclingOff: {
      entry: askBmc('bmc.set', 'off'),
      exit: { type: 'effect.cancel', params: { kind: 'bmc.set' } },
      after: {
        helperMs: {
          target: 'awaitingReturn',
          actions: waitBecause(
            'It runs under the boot that was fenced, and no coordinator could switch it off: reboot it',
          ),
        },
      },
      on: {
        'bmc.set.done': cutTaken,
        'bmc.set.refused': cutElsewhere,
        'bmc.set.unknown': cutElsewhere,
        'agent.answered': [...cutTaken, ...cutElsewhere],
      },
    },
    /** The supply needs a moment to fall. */
    cyclingPause: { after: { cycleMs: 'poweringOn' } },
    lifting: {
      entry: liftCut,
      exit: { type: 'effect.cancel', params: { kind: 'storage.lift' } },
      on: {
        'storage.lift.done': { target: '#alive', actions: takeJoin },
        'storage.lift.refused': { target: 'liftingAgain', actions: waitForAnswer },
        'storage.lift.unknown': { target: 'liftingAgain', actions: waitForAnswer },
      },
    },
    liftingAgain: { after: { retryMs: 'lifting' } },
  },
});
