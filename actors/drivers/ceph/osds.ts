/** The adapter of Osds: disks of this node (osd-disks.ts), its daemons, and the monitors. */
import type { OsdPlace } from '../../../machines/osd/effects.js';
import type { Log } from '../../../runtime/log.js';
import { done, refused, unknown, type Outcome } from '../outcome.js';
import type { Osds } from '../osds.js';
import type { CephConnection } from './connection.js';
import { OsdRegistry } from './osd-registry.js';
import { devicePath } from './osd-detect.js';
import {
  DB_MARK, ensurePartition, findPartition, findPartitions, MIB, partBytes, partitionName, PART_BYTES_MIN, readTable,
  removePartition, sizeOf, takenText, whatHolds, whatUses, wholeDisk, type Table,
} from './osd-disks.js';
import type { OsdServices } from './osd-service.js';
import { OsdStore } from './osd-store.js';

export interface OsdsDeps {
  readonly ceph: CephConnection;
  readonly services: OsdServices;
  readonly log: Log;
  /** ceph.conf of this node. */
  readonly confPath: string;
  /** Without its number: `/var/lib/ceph/osd/ceph-`. */
  readonly dataPrefix: string;
  /** User that the daemons run as; null = this process's. */
  readonly user: string | null;
}

export function createOsds(deps: OsdsDeps): Osds {
  const registry = new OsdRegistry(deps.ceph);
  const store = new OsdStore(deps, registry);
  const alone = new Turns();
  return {
    // In turns, too: of OSDs that share a disk one looks at it while another writes its table.
    'osd.check': ({ uuid, place, deadlineMs }) => alone.take(() => attempt(async () => {
      const device = await wholeDisk(await devicePath(place.device, deadlineMs), deadlineMs);
      const sizeBytes = await sizeOf(device);
      const against = await whyNot(device, uuid, place, sizeBytes, deadlineMs);
      return against === null ? done({ device, sizeBytes }) : refused(against);
    })),
    'osd.prepare': ({ uuid, place, device, deadlineMs }) => alone.take(() => attempt(async () => {
      await store.ensureRule();
      const bytes = partBytes(await sizeOf(device), place.parts);
      const part = await ensurePartition(device, 'osd', uuid, bytes, deadlineMs);
      const db = await ensureDb(uuid, place, part.sizeBytes, deadlineMs);
      return done({ dbDevice: db, sizeBytes: part.sizeBytes });
    })),
    'osd.register': ({ uuid, number, deadlineMs }) => registry.register(uuid, number, deadlineMs),
    'osd.make': ({ uuid, number, deadlineMs }) => attempt(() => store.make(uuid, number, deadlineMs)),
    'osd.weigh': ({ number, node, weight, deadlineMs }) => registry.weigh(number, node, weight, deadlineMs),
    'osd.start': ({ uuid, number, deadlineMs }) => attempt(async () => {
      await store.link(uuid, number, deadlineMs);
      return deps.services.start(number, deadlineMs);
    }),
    'osd.look': ({ uuid, deadlineMs }) => registry.look(uuid, deadlineMs),
    'osd.mark': ({ number, in: inside, deadlineMs }) => registry.mark(number, inside, deadlineMs),
    'osd.drain': ({ number, deadlineMs }) => registry.drain(number, deadlineMs),
    'osd.judge': ({ number, siblings, deadlineMs }) => registry.judge(number, siblings ?? [], deadlineMs),
    'osd.stop': async ({ number, deadlineMs }) => {
      const stopped = await deps.services.stop(number, deadlineMs);
      return stopped.kind === 'done' ? registry.down(number, deadlineMs) : stopped;
    },
    'osd.purge': ({ uuid, number, deadlineMs }) => registry.purge(uuid, number, deadlineMs),
    'osd.destroy': ({ uuid, number, deadlineMs }) => registry.destroy(uuid, number, deadlineMs),
    'osd.clear': ({ uuid, number, deadlineMs }) => alone.take(() => attempt(async () => {
      const left = await store.foreign(uuid, number, deadlineMs);
      for (const role of ['osd', 'db'] as const) {
        const name = partitionName(role, uuid);
        const found = await findPartition((each) => each.name === name, deadlineMs);
        if (found !== null) await removePartition(found.device, found.partition, deadlineMs);
      }
      await store.remove(uuid, number);
      return done({ left });
    })),
    'osd.import': ({ uuid, number, device, deadlineMs }) => attempt(async () =>
      store.restore(uuid, number, await devicePath(device, deadlineMs), deadlineMs)),
    'osd.db': ({ device: text, deadlineMs }) => alone.take(() => attempt(async () => {
      const device = await wholeDisk(await devicePath(text, deadlineMs), deadlineMs);
      const used = await whatUses(device);
      if (used !== null) return refused(takenText(device, used));
      const table = await readTable(device, deadlineMs);
      if (table?.partitions.some((each) => each.name === DB_MARK) !== true) {
        const against = table === null ? await whatHolds(device, deadlineMs) : holdsText(table);
        if (against !== null) return refused(takenText(device, against));
        await ensurePartition(device, 'mark', '', MIB, deadlineMs);
      }
      return done({ device, sizeBytes: await sizeOf(device) });
    })),
  };
}

