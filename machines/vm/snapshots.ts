/** Commands about a VM's snapshots, and what they begin; the states are in snapshotting.ts. */
import type { VmContext } from './messages.js';
import { beginOperation, vmSetup } from './setup.js';

const volumesOf = (context: VmContext): readonly string[] => [
  ...new Set((context.definition.rbdDisks ?? []).filter((disk) => !disk.readOnly).map((disk) => disk.volume)),
];

const begin = vmSetup.assign(({ context, event }) => event.type !== 'vm.snapshot' ? {} : {
  snapshotting: {
    name: event.snapshot, volumes: volumesOf(context), definition: context.definition, still: null, failure: null,
  },
});

const drop = vmSetup.assign(({ context, event }) => {
  if (event.type !== 'vm.dropSnapshot') return {};
  const found = (context.snapshots ?? []).find((each) => each.name === event.snapshot);
  return found === undefined ? {} : {
    snapshots: (context.snapshots ?? []).filter((each) => each !== found), dropping: { ...found, isWhole: true },
  };
});

export const takesSnapshots = {
  'vm.snapshot': { target: '#snapshotting', actions: [beginOperation, begin] },
  'vm.dropSnapshot': { target: '#discarding', actions: [beginOperation, drop] },
} as const;

/** While nothing runs. */
export const rollsBack = {
  'vm.rollback': {
    target: '#rollingBack',
    actions: [
      beginOperation,
      vmSetup.assign(({ event }) => (event.type === 'vm.rollback' ? { rollingBack: event.snapshot } : {})),
    ],
  },
} as const;
