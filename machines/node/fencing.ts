/**
 * Part of the node chart: making sure that a boot can do nothing any more (I14: goal-based and repeatable).
 * Leads to `proved` only by [read on, commanded off, read off, silent] or by [read off, silent
 * everywhere, lease deadline passed]. Whatever contradicts that, or a BMC that does not answer, leads to
 * `stuck` with the reason, and from there to another round; a person can end it (judging, P4). Beside it the storage
 * cuts the boot off (storage.ts); a BMC that reads off is believed only together with that, where there is storage.
 */
import { isMassLoss, p1Evidence } from './changes.js';
import type { NodeEvent } from './events.js';
import { askBmc, askNextHelper, nodeSetup, prove, waitBecause, waitForAnswer } from './setup.js';
import { NODE_DEADLINES } from './timing.js';

const provedP1 = { target: '#proved', actions: prove('P1', p1Evidence) } as const;
const stuckNow = { target: 'stuck', actions: waitForAnswer } as const;
const helperLate = {
  helperMs: { target: 'stuck', actions: waitBecause('No coordinator got an answer from its BMC') },
} as const;

/** Silence alone is not enough to cut off more than a minority (rule 7). */
const wantCut = nodeSetup.assign(({ context }) =>
  context.hasStorage === true && context.sessionGone && !isMassLoss(context) ? { cutWanted: true } : {},
);
const wantCutNow = nodeSetup.assign(({ context }) => (context.hasStorage === true ? { cutWanted: true } : {}));

/** Of no use without storage. */
const sawOffAndSilent = (offAndSilent: boolean) => nodeSetup.assign(({ context }) =>
  context.hasStorage === true ? { offAndSilent } : {},
);

const sawOn = nodeSetup.assign(({ event }) => ({ powerSeenOnAt: event.at }));
/** No answer: the next coordinator's agent is asked, and when all were, the fence is stuck. */
const readElsewhere = [
  { guard: 'anotherMayTry', actions: askNextHelper('bmc.read', 'off') },
  { guard: 'noAnswer', ...stuckNow },
] as const;
const setElsewhere = [
  { guard: 'anotherMayTry', actions: askNextHelper('bmc.set', 'off') },
  { guard: 'noAnswer', ...stuckNow },
] as const;

const firstReading = [
  { guard: 'powerReadsOn', target: 'powerOff', actions: sawOn },
  { guard: 'powerReadsOff', target: 'confirmSilence' },
] as const;

const offTaken = [
  { guard: 'commandTaken', target: 'verifyOff', actions: nodeSetup.assign({ commandedOff: true, readings: 0 }) },
] as const;

const offReading = [
  { guard: 'powerReadsOff', target: 'confirmSilence' },
  {
    guard: 'staysOn',
    target: 'stuck',
    actions: waitBecause('Its power still reads as on after it was commanded off'),
  },
  { guard: 'powerReadsOn', target: 'verifyOffAgain' },
] as const;

/** Power off and yet an answer: one of the two lies. */
const contradiction = (event: NodeEvent): string =>
  'Its power reads as off, but it answers on '
  + (event.type === 'probe.signs.done' ? event.result.answered.join(', ') : 'a network');

export const fencing = nodeSetup.createStateConfig({
  id: 'fencing',
  initial: 'readPower',
  entry: nodeSetup.assign({ waitingReason: null }),
  on: {
    // A session that ends while its node is being fenced changes nothing but what must be deleted later.
    'node.lost': { actions: [nodeSetup.assign({ sessionGone: true }), wantCut] },
  },
  states: {
    readPower: {
      entry: [
        nodeSetup.assign({ powerSeenOnAt: null, commandedOff: false, readings: 0 }),
        wantCut,
        ...askBmc('bmc.read', 'off'),
      ],
      exit: { type: 'effect.cancel', params: { kind: 'bmc.read' } },
      after: helperLate,
      on: {
        'bmc.read.done': firstReading,
        'bmc.read.refused': readElsewhere,
        'bmc.read.unknown': readElsewhere,
        'agent.answered': [...firstReading, ...readElsewhere],
      },
    },
    powerOff: {
      entry: askBmc('bmc.set', 'off'),
      exit: { type: 'effect.cancel', params: { kind: 'bmc.set' } },
      after: helperLate,
      on: {
        'bmc.set.done': offTaken,
        'bmc.set.refused': setElsewhere,
        'bmc.set.unknown': setElsewhere,
        'agent.answered': [...offTaken, ...setElsewhere],
      },
    },
    verifyOff: {
      entry: [nodeSetup.assign(({ context }) => ({ readings: context.readings + 1 })), ...askBmc('bmc.read', 'off')],
      exit: { type: 'effect.cancel', params: { kind: 'bmc.read' } },
      after: helperLate,
      on: {
        'bmc.read.done': offReading,
        'bmc.read.refused': readElsewhere,
        'bmc.read.unknown': readElsewhere,
        'agent.answered': [...offReading, ...readElsewhere],
      },
    },
    verifyOffAgain: { after: { verifyMs: 'verifyOff' } },
    /** Power reads off: does anything contradict it? */
    confirmSilence: {
      entry: {
        type: 'probe.signs',
        params: ({ context }) => ({ node: context.name, deadlineMs: NODE_DEADLINES.probeMs }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'probe.signs' } },
      on: {
        'probe.signs.done': [
          {
            guard: ({ event }) => event.result.answered.length > 0,
            target: 'stuck',
            actions: nodeSetup.assign(({ event }) => ({
              waitingReason: contradiction(event),
            })),
          },
          { guard: 'powerWasCut', ...provedP1 },
          { guard: 'leaseOverAndCut', ...provedP1 },
          { target: 'awaitLeaseDeadline' },
        ],
        'probe.signs.refused': stuckNow,
        'probe.signs.unknown': stuckNow,
      },
    },
    /**
     * Reads off and is silent. A BMC that lies is outlasted: by then the node's own guard has ended its guests. VMs
     * that can write to nothing but RBD do not wait here: they go on once the storage has cut the boot off.
     */
    awaitLeaseDeadline: {
      entry: [
        waitBecause('Waiting for its lease deadline to pass'), wantCutNow, sawOffAndSilent(true),
      ],
      exit: sawOffAndSilent(false),
      always: { guard: 'leaseOverAndCut', ...provedP1 },
      after: { retryLeaseMs: 'confirmSilence' },
    },
    stuck: {
      entry: nodeSetup.assign(({ context }) => ({ stuckRounds: context.stuckRounds + 1 })),
      after: { stuckMs: 'readPower' },
    },
  },
});
