/** Part of the OSD chart: taking an OSD away for good, and unmaking what an addition that failed has made. */
import type { OsdContext, OsdEvent } from './messages.js';
import { because, begin, failed, finish, forget, numberOf, osdSetup, quick, slow, step } from './setup.js';

const again = (target: string) => ({ target, actions: because }) as const;

const takeLeft = osdSetup.assign(({ event }) =>
  (event.type === 'osd.clear.done' ? { reason: event.result.left } : {}));

/** Whose data moves when it is out: nobody's but Ceph's. */
export const removing = osdSetup.createStateConfig({
  initial: 'marking',
  states: {
    marking: {
      entry: [
        step(1, 'Taking it out'),
        { type: 'osd.mark', params: ({ context }) => ({ number: numberOf(context), in: false, ...quick }) },
      ],
      exit: forget('osd.mark'),
      on: {
        'osd.mark.done': [{ guard: 'isForced', target: 'stopping' }, { target: 'draining' }],
        'osd.mark.refused': { target: '#serving', actions: [because, failed] },
        'osd.mark.unknown': { target: '#serving', actions: [because, failed] },
      },
    },
    draining: {
      initial: 'looking',
      entry: step(2, 'Asking whether its data are elsewhere'),
      on: {
        'osd.remove': { guard: 'asksForce', target: 'stopping', actions: begin },
        'osd.cancel': { target: 'returning', actions: begin },
      },
      states: {
        looking: {
          entry: { type: 'osd.drain', params: ({ context }) => ({ number: numberOf(context), ...quick }) },
          exit: forget('osd.drain'),
          on: {
            'osd.drain.done': [
              { guard: 'isSafe', target: '#stopping' },
              { guard: 'isStalled', target: '#serving', actions: [osdSetup.assign(stalled), failed] },
              { target: 'pausing', actions: osdSetup.assign(drained) },
            ],
            'osd.drain.refused': { target: 'pausing', actions: [because, osdSetup.assign(unheard)] },
            'osd.drain.unknown': { target: 'pausing', actions: [because, osdSetup.assign(unheard)] },
          },
        },
        pausing: { after: { drainMs: 'looking' } },
      },
    },
    /** Wanted after all. */
    returning: {
      entry: { type: 'osd.mark', params: ({ context }) => ({ number: numberOf(context), in: true, ...quick }) },
      exit: forget('osd.mark'),
      on: {
        'osd.mark.done': {
          target: '#serving', actions: finish('done', (context) => `OSD ${context.number ?? ''} stays and is in`),
        },
        'osd.mark.refused': { target: '#serving', actions: [because, failed] },
        'osd.mark.unknown': { target: '#serving', actions: [because, failed] },
      },
    },
    stopping: {
      id: 'stopping',
      entry: [
        step(5, 'Stopping its daemon'),
        { type: 'osd.stop', params: ({ context }) => ({ number: numberOf(context), ...slow }) },
      ],
      exit: forget('osd.stop'),
      on: {
        'osd.stop.done': 'purging',
        'osd.stop.refused': [
          { guard: 'isForced', target: 'purging', actions: because },
          { target: '#serving', actions: [because, failed] },
        ],
        'osd.stop.unknown': again('stoppingAgain'),
      },
    },
    stoppingAgain: { after: { againMs: 'stopping' } },
    /** From here on there is no way back. */
    purging: {
      entry: [
        step(6, 'Taking it off the cluster'),
        {
          type: 'osd.purge', params: ({ context }) => ({ uuid: context.uuid, number: context.number, ...quick }),
        },
      ],
      exit: forget('osd.purge'),
      on: {
        'osd.purge.done': 'clearing',
        'osd.purge.refused': again('purgingAgain'),
        'osd.purge.unknown': again('purgingAgain'),
      },
    },
    purgingAgain: { after: { againMs: 'purging' } },
    clearing: {
      entry: [
        step(7, 'Wiping its device'),
        {
          type: 'osd.clear', params: ({ context }) => ({ uuid: context.uuid, number: context.number, ...slow }),
        },
      ],
      exit: forget('osd.clear'),
      on: {
        'osd.clear.done': {
          target: '#gone', actions: [takeLeft, removed()],
        },
        // Ceph is rid of it; a disk that is dead cannot be wiped.
        'osd.clear.refused': { target: '#gone', actions: [because, removed()] },
        'osd.clear.unknown': { target: '#gone', actions: [because, removed()] },
      },
    },
  },
});

function removed() {
  return finish('done', (context) =>
    `Removed OSD ${context.number ?? ''}${context.reason === null ? '' : `; left as it is: ${context.reason}`}`);
}

function stalled({ context }: { context: OsdContext }): Partial<OsdContext> {
  const pgs = context.drain?.pgs ?? 0;
  return {
    reason: `Nothing of it has moved for five minutes, and ${pgs} placement groups still need it: it is out, and ` +
      'stays so. Give the others room, bring it in again, or remove it with force, which gives up what only it has',
  };
}

function drained({ context, event }: { context: OsdContext; event: OsdEvent }): Partial<OsdContext> {
  if (event.type !== 'osd.drain.done') return {};
  const { pgs, text } = event.result;
  const first = context.drain === null || pgs < context.drain.pgs;
  return {
    drain: first ? { pgs, sinceAt: event.at } : context.drain,
    progress: { current: 3, total: 8, status: `Waiting until its data are elsewhere: ${text}` },
  };
}

function unheard({ event }: { event: OsdEvent }): Partial<OsdContext> {
  const why = 'reason' in event ? event.reason : 'no answer';
  return { progress: { current: 2, total: 8, status: `Asking whether its data are elsewhere: ${why}` } };
}

/** Each step is tried again until it is done: an addition that failed leaves nothing. */
export const undoing = osdSetup.createStateConfig({
  id: 'undoing',
  initial: 'opening',
  states: {
    opening: { always: [{ guard: 'hasNoNumber', target: 'clearing' }, { target: 'halting' }] },
    halting: {
      entry: [
        osdSetup.assign(({ context }) =>
          ({ progress: { current: 8, total: 8, status: `Unmaking it: ${context.reason ?? ''}` } })),
        { type: 'osd.stop', params: ({ context }) => ({ number: numberOf(context), ...slow }) },
      ],
      exit: forget('osd.stop'),
      on: { 'osd.stop.done': 'withdrawing', 'osd.stop.refused': 'withdrawing', 'osd.stop.unknown': 'haltingAgain' },
    },
    haltingAgain: { after: { againMs: 'halting' } },
    withdrawing: {
      id: 'withdrawing',
      entry: {
        type: 'osd.purge', params: ({ context }) => ({ uuid: context.uuid, number: context.number, ...quick }),
      },
      exit: forget('osd.purge'),
      on: {
        'osd.purge.done': 'clearing', 'osd.purge.refused': 'withdrawingAgain', 'osd.purge.unknown': 'withdrawingAgain',
      },
    },
    withdrawingAgain: { after: { againMs: 'withdrawing' } },
    clearing: {
      entry: {
        type: 'osd.clear', params: ({ context }) => ({ uuid: context.uuid, number: context.number, ...slow }),
      },
      exit: forget('osd.clear'),
      on: {
        'osd.clear.done': { target: '#gone', actions: failed },
        'osd.clear.refused': { target: '#gone', actions: failed },
        'osd.clear.unknown': 'clearingAgain',
      },
    },
    clearingAgain: { after: { againMs: 'clearing' } },
  },
});
