/**
 * Disks and their GPT partitions, for OSDs. Programs: sfdisk (package fdisk), partx, wipefs, lsblk (util-linux). A
 * partition of an OSD has the OSD's uuid as its own, is named `osd-<uuid>` (its database's: `db-<uuid>`), and bears
 * Ceph's partition types, so that other tools know it for what it is. No LVM: docs/decisions/0006-osd-partitions.md
 */
import { constants } from 'node:fs';
import { open, readFile, readdir, realpath, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { runProgram, type ProgramResult } from '../../process.js';

/** GPT types as ceph-disk gave them; ceph-volume and blkid know them. */
const TYPES = {
  osd: 'cafecafe-9b03-4f30-b4c6-b4b80ceff106',
  db: '30cd0809-c2b2-499c-8879-2d6b785292be',
} as const;
/** A small partition that says: this device is for databases. */
export const DB_MARK = 'pvc-osd-db';
export const MIB = 2 ** 20;
/** What a GPT and alignment take of a disk. */
const TABLE_BYTES = 4 * MIB;
/** Smaller than this BlueStore has no room for itself. */
export const PART_BYTES_MIN = 800 * MIB;

export interface Partition {
  readonly node: string;
  readonly number: number;
  readonly uuid: string;
  readonly name: string;
  readonly sizeBytes: number;
}
export interface Table { readonly device: string; readonly partitions: readonly Partition[] }

export const partitionName = (role: 'osd' | 'db', uuid: string): string => `${role}-${uuid.replaceAll('-', '')}`;

const SECTOR = 512;
const ok = (result: ProgramResult): boolean => result.status === 0;

async function tool(deadlineMs: number, file: string, args: readonly string[], input?: string): Promise<string> {
  const result = await runProgram(file, args, { deadlineMs, ...(input === undefined ? {} : { input }) });
  if (ok(result)) return result.stdout;
  const why = result.timedOut ? 'it did not end in time' : result.stderr.trim().split('\n').at(-1) ?? '';
  throw new Error(`${file} ${args.join(' ')}: ${why || 'it failed'}`);
}

export async function sizeOf(device: string): Promise<number> {
  return Number(await readFile(`/sys/class/block/${basename(device)}/size`, 'latin1')) * SECTOR;
}

/** Of a device that cannot be taken: why, and the cure. */
export const takenText = (device: string, against: string): string =>
  `${device} is in use: ${against}. If nothing of it is needed: wipefs --all ${device} on that node, then again`;

/** null = the disk has no partition table. Throws for one that is no GPT: it is not ours. */
export async function readTable(device: string, deadlineMs: number): Promise<Table | null> {
  const dumped = await runProgram('sfdisk', ['--json', device], { deadlineMs });
  if (!ok(dumped)) return null;
  const { partitiontable: table } = JSON.parse(dumped.stdout) as {
    partitiontable: {
      label: string; sectorsize?: number;
      partitions?: { node: string; size: number; uuid?: string; name?: string }[];
    };
  };
  if (table.label !== 'gpt') throw new Error(takenText(device, `it has a partition table of kind ${table.label}`));
  return {
    device,
    partitions: (table.partitions ?? []).map(({ node, size, uuid = '', name = '' }) => ({
      node, number: Number(/(\d+)$/.exec(node)?.[1]), uuid: uuid.toLowerCase(), name,
      sizeBytes: size * (table.sectorsize ?? SECTOR),
    })),
  };
}

/** Whole disks of this node, as lsblk has them: where several nodes share a host, each has its own. */
export async function allDisks(deadlineMs: number): Promise<string[]> {
  const listed = await tool(deadlineMs, 'lsblk', ['--json', '--bytes', '--nodeps', '--output', 'PATH,SIZE,TYPE']);
  const { blockdevices } = JSON.parse(listed) as { blockdevices: { path: string; size: number; type: string }[] };
  const whole = blockdevices.filter(({ size, type }) => (type === 'disk' || type === 'loop') && size > 0);
  return Promise.all(whole.map(({ path }) => realpath(path)));
}

interface Found { readonly device: string; readonly partition: Partition }

/** The partition for which `is` is true, on any disk of this host. */
export async function findPartition(
  is: (partition: Partition) => boolean, deadlineMs: number,
): Promise<Found | null> {
  return (await findPartitions(is, deadlineMs))[0] ?? null;
}

/** The first such partition of each disk of this host that has one. */
export async function findPartitions(is: (partition: Partition) => boolean, deadlineMs: number): Promise<Found[]> {
  const found: Found[] = [];
  for (const device of await allDisks(deadlineMs)) {
    const table = await readTable(device, deadlineMs).catch(() => null);
    const partition = table?.partitions.find(is);
    if (partition !== undefined) found.push({ device, partition });
  }
  return found;
}

/** Who uses the disk, or a partition of it, at this moment, in words; null = nobody, as far as the kernel tells. */
export async function whatUses(device: string): Promise<string | null> {
  const names = await readdir(`/sys/class/block/${basename(device)}`);
  const parts = names.filter((name) => name.startsWith(basename(device)));
  const [mounts, swaps] = await Promise.all(['/proc/self/mountinfo', '/proc/swaps'].map((path) =>
    readFile(path, 'latin1').then((text) => text.split('\n'), () => [])));
  for (const name of [basename(device), ...parts]) {
    const what = name === basename(device) ? 'it' : `/dev/${name}`;
    const number = (await readFile(`/sys/class/block/${name}/dev`, 'latin1')).trim();
    const mounted = mounts!.find((line) => line.split(' ')[2] === number);
    if (mounted !== undefined) return `${what} is mounted at ${mounted.split(' ')[4] ?? '?'}`;
    if (swaps!.some((line) => line.split(/\s/)[0] === `/dev/${name}`)) return `${what} is swap space in use`;
    const holders = await readdir(`/sys/class/block/${name}/holders`).catch(() => []);
    if (holders.length > 0) return `${holders.join(', ')} is made of ${what}`;
  }
  return null;
}

/** What the disk holds that has no partition table, in words; null = nothing, and nobody has it open. */
export async function whatHolds(device: string, deadlineMs: number): Promise<string | null> {
  const found = await tool(deadlineMs, 'wipefs', ['--json', '--no-act', device]);
  const { signatures = [] } = found.trim() === '' ? {} : JSON.parse(found) as { signatures?: { type: string }[] };
  const kinds = [...new Set(signatures.map(({ type }) => type))];
  if (kinds.length > 0) return `it holds ${kinds.join(', ')}`;
  try {
    const handle = await open(device, constants.O_RDWR | constants.O_EXCL);
    await handle.close();
  } catch (error) {
    return `it cannot be opened alone (${(error as NodeJS.ErrnoException).code ?? String(error)})`;
  }
  return null;
}

/** The disk behind a path. Throws in words if it is none of allDisks: what is on it would never be found again. */
export async function wholeDisk(path: string, deadlineMs: number): Promise<string> {
  const device = await realpath(path).catch(() => null);
  if (device === null) throw new Error(`there is no ${path} on this node`);
  if (!(await stat(device)).isBlockDevice()) throw new Error(`${path} is no block device`);
  const isPart = await stat(`/sys/class/block/${basename(device)}/partition`).then(() => true, () => false);
  if (isPart) throw new Error(`${path} is a partition: give the whole disk`);
  if (!(await allDisks(deadlineMs)).includes(device)) {
    throw new Error(`${path} is no disk (of LVM, RAID or multipath, or of no size): OSDs are made of whole disks`);
  }
  return device;
}

export const partBytes = (diskBytes: number, parts: number): number =>
  Math.floor((diskBytes - TABLE_BYTES) / parts / MIB) * MIB;

/** The kernel learns of new partitions, where udev has not told it; then the node is there. */
async function settle(device: string, node: string, deadlineMs: number): Promise<void> {
  await tool(deadlineMs, 'partx', ['--update', device]);
  await stat(node);
}

/** Makes the partition if it is missing; comes back with its node. Bytes = null: as large as fits. */
export async function ensurePartition(
  device: string, role: 'osd' | 'db' | 'mark', uuid: string, bytes: number, deadlineMs: number,
): Promise<Partition> {
  const name = role === 'mark' ? DB_MARK : partitionName(role, uuid);
  const known = (table: Table | null): Partition | undefined => table?.partitions.find((each) => each.name === name);
  const before = await readTable(device, deadlineMs);
  const present = known(before);
  if (present !== undefined) {
    await settle(device, present.node, deadlineMs);
    return present;
  }
  const quiet = ['--quiet', '--no-reread', '--no-tell-kernel', '--wipe', 'always', '--wipe-partitions', 'always'];
  if (before === null) await tool(deadlineMs, 'sfdisk', [...quiet, device], 'label: gpt\n');
  const own = role === 'osd' ? `, uuid=${uuid}` : '';
  const type = role === 'osd' ? TYPES.osd : TYPES.db;
  const line = `size=${bytes / SECTOR}, type=${type}, name="${name}"${own}\n`;
  await tool(deadlineMs, 'sfdisk', [...quiet, '--append', device], line);
  const made = known(await readTable(device, deadlineMs));
  if (made === undefined) throw new Error(`the partition ${name} on ${device} is not there after it was made`);
  await settle(device, made.node, deadlineMs);
  await wipeStart(made.node);
  return made;
}

/** Old labels, and BlueStore's, stand at the very beginning. */
export async function wipeStart(node: string): Promise<void> {
  const handle = await open(node, constants.O_RDWR);
  try {
    await handle.write(Buffer.alloc(2 * MIB), 0, 2 * MIB, 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Takes the partition away, and the table with the last one. */
export async function removePartition(device: string, partition: Partition, deadlineMs: number): Promise<void> {
  await wipeStart(partition.node).catch(() => undefined);
  await tool(deadlineMs, 'sfdisk', ['--quiet', '--no-reread', '--no-tell-kernel', '--delete', device,
    String(partition.number)]);
  await runProgram('partx', ['--delete', '--nr', String(partition.number), device], { deadlineMs });
  const left = await readTable(device, deadlineMs);
  if (left?.partitions.length === 0) await tool(deadlineMs, 'wipefs', ['--all', '--force', '--quiet', device]);
}