/** Partitions are written one change at a time: sfdisk reads, changes and writes the whole table. */
class Turns {
  private last: Promise<unknown> = Promise.resolve();
  take<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.last.then(work, work);
    this.last = mine.catch(() => undefined);
    return mine;
  }
}

/** What a program or the kernel would not do is refused with its words. */
async function attempt<T>(work: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
  try {
    return await work();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return text.includes('did not end in time') ? unknown(text) : refused(text);
  }
}

const holdsText = (table: Table): string | null => (table.partitions.length === 0 ? null
  : `it holds ${table.partitions.map(({ node, name }) => `${node} "${name}"`).join(', ')}`);

async function whyNot(
  device: string, uuid: string, place: OsdPlace, sizeBytes: number, deadlineMs: number,
): Promise<string | null> {
  const used = await whatUses(device);
  if (used !== null) return takenText(device, used);
  const ours = new Set([uuid, ...place.siblings].map((each) => partitionName('osd', each)));
  const table = await readTable(device, deadlineMs);
  const against = table === null ? await whatHolds(device, deadlineMs)
    : table.partitions.every(({ name }) => ours.has(name)) ? null : holdsText(table);
  if (against !== null) return takenText(device, against);
  if (partBytes(sizeBytes, place.parts) < PART_BYTES_MIN) {
    const needed = Math.ceil(PART_BYTES_MIN / MIB);
    return `${device} is too small: each of ${place.parts} OSDs on it needs ${needed} MiB`;
  }
  if (place.dbBytes === null && place.dbShare === null) return null;
  const bytes = dbBytesOf(place, partBytes(sizeBytes, place.parts));
  const room = await dbRoom(uuid, bytes, deadlineMs);
  return 'text' in room ? room.text : null;
}

const dbBytesOf = ({ dbBytes, dbShare }: OsdPlace, osdBytes: number): number =>
  Math.max(MIB, Math.floor((dbBytes ?? osdBytes * (dbShare ?? 0)) / MIB) * MIB);

/** The device for databases that has room, or that has this OSD's part already. */
async function dbRoom(
  uuid: string, bytes: number, deadlineMs: number,
): Promise<{ readonly device: string } | { readonly text: string }> {
  const mine = await findPartition(({ name }) => name === partitionName('db', uuid), deadlineMs);
  if (mine !== null) return { device: mine.device };
  const shared = await findPartitions(({ name }) => name === DB_MARK, deadlineMs);
  const full: string[] = [];
  for (const { device } of shared) {
    const table = await readTable(device, deadlineMs);
    const used = (table?.partitions ?? []).reduce((sum, each) => sum + each.sizeBytes, 0);
    const free = await sizeOf(device) - used - 4 * MIB;
    if (free >= bytes) return { device };
    full.push(`${device} has ${Math.max(0, Math.floor(free / MIB))} MiB left for databases of OSDs`);
  }
  const asked = `${Math.ceil(bytes / MIB)} MiB are asked`;
  return full.length > 0 ? { text: `${full.join(', ')}, and ${asked}` }
    : { text: 'this node has no device for OSD databases: pvc storage osd create-db-vg NODE DEVICE makes one' };
}

async function ensureDb(
  uuid: string, place: OsdPlace, osdBytes: number, deadlineMs: number,
): Promise<string | null> {
  if (place.dbBytes === null && place.dbShare === null) return null;
  const bytes = dbBytesOf(place, osdBytes);
  const room = await dbRoom(uuid, bytes, deadlineMs);
  if ('text' in room) throw new Error(room.text);
  return (await ensurePartition(room.device, 'db', uuid, bytes, deadlineMs)).node;
}
