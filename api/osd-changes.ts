/** What users write of an OSD's place, and which OSDs are changed together. */
import { admitOsd, osdContext } from '../machines/osd/admission.js';
import type { OsdPlace } from '../machines/osd/effects.js';
import { PvcError } from '../runtime/errors.js';
import type { Feed, MirroredActor } from '../runtime/feed-types.js';
import type { ActorEvent } from './commands.js';
import { invalid } from './faults.js';
import { parseSize } from './sizes.js';

/** null = none was given. Throws PVC_INVALID. */
export function weightOf(text: string | undefined): number | null {
  if (text === undefined || text === '') return null;
  const weight = Number(text);
  if (Number.isFinite(weight) && weight >= 0 && weight <= 1000) return weight;
  throw invalid(`The weight must be a number from 0 to 1000, not '${text}'`);
}

type DbSize = Pick<OsdPlace, 'dbBytes' | 'dbShare'>;

/** Where its database lies: both null = with its data. Throws PVC_INVALID. */
export function dbSizeOf(
  { ext_db_ratio: ratio, ext_db_size: size }: { readonly ext_db_ratio?: string; readonly ext_db_size?: string },
): DbSize {
  if (ratio !== undefined && size !== undefined) throw invalid('Give one of ext_db_ratio and ext_db_size');
  if (size !== undefined) return { dbBytes: parseSize(size), dbShare: null };
  if (ratio === undefined) return { dbBytes: null, dbShare: null };
  const share = Number(ratio);
  if (share > 0 && share < 1) return { dbBytes: null, dbShare: share };
  throw invalid(`ext_db_ratio must be a share between 0 and 1, not '${ratio}'`);
}

/** What was given, else as it is: PVC's rule of a replacement. */
export function dbSizeKept(given: DbSize, actor: MirroredActor): DbSize {
  if (given.dbBytes !== null || given.dbShare !== null) return given;
  const { dbDevice, place } = osdContext(actor.record.snapshot);
  if (dbDevice === null || place === null) return given;
  return { dbBytes: place.dbBytes, dbShare: place.dbShare };
}

/** The OSD and those that were made on its device together with it and still share it, by number. */
export function sharersOf(feed: Feed, osd: MirroredActor): readonly MirroredActor[] {
  const own = osdContext(osd.record.snapshot);
  if (!own.isSplit) return [osd];
  const sharers = feed.actors('osd').filter(({ record }) => {
    const other = osdContext(record.snapshot);
    return !record.removed && other.isSplit && other.node === own.node && other.number !== null
      && other.place?.siblings.includes(own.uuid) === true && own.place?.siblings.includes(other.uuid) === true;
  });
  const numberOf = (each: MirroredActor): number => osdContext(each.record.snapshot).number ?? 0;
  return sharers.sort((a, b) => numberOf(a) - numberOf(b));
}

/** Throws the first refusal: what is to be done to all of them is begun with none. */
export function mustAllTake(osds: readonly MirroredActor[], event: ActorEvent): void {
  for (const { record } of osds) {
    const admission = admitOsd(record.snapshot, event);
    if (admission.kind === 'deny') throw new PvcError(admission.code, admission.message);
  }
}
