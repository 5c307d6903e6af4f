/** Part of the OSD chart: a newborn on any node takes another OSD off the cluster, whose node does not come back. */
import type { OsdCommand, OsdEvent } from './messages.js';
import { because, failed, finish, forget, osdSetup, slow, step } from './setup.js';

/** The state is only entered by its command: else the chart is wrong. */
function burialOf(event: OsdEvent): Extract<OsdCommand, { type: 'osd.bury' }> {
  if (event.type !== 'osd.bury') throw new Error(`${event.type} buries no OSD`);
  return event;
}

export const burying = osdSetup.createStateConfig({
  entry: [
    step(1, 'Taking it off the cluster'),
    osdSetup.assign(({ event }) => {
      const { number, home } = burialOf(event);
      return {
        reason: `Removed OSD ${number} from Ceph; its node ${home} was not there to wipe its device: before the disk ` +
          `is used again, stop ceph-osd@${number} there and wipe it`,
      };
    }),
    {
      type: 'osd.bury',
      params: ({ event }) => {
        const { uuid, number } = burialOf(event);
        return { uuid, number, ...slow };
      },
    },
  ],
  exit: forget('osd.bury'),
  on: {
    'osd.bury.done': { target: '#gone', actions: finish('done', (context) => context.reason ?? '') },
    'osd.bury.refused': { target: '#gone', actions: [because, failed] },
    'osd.bury.unknown': { target: '#gone', actions: [because, failed] },
  },
});
