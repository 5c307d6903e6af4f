/**
 * The OSD machine: one disk (or part of one) that serves Ceph. Owner: the node with the disk, always.
 * Invariants (docs/machines.md has the tables):
 * O1 nothing of a device is changed before `osd.check` found it free, or ours.
 * O2 what an addition that failed has made is unmade (`undoing`) before its task ends: no number without an OSD.
 * O3 data are given up only when Ceph says that they are elsewhere, or a person forces it.
 * O4 every owner can carry on from the record: stages are states, effects are repeatable.
 */
import { building, checking, judging, leaving, refreshing, sharing } from './building.js';
import { burying } from './burying.js';
import { begin, newOsd, osdSetup, takeFacts } from './setup.js';
import { removing, undoing } from './removing.js';

/** Raise when an old snapshot would not mean the same. */
export const OSD_MACHINE_VERSION = 1;

export const osdMachine = osdSetup.createMachine({
  id: 'osd',
  context: ({ input }) => newOsd(input),
  initial: 'born',
  on: { 'osd.facts': { actions: takeFacts } },
  states: {
    born: { always: [{ guard: 'isAdopted', target: 'serving' }, { target: 'new' }] },
    new: {
      after: { newMs: 'gone' },
      on: {
        'osd.add': { target: 'checking', actions: begin }, 'osd.share': { target: 'sharing', actions: begin },
        'osd.bury': { target: 'burying', actions: begin },
      },
    },
    checking,
    judging,
    leaving,
    building,
    refreshing,
    sharing,
    burying,
    serving: {
      id: 'serving',
      on: {
        'osd.replace': { target: 'checking', actions: begin },
        'osd.refresh': { target: 'refreshing', actions: begin },
        'osd.remove': { target: 'removing', actions: begin },
      },
    },
    empty: {
      id: 'empty',
      on: {
        'osd.replace': { target: 'checking', actions: begin },
        'osd.remove': { target: 'removing.purging', actions: begin },
      },
    },
    removing,
    undoing,
    gone: {
      id: 'gone',
      type: 'final',
      entry: { type: 'actor.remove', params: { names: [] } },
    },
  },
});

