/** The OSD machine's types, guards, delays and shared actions. */
import { setup } from 'xstate';
import type { ActionsOf } from '../effects.js';
import type { OsdEffects, OsdPlace } from './effects.js';
import type { OsdContext, OsdEvent, OsdInput, OsdJob } from './messages.js';
import { OSD_DEADLINES, OSD_DELAYS, OSD_RETRY, OSD_STALL_MS } from './timing.js';

export const osdSetup = setup({
  types: {} as { context: OsdContext; events: OsdEvent; input: OsdInput },
  actions: {} as ActionsOf<OsdEffects>,
  guards: {
    isAdopted: ({ context }) => context.adopted,
    isNew: ({ context }) => context.job === 'add',
    isReplaced: ({ context }) => context.job === 'replace',
    hasNoNumber: ({ context }) => context.number === null,
    /** Its place in the CRUSH map is kept. */
    hasNoWeight: ({ context }) => context.weight === null,
    /** Of a replacement: it holds data on its old device. */
    mustLeave: ({ context }) => context.job === 'replace' && !context.emptied,
    mustLeaveForced: ({ context }) => context.job === 'replace' && !context.emptied && context.forced,
    isStillThere: ({ context }) => !context.emptied,
    isForced: ({ context }) => context.forced,
    asksForce: ({ event }) => event.type === 'osd.remove' && event.force,
    isUp: ({ event }) => event.type === 'osd.look.done' && event.result.up,
    isSafe: ({ event }) => (event.type === 'osd.drain.done' || event.type === 'osd.judge.done') && event.result.safe,
    /** Nothing has moved for long. */
    isStalled: ({ context, event }) =>
      event.type === 'osd.drain.done' && context.drain !== null && event.result.pgs >= context.drain.pgs
      && event.at - context.drain.sinceAt > OSD_STALL_MS,
  },
  delays: OSD_DELAYS,
});

export const newOsd = ({ uuid, node, adopted }: OsdInput): OsdContext => ({
  uuid, node, number: adopted?.number ?? null, device: adopted?.device ?? null, dbDevice: null, found: null,
  isSplit: false,
  adopted: adopted != null, weight: null, place: null, job: null, operation: null, progress: null, reason: null,
  forced: false, drain: null, emptied: false, known: adopted != null, up: false, in: false,
});

/** Every machine step is only reached with a number, or with a place: else the chart is wrong. */
export function numberOf({ number, uuid }: OsdContext): number {
  if (number === null) throw new Error(`OSD ${uuid} has no number yet`);
  return number;
}
export function placeOf({ place, uuid }: OsdContext): OsdPlace {
  if (place === null) throw new Error(`OSD ${uuid} was given no device`);
  return place;
}

export const quick = { deadlineMs: OSD_DEADLINES.quickMs, retry: OSD_RETRY } as const;
export const slow = { deadlineMs: OSD_DEADLINES.slowMs, retry: OSD_RETRY } as const;

const JOBS: Readonly<Record<string, OsdJob>> = {
  'osd.add': 'add', 'osd.replace': 'replace', 'osd.refresh': 'refresh', 'osd.remove': 'remove',
  'osd.share': 'share', 'osd.bury': 'bury',
};

/** A command is taken up: at most one is under way (admission sees to that), but for force in a removal that waits. */
export const begin = osdSetup.enqueueActions(({ context, event, enqueue }) => {
  if (!('operationId' in event)) return;
  if (context.operation !== null) {
    const { operationId } = context.operation;
    enqueue({ type: 'operation.end', params: { operationId, state: 'failed', message: `Overtaken by ${event.type}` } });
  }
  const place = 'place' in event ? event.place : null;
  enqueue.assign({
    operation: { operationId: event.operationId, command: event.type }, job: JOBS[event.type] ?? null, reason: null,
    forced: 'force' in event && event.force, drain: null,
    ...(place === null ? {} : { place, isSplit: place.parts > 1 }),
    // Of a replacement, null: the weight that Ceph has for it is kept, whoever gave it.
    ...('weight' in event ? { weight: event.weight } : {}),
  });
});

/** The task is over; `failed` with the reason that stands in the context. */
export const finish = (state: 'done' | 'failed', message: (context: OsdContext) => string) =>
  osdSetup.enqueueActions(({ context, enqueue }) => {
    if (context.operation !== null) {
      const { operationId } = context.operation;
      enqueue({ type: 'operation.end', params: { operationId, state, message: message(context) } });
    }
    enqueue.assign({ operation: null, job: null, progress: null, drain: null, forced: false });
  });

export const failed = finish('failed', (context) => context.reason ?? 'It failed');

/** Why the last effect did not end well. */
export const because = osdSetup.assign(({ event }) => ('reason' in event ? { reason: event.reason } : {}));
export const reason = (text: (context: OsdContext) => string) =>
  osdSetup.assign(({ context }) => ({ reason: text(context) }));

/** Steps of the longest job; a shorter one ends early. */
const STEPS = 8;
export const step = (current: number, status: string) =>
  osdSetup.assign({ progress: { current, total: STEPS, status } });

export const takeFacts = osdSetup.assign(({ context, event }) => {
  if (event.type !== 'osd.facts') return {};
  const { known, up, in: inside, number } = event;
  return { known, up, in: inside, number: context.number ?? number };
});

export const forget = (kind: keyof OsdEffects) => ({ type: 'effect.cancel', params: { kind } }) as const;
