/**
 * The volume machine: one RBD image, `volume/<pool>~<name>`, owned by the primary. Its snapshots are data of it.
 * One command at a time; after each, Ceph is asked what is there, and that is what the record says. Every effect may be
 * run again, so that a crash anywhere is followed by the same end.
 * O1 An image is removed by command, or if the command under way made it (`fresh`), and never otherwise.
 * O2 Names that are ours for a while (ids.ts) are in the record before they are in Ceph, uploads apart: those are told
 *    by their name, and the keeper removes what nobody fills a volume with.
 */
import { assign } from 'xstate';
import { filling } from './filling.js';
import {
  AGAIN, begin, conclude, endAtOnce, jobOf, LONG_MS, noteCancelled, noteFailure, noteUnknown, ofImage, PATIENT,
  QUICK_MS, snapshotOf, volumeSetup,
} from './setup.js';

/** Raise when an old snapshot would not mean the same. */
export const VOLUME_MACHINE_VERSION = 1;

const quick = { deadlineMs: QUICK_MS, ...AGAIN };
const long = { deadlineMs: LONG_MS, ...AGAIN };
/** Of what is not done while somebody has the image open: an earlier try of ours may have. */
const patient = { deadlineMs: LONG_MS, ...PATIENT };
const looking = '#looking';

/** A refusal is told; what Ceph has now is looked at in either case. */
const refused = { target: looking, actions: noteFailure } as const;
const unknown = { target: looking, actions: noteUnknown } as const;
const toRemoved = { target: '#removed', actions: noteFailure } as const;

const creating = volumeSetup.createStateConfig({
  entry: { type: 'volume.create', params: ({ context }) => {
    const { sizeBytes, force } = jobOf(context, 'volume.create');
    return { ...ofImage(context), sizeBytes, force, ...quick };
  } },
  on: { 'volume.create.done': looking, 'volume.create.refused': toRemoved, 'volume.create.unknown': unknown },
});

const cloning = volumeSetup.createStateConfig({
  initial: 'marking',
  states: {
    marking: {
      entry: { type: 'volume.mark', params: ({ context }) => {
        const { from, mark, force } = jobOf(context, 'volume.clone');
        return { pool: context.pool, image: from, snapshot: mark, force, ...quick };
      } },
      on: {
        'volume.mark.done': 'copying',
        'volume.mark.refused': toRemoved,
        'volume.mark.unknown': { target: 'tidying', actions: noteUnknown },
      },
    },
    copying: {
      entry: { type: 'volume.clone', params: ({ context }) => {
        const { from, mark } = jobOf(context, 'volume.clone');
        return { ...ofImage(context), from, snapshot: mark, ...quick };
      } },
      on: {
        'volume.clone.done': 'tidying',
        'volume.clone.refused': { target: 'tidying', actions: noteFailure },
        'volume.clone.unknown': { target: 'tidying', actions: noteUnknown },
      },
    },
    /** The moment stays as long as the clone needs it, by itself. */
    tidying: {
      entry: { type: 'volume.unmark', params: ({ context }) => {
        const { from, mark } = jobOf(context, 'volume.clone');
        return { pool: context.pool, image: from, snapshot: mark, ...quick };
      } },
      on: { 'volume.unmark.done': 'tidied', 'volume.unmark.refused': 'tidied', 'volume.unmark.unknown': 'tidied' },
    },
    tidied: {
      always: [
        { guard: 'failed', target: looking },
        { guard: 'toFlatten', target: '#flattening' },
        { target: looking },
      ],
    },
  },
});

const available = volumeSetup.createStateConfig({
  id: 'available',
  entry: conclude,
  on: {
    'volume.fill': { target: 'filling', actions: begin },
    'volume.resize': { target: 'resizing', actions: begin },
    'volume.rename': { target: 'renaming', actions: begin },
    'volume.flatten': { target: 'flattening', actions: begin },
    'volume.remove': { target: 'removing', actions: begin },
    'volume.snapshot': { target: 'snapshotting', actions: begin },
    'volume.dropSnapshot': { target: 'droppingSnapshot', actions: begin },
    'volume.renameSnapshot': { target: 'renamingSnapshot', actions: begin },
    'volume.rollback': { target: 'rollingBack', actions: begin },
    'volume.observed': { actions: assign(({ event }) => ({ facts: event.facts })) },
    'volume.vanished': 'removed',
  },
});

