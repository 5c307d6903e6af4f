/** PVC's device texts: a path, or `detect:NAME:SIZE:N`: the Nth disk (from 0) of that name and about that size. */
import { runProgram } from '../../process.js';

interface Disk { readonly path: string; readonly size: number; readonly model: string | null; readonly type: string }

/** PVC takes a size for the same when it is within three per cent. */
const SIZE_TOLERANCE = 0.03;
const UNITS: Readonly<Record<string, number>> = { B: 1, K: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15 };

/** `1.92TB` -> bytes, as the makers of disks count; null = not a size. */
export function diskBytes(text: string): number | null {
  const found = /^(\d+(?:\.\d+)?)\s*([KMGTP]?)B?$/i.exec(text.trim());
  return found === null ? null : Number(found[1]) * (UNITS[found[2]!.toUpperCase() || 'B'] ?? 1);
}

/** Pure: which of the disks the text means. Throws in words. */
export function detected(text: string, disks: readonly Disk[]): string {
  const [, name = '', size = '', place = '', ...rest] = text.split(':');
  const bytes = diskBytes(size);
  if (rest.length > 0 || name === '' || bytes === null || !/^\d{1,3}$/.test(place)) {
    throw new Error(`"${text}" is no detect text: write detect:NAME:SIZE:N, as in detect:INTEL:800GB:1`);
  }
  const fitting = disks.filter((disk) => (disk.type === 'disk' || disk.type === 'loop')
    && (disk.model ?? disk.path).toLowerCase().includes(name.toLowerCase())
    && Math.abs(disk.size - bytes) <= bytes * SIZE_TOLERANCE).sort((a, b) => (a.path < b.path ? -1 : 1));
  const chosen = fitting[Number(place)];
  if (chosen !== undefined) return chosen.path;
  const there = fitting.map((disk) => disk.path).join(', ');
  throw new Error(`"${text}": ${fitting.length} disks of this node fit${there === '' ? '' : ` (${there})`}, ` +
    `and N counts from 0`);
}

/** The path that a device text means on this host. Throws in words. */
export async function devicePath(text: string, deadlineMs: number): Promise<string> {
  if (!text.startsWith('detect:')) {
    if (!text.startsWith('/dev/')) throw new Error(`"${text}" is no device: a path below /dev, or detect:NAME:SIZE:N`);
    return text;
  }
  const listed = await runProgram('lsblk', ['--json', '--bytes', '--nodeps', '--output', 'PATH,SIZE,MODEL,TYPE'],
    { deadlineMs });
  if (listed.status !== 0) throw new Error(`lsblk: ${listed.stderr.trim()}`);
  return detected(text, (JSON.parse(listed.stdout) as { blockdevices: Disk[] }).blockdevices);
}
