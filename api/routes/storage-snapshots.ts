/** `/storage/ceph/snapshot`: snapshots of volumes. */
import { PvcError } from '../../runtime/errors.js';
import type { VolumeCommand } from '../../machines/volume/messages.js';
import type { ApiContext } from '../context.js';
import type { Api, ApiReply, ApiRequest } from '../http.js';
import { Message, NoArguments, routeAt, routeOf } from '../schemas/schema.js';
import {
  SnapshotAddArguments, SnapshotList, SnapshotListArguments, SnapshotPath, SnapshotRenameArguments,
} from '../schemas/volume.js';
import { LONG_WAIT_MS, nameOfNew, runStorage } from '../volume-commands.js';
import { nameMatcher } from '../views/find.js';
import { findPool, findSnapshot, findVolume, presentVolumes, snapshotObject } from '../views/volumes.js';

const PATH = '/storage/ceph/snapshot';
const ELEMENT = `${PATH}/:pool/:volume/:snapshot`;

interface Named { readonly pool: string; readonly volume: string; readonly snapshot: string }

export function storageSnapshotRoutes(api: Api, context: ApiContext): void {
  api.get(PATH, routeOf('Snapshots', SnapshotListArguments, SnapshotList), (request) => {
    const { limit = '', pool = '', volume = '' } = request.query;
    if (pool !== '') findPool(context.feed, pool);
    if (pool !== '' && volume !== '') findVolume(context.feed, pool, volume);
    const matches = nameMatcher(limit);
    const found = presentVolumes(context.feed)
      .filter((each) => (pool === '' || each.volume.pool === pool) && (volume === '' || each.volume.name === volume))
      .flatMap((each) => each.volume.facts.snapshots.filter(({ name }) => matches(name))
        .map((snapshot) => snapshotObject(each, snapshot)));
    if (found.length === 0 && limit !== '') throw new PvcError('PVC_SNAPSHOT_NOT_FOUND', limit);
    const key = (one: (typeof found)[number]): string => `${one.pool}/${one.volume}@${one.snapshot}`;
    return found.sort((a, b) => (key(a) < key(b) ? -1 : 1));
  });

  api.post(PATH, routeOf('Take a snapshot', SnapshotAddArguments, Message), (request, reply) =>
    take(context, request, reply, request.query));

  api.get(ELEMENT, routeAt('One snapshot, as a list of one', SnapshotPath, NoArguments, SnapshotList), (request) => {
    const { found, snapshot } = lookUp(context, request.params);
    return [snapshotObject(found, snapshot)];
  });

  api.post(ELEMENT, routeAt('Take a snapshot', SnapshotPath, NoArguments, Message), (request, reply) =>
    take(context, request, reply, request.params));

  api.put(ELEMENT, routeAt('Rename a snapshot', SnapshotPath, SnapshotRenameArguments, Message), (request, reply) => {
    const { pool, volume, snapshot } = request.params;
    const to = nameOfNew('snapshot', request.query.new_name);
    return run(context, request, reply, request.params, { type: 'volume.renameSnapshot', snapshot, to },
      `Renamed RBD snapshot '${snapshot}' to '${to}' for volume '${volume}' in pool '${pool}'.`);
  });

  api.delete(ELEMENT, routeAt('Remove a snapshot', SnapshotPath, NoArguments, Message), (request, reply) => {
    const { pool, volume, snapshot } = request.params;
    return run(context, request, reply, request.params, { type: 'volume.dropSnapshot', snapshot },
      `Removed RBD snapshot '${snapshot}' of volume '${volume}' in pool '${pool}'.`);
  });

  api.post(`${ELEMENT}/rollback`, routeAt('Set the volume back to it', SnapshotPath, NoArguments, Message),
    (request, reply) => {
      const { pool, volume, snapshot } = request.params;
      return run(context, request, reply, request.params, { type: 'volume.rollback', snapshot },
        `Rolled back RBD volume '${volume}' in pool '${pool}' to snapshot '${snapshot}'.`);
    });
}

const lookUp = ({ feed }: ApiContext, { pool, volume, snapshot }: Named) => findSnapshot(feed, pool, volume, snapshot);

function take(
  context: ApiContext, request: ApiRequest, reply: ApiReply, { pool, volume, snapshot: named }: Named,
): Promise<{ message: string }> {
  const snapshot = nameOfNew('snapshot', named);
  const { address } = findVolume(context.feed, pool, volume).actor;
  return runStorage(context, request, reply, address, { type: 'volume.snapshot', snapshot }, {
    accepted: `Taking snapshot '${snapshot}'.`,
    done: `Created RBD snapshot '${snapshot}' of volume '${volume}' in pool '${pool}'.`,
  });
}

function run(
  context: ApiContext, request: ApiRequest, reply: ApiReply, named: Named, command: VolumeCommand, done: string,
): Promise<{ message: string }> {
  const { address } = lookUp(context, named).found.actor;
  return runStorage(context, request, reply, address, command, {
    accepted: `Begun for snapshot '${named.snapshot}'.`, done, waitMs: LONG_WAIT_MS,
  });
}
