/**
 * Part of the OSD chart: from a device to a daemon that is up. An addition, a replacement and a refresh share it; what
 * becomes of a failure depends on which it is.
 */
import type { OsdContext } from './messages.js';
import {
  because, failed, finish, forget, numberOf, osdSetup, placeOf, quick, reason, slow, step,
} from './setup.js';
import { OSD_DEADLINES, OSD_RETRY } from './timing.js';

const name = ({ number }: OsdContext): string => `OSD ${number ?? ''}`.trim();

/** Nothing was changed yet. */
const notBegun = [
  { guard: 'isNew', target: '#gone', actions: [because, failed] },
  { guard: 'isStillThere', target: '#serving', actions: [because, failed] },
  { target: '#empty', actions: [because, failed] },
] as const;

const takeFound = osdSetup.assign(({ event }) =>
  (event.type === 'osd.check.done' ? { found: event.result.device } : {}));
const takeNeeded = osdSetup.assign(({ event }) => (event.type === 'osd.judge.done'
  ? { reason: `Its data are needed: ${event.result.text}. Force gives them up` } : {}));
const takePrepared = osdSetup.assign(({ context, event }) => (event.type === 'osd.prepare.done'
  ? { device: context.found ?? context.device, dbDevice: event.result.dbDevice } : {}));
const takeNumber = osdSetup.assign(({ event }) =>
  (event.type === 'osd.register.done' ? { number: event.result.number, known: true } : {}));
const takeImported = osdSetup.assign(({ event }) => (event.type === 'osd.import.done'
  ? { device: event.result.device, dbDevice: event.result.dbDevice } : {}));

export const checking = osdSetup.createStateConfig({
  id: 'checking',
  entry: [
    step(1, 'Checking the device'),
    {
      type: 'osd.check', params: ({ context }) => ({ uuid: context.uuid, place: placeOf(context), ...quick }),
    },
  ],
  exit: forget('osd.check'),
  on: {
    'osd.check.done': [
      { guard: 'mustLeaveForced', target: 'leaving', actions: takeFound },
      { guard: 'mustLeave', target: 'judging', actions: takeFound },
      { target: 'building', actions: takeFound },
    ],
    'osd.check.refused': [...notBegun],
    'osd.check.unknown': [...notBegun],
  },
});

/** May what it holds be given up? */
export const judging = osdSetup.createStateConfig({
  entry: [
    step(2, 'Asking whether its data are elsewhere'),
    {
      type: 'osd.judge',
      params: ({ context }) => ({ number: numberOf(context), siblings: placeOf(context).siblings, ...quick }),
    },
  ],
  exit: forget('osd.judge'),
  on: {
    'osd.judge.done': [
      { guard: 'isSafe', target: 'leaving' },
      {
        target: '#serving', actions: [takeNeeded, failed],
      },
    ],
    'osd.judge.refused': { target: '#serving', actions: [because, failed] },
    'osd.judge.unknown': { target: '#serving', actions: [because, failed] },
  },
});

/** The old device is given up. From `destroying` on the number has no data: a failure ends in `empty`. */
export const leaving = osdSetup.createStateConfig({
  initial: 'stopping',
  states: {
    stopping: {
      entry: [
        step(3, 'Stopping its daemon'),
        { type: 'osd.stop', params: ({ context }) => ({ number: numberOf(context), ...slow }) },
      ],
      exit: forget('osd.stop'),
      on: {
        'osd.stop.done': 'destroying',
        'osd.stop.refused': { target: '#serving', actions: [because, failed] },
        'osd.stop.unknown': { target: '#serving', actions: [because, failed] },
      },
    },
    destroying: {
      entry: {
        type: 'osd.destroy',
        params: ({ context }) => ({ uuid: context.uuid, number: numberOf(context), ...quick }),
      },
      exit: forget('osd.destroy'),
      on: {
        'osd.destroy.done': { target: 'clearing', actions: osdSetup.assign({ emptied: true }) },
        'osd.destroy.refused': { target: '#serving', actions: [because, failed] },
        'osd.destroy.unknown': { target: '#empty', actions: [because, osdSetup.assign({ emptied: true }), failed] },
      },
    },
    /** The old disk may be dead: what cannot be cleared is left. */
    clearing: {
      entry: {
        type: 'osd.clear',
        params: ({ context }) => ({ uuid: context.uuid, number: context.number, ...slow }),
      },
      exit: forget('osd.clear'),
      on: {
        'osd.clear.done': '#building', 'osd.clear.refused': '#building', 'osd.clear.unknown': '#building',
      },
    },
  },
});

const broken = [
  { guard: 'isNew', target: '#undoing', actions: because },
  { guard: 'isReplaced', target: '#empty', actions: [because, failed] },
  { target: '#serving', actions: [because, failed] },
] as const;

/** Only an addition or a replacement comes by here. */
const unmade = [
  { guard: 'isNew', target: '#undoing', actions: because },
  { target: '#empty', actions: [because, failed] },
] as const;

