/** PVC's guard: no pool is given more than it has. */
import { refused, unknown, type Outcome } from './drivers/outcome.js';
import type { Bounds, PoolState, Volumes } from './drivers/volumes.js';

/** Of what is stored and free together: beyond it only by force (PVC's rule). */
const FILL_MAX = 0.8;

const text = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

/** Null = it takes writes; else that it does not, with the cure. */
export function fullText({ name, full }: Pick<PoolState, 'name' | 'full'>): string | null {
  if (full === undefined) return null;
  return full === 'quota'
    ? `pool "${name}" is full: its quota is reached; raise it ("ceph osd pool set-quota ${name} max_bytes <n>", `
      + '0 = none), or remove volumes'
    : `pool "${name}" is full: its OSDs have no room; add OSDs, or remove volumes`;
}

/** Null = a file may be taken in, as far as anybody can say before its size is known. */
export async function mayReceive(volumes: Volumes, pool: string, bounds: Bounds): Promise<Outcome<never> | null> {
  const pools = await volumes.pools(bounds);
  if (pools.kind !== 'done') return pools;
  const found = pools.value.find(({ name }) => name === pool);
  const full = found === undefined ? null : fullText(found);
  return full === null ? null : refused(full);
}

/** Null = there is room for `bytes` more; else the refusal, which nothing but room (or `force`, up to all) cures. */
export async function fullness(
  volumes: Volumes, pool: string, bytes: number, force: boolean, bounds: Bounds,
): Promise<Outcome<never> | null> {
  if (bytes <= 0) return null;
  const pools = await volumes.pools(bounds);
  if (pools.kind !== 'done') return pools;
  const found = pools.value.find(({ name }) => name === pool);
  if (found === undefined) return refused(`there is no pool "${pool}"`);
  const { freeBytes, storedBytes } = found;
  const full = fullText(found);
  if (full !== null) return refused(full);
  if (freeBytes === null) return unknown(`Ceph does not know yet how much room pool "${pool}" has`);
  if (bytes >= freeBytes) {
    return refused(`${text(bytes)} are asked for, and pool "${pool}" has ${text(freeBytes)} free: `
      + 'add OSDs, or remove volumes');
  }
  const most = (storedBytes + freeBytes) * FILL_MAX;
  if (storedBytes + bytes <= most || force) return null;
  return refused(`with ${text(bytes)} more, pool "${pool}" could fill up beyond ${FILL_MAX * 100} % `
    + `(${text(most)}): use force if that is meant`);
}