const resizing = volumeSetup.createStateConfig({
  initial: 'changing',
  states: {
    changing: {
      entry: { type: 'volume.resize', params: ({ context }) => {
        const { sizeBytes, force } = jobOf(context, 'volume.resize');
        return { ...ofImage(context), sizeBytes, force, ...quick };
      } },
      on: { 'volume.resize.done': 'telling', 'volume.resize.refused': refused, 'volume.resize.unknown': unknown },
    },
    telling: {
      entry: { type: 'volume.announce', params: ({ context }) => (
        { ...ofImage(context), sizeBytes: jobOf(context, 'volume.resize').sizeBytes, ...quick }) },
      on: {
        'volume.announce.done': {
          target: looking,
          actions: volumeSetup.enqueueActions(({ context, event, enqueue }) => {
            if (event.type !== 'volume.announce.done') return;
            const { sizeBytes } = jobOf(context, 'volume.resize');
            for (const uuid of event.result.vms) {
              const event = { type: 'disk.resized', volume: `${context.pool}/${context.name}`, sizeBytes };
              enqueue({ type: 'tell', params: { to: `vm/${uuid}`, event } });
            }
          }),
        },
        'volume.announce.refused': looking,
        'volume.announce.unknown': looking,
      },
    },
  },
});

export const volumeMachine = volumeSetup.createMachine({
  id: 'volume',
  context: ({ input }) => ({ ...input, operation: null, job: null, failure: null, fresh: false, progress: null }),
  initial: 'born',
  on: {
    'volume.progressed': {
      actions: assign(({ event }) => (
        { progress: { current: Math.round(event.fraction * 1000), total: 1000, status: '' } })),
    },
  },
  states: {
    born: { always: [{ guard: 'isThere', target: 'available' }, { target: 'planned' }] },
    planned: {
      on: {
        'volume.create': { target: 'creating', actions: begin },
        'volume.clone': { target: 'cloning', actions: begin },
        'volume.fill': { target: 'filling', actions: begin },
      },
      after: { plannedMs: 'removed' },
    },
    creating,
    cloning,
    filling,
    available,
    resizing,
    renaming: {
      entry: { type: 'volume.rename', params: ({ context }) => (
        { ...ofImage(context), to: jobOf(context, 'volume.rename').to, ...PATIENT, deadlineMs: QUICK_MS }) },
      on: { 'volume.rename.done': 'removed', 'volume.rename.refused': refused, 'volume.rename.unknown': unknown },
    },
    flattening: {
      id: 'flattening',
      entry: { type: 'volume.flatten', params: ({ context }) => ({ ...ofImage(context), ...long }) },
      on: {
        'volume.flatten.done': looking,
        'volume.flatten.refused': refused,
        'volume.flatten.unknown': unknown,
        'volume.cancel': { target: looking, actions: [noteCancelled, endAtOnce] },
      },
    },
    snapshotting: {
      entry: { type: 'volume.snapshot', params: ({ context }) => (
        { ...ofImage(context), snapshot: snapshotOf(context), ...quick }) },
      on: { 'volume.snapshot.done': looking, 'volume.snapshot.refused': refused, 'volume.snapshot.unknown': unknown },
    },
    droppingSnapshot: {
      entry: { type: 'volume.dropSnapshot', params: ({ context }) => (
        { ...ofImage(context), snapshot: snapshotOf(context), ...quick }) },
      on: {
        'volume.dropSnapshot.done': looking,
        'volume.dropSnapshot.refused': refused,
        'volume.dropSnapshot.unknown': unknown,
      },
    },
    renamingSnapshot: {
      entry: { type: 'volume.renameSnapshot', params: ({ context }) => {
        const { snapshot, to } = jobOf(context, 'volume.renameSnapshot');
        return { ...ofImage(context), snapshot, to, ...quick };
      } },
      on: {
        'volume.renameSnapshot.done': looking,
        'volume.renameSnapshot.refused': refused,
        'volume.renameSnapshot.unknown': unknown,
      },
    },
    /** Not to be cancelled: half of it is neither the one content nor the other. */
    rollingBack: {
      entry: { type: 'volume.rollback', params: ({ context }) => (
        { ...ofImage(context), snapshot: snapshotOf(context), ...patient }) },
      on: { 'volume.rollback.done': looking, 'volume.rollback.refused': refused, 'volume.rollback.unknown': unknown },
    },
    /** Not to be cancelled either: there is no way back from its first step, and half an image is of no use. */
    removing: {
      entry: { type: 'volume.remove', params: ({ context }) => ({ ...ofImage(context), ...patient }) },
      on: { 'volume.remove.done': 'removed', 'volume.remove.refused': refused, 'volume.remove.unknown': unknown },
    },
    looking: {
      id: 'looking',
      entry: { type: 'volume.look', params: ({ context }) => ({ ...ofImage(context), ...quick }) },
      on: {
        'volume.look.done': [
          {
            guard: ({ event }) => event.result.facts !== null,
            target: 'available',
            actions: assign(({ event }) => ({ facts: event.result.facts })),
          },
          {
            target: 'removed',
            actions: volumeSetup.assign(({ context }) => (
              { failure: context.failure ?? 'there is no such image in Ceph any more' })),
          },
        ],
        'volume.look.refused': 'lookingAgain',
        'volume.look.unknown': 'lookingAgain',
      },
    },
    lookingAgain: { after: { lookAgainMs: 'looking' } },
    removed: {
      id: 'removed',
      type: 'final',
      entry: [conclude, { type: 'actor.remove', params: { names: [] } }],
    },
  },
});
