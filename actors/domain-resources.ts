/**
 * Is RBD the only thing a domain can write to? Then a storage fence (proof P3) is enough for it.
 * Decided from an allow-list: what is not known to be harmless counts as a writable resource.
 */
import { isRbdDisk } from './domain-rbd.js';
import { at, attribute, elements, textOf, type XmlElement } from './domain-tree.js';

/** Children of the root that neither hold nor open anything writable. `os`, `devices` are looked into. */
const HARMLESS_ROOT = new Set([
  'name', 'uuid', 'genid', 'title', 'description', 'metadata', 'memory', 'currentMemory', 'maxMemory', 'memoryBacking',
  'memtune', 'numatune', 'blkiotune', 'cputune', 'resource', 'vcpu', 'vcpus', 'iothreads', 'iothreadids', 'sysinfo',
  'features', 'cpu', 'clock', 'on_poweroff', 'on_reboot', 'on_crash', 'on_lockfailure', 'pm', 'perf', 'seclabel',
  'os', 'devices',
]);

const HARMLESS_DEVICES = new Set([
  'emulator', 'controller', 'input', 'graphics', 'video', 'sound', 'audio', 'watchdog', 'memballoon', 'panic',
  'hub', 'iommu',
]);

const HARMLESS_CHARDEVS = new Set(['pty', 'null', 'spicevmc', 'unix']);
const HARMLESS_INTERFACES = new Set(['bridge', 'network', 'direct', 'user']);

/** True for a drive the guest cannot write: a CD-ROM, or one marked read-only. */
export const isReadOnlyDisk = (disk: XmlElement): boolean =>
  attribute(disk, 'device') === 'cdrom' || at(disk, 'readonly') !== undefined;

/** A mirror or an overlay beside the image would be a second place to write to. */
const isRbdAlone = (disk: XmlElement): boolean =>
  isRbdDisk(disk) && at(disk, 'mirror') === undefined && at(disk, 'transient') === undefined;

function isHarmlessDevice(device: XmlElement): boolean {
  switch (device.name) {
    case 'disk': return isReadOnlyDisk(device) || isRbdAlone(device);
    case 'interface': return HARMLESS_INTERFACES.has(attribute(device, 'type') ?? '');
    case 'serial': case 'console': case 'parallel': case 'channel':
      return HARMLESS_CHARDEVS.has(attribute(device, 'type') ?? '');
    case 'rng': return attribute(at(device, 'backend'), 'model') !== 'egd';
    case 'memory': return attribute(device, 'model') === 'dimm';
    default: return HARMLESS_DEVICES.has(device.name);
  }
}

/** UEFI variables live in a file of the host unless there is no nvram at all. */
const hasFirmwareStore = (root: XmlElement): boolean => {
  const os = at(root, 'os');
  const loader = at(os, 'loader');
  return at(os, 'nvram') !== undefined || attribute(os, 'firmware') === 'efi'
    || attribute(loader, 'type') === 'pflash' || textOf(loader).includes('OVMF');
};

/** A domain without any writable RBD disk is never `rbdOnly`: cutting off storage would not stop it. */
export function isRbdOnly(root: XmlElement): boolean {
  const devices = elements(root, 'devices').flatMap((list) => elements(list));
  return elements(root).every((child) => HARMLESS_ROOT.has(child.name))
    && !hasFirmwareStore(root)
    && devices.every(isHarmlessDevice)
    && devices.some((device) => device.name === 'disk' && !isReadOnlyDisk(device));
}
