/** `/storage/ceph/volume`: volumes in pools. */
import { volumeId } from '../../machines/volume/ids.js';
import { addressOf, type Address } from '../../runtime/address.js';
import { PvcError } from '../../runtime/errors.js';
import type { VolumeCommand } from '../../machines/volume/messages.js';
import type { ApiContext } from '../context.js';
import { invalid } from '../faults.js';
import type { Api, ApiReply, ApiRequest } from '../http.js';
import { Message, NoArguments, routeAt, routeOf, type Static } from '../schemas/schema.js';
import {
  VolumeAddArguments, VolumeAddHereArguments, VolumeChangeArguments, VolumeCloneArguments, VolumeList,
  VolumeListArguments, VolumePath,
} from '../schemas/volume.js';
import { parseSize, sizeText } from '../sizes.js';
import { LONG_WAIT_MS, mustHaveStorage, nameOfNew, runStorage, untilSeen } from '../volume-commands.js';
import { nameMatcher } from '../views/find.js';
import { findPool, findVolume, presentVolumes, volumeListBody, volumeObject } from '../views/volumes.js';

const PATH = '/storage/ceph/volume';
const ELEMENT = `${PATH}/:pool/:volume`;

export function storageVolumeRoutes(api: Api, context: ApiContext): void {
  api.get(PATH, routeOf('Volumes', VolumeListArguments, VolumeList), (request, reply) => {
    const { limit = '', pool } = request.query;
    if (pool !== undefined && pool !== '') findPool(context.feed, pool);
    const matches = nameMatcher(limit);
    const volumes = presentVolumes(context.feed)
      .filter(({ volume }) => (pool === undefined || pool === '' || volume.pool === pool) && matches(volume.name));
    if (volumes.length === 0 && limit !== '') throw new PvcError('PVC_VOLUME_NOT_FOUND', limit);
    // As bytes: a list of a thousand is asked for often, and most of it is as it was.
    void reply.type('application/json; charset=utf-8');
    return volumeListBody(context.feed, volumes) as unknown as Static<typeof VolumeList>;
  });

  api.post(PATH, routeOf('Add a volume', VolumeAddArguments, Message), (request, reply) => {
    const { pool, volume, size, force = false } = request.query;
    return addVolume(context, request, reply, { pool, volume, size, force });
  });

  api.get(ELEMENT, routeAt('One volume, as a list of one', VolumePath, NoArguments, VolumeList), (request) =>
    [volumeObject(findVolume(context.feed, request.params.pool, request.params.volume))]);

  api.post(ELEMENT, routeAt('Add a volume', VolumePath, VolumeAddHereArguments, Message), (request, reply) => {
    const { size, force = false } = request.query;
    return addVolume(context, request, reply, { ...request.params, size, force });
  });

  changingRoutes(api, context);

  api.post(`${ELEMENT}/clone`, routeAt('Clone it, copy-on-write', VolumePath, VolumeCloneArguments, Message),
    (request, reply) => {
      const { new_volume: name, force = false, force_flag: forced = false, flatten = false } = request.query;
      const { pool, volume } = request.params;
      findVolume(context.feed, pool, volume);
      return bear(context, request, reply, pool, name, {
        type: 'volume.clone', from: volume, mark: context.cluster.volumes.ownName(), flatten, force: force || forced,
      }, {
        accepted: `Cloning volume '${volume}' to '${name}'.`,
        done: `Cloned RBD volume '${volume}' to '${name}' in pool '${pool}'.`,
      });
    });

  api.post(`${ELEMENT}/flatten`, routeAt('Make a clone independent', VolumePath, NoArguments, Message),
    (request, reply) => {
      const { pool, volume } = request.params;
      return runStorage(context, request, reply, findVolume(context.feed, pool, volume).actor.address,
        { type: 'volume.flatten' }, {
          accepted: `Flattening volume '${volume}'.`, waitMs: LONG_WAIT_MS,
          done: `Flattened RBD volume '${volume}' in pool '${pool}'.`,
        });
    });
}

