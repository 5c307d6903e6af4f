/** What the keeper of volumes finds that Ceph and the records do not agree about, as faults with cures. */
import { driftFinding } from '../machines/ceph/findings.js';
import type { Finding } from '../machines/ceph/messages.js';
import type { VmContext } from '../machines/vm/messages.js';
import type { Mirror } from '../runtime/mirror.js';
import type { DriftDesk } from './ceph-watch.js';

/** Names that are kept and shown of a longer list. */
const NAMES_KEPT = 50;
const NAMES_SHOWN = 5;

const listed = (names: readonly string[]): string =>
  names.slice(0, NAMES_SHOWN).join(', ') + (names.length > NAMES_SHOWN ? ', ...' : '');
/** Fit for an id that stands in paths and in lists with blanks between. */
const token = (name: string): string => name.replaceAll(/[^\w.-]/g, '_');

const GONE = 'VOLUMES_GONE_';

/** Volumes (`pool/image`) of one pool whose images somebody else removed; their records are gone as well. */
export function volumesGone(pool: string, names: readonly string[]): Finding {
  const code = `${GONE}${token(pool)}`;
  const kept = names.slice(0, NAMES_KEPT);
  const count = names.length > NAMES_KEPT ? `${NAMES_KEPT} or more volumes` : names.length === 1 ? 'a volume'
    : `${names.length} volumes`;
  return driftFinding(code, `${count} of pool ${pool} went from Ceph, and not by PVC: ${listed(kept)}`,
    `If that was meant: "pvc cluster fault delete STORAGE_DRIFT_${code.toUpperCase()}"; else bring them `
    + `back under their names ("rbd trash ls ${pool}", or a backup by "pvc storage volume upload").`, kept);
}

/** A VM names a disk that is not there. */
export const diskGone = (vm: string, disk: string): Finding => ({
  ...driftFinding(`DISK_GONE_${token(vm)}_${token(disk)}`,
    `VM ${vm} has the disk ${disk}, and Ceph has no such image: it cannot start`,
    `Make it ("pvc storage volume add" or "upload"), or take it off the VM ("pvc vm volume remove ${vm} ${disk}").`),
});

/**
 * One look of the keeper at all pools, and what it finds amiss. What went is remembered by the open fault itself: it
 * closes once all that it names is there again, or a person deletes it.
 */
export class VolumeDrift {
  private pools: readonly string[] = [];
  private readonly images = new Map<string, ReadonlySet<string>>();
  private readonly gone = new Set<string>();
  /** Disks that were missed in the last look: one that is made just after its VM is none. */
  private missed = new Set<string>();

  constructor(private readonly mirror: Pick<Mirror, 'actors'>, private readonly desk: () => DriftDesk | null) {}

  begin(pools: readonly string[]): void {
    this.pools = pools;
    this.images.clear();
    this.gone.clear();
  }

  has(pool: string, images: readonly string[]): void {
    this.images.set(pool, new Set(images));
  }

  /** The keeper has just found that this volume's image, or its pool, is not there any more. */
  isGone(pool: string, name: string): void {
    this.gone.add(`${pool}/${name}`);
  }

  /** Everything was looked at. */
  end(): void {
    const desk = this.desk();
    if (desk !== null) desk.drifts('volumes', [...this.volumes(desk), ...this.disks()]);
  }

  private volumes(desk: DriftDesk): Finding[] {
    const known = desk.openDrifts('volumes').filter(({ code }) => code.startsWith(GONE))
      .flatMap(({ names = [] }) => names).filter((name) => this.isMissing(name) !== false);
    const byPool = new Map<string, string[]>();
    for (const name of new Set([...known, ...this.gone])) {
      const [pool = ''] = name.split('/');
      byPool.set(pool, [...byPool.get(pool) ?? [], name]);
    }
    return [...byPool].map(([pool, names]) => volumesGone(pool, names));
  }

  /** null = its pool could not be looked at. */
  private isMissing(volume: string): boolean | null {
    const [pool = '', image = ''] = volume.split('/');
    if (!this.pools.includes(pool)) return true;
    return this.images.has(pool) ? !this.images.get(pool)!.has(image) : null;
  }

  private disks(): Finding[] {
    const missing = new Set<string>();
    const findings: Finding[] = [];
    for (const { record } of this.mirror.actors.values()) {
      if (record.kind !== 'vm' || record.removed) continue;
      const { name, definition } = record.snapshot.context as unknown as VmContext;
      for (const { volume } of definition.rbdDisks ?? []) {
        if (this.isMissing(volume) !== true) continue;
        const key = `${record.id} ${volume}`;
        missing.add(key);
        if (this.missed.has(key)) findings.push(diskGone(name, volume));
      }
    }
    this.missed = missing;
    return findings;
  }
}
