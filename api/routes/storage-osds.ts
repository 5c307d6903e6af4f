/** `/storage/ceph/osd*`: OSDs. Lists come from this node's mirror; changes are tasks of the OSDs' actors. */
import { osdContext } from '../../machines/osd/admission.js';
import type { OsdPlace } from '../../machines/osd/effects.js';
import { PvcError } from '../../runtime/errors.js';
import type { MirroredActor } from '../../runtime/feed-types.js';
import type { ActorEvent } from '../commands.js';
import type { ApiContext } from '../context.js';
import type { Api } from '../http.js';
import { dbSizeKept, dbSizeOf, mustAllTake, sharersOf, weightOf } from '../osd-changes.js';
import { Message, NoArguments, routeAt, routeOf } from '../schemas/schema.js';
import {
  OsdAddArguments, OsdDbArguments, OsdList, OsdListArguments, OsdPath, OsdRefreshArguments, OsdRemoveArguments,
  OsdReplaceArguments, OsdState, OsdStateArguments,
} from '../schemas/storage-osds.js';
import { runTask, runTasks, taskRouteAt, taskRouteOf } from '../tasks.js';
import { findNode, nameMatcher } from '../views/find.js';
import { findOsd, osdObjects } from '../views/storage-osds.js';
import { cephValue } from './storage-status.js';

export function storageOsdRoutes(api: Api, context: ApiContext): void {
  readingRoutes(api, context);
  addingRoutes(api, context);
  changingRoutes(api, context);
  removingRoutes(api, context);
}

function readingRoutes(api: Api, { feed, cluster }: ApiContext): void {
  const one = (number: string): ReturnType<typeof osdObjects>[number] => {
    const found = osdObjects(feed).find((osd) => osd.id === String(Number(number)));
    if (found === undefined) throw new PvcError('PVC_OSD_NOT_FOUND', String(number));
    return found;
  };
  api.get('/storage/ceph/osd', routeOf('OSDs', OsdListArguments, OsdList), (request) => {
    const matches = nameMatcher(request.query.limit ?? '');
    return osdObjects(feed).filter((osd) => matches(osd.id));
  });
  api.get('/storage/ceph/osd/:osd', routeAt('One OSD, as a list of one', OsdPath, NoArguments, OsdList),
    (request) => [one(request.params.osd)]);

  const state = routeAt('Is it up, is it in?', OsdPath, NoArguments, OsdState);
  api.get('/storage/ceph/osd/:osd/state', state, (request) => {
    const { id, stats } = one(request.params.osd);
    return { id, in: Number(stats['in']), up: Number(stats['up']) };
  });

  const mark = routeAt('Take it in or out', OsdPath, OsdStateArguments, Message);
  api.post('/storage/ceph/osd/:osd/state', mark, async (request) => {
    const { id } = one(request.params.osd);
    cephValue(await cluster.osds.mark(Number(id), request.query.state === 'in'));
    return { message: `Set OSD ${id} ${request.query.state.toUpperCase()}.` };
  });
}

function addingRoutes(api: Api, context: ApiContext): void {
  const { feed, cluster } = context;
  api.post('/storage/ceph/osd', taskRouteOf('Make OSDs of a device', OsdAddArguments), async (request, reply) => {
    const { node, device, osd_count: parts = 1 } = request.query;
    const { id } = findNode(feed, node).record;
    const size = dbSizeOf(request.query);
    const weight = weightOf(request.query.weight) ?? 1;
    const born = cephValue(await cluster.osds.create(id, parts));
    const place: OsdPlace = { device, parts, siblings: born.map(({ uuid }) => uuid), ...size };
    const event = { type: 'osd.add', place, weight } as unknown as ActorEvent;
    return runTasks(context, request, reply, born.map(({ to }) => ({ to, event })), {
      name: 'osd.add', runOn: id,
      accepted: `Making ${parts === 1 ? 'an OSD' : `${parts} OSDs`} of device '${device}' on node '${id}'.`,
    });
  });

  const share = taskRouteOf('Make a device for databases of OSDs', OsdDbArguments);
  api.post('/storage/ceph/osddb', share, async (request, reply) => {
    const { device } = request.query;
    const { id } = findNode(feed, request.query.node).record;
    const born = cephValue(await cluster.osds.create(id, 1));
    const event = { type: 'osd.share', device };
    return runTasks(context, request, reply, born.map(({ to }) => ({ to, event })), {
      name: 'osd.add_db_vg', runOn: id,
      accepted: `Making device '${device}' of node '${id}' one for databases of OSDs.`,
    });
  });
}

