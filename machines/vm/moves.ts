/** Commands that send a guest that runs to another node. */
import { moveOf } from './changes.js';
import { beginOperation, endAtOnce, vmSetup } from './setup.js';

const move = {
  target: '#migrating',
  actions: [
    beginOperation,
    vmSetup.assign(({ context, event }) => ('operationId' in event ? { move: moveOf(context, event) } : {})),
  ],
} as const;

export const movesAway = {
  'vm.migrate': move,
  'vm.move': [
    // Moving to where it runs makes a temporary migration permanent (PVC).
    {
      guard: ({ context, event }: { context: { node: string }; event: { target: string | null } }) =>
        event.target === context.node,
      actions: [vmSetup.assign({ lastNode: null }), endAtOnce],
    },
    move,
  ],
  'vm.unmigrate': move,
} as const;
