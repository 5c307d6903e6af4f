/** Part of the VM chart: nothing runs and nothing is wanted. Owner: the primary. */
import { assign } from 'xstate';
import { metaAfter, rehomedWhileOff, wantStart } from './changes.js';
import { definesDevices } from './devices.js';
import type { VmContext } from './messages.js';
import { removesDisks } from './removing.js';
import { rollsBack, takesSnapshots } from './snapshots.js';
import { beginOperation, conclude, endAtOnce, takeOwner, vmSetup, wishEnd } from './setup.js';

/** What a node held goes back to the primary; an actor that is there already stays. */
export const handBack = vmSetup.enqueueActions(({ context, enqueue }) => {
  if (context.heldAs !== 'runner') return;
  enqueue({ type: 'owner.transfer', params: { to: 'primary' } });
  enqueue.assign({ heldAs: 'primary' });
});

const settle = vmSetup.assign({ waitingReason: null, target: null, stop: null, move: null });

const takeMeta = vmSetup.assign(({ context, event }) =>
  event.type === 'vm.meta' ? { meta: metaAfter(context.meta, event.meta) } : {},
);

const ended = conclude(() => null);
const failed = conclude((context: VmContext) => context.failedReason ?? 'It failed');

const startIt = {
  target: '#starting.placing',
  actions: [beginOperation, vmSetup.assign(() => wantStart())],
} as const;

const takeAutostart = vmSetup.assign(({ context }) => (
  { ...wantStart(), meta: { ...context.meta, autostart: false } }));

const rehome = {
  actions: [
    vmSetup.assign(({ context, event }) => ('operationId' in event ? rehomedWhileOff(context, event) : {})),
    endAtOnce,
  ],
};

/** An honest end names every node that was tried. */
const tellNodesTried = vmSetup.assign(({ context }) => {
  if (context.triedNodes.length === 0) return {};
  const nodes = [...new Set([...context.triedNodes, context.node])].join(', ');
  return { failedReason: `${context.failedReason ?? 'It did not start'} (given up after ${nodes})` };
});

/** Wished for, and yet nobody brings it back: the cluster leaves it alone. */
const leftAlone = conclude(() => 'It ended with its node, and the cluster leaves it alone (ha is off)');

export const off = vmSetup.createStateConfig({
  id: 'off',
  initial: 'stopped',
  on: {
    ...definesDevices,
    'vm.start': startIt,
    'vm.autostart': [
      {
        guard: ({ event }) => (event.after ?? []).length > 0,
        target: '#starting.queueing',
        actions: [takeAutostart, assign(({ event }) => ({ after: event.after ?? [] }))],
      },
      { target: '#starting.placing', actions: takeAutostart },
    ],
    'vm.migrate': rehome,
    'vm.move': rehome,
    'vm.unmigrate': rehome,
    'vm.undefine': [removesDisks, { target: '#removed', actions: beginOperation }],
    // A claim after the death of the last primary: nothing runs, so there is nothing to prove.
    'owner.acquired': { actions: takeOwner },
  },
  states: {
    stopped: {
      entry: [settle, ended, handBack],
      always: { guard: 'mustDrop', target: '#discarding' },
      on: { ...takesSnapshots, ...rollsBack, 'vm.disable': { target: 'disabled', actions: [beginOperation, wishEnd] } },
    },
    disabled: {
      entry: [settle, ended, handBack],
      always: { guard: 'mustDrop', target: '#discarding' },
      on: { ...takesSnapshots, ...rollsBack, 'vm.stop': { target: 'stopped', actions: [beginOperation, wishEnd] } },
    },
    /** Its wish stands (PVC's word is start); a command starts it, or makes it one of the cluster's again. */
    left: {
      entry: [
        settle,
        vmSetup.assign({ waitingReason: 'It ended, and the cluster leaves it alone (ha is off): start it by command' }),
        leftAlone,
        handBack,
      ],
      on: {
        'vm.meta': [
          {
            guard: ({ event }) => event.meta.ha === true,
            target: '#starting.placing',
            actions: [takeMeta, endAtOnce, vmSetup.assign(() => wantStart())],
          },
          { actions: [takeMeta, endAtOnce] },
        ],
        'vm.stop': { target: 'stopped', actions: [beginOperation, wishEnd] },
        'vm.disable': { target: 'disabled', actions: [beginOperation, wishEnd] },
      },
    },
    failed: {
      entry: [vmSetup.assign({ desired: 'stop' }), tellNodesTried, settle, failed, handBack],
      on: {
        'vm.stop': { target: 'stopped', actions: [beginOperation, wishEnd, vmSetup.assign({ failedReason: null })] },
        'vm.disable': {
          target: 'disabled',
          actions: [beginOperation, wishEnd, vmSetup.assign({ failedReason: null })],
        },
      },
    },
  },
});