/** Those that share a device are replaced and refreshed together, as PVC does it. */
function changingRoutes(api: Api, context: ApiContext): void {
  const { feed } = context;
  const replace = taskRouteAt('Give its number another device', OsdPath, OsdReplaceArguments);
  api.post('/storage/ceph/osd/:osd', replace, (request, reply) => {
    const osd = findOsd(feed, request.params.osd);
    const { new_device: device, force = false } = request.query;
    const given = dbSizeOf(request.query);
    const weight = weightOf(request.query.weight);
    const osds = sharersOf(feed, osd);
    const siblings = osds.map(({ record }) => osdContext(record.snapshot).uuid);
    const jobs = osds.map((each) => {
      const place: OsdPlace = { device, parts: osds.length, siblings, ...dbSizeKept(given, each) };
      return { to: each.address, event: { type: 'osd.replace', place, weight, force } as unknown as ActorEvent };
    });
    if (jobs[0] !== undefined && jobs.length > 1) mustAllTake(osds, jobs[0].event);
    return runTasks(context, request, reply, jobs, {
      name: 'osd.replace', accepted: `Replacing ${namesOf(osds)} onto device '${device}'.`,
    });
  });

  const refresh = taskRouteAt('Find its store on a device again', OsdPath, OsdRefreshArguments);
  api.put('/storage/ceph/osd/:osd', refresh, (request, reply) => {
    const osds = sharersOf(feed, findOsd(feed, request.params.osd));
    const { device } = request.query;
    const event = { type: 'osd.refresh', device };
    if (osds.length > 1) mustAllTake(osds, event);
    return runTasks(context, request, reply, osds.map(({ address }) => ({ to: address, event })), {
      name: 'osd.refresh', accepted: `Refreshing ${namesOf(osds)} from device '${device}'.`,
    });
  });
}

const namesOf = (osds: readonly MirroredActor[]): string =>
  `OSD ${osds.map(({ record }) => osdContext(record.snapshot).number).join(', ')}`;

function removingRoutes(api: Api, context: ApiContext): void {
  const { feed, cluster } = context;
  const remove = taskRouteAt('Take it off the cluster for good', OsdPath, OsdRemoveArguments);
  api.delete('/storage/ceph/osd/:osd', remove, async (request, reply) => {
    const { address, record, owner } = findOsd(feed, request.params.osd);
    const { force = false } = request.query;
    const { node, uuid, number } = osdContext(record.snapshot);
    const words = { name: 'osd.remove', accepted: `Removing OSD ${number}.` };
    if (feed.telemetry().some((item) => item.node === owner?.node && item.live)) {
      return runTask(context, request, reply, { to: address, event: { type: 'osd.remove', force }, ...words });
    }
    if (!force || number === null) {
      throw new PvcError('PVC_WRONG_STATE', `Node ${node} is not alive: start it, or remove OSD ${number} with force, `
        + 'which gives up what only it holds');
    }
    const born = cephValue(await cluster.osds.create(context.node, 1));
    const event = { type: 'osd.bury', uuid, number, home: node };
    return runTasks(context, request, reply, born.map(({ to }) => ({ to, event })), { ...words, runOn: context.node });
  });

  const cancel = taskRouteAt('End a removal that waits for its data', OsdPath, NoArguments);
  api.post('/storage/ceph/osd/:osd/cancel', cancel, (request, reply) => {
    const { address, record } = findOsd(feed, request.params.osd);
    return runTask(context, request, reply, {
      to: address, event: { type: 'osd.cancel' }, name: 'osd.cancel',
      accepted: `Keeping OSD ${osdContext(record.snapshot).number}.`,
    });
  });
}
