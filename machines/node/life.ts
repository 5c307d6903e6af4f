/** Part of the node chart: is it alive, and how sure are we? Doubt and suspicion judge nothing by themselves. */
import { askBmc, nodeSetup, prove, takePrimary, waitBecause } from './setup.js';
import { doubted, joined, lost, restartAnnounced, restartOver } from './changes.js';
import { fencing } from './fencing.js';
import { storage } from './storage.js';
import { NODE_DEADLINES } from './timing.js';

const beginDoubt = nodeSetup.assign(({ event }) => doubted(event));
const takeLoss = nodeSetup.assign(({ event }) => lost(event));
export const takeJoin = nodeSetup.assign(({ context, event }) => joined(context, event));
export const takeNext = nodeSetup.assign(({ event }) =>
  event.type === 'node.joined' ? { next: { bootId: event.bootId, incarnation: event.incarnation } } : {},
);

const takeSession = nodeSetup.assign(({ event }) =>
  event.type === 'node.joined' ? { sessionGone: false, incarnation: event.incarnation } : {},
);

/** Back under a new boot: that is itself the proof that the old one is over. */
const provedByReturn = {
  target: '#proved',
  actions: [
    prove('P0', (_context, event) => `It runs again under boot ${'bootId' in event ? event.bootId : ''}`),
    takeNext,
  ],
} as const;

/** A boot that came and went unheard is judged in the place of the present one, which proves it over. */
const takePassed = nodeSetup.assign(({ context: { name, boot, incarnation }, event }) =>
  event.type !== 'node.passed' || boot === null ? {} : {
    boot: { node: name, bootId: event.bootId },
    next: { bootId: boot.bootId, incarnation: incarnation ?? '' },
  },
);

const positiveSign = { guard: 'powerReadsOff', target: '#fencing.confirmSilence' } as const;
const takeRestart = nodeSetup.assign(({ event }) => restartAnnounced(event));
const endRestart = nodeSetup.assign(({ context }) => restartOver(context));
const waitsForRestart = waitBecause('Its daemon is being restarted');

/**
 * pvcd restarts on purpose. Until the deadline it named, the silence of its session means nothing, and the BMC is
 * asked instead; off and no answer on any network is a sign that this is no restart. Nothing is proved here, and what
 * a proof needs is gathered from nothing afterwards: the lease is counted anew, a new primary judges as a new one.
 */
const restarting = nodeSetup.createStateConfig({
  initial: 'announced',
  entry: waitsForRestart,
  after: {
    restartMs: [
      { guard: 'sessionGone', target: '#judging', actions: endRestart },
      { target: 'steady', actions: nodeSetup.assign({ waitingReason: null }) },
    ],
  },
  on: {
    'node.lost': { actions: takeLoss },
    'node.restarted': { guard: 'ownBootSpeaks', target: 'steady', actions: takeJoin },
    'owner.acquired': { guard: 'newPrimary', actions: [takePrimary, nodeSetup.assign({ quorumAgeMs: 0 })] },
  },
  states: {
    announced: { on: { 'node.silent': 'reading', 'node.lost': { target: 'reading', actions: takeLoss } } },
    reading: {
      entry: askBmc('bmc.read', 'off', NODE_DEADLINES.doubtMs),
      exit: { type: 'effect.cancel', params: { kind: 'bmc.read' } },
      on: {
        'bmc.read.done': [{ guard: 'powerReadsOff', target: 'confirming' }, { target: 'waiting' }],
        'bmc.read.refused': 'waiting',
        'bmc.read.unknown': 'waiting',
      },
    },
    /** Any answer on any network is life, whatever the BMC says. */
    confirming: {
      entry: {
        type: 'probe.signs',
        params: ({ context }) => ({ node: context.name, deadlineMs: NODE_DEADLINES.probeMs }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'probe.signs' } },
      on: {
        'probe.signs.done': [
          { guard: 'silentEverywhere', target: '#fencing.confirmSilence', actions: endRestart },
          { target: 'waiting' },
        ],
        'probe.signs.refused': 'waiting',
        'probe.signs.unknown': 'waiting',
      },
    },
    waiting: { after: { rereadMs: 'reading' } },
  },
});

export const alive = nodeSetup.createStateConfig({
  id: 'alive',
  initial: 'steady',
  on: {
    'node.joined': [{ guard: 'sameBootJoined', target: '.steady', actions: takeJoin }, provedByReturn],
    'node.passed': {
      guard: 'isAnotherBoot',
      target: '#proved',
      actions: [takePassed, prove('P0', ({ next }) => `It runs under a later boot, ${next?.bootId}`)],
    },
    'node.restarting': { guard: 'ownBootSpeaks', target: '.restarting', actions: takeRestart },
  },
  states: {
    steady: {
      on: {
        'node.silent': { target: '#judging', actions: beginDoubt },
        'node.lost': { target: '#judging', actions: beginDoubt },
      },
    },
    restarting,
  },
});

/** Asks the BMC again and again: one that reads off is a positive sign and needs no waiting. */
const readingUntilOff = {
  reading: {
    entry: askBmc('bmc.read', 'off', NODE_DEADLINES.doubtMs),
    exit: { type: 'effect.cancel', params: { kind: 'bmc.read' } },
    on: {
      'bmc.read.done': [positiveSign, { target: 'waiting' }],
      'bmc.read.refused': 'waiting',
      'bmc.read.unknown': 'waiting',
    },
  },
  waiting: { after: { rereadMs: 'reading' } },
} as const;

/**
 * Only what storage can hold need not wait for the lease: without it the networks are asked after the BMC. A probe that
 * is not back yet goes on while the BMC is asked again.
 */