function changingRoutes(api: Api, context: ApiContext): void {
  api.put(ELEMENT, routeAt('Resize or rename it', VolumePath, VolumeChangeArguments, Message), (request, reply) => {
    const { pool, volume } = request.params;
    const { new_size: size, new_name: name, force = false } = request.query;
    if ((size === undefined) === (name === undefined)) throw invalid('Give either new_size or new_name');
    const { address } = findVolume(context.feed, pool, volume).actor;
    if (size !== undefined) {
      const sizeBytes = parseSize(size);
      return runStorage(context, request, reply, address, { type: 'volume.resize', sizeBytes, force }, {
        accepted: `Resizing volume '${volume}'.`,
        done: `Resized RBD volume '${volume}' to size '${sizeText(sizeBytes)}' in pool '${pool}'.`,
      });
    }
    return renameVolume(context, request, reply, pool, volume, nameOfNew('volume', name ?? ''));
  });

  api.delete(ELEMENT, routeAt('Remove it', VolumePath, NoArguments, Message), async (request, reply) => {
    const { pool, volume } = request.params;
    const { address } = findVolume(context.feed, pool, volume).actor;
    const answer = await runStorage(context, request, reply, address, { type: 'volume.remove' }, {
      accepted: `Removing volume '${volume}'.`, done: `Removed RBD volume '${volume}' in pool '${pool}'.`,
      waitMs: LONG_WAIT_MS,
    });
    if (reply.statusCode === 200) await untilSeen(context, () => context.feed.actor(address)?.record.removed !== false);
    return answer;
  });

  api.post(`${ELEMENT}/scan`, routeAt('Look at it in Ceph anew', VolumePath, NoArguments, Message),
    (request, reply) => {
      const { pool, volume } = request.params;
      return runStorage(context, request, reply, findPool(context.feed, pool).address, { type: 'pool.scan' }, {
        accepted: `Scanning pool '${pool}'.`, done: `Scanned RBD volume '${volume}' in pool '${pool}'.`,
      });
    });
}

async function renameVolume(
  context: ApiContext, request: ApiRequest, reply: ApiReply, pool: string, volume: string, to: string,
): Promise<{ message: string }> {
  const { address } = findVolume(context.feed, pool, volume).actor;
  if (presentVolumes(context.feed).some((each) => each.volume.pool === pool && each.volume.name === to)) {
    throw new PvcError('PVC_NAME_TAKEN', `There is a volume '${to}' in pool '${pool}' already`);
  }
  const answer = await runStorage(context, request, reply, address, { type: 'volume.rename', to }, {
    accepted: `Renaming volume '${volume}'.`, done: `Renamed RBD volume '${volume}' to '${to}' in pool '${pool}'.`,
  });
  const next = addressOf('volume', volumeId(pool, to));
  if (reply.statusCode === 200) await untilSeen(context, () => isThere(context, next));
  return answer;
}

function addVolume(
  context: ApiContext, request: ApiRequest, reply: ApiReply,
  { pool, volume, size, force }: { pool: string; volume: string; size: string; force: boolean },
): Promise<{ message: string }> {
  const sizeBytes = parseSize(size);
  return bear(context, request, reply, pool, volume, { type: 'volume.create', sizeBytes, force }, {
    accepted: `Creating volume '${volume}'.`,
    done: `Created RBD volume '${volume}' of size '${sizeText(sizeBytes)}' in pool '${pool}'.`,
  });
}

const isThere = (context: ApiContext, address: Address): boolean =>
  presentVolumes(context.feed).some(({ actor }) => actor.address === address);

/** Announces a volume and has it made. */
export async function bear(
  context: ApiContext, request: ApiRequest, reply: ApiReply, pool: string, named: string, command: VolumeCommand,
  texts: { accepted: string; done: string },
): Promise<{ message: string }> {
  mustHaveStorage(context);
  findPool(context.feed, pool);
  const volume = nameOfNew('volume', named);
  const address = await context.cluster.volumes.planVolume(pool, volume, request.id);
  if (address === null) {
    throw new PvcError('PVC_NAME_TAKEN', `There is a volume '${volume}' in pool '${pool}' already`);
  }
  const answer = await runStorage(context, request, reply, address, command, { ...texts, waitMs: LONG_WAIT_MS });
  if (reply.statusCode === 200) await untilSeen(context, () => isThere(context, address));
  return answer;
}
