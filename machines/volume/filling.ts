/** Part of the volume chart: what was uploaded becomes the volume's content. */
import { assign } from 'xstate';
import {
  AGAIN, endAtOnce, jobOf, LONG_MS, noteCancelled, noteCancelledHalf, noteFailure, noteUnknown, ofImage, PATIENT,
  QUICK_MS, volumeSetup,
} from './setup.js';

const quick = { deadlineMs: QUICK_MS, ...AGAIN };

/** Nothing of ours is there to be undone: what has this name in Ceph, if anything, is somebody else's (O1). */
const notMade = volumeSetup.assign({ fresh: false });
const toTidying = { target: 'tidying', actions: noteFailure } as const;
const toTidyingUnknown = { target: 'tidying', actions: noteUnknown } as const;

export const filling = volumeSetup.createStateConfig({
  initial: 'inspecting',
  states: {
    inspecting: {
      entry: { type: 'volume.inspect', params: ({ context }) => {
        const { source, format } = jobOf(context, 'volume.fill');
        return { pool: context.pool, image: source, format, ...quick };
      } },
      on: {
        'volume.inspect.done': [
          { guard: ({ context }) => context.facts === null, target: 'making' },
          {
            guard: ({ context, event }) => event.result.virtualBytes > context.facts!.sizeBytes,
            target: 'tidying',
            actions: assign(({ context, event }) => ({
              failure: `the image holds a disk of ${event.result.virtualBytes} bytes, and the volume has `
                + `${context.facts!.sizeBytes}: resize it first`,
            })),
          },
          { target: 'converting' },
        ],
        'volume.inspect.refused': { target: 'tidying', actions: [noteFailure, notMade] },
        'volume.inspect.unknown': { target: 'tidying', actions: [noteUnknown, notMade] },
        'volume.cancel': { target: 'tidying', actions: [noteCancelled, notMade, endAtOnce] },
      },
    },
    making: {
      entry: { type: 'volume.create', params: ({ context, event }) => ({
        ...ofImage(context), force: jobOf(context, 'volume.fill').force, ...quick,
        sizeBytes: event.type === 'volume.inspect.done' ? event.result.virtualBytes : 0,
      }) },
      on: {
        'volume.create.done': 'converting',
        'volume.create.refused': { target: 'tidying', actions: [noteFailure, notMade] },
        'volume.create.unknown': toTidyingUnknown,
      },
    },
    converting: {
      entry: { type: 'volume.convert', params: ({ context }) => {
        const { source, format } = jobOf(context, 'volume.fill');
        return { ...ofImage(context), source, format, fresh: context.fresh, deadlineMs: LONG_MS, ...PATIENT };
      } },
      on: {
        'volume.convert.done': 'tidying',
        'volume.convert.refused': toTidying,
        'volume.convert.unknown': toTidyingUnknown,
        'volume.cancel': {
          target: 'tidying',
          actions: [noteCancelledHalf, endAtOnce],
        },
      },
    },
    tidying: {
      entry: [
        assign({ progress: null }),
        { type: 'volume.discard', params: ({ context }) => (
          { pool: context.pool, image: jobOf(context, 'volume.fill').source, deadlineMs: QUICK_MS, ...PATIENT }) },
      ],
      on: { 'volume.discard.done': 'tidied', 'volume.discard.refused': 'tidied', 'volume.discard.unknown': 'tidied' },
    },
    tidied: { always: [{ guard: 'failedFresh', target: 'undoing' }, { target: '#looking' }] },
    /** What this command made, and could not fill. */
    undoing: {
      entry: { type: 'volume.remove', params: ({ context }) => (
        { ...ofImage(context), own: true, deadlineMs: LONG_MS, ...PATIENT }) },
      on: {
        'volume.remove.done': '#removed', 'volume.remove.refused': '#looking', 'volume.remove.unknown': '#looking',
      },
    },
  },
});