const askNetworks = nodeSetup.enqueueActions(({ context, enqueue }) => {
  if (context.hasStorage !== true || context.unheard === null) return;
  enqueue.assign({ unheard: null });
  enqueue({ type: 'probe.signs', params: { node: context.name, deadlineMs: NODE_DEADLINES.probeMs } });
});
const endProbe = { type: 'effect.cancel', params: { kind: 'probe.signs' } } as const;
const takeSilence = nodeSetup.assign(({ event }) =>
  event.type === 'probe.signs.done' ? { unheard: event.result.answered.length === 0 } : {},
);
const notKnownSilent = nodeSetup.assign({ unheard: false });
const offAndUnheard = { guard: 'silentEverywhere', target: '#fencing.awaitLeaseDeadline' } as const;

/**
 * Its heartbeat is missing, its session stands. Where there is storage, every network is asked at once with the BMC: to
 * be sure of a silence takes longer than to read a power that is off.
 */
const doubtedState = nodeSetup.createStateConfig({
  initial: 'reading',
  exit: [endProbe, notKnownSilent],
  // A daemon whose session lives and which writes nothing has lost its lease, and its guests with it.
  after: { doubtMs: '#suspected' },
  on: {
    'node.lost': [
      { guard: 'lostUnheard', target: '#fencing', actions: takeLoss },
      { target: '#suspected', actions: takeLoss },
    ],
    'probe.signs.done': { actions: takeSilence },
    'probe.signs.refused': { actions: notKnownSilent },
    'probe.signs.unknown': { actions: notKnownSilent },
  },
  states: {
    reading: {
      entry: [...askBmc('bmc.read', 'off', NODE_DEADLINES.doubtMs), askNetworks],
      exit: { type: 'effect.cancel', params: { kind: 'bmc.read' } },
      on: {
        'probe.signs.done': {
          actions: takeSilence,
        },
        'probe.signs.refused': { actions: notKnownSilent },
        'probe.signs.unknown': { actions: notKnownSilent },
        'bmc.read.done': [
          { guard: 'readsOffUnheard', target: '#fencing.awaitLeaseDeadline' },
          { guard: 'readsOffNotYetHeard', target: 'listening' },
          positiveSign,
          { target: 'waiting' },
        ],
        'bmc.read.refused': 'waiting',
        'bmc.read.unknown': 'waiting',
      },
    },
    listening: {
      on: {
        // The sign stays: it need not be looked for again.
        'node.lost': { actions: takeLoss },
        'probe.signs.done': [offAndUnheard, { target: '#fencing.confirmSilence' }],
        'probe.signs.refused': '#fencing.confirmSilence',
        'probe.signs.unknown': '#fencing.confirmSilence',
      },
    },
    waiting: { after: { rereadMs: 'reading' } },
  },
});

const suspectedState = nodeSetup.createStateConfig({
  id: 'suspected',
  initial: 'deciding',
  on: {
    'node.lost': { actions: takeLoss },
    // A new primary judges nobody by silence alone for two session time-outs.
    'owner.acquired': {
      guard: 'newPrimary',
      target: '.deciding',
      actions: [takePrimary, nodeSetup.assign({ quorumAgeMs: 0 })],
    },
  },
  states: {
    /** Transient. */
    deciding: { always: [{ guard: 'quorumIsYoung', target: 'settling' }, { target: 'probing' }] },
    settling: {
      initial: 'reading',
      entry: waitBecause('The primary or the quorum is young: nobody is judged by silence alone yet'),
      after: { settleMs: 'probing' },
      states: readingUntilOff,
    },
    probing: {
      entry: {
        type: 'probe.signs',
        params: ({ context }) => ({ node: context.name, deadlineMs: NODE_DEADLINES.probeMs }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'probe.signs' } },
      on: {
        'probe.signs.done': [{ guard: 'silentEverywhere', target: '#fencing' }, { target: 'grace' }],
        'probe.signs.refused': 'grace',
        'probe.signs.unknown': 'grace',
      },
    },
    grace: {
      entry: waitBecause('Its host still answers: its daemon has a moment to come back'),
      after: { graceMs: '#fencing' },
    },
  },
});

export const judging = nodeSetup.createStateConfig({
  id: 'judging',
  type: 'parallel',
  on: {
    'node.heard': { guard: 'isUncut', target: '#alive', actions: takeJoin },
    'node.joined': [
      { guard: 'sameBootJoinedUncut', target: '#alive', actions: takeJoin },
      {
        // Condemned: what it holds now is a session that has to be ended.
        guard: 'sameBootJoined',
        actions: takeSession,
      },
      provedByReturn,
    ],
    'node.confirm-fenced': {
      target: '#proved',
      actions: [
        prove('P4', (_context, event) =>
          event.type === 'node.confirm-fenced' ? `${event.by} says that it is off` : 'A person says that it is off',
        ),
        nodeSetup.enqueueActions(({ event, enqueue }) => {
          if ('operationId' in event)
            enqueue({
              type: 'operation.end',
              params: { operationId: event.operationId, state: 'done', message: null },
            });
        }),
      ],
    },
  },
  states: {
    /** Counts from the last sign of life, beside everything else. */
    lease: {
      initial: 'counting',
      states: { counting: { after: { leaseMs: 'over' } }, over: { entry: nodeSetup.assign({ leaseOver: true }) } },
    },
    case: {
      initial: 'opening',
      states: {
        /** Transient. */
        opening: { always: [{ guard: 'sessionGone', target: 'suspected' }, { target: 'doubted' }] },
        doubted: doubtedState,
        suspected: suspectedState,
        fencing,
      },
    },
    storage,
  },
});
