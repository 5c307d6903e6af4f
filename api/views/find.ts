/** Finding actors by the names people use. */
import { PvcError } from '../../runtime/errors.js';
import { addressOf } from '../../runtime/address.js';
import type { Feed, MirroredActor } from '../../runtime/feed-types.js';
import { nameOf } from './words.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const present = (actor: MirroredActor | null): MirroredActor | null =>
  actor === null || actor.record.removed ? null : actor;

/** By UUID or by name; null = no such VM. */
export function lookVm(feed: Feed, nameOrUuid: string): MirroredActor | null {
  const uuid = nameOrUuid.toLowerCase();
  if (UUID.test(uuid)) return present(feed.actor(addressOf('vm', uuid)));
  return feed.actors('vm').find((actor) => !actor.record.removed && nameOf(actor.record) === nameOrUuid) ?? null;
}

export function findVm(feed: Feed, nameOrUuid: string): MirroredActor {
  const vm = lookVm(feed, nameOrUuid);
  if (vm === null) throw new PvcError('PVC_VM_NOT_FOUND', nameOrUuid);
  return vm;
}

export function findNode(feed: Feed, name: string): MirroredActor {
  const node = name === '' ? null : present(feed.actor(addressOf('node', name)));
  if (node === null) throw new PvcError('PVC_NODE_NOT_FOUND', name);
  return node;
}

/** More repetitions than this could backtrack for seconds over a long name. */
const REPETITIONS_MAX = 3;

/**
 * PVC's `limit`: a regular expression on the name, fuzzy at each end that is not anchored (so a plain search).
 * Throws PVC_INVALID for one that does not compile or could take very long.
 */
export function nameMatcher(limit: string): (name: string) => boolean {
  const repetitions = limit.match(/[*+{]/g)?.length ?? 0;
  if (limit.length > 128 || repetitions > REPETITIONS_MAX || /\)[*+{]/.test(limit)) {
    throw new PvcError('PVC_INVALID', `Regex Error: '${limit.slice(0, 60)}' is too complicated for a name`);
  }
  try {
    const pattern = new RegExp(limit, 'u');
    return (name) => pattern.test(name.slice(0, 128));
  } catch (error) {
    throw new PvcError(
      'PVC_INVALID',
      `Regex Error: ${error instanceof Error ? error.message : 'it does not compile'}`,
    );
  }
}
