/** What the topics `osd`, `pool` and `volume` tell of an actor: its event's key and data. */
import { osdContext } from '../../machines/osd/admission.js';
import type { LightRecord } from '../../runtime/feed-light.js';
import { poolContext, volumeContext } from '../views/volumes.js';
import { nameOf, stateOf } from '../views/words.js';

export const STORAGE_TOPICS = ['osd', 'pool', 'volume'] as const;
export type StorageTopic = (typeof STORAGE_TOPICS)[number];

export const isStorageTopic = (kind: string): kind is StorageTopic =>
  (STORAGE_TOPICS as readonly string[]).includes(kind);

interface Told {
  /** `3` (the uuid of an OSD without a number yet), `vms`, `vms/web1_disk0`. */
  readonly key: string;
  /** The node of an OSD. */
  readonly node: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

const SAYS: Readonly<Record<StorageTopic, (record: LightRecord) => Told>> = {
  osd(record) {
    const { uuid, number, node, device, dbDevice, up, in: isIn, reason, progress } = osdContext(record.snapshot);
    const key = number === null ? uuid : String(number);
    return { key, node, data: { number, uuid, node, device, db_device: dbDevice, up, in: isIn, progress, reason } };
  },
  pool(record) {
    const { name, facts, failure } = poolContext(record);
    const { pgs = null, copies = null, minCopies = null, tier = null } = facts ?? {};
    return { key: name, node: null, data: { name, pgs, copies, min_copies: minCopies, tier, reason: failure } };
  },
  volume(record) {
    const { pool, name, facts, progress, failure } = volumeContext(record);
    const size = facts?.sizeBytes ?? null;
    return { key: nameOf(record), node: null, data: { pool, name, size_bytes: size, progress, reason: failure } };
  },
};

export function storageTold(topic: StorageTopic, record: LightRecord): Told {
  const { key, node, data } = SAYS[topic](record);
  return { key, node, data: { ...data, state: stateOf(record) } };
}
