/** Removing the volumes of a VM that goes: guards first, then one after the other. Each effect may be run twice. */
import type { VmEffects } from '../machines/effects.js';
import type { Address } from '../runtime/address.js';
import type { ActorEvent } from '../runtime/envelope.js';
import { done, refused, unknown, type Outcome } from './drivers/outcome.js';
import type { Bounds, Image, LongBounds, Volumes } from './drivers/volumes.js';
import { withoutOwn } from './effects-volumes.js';
import type { HandlersOf } from './handlers.js';

export interface DiskRemovalDeps {
  readonly volumes: Volumes | null;
  /** UUIDs of VMs with this disk. */
  vmsWith(disk: string): Promise<readonly string[]>;
  /** The name of that VM, for people. */
  vmName(uuid: string): string;
  /** `10.0.0.1:0/12` -> whose that is, for people. */
  nameOf(client: string): string;
  /** Volumes (`pool/image`) that are copy-on-write clones of this one. */
  clonesOf(disk: string): readonly string[];
  /** The actor that stands for it, if there is one. */
  actorOf(disk: string): Address | null;
  /** A fact for an actor of this node. */
  tell(to: Address, event: ActorEvent): void;
}

const NO_STORAGE = 'this cluster has no shared storage';

const imageOf = (disk: string): Image => {
  const [pool = '', image = ''] = disk.split('/');
  return { pool, image };
};

/** Null = nobody has it open. A client that died counts as one for half a minute: so nothing is refused for ever. */
async function openElsewhere(
  { nameOf }: DiskRemovalDeps, port: Volumes, disk: string, bounds: Bounds,
): Promise<Outcome<never> | null> {
  const users = await port.users(imageOf(disk), bounds);
  if (users.kind !== 'done') return users;
  return users.value.length === 0 ? null
    : unknown(`volume ${disk} is in use by ${users.value.map(nameOf).join(', ')}: stop what uses it`);
}

async function mayGo(
  deps: DiskRemovalDeps, port: Volumes, uuid: string, disk: string, all: readonly string[], own: readonly string[],
  bounds: Bounds,
): Promise<Outcome<never> | null> {
  const others = (await deps.vmsWith(disk)).filter((each) => each !== uuid);
  if (others.length > 0) {
    return refused(`volume ${disk} is a disk of VM ${others.map((each) => deps.vmName(each)).join(', ')}, too: `
      + 'detach it from this one first');
  }
  const clones = deps.clonesOf(disk).filter((each) => !all.includes(each));
  if (clones.length > 0) return refused(`volume ${disk} is what ${clones.join(', ')} came from: flatten that first`);
  const found = await port.look(imageOf(disk), bounds);
  if (found.kind !== 'done') return found;
  if (found.value === null) return null;
  const names = withoutOwn(found.value).snapshots.map(({ name }) => name).filter((name) => !own.includes(name));
  if (names.length > 0) {
    return refused(`volume ${disk} has snapshots of its own (${names.slice(0, 5).join(', ')}): remove them first`);
  }
  return openElsewhere(deps, port, disk, bounds);
}

/** What was cloned from another one of them goes before it: so as many rounds as there are volumes. */
async function removeAll(
  deps: DiskRemovalDeps, port: Volumes, disks: readonly string[], bounds: LongBounds, told: (done: number) => void,
): Promise<Outcome<null>> {
  let left = disks;
  let last: Outcome<null> = done(null);
  for (let round = 0; round < disks.length && left.length > 0; round += 1) {
    const still: string[] = [];
    for (const disk of left) {
      told(disks.length - left.length + still.length);
      last = await openElsewhere(deps, port, disk, bounds) ?? await port.remove(imageOf(disk), bounds);
      if (last.kind === 'unknown') return unknown(`volume ${disk}: ${last.reason}`);
      if (last.kind === 'refused') {
        last = refused(`volume ${disk}: ${last.reason}`);
        still.push(disk);
      }
    }
    if (still.length === left.length) break;
    left = still;
  }
  if (left.length === 0) return done(null);
  const reason = last.kind === 'refused' ? last.reason : `${left.join(', ')} cannot be removed`;
  const gone = disks.filter((disk) => !left.includes(disk));
  return gone.length === 0 ? refused(reason) : unknown(`${reason} (${gone.join(', ')} is removed)`);
}

export function diskRemovalEffects(
  deps: DiskRemovalDeps,
): HandlersOf<Pick<VmEffects, 'disks.removable' | 'disks.remove'>> {
  return {
    async 'disks.removable'({ uuid, volumes, own, deadlineMs }, { resumed }) {
      if (volumes.length === 0) return done(null);
      if (deps.volumes === null) return refused(NO_STORAGE);
      for (const disk of volumes) {
        const why = await mayGo(deps, deps.volumes, uuid, disk, volumes, own, { deadlineMs, again: resumed });
        if (why !== null) return why;
      }
      return done(null);
    },
    async 'disks.remove'({ volumes, deadlineMs }, { resumed, signal, address }) {
      if (volumes.length === 0) return done({ actors: [] });
      if (deps.volumes === null) return refused(NO_STORAGE);
      const told = (current: number): void => deps.tell(address, {
        type: 'vm.progressed', current, total: volumes.length, status: `removing ${volumes[current] ?? 'the last one'}`,
      });
      const outcome = await removeAll(deps, deps.volumes, volumes, { deadlineMs, again: resumed, signal }, told);
      if (outcome.kind !== 'done') return outcome;
      return done({ actors: volumes.map((disk) => deps.actorOf(disk)).filter((each) => each !== null) });
    },
  };
}
