/**
 * One device of a domain, as it is attached to or detached from a guest: which of the guest's devices is meant, and the
 * definition with it and without it. Pure. Texts that make no sense throw DomainXmlProblem.
 */
import { DomainXmlProblem } from './domain-summary.js';
import { at, attribute, elements, escapeAttribute, isElement, type XmlElement, type XmlNode } from './domain-tree.js';
import { readElement, xmlOf } from './domain-xml.js';

export const DEVICE_CHANGES = ['attach', 'detach', 'limit'] as const;
/** `limit`: its limits of I/O (`<iotune>`) become those of the device that is given. */
export type DeviceChange = (typeof DEVICE_CHANGES)[number];

const fail = (reason: string): never => {
  throw new DomainXmlProblem(reason);
};

/** Kinds that can come and go while a guest runs. */
const KINDS = new Set(['disk', 'interface', 'hostdev', 'rng', 'watchdog', 'channel', 'controller', 'input', 'memory']);

/** The device in a text of its own, as PVC's client sends it. */
export function readDevice(xml: string): XmlElement {
  const device = readElement(xml);
  if (!KINDS.has(device.name)) {
    fail(`<${device.name}> is no device that can be attached: it must be one of ${[...KINDS].join(', ')}`);
  }
  if (device.name === 'disk' && (attribute(at(device, 'target'), 'dev') ?? '') === '') {
    fail('The <disk> has no <target dev=...>: say which device the guest is to see it as, e.g. sdb');
  }
  return device;
}

const SOURCES = ['name', 'file', 'dev', 'volume', 'dir', 'bridge', 'network'];

/** What a disk or an interface is connected to: `vms/web1_sda`, `/iso/d.iso`, `vmbr100`. */
export function sourceOf(device: XmlElement): string | null {
  const source = at(device, 'source');
  return SOURCES.map((key) => attribute(source, key)).find((value) => value !== null) ?? null;
}

const targetOf = (device: XmlElement): string | null => attribute(at(device, 'target'), 'dev');
const macOf = (device: XmlElement): string | null => attribute(at(device, 'mac'), 'address')?.toLowerCase() ?? null;

/** Equal but for blanks between elements. */
const bare = (element: XmlElement): XmlElement => ({
  ...element,
  children: element.children.filter((node) => !('text' in node) || node.text.trim() !== '')
    .map((node) => isElement(node) ? bare(node) : node),
});

function isSame(one: XmlElement, other: XmlElement): boolean {
  if (one.name !== other.name) return false;
  // The guest's name for a disk is its own within the domain, and so is an interface's address.
  if (one.name === 'disk') return targetOf(one) === targetOf(other);
  if (one.name === 'interface' && macOf(one) !== null && macOf(other) !== null) return macOf(one) === macOf(other);
  if (one.name === 'interface') return sourceOf(one) !== null && sourceOf(one) === sourceOf(other);
  return xmlOf(bare(one)) === xmlOf(bare(other));
}

const devicesOf = (root: XmlElement): readonly XmlElement[] =>
  elements(root, 'devices').flatMap((list) => elements(list));

/** The domain's device that is meant, or null. */
export const findDevice = (root: XmlElement, device: XmlElement): XmlElement | null =>
  devicesOf(root).find((each) => isSame(each, device)) ?? null;

/** `sdb`, `52:54:00:01:02:03`, or the kind: for people. */
export const nameOfDevice = (device: XmlElement): string =>
  (device.name === 'disk' ? targetOf(device) : macOf(device)) ?? `<${device.name}>`;

function withDevices(root: XmlElement, change: (children: readonly XmlNode[]) => readonly XmlNode[]): XmlElement {
  if (at(root, 'devices') === undefined) {
    return { ...root, children: [...root.children, { name: 'devices', attributes: {}, children: change([]) }] };
  }
  let first = true;
  return {
    ...root,
    children: root.children.map((node) => {
      if (!isElement(node) || node.name !== 'devices' || !first) return node;
      first = false;
      return { ...node, children: change(node.children) };
    }),
  };
}

/** Its `<iotune>` is the other's. */
function limitedAs(device: XmlElement, limits: XmlElement): XmlElement {
  const rest = device.children.filter((node) => !(isElement(node) && node.name === 'iotune'));
  const tune = at(limits, 'iotune');
  return { ...device, children: tune === undefined ? rest : [...rest, tune] };
}

/** The definition after the change; the same object if it has that device already (or has it no more). */
export function changedDomain(root: XmlElement, change: DeviceChange, device: XmlElement): XmlElement {
  const there = findDevice(root, device);
  const name = nameOfDevice(device);
  if (change === 'limit') {
    if (there === null || device.name !== 'disk') return fail(`The VM has no disk ${name}`);
    return withDevices(root, (children) => children.map((node) => node === there ? limitedAs(there, device) : node));
  }
  if (change === 'detach') {
    return there === null ? root : withDevices(root, (children) => children.filter((node) => node !== there));
  }
  if (there === null) return withDevices(root, (children) => [...children, device]);
  if (sourceOf(there) === sourceOf(device)) return root;
  return fail(`The VM has another device at ${name} already: ${sourceOf(there) ?? 'without a source'}`);
}

/** Limits of one disk by libvirt's names (bytes or operations a second); 0 = none. */
export type IoLimits = Readonly<Record<string, number>>;
export const IO_LIMITS = [
  'total_bytes_sec', 'read_bytes_sec', 'write_bytes_sec', 'total_iops_sec', 'read_iops_sec', 'write_iops_sec',
] as const;
const IO_LIMITS_MORE = [...IO_LIMITS.map((name) => `${name}_max`), 'size_iops_sec'];

/** Of a disk's `<iotune>`; every one of IO_LIMITS is there. */
export function ioLimitsOf(disk: XmlElement): IoLimits {
  const tune = at(disk, 'iotune');
  const number = (name: string): number => {
    const text = elements(tune, name)[0]?.children.map((node) => ('text' in node ? node.text : '')).join('').trim();
    const value = Number(text ?? '0');
    return Number.isSafeInteger(value) && value >= 0 ? value : fail(`<${name}> must be a whole number, 0 = no limit`);
  };
  const more = IO_LIMITS_MORE.filter((name) => at(tune, name) !== undefined);
  const limits = Object.fromEntries([...IO_LIMITS, ...more].map((name) => [name, number(name)]));
  for (const unit of ['bytes', 'iops']) {
    const [total, read, write] = ['total', 'read', 'write'].map((kind) => limits[`${kind}_${unit}_sec`] ?? 0);
    if (total !== 0 && (read !== 0 || write !== 0)) {
      fail(`total_${unit}_sec cannot go together with read_${unit}_sec or write_${unit}_sec: give either`);
    }
  }
  return limits;
}

/** The disk with these limits; without any it has no `<iotune>`. */
export function withIoLimits(disk: XmlElement, limits: IoLimits): XmlElement {
  const set = Object.entries(limits).filter(([, value]) => value > 0);
  const children = set.map(([name, value]): XmlElement => (
    { name, attributes: {}, children: [{ text: escapeAttribute(String(value)) }] }));
  const tuned: XmlElement = { name: 'iotune', attributes: {}, children };
  const limited = limitedAs(disk, { name: 'disk', attributes: {}, children: set.length === 0 ? [] : [tuned] });
  ioLimitsOf(limited);
  return limited;
}