export const building = osdSetup.createStateConfig({
  id: 'building',
  initial: 'preparing',
  states: {
    preparing: {
      entry: [
        step(3, 'Making its partitions'),
        {
          type: 'osd.prepare',
          params: ({ context }) => ({
            uuid: context.uuid, place: placeOf(context), device: context.found ?? placeOf(context).device, ...slow,
          }),
        },
      ],
      exit: forget('osd.prepare'),
      on: {
        'osd.prepare.done': {
          target: 'registering', actions: takePrepared,
        },
        'osd.prepare.refused': [...unmade],
        'osd.prepare.unknown': [...unmade],
      },
    },
    registering: {
      entry: [
        step(4, 'Asking the monitors for its number'),
        {
          type: 'osd.register',
          params: ({ context }) => ({ uuid: context.uuid, number: context.number, ...quick }),
        },
      ],
      exit: forget('osd.register'),
      on: {
        'osd.register.done': {
          target: 'making', actions: takeNumber,
        },
        'osd.register.refused': [...unmade],
        // The monitors may have given it a number all the same.
        'osd.register.unknown': [
          { guard: 'isNew', target: '#withdrawing', actions: because },
          { target: '#empty', actions: [because, failed] },
        ],
      },
    },
    making: {
      entry: [
        step(5, 'Making its store'),
        {
          type: 'osd.make',
          params: ({ context }) => ({
            uuid: context.uuid, number: numberOf(context), deadlineMs: OSD_DEADLINES.makeMs, retry: OSD_RETRY,
          }),
        },
      ],
      exit: forget('osd.make'),
      on: {
        'osd.make.done': [{ guard: 'hasNoWeight', target: 'starting' }, { target: 'weighing' }],
        'osd.make.refused': [...unmade],
        'osd.make.unknown': [...unmade],
      },
    },
    weighing: {
      entry: [
        step(6, 'Giving it its place'),
        {
          type: 'osd.weigh',
          params: ({ context }) => ({
            number: numberOf(context), node: context.node, weight: context.weight ?? 1, ...quick,
          }),
        },
      ],
      exit: forget('osd.weigh'),
      on: { 'osd.weigh.done': 'starting', 'osd.weigh.refused': [...unmade], 'osd.weigh.unknown': [...unmade] },
    },
    starting: {
      id: 'starting',
      entry: [
        step(7, 'Starting its daemon'),
        {
          type: 'osd.start', params: ({ context }) => ({ uuid: context.uuid, number: numberOf(context), ...slow }),
        },
      ],
      exit: forget('osd.start'),
      on: { 'osd.start.done': 'waiting', 'osd.start.refused': [...broken], 'osd.start.unknown': [...broken] },
    },
    waiting: {
      initial: 'looking',
      after: {
        upMs: [
          { guard: 'isNew', target: '#undoing', actions: notUp() },
          { guard: 'isReplaced', target: '#empty', actions: [notUp(), failed] },
          { target: '#serving', actions: [notUp(), failed] },
        ],
      },
      states: {
        looking: {
          entry: [
            step(8, 'Waiting until it is up'),
            {
              type: 'osd.look',
              params: ({ context }) => ({ uuid: context.uuid, number: numberOf(context), ...quick }),
            },
          ],
          exit: forget('osd.look'),
          on: {
            'osd.look.done': [
              {
                guard: 'isUp', target: '#serving',
                actions: [
                  osdSetup.assign({ known: true, up: true, adopted: false, emptied: false }),
                  finish('done', (context) => `${name(context)} is up on ${context.node}`),
                ],
              },
              { target: 'pausing' },
            ],
            'osd.look.refused': 'pausing',
            'osd.look.unknown': 'pausing',
          },
        },
        pausing: { after: { lookMs: 'looking' } },
      },
    },
  },
});

function notUp() {
  return reason((context) =>
    `${name(context)} was started on ${context.node} but is not up: ` +
    `journalctl -u ceph-osd@${context.number ?? ''} on that node says why`);
}

export const refreshing = osdSetup.createStateConfig({
  entry: [
    step(4, 'Looking for its store on the device'),
    {
      type: 'osd.import',
      params: ({ context, event }) => ({
        uuid: context.uuid, number: numberOf(context), device: 'device' in event ? event.device : '', ...slow,
      }),
    },
  ],
  exit: forget('osd.import'),
  on: {
    'osd.import.done': {
      target: '#starting', actions: takeImported,
    },
    'osd.import.refused': { target: '#serving', actions: [because, failed] },
    'osd.import.unknown': { target: '#serving', actions: [because, failed] },
  },
});

/** No OSD at all: a device for databases of others. */
export const sharing = osdSetup.createStateConfig({
  entry: [
    step(1, 'Making a device for databases of OSDs'),
    { type: 'osd.db', params: ({ event }) => ({ device: 'device' in event ? event.device : '', ...slow }) },
  ],
  exit: forget('osd.db'),
  on: {
    'osd.db.done': {
      target: '#gone',
      actions: finish('done', (context) => `OSDs of ${context.node} can have their databases there from now on`),
    },
    'osd.db.refused': { target: '#gone', actions: [because, failed] },
    'osd.db.unknown': { target: '#gone', actions: [because, failed] },
  },
});
