/**
 * RBD disks of a domain XML. Which monitors serve them and whose key opens them is the cluster's business: it is filled
 * in when a guest starts, whatever the definition says, which stays as its user gave it. Pure.
 */
import type { RbdDisk } from '../machines/vm/messages.js';
import { at, attribute, elements, escapeAttribute, isElement, type XmlElement, type XmlNode } from './domain-tree.js';

/** How a node's guests reach the cluster's RBD images. */
export interface RbdAccess {
  /** Empty = the hosts of the definition are left as they are. */
  readonly monitors: readonly { readonly host: string; readonly port: number }[];
  /** Name of the Ceph user without `client.`. */
  readonly username: string;
  /** UUID of the libvirt secret that holds its key. */
  readonly secretUuid: string;
}

/**
 * What QEMU does on an error of a disk. `pause`: the guest stops in the middle of the request and repeats it when it is
 * resumed, so that nothing is lost; `report`: the guest's own kernel sees the error. An error_policy in the definition
 * goes before it. null = nobody has chosen: RBD disks pause, others are as libvirt has them.
 */
export type IoErrors = 'pause' | 'report';

export const isRbdDisk = (device: XmlElement): boolean =>
  device.name === 'disk' && attribute(device, 'type') === 'network'
  && attribute(at(device, 'source'), 'protocol') === 'rbd';

/** Of the root of a domain, or of the element `disk` alone. */
export function rbdDisksOf(root: XmlElement): readonly RbdDisk[] {
  const devices = root.name === 'disk' ? [root] : elements(root, 'devices').flatMap((list) => elements(list));
  return devices.filter(isRbdDisk).map((disk) => ({
    volume: attribute(at(disk, 'source'), 'name') ?? '',
    dev: attribute(at(disk, 'target'), 'dev') ?? '',
    shareable: at(disk, 'shareable') !== undefined,
    readOnly: at(disk, 'readonly') !== undefined || attribute(disk, 'device') === 'cdrom',
  }));
}

const element = (
  name: string, attributes: Readonly<Record<string, string>>, children: readonly XmlNode[] = [],
): XmlElement => ({
  name, children,
  attributes: Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, escapeAttribute(value)])),
});

const authOf = ({ username, secretUuid }: RbdAccess): XmlElement =>
  element('auth', { username }, [element('secret', { type: 'ceph', uuid: secretUuid })]);

const isNamed = (node: XmlNode, ...names: readonly string[]): boolean => isElement(node) && names.includes(node.name);

function connectedSource(source: XmlElement, access: RbdAccess): XmlElement {
  const hosts = access.monitors.map(({ host, port }) => element('host', { name: host, port: String(port) }));
  const dropped = hosts.length > 0 ? ['auth', 'host'] : ['auth'];
  return { ...source, children: [...hosts, ...source.children.filter((node) => !isNamed(node, ...dropped))] };
}

function policed(driver: XmlElement, ioErrors: IoErrors): XmlElement {
  const word = ioErrors === 'pause' ? 'stop' : 'report';
  const own = driver.attributes['error_policy'] !== undefined || driver.attributes['rerror_policy'] !== undefined;
  return own ? driver : { ...driver, attributes: { ...driver.attributes, error_policy: word, rerror_policy: word } };
}

/** A disk that is no RBD image, with the policy that was chosen for its VM. */
function policedDisk(device: XmlElement, ioErrors: IoErrors): XmlElement {
  if (device.name !== 'disk' || !['disk', 'lun', null].includes(attribute(device, 'device') ?? null)) return device;
  const driver = at(device, 'driver') ?? element('driver', { name: 'qemu', type: 'raw' });
  const rest = device.children.filter((node) => !isNamed(node, 'driver'));
  return { ...device, children: [policed(driver, ioErrors), ...rest] };
}

/** One device as libvirt is to get it: an RBD disk connected to this cluster, anything else as it is. */
export function connectDevice(device: XmlElement, access: RbdAccess | null, ioErrors: IoErrors | null): XmlElement {
  if (!isRbdDisk(device)) return ioErrors === null ? device : policedDisk(device, ioErrors);
  const driver = at(device, 'driver') ?? element('driver', { name: 'qemu', type: 'raw' });
  const dropped = access === null ? ['driver'] : ['driver', 'auth'];
  const rest = device.children.filter((node) => !isNamed(node, ...dropped))
    .map((node) => access !== null && isElement(node) && node.name === 'source' ? connectedSource(node, access) : node);
  const auth = access === null ? [] : [authOf(access)];
  return { ...device, children: [policed(driver, ioErrors ?? 'pause'), ...auth, ...rest] };
}

/** The element `devices` with every RBD disk connected to this cluster. */
export const connectDevices = (
  devices: XmlElement, access: RbdAccess | null, ioErrors: IoErrors | null,
): XmlElement => ({
  ...devices,
  children: devices.children.map((node) => isElement(node) ? connectDevice(node, access, ioErrors) : node),
});
