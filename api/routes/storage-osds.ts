/** `/storage/ceph/osd*`: OSDs. Lists come from this node's mirror; changes are tasks of the OSDs' actors. */
import { osdContext } from '../../machines/osd/admission.js';
import type { OsdPlace } from '../../machines/osd/effects.js';
import { PvcError } from '../../runtime/errors.js';
import type { ActorEvent } from '../commands.js';
import type { ApiContext } from '../context.js';
import type { Api, ApiReply } from '../http.js';
import { Message, NoArguments, routeAt, routeOf, type Static } from '../schemas/schema.js';
import {
  OsdAddArguments, OsdDbArguments, OsdList, OsdListArguments, OsdPath, OsdRefreshArguments, OsdRemoveArguments,
  OsdReplaceArguments,
  OsdState, OsdStateArguments, taskAnswers,
} from '../schemas/storage-osds.js';
import { beginTask } from '../osd-tasks.js';
import { findNode, nameMatcher } from '../views/find.js';
import { findOsd, osdObjects } from '../views/storage-osds.js';
import { cephValue } from './storage-status.js';

const invalid = (text: string): PvcError => new PvcError('PVC_INVALID', text);

export function storageOsdRoutes(api: Api, context: ApiContext): void {
  readingRoutes(api, context);
  changingRoutes(api, context);
}

function readingRoutes(api: Api, { feed, cluster }: ApiContext): void {
  const one = (number: string): ReturnType<typeof osdObjects>[number] => {
    const found = osdObjects(feed).find((osd) => osd.id === String(Number(number)));
    if (found === undefined) throw new PvcError('PVC_ACTOR_NOT_FOUND', `osd/${number}`);
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

const task = <P, Q>(summary: string, params: P, querystring: Q) =>
  ({ schema: { summary, params, querystring, response: taskAnswers } });

function changingRoutes(api: Api, context: ApiContext): void {
  const { feed, cluster } = context;
  const add = { schema: { summary: 'Make OSDs of a device', querystring: OsdAddArguments, response: taskAnswers } };
  api.post('/storage/ceph/osd', add, async (request, reply) => {
    const { node, device, osd_count: parts = 1 } = request.query;
    const { id } = findNode(feed, node).record;
    const size = placeSize(request.query);
    const weight = weightOf(request.query.weight) ?? 1;
    const born = cephValue(await cluster.osds.create(id, parts));
    const siblings = born.map(({ uuid }) => uuid);
    return beginTask(context, request, reply as ApiReply, 'osd.add', id, born.map(({ to }) => {
      const place: OsdPlace = { device, parts, siblings, ...size };
      return { to, event: { type: 'osd.add', place, weight } as unknown as ActorEvent };
    }));
  });

  const share = { schema: { summary: 'Make a device for databases of OSDs', querystring: OsdDbArguments,
    response: taskAnswers } };
  api.post('/storage/ceph/osddb', share, async (request, reply) => {
    const { id } = findNode(feed, request.query.node).record;
    const [born] = cephValue(await cluster.osds.create(id, 1));
    const event = { type: 'osd.share', device: request.query.device };
    return beginTask(context, request, reply as ApiReply, 'osd.add_db_vg', id, born ? [{ to: born.to, event }] : []);
  });

  const replace = task('Give its number another device', OsdPath, OsdReplaceArguments);
  api.post('/storage/ceph/osd/:osd', replace, (request, reply) => {
    const { address, record } = findOsd(feed, request.params.osd);
    const { new_device: device, force = false } = request.query;
    const { uuid, node } = osdContext(record.snapshot);
    const place: OsdPlace = { device, parts: 1, siblings: [uuid], ...placeSize(request.query) };
    const event = { type: 'osd.replace', place, weight: weightOf(request.query.weight), force };
    return beginTask(context, request, reply as ApiReply, 'osd.replace', node, [{ to: address, event }]);
  });

  const refresh = task('Find its store on a device again', OsdPath, OsdRefreshArguments);
  api.put('/storage/ceph/osd/:osd', refresh, (request, reply) => {
    const { address, record } = findOsd(feed, request.params.osd);
    const event = { type: 'osd.refresh', device: request.query.device };
    const { node } = osdContext(record.snapshot);
    return beginTask(context, request, reply as ApiReply, 'osd.refresh', node, [{ to: address, event }]);
  });

  const remove = task('Take it off the cluster for good', OsdPath, OsdRemoveArguments);
  api.delete('/storage/ceph/osd/:osd', remove, async (request, reply) => {
    const { address, record, owner } = findOsd(feed, request.params.osd);
    const { force = false } = request.query;
    const { node, uuid, number } = osdContext(record.snapshot);
    const nodeLives = feed.telemetry().some((item) => item.node === owner?.node && item.live);
    if (!nodeLives && force && number !== null) {
      cephValue(await cluster.osds.purge(uuid, number));
      reply.code(200);
      return { message: `Removed OSD ${number} from Ceph; its node ${node} is not there to wipe its device.` };
    }
    if (!nodeLives) {
      throw new PvcError('PVC_WRONG_STATE', `Node ${node} is not alive: start it, or remove OSD ${number} with force, `
        + 'which gives up what only it holds');
    }
    const event = { type: 'osd.remove', force };
    return beginTask(context, request, reply as ApiReply, 'osd.remove', node, [{ to: address, event }]);
  });

  const cancel = task('End a removal that waits for its data', OsdPath, NoArguments);
  api.post('/storage/ceph/osd/:osd/cancel', cancel, (request, reply) => {
    const { address, record } = findOsd(feed, request.params.osd);
    const { node } = osdContext(record.snapshot);
    return beginTask(context, request, reply as ApiReply, 'osd.cancel', node,
      [{ to: address, event: { type: 'osd.cancel' } }]);
  });
}

function weightOf(text: string | undefined): number | null {
  if (text === undefined || text === '') return null;
  const weight = Number(text);
  if (Number.isFinite(weight) && weight >= 0 && weight <= 1000) return weight;
  throw invalid(`The weight must be a number from 0 to 1000, not '${text}'`);
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1, B: 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40, P: 2 ** 50,
};

function placeSize(
  query: Pick<Static<typeof OsdAddArguments>, 'ext_db_ratio' | 'ext_db_size'>,
): Pick<OsdPlace, 'dbBytes' | 'dbShare'> {
  const { ext_db_ratio: ratio, ext_db_size: size } = query;
  if (ratio !== undefined && size !== undefined) throw invalid('Give one of ext_db_ratio and ext_db_size');
  if (ratio !== undefined) {
    const share = Number(ratio);
    if (share > 0 && share < 1) return { dbBytes: null, dbShare: share };
    throw invalid(`ext_db_ratio must be a share between 0 and 1, not '${ratio}'`);
  }
  if (size === undefined) return { dbBytes: null, dbShare: null };
  const found = /^(\d{1,12})([BKMGTP]?)$/i.exec(size);
  if (found === null) throw invalid(`ext_db_size must be a size as 50G, not '${size}'`);
  return { dbBytes: Number(found[1]) * (UNITS[(found[2] ?? '').toUpperCase()] ?? 1), dbShare: null };
}
