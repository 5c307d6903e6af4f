/** What goes with a VM that is removed with its disks, and what stands in the way: told before anything is stopped. */
import { nameOfDevice, sourceOf } from '../actors/domain-devices.js';
import { isRbdDisk, rbdDisksOf } from '../actors/domain-rbd.js';
import { at, elements } from '../actors/domain-tree.js';
import { readDomain } from '../actors/domain-xml.js';
import type { VmContext } from '../machines/vm/messages.js';
import { PvcError } from '../runtime/errors.js';
import type { ApiContext } from './context.js';
import { vmContext } from './views/words.js';
import { presentVolumes } from './views/volumes.js';
import { mustHaveStorage } from './volume-commands.js';

export interface Removal {
  /** `pool/image` of its volumes. */
  readonly volumes: readonly string[];
  /** Disks that are files, devices, or volumes that it only reads: whose they are is not known. */
  readonly staying: readonly string[];
}

/** Throws PVC_WRONG_STATE for a volume that another VM has, or that has snapshots or clones that are not the VM's. */
export async function removalOf(context: ApiContext, vm: VmContext): Promise<Removal> {
  if (vm.definition.diskless) return { volumes: [], staying: [] };
  const document = await context.documents.get(vm.definition.xmlHash);
  if (document === null) throw new PvcError('PVC_WRONG_STATE', `The definition of VM '${vm.name}' cannot be read now`);
  const root = readDomain(document.xml);
  const rbd = rbdDisksOf(root);
  const volumes = [...new Set(rbd.filter(({ readOnly }) => !readOnly).map(({ volume }) => volume))];
  const others = elements(at(root, 'devices'), 'disk').filter((disk) => !isRbdDisk(disk))
    .map((disk) => sourceOf(disk) ?? nameOfDevice(disk));
  if (volumes.length > 0) mustHaveStorage(context);
  for (const volume of volumes) {
    const why = obstacle(context, vm, volume, volumes);
    if (why !== null) throw new PvcError('PVC_WRONG_STATE', `VM '${vm.name}' stays as it is: ${why}`);
  }
  return { volumes, staying: [...rbd.filter(({ readOnly }) => readOnly).map(({ volume }) => volume), ...others] };
}

function obstacle(context: ApiContext, vm: VmContext, volume: string, all: readonly string[]): string | null {
  const other = context.feed.actors('vm').filter(({ record }) => !record.removed).map(({ record }) => vmContext(record))
    .find(({ uuid, definition }) => uuid !== vm.uuid && definition.rbdDisks?.some((disk) => disk.volume === volume));
  if (other !== undefined) {
    return `volume '${volume}' is a disk of VM '${other.name}', too: detach it from one of them first`;
  }
  const present = presentVolumes(context.feed).map((each) => each.volume);
  const clones = present.filter(({ facts }) => facts.parent?.startsWith(`${volume}@`) === true)
    .map(({ pool, name }) => `${pool}/${name}`).filter((name) => !all.includes(name));
  if (clones.length > 0) {
    return `volume '${volume}' is what ${clones.join(', ')} came from: flatten or remove that first`;
  }
  const own = (vm.snapshots ?? []).map(({ name }) => name);
  const snapshots = present.find(({ pool, name }) => `${pool}/${name}` === volume)?.facts.snapshots
    .map(({ name }) => name).filter((name) => !own.includes(name) && name !== vm.dropping?.name) ?? [];
  return snapshots.length === 0 ? null
    : `volume '${volume}' has snapshots that are not the VM's (${snapshots.slice(0, 5).join(', ')}): remove them first`;
}
