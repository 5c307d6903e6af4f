/**
 * `/storage/ceph/volume/<pool>/<volume>/upload`: a file becomes a volume's content. The file is taken in first, as an
 * image of its own; only a whole one is given to the volume.
 */
import { PvcError } from '../../runtime/errors.js';
import type { ApiContext } from '../context.js';
import type { Api, ApiReply, ApiRequest } from '../http.js';
import { fileOf } from '../multipart.js';
import { Message, routeAt, type Static } from '../schemas/schema.js';
import { VolumePath, VolumeUploadArguments } from '../schemas/volume.js';
import { LONG_WAIT_MS, mustHaveStorage, nameOfNew, runStorage } from '../volume-commands.js';
import { findPool, findVolume, presentVolumes } from '../views/volumes.js';
import { bear } from './storage-volumes.js';

export function storageUploadRoutes(api: Api, context: ApiContext): void {
  // Left unread: it is a stream, and as long as it likes.
  api.addContentTypeParser('multipart/form-data', (_request, _body, done) => done(null, undefined));

  api.post('/storage/ceph/volume/:pool/:volume/upload',
    { ...routeAt('Upload an image', VolumePath, VolumeUploadArguments, Message), config: { endless: true } },
    (request, reply) => upload(context, request, reply, request.params, request.query));
}

async function upload(
  context: ApiContext, request: ApiRequest, reply: ApiReply, { pool, volume }: Static<typeof VolumePath>,
  { image_format: format, force = false }: Static<typeof VolumeUploadArguments>,
): Promise<{ message: string }> {
  mustHaveStorage(context);
  findPool(context.feed, pool);
  nameOfNew('volume', volume);
  const isNew = !presentVolumes(context.feed).some((each) => each.volume.pool === pool && each.volume.name === volume);
  const source = context.cluster.volumes.ownName();
  const file = fileOf(request.raw, request.headers['content-type']);
  const received = await context.cluster.volumes.receive(pool, source, file);
  if (received.kind !== 'done') throw new PvcError('PVC_INVALID', `Nothing was stored: ${received.reason}`);
  const command = { type: 'volume.fill', source, format, force } as const;
  const texts = {
    accepted: `Converting the image into volume '${volume}'.`,
    done: `Wrote uploaded file to volume '${volume}' in pool '${pool}'.`,
  };
  if (isNew) return bear(context, request, reply, pool, volume, command, texts);
  const { address } = findVolume(context.feed, pool, volume).actor;
  return runStorage(context, request, reply, address, command, { ...texts, waitMs: LONG_WAIT_MS });
}
