/**
 * The node machine: one node's life and what it may hold. Owner: the primary. Two regions: `life` (is it
 * alive, and if not, is that proved?) and `domain` (PVC's ready and flush).
 * Invariants (docs/machines.md has the tables):
 * N1 a proof is recorded only on entering `proved`, from a transition that holds its evidence (I3).
 * N2 cluster.rehome is sent only in `proved`.
 * N3 whatever a BMC says, a sign of life on any network keeps the node in `fencing` with a reason.
 * N4 a boot that was fenced never becomes `alive` again (I7).
 * N5 every owner can carry on from the record: stages are states, effects are repeatable, timers begin anew (I15).
 * N6 P3 is recorded only on the storage's word that the cut is in force, and what it moves can write to RBD only.
 * N7 a boot that its storage was asked to cut off never becomes `alive` again; its entries are lifted on P0 only.
 */
import type { SnapshotView } from '../definition.js';
import { newNode } from './changes.js';
import { flushed, flushing, ready, readying } from './domain.js';
import { alive, judging, takeJoin } from './life.js';
import { proved } from './proved.js';
import { endOffer, nodeSetup, takeOffer, takePrimary } from './setup.js';
import { NODE_DEADLINES } from './timing.js';

/** Raise when an old snapshot would not mean the same. 2: a node that is judged may be cut off from storage, too. */
export const NODE_MACHINE_VERSION = 2;

/** A node that was being judged had no region for its storage; nothing was asked of that. */
const withStorage = (value: unknown): unknown => {
  const { life, ...rest } = value as { readonly life: unknown };
  const judging = (life as { readonly judging?: object } | null)?.judging;
  return judging === undefined ? value : { ...rest, life: { judging: { ...judging, storage: 'idle' } } };
};

/** From each older version to the next: see the runtime's MachineDefinition. */
export const NODE_MIGRATIONS = {
  1: (snapshot: SnapshotView): SnapshotView => ({ ...snapshot, value: withStorage(snapshot.value) }),
} as const;

export const nodeMachine = nodeSetup.createMachine({
  id: 'node',
  context: ({ input }) => newNode(input),
  type: 'parallel',
  on: {
    'owner.acquired': { actions: takePrimary },
    'node.primary': {
      actions: [
        takeOffer,
        { type: 'primary.offer', params: ({ context }) => ({ to: context.name, deadlineMs: NODE_DEADLINES.planMs }) },
      ],
    },
    'node.secondary': {
      actions: [takeOffer, { type: 'primary.offer', params: { to: null, deadlineMs: NODE_DEADLINES.planMs } }],
    },
    'primary.offer.done': { actions: endOffer },
    'primary.offer.refused': { actions: endOffer },
    'primary.offer.unknown': { actions: endOffer },
  },
  states: {
    life: {
      initial: 'unknown',
      states: {
        /** Never seen in this generation of the cluster: unknown, not suspected. */
        unknown: { on: { 'node.joined': { target: 'alive', actions: takeJoin } } },
        alive,
        judging,
        proved,
      },
    },
    domain: { initial: 'ready', states: { ready, flushing, flushed, readying } },
  },
});
