/** What is read out of a domain XML: the fields of PVC's VM object that come from it, and what safety asks. */
import type { RbdDisk, VmDefinition } from '../machines/vm/messages.js';
import { at, attribute, elements, textOf, type XmlElement } from './domain-tree.js';
import { rbdDisksOf } from './domain-rbd.js';
import { isRbdOnly } from './domain-resources.js';

export interface DomainSummary {
  readonly name: string;
  /** Lower case, with dashes. */
  readonly uuid: string;
  readonly description: string;
  /** `<memory>` in MiB, rounded up. */
  readonly memoryMiB: number;
  /** The maximum count, `<vcpu>`'s text. */
  readonly vcpus: number;
  /** "sockets/cores/threads"; without a topology "n/1/1", QEMU's default. */
  readonly vcpuTopology: string;
  /** `<os><type>`'s text: hvm. Empty strings where the XML leaves the choice to libvirt. */
  readonly type: string;
  readonly arch: string;
  readonly machine: string;
  readonly emulator: string;
  readonly features: readonly string[];
  readonly disks: readonly {
    readonly type: string; readonly name: string; readonly dev: string; readonly bus: string;
    /** What of its `<iotune>` is set, a second; absent = none. */
    readonly limits?: Readonly<Record<string, number>>;
  }[];
  readonly networks: readonly {
    readonly type: string; readonly vni: string; readonly mac: string; readonly source: string; readonly model: string;
  }[];
  readonly controllers: readonly { readonly type: string; readonly model: string }[];
  /** Type of the first console or serial port (pty), empty if there is none. */
  readonly console: string;
  /** port null = chosen at start. */
  readonly vnc: { readonly listen: string; readonly port: number | null } | null;
  /** No disk at all, not even a CD-ROM. */
  readonly diskless: boolean;
  /** Has a writable disk, every writable disk is RBD, and there is nothing else to write to. */
  readonly rbdOnly: boolean;
  /** Its disks that are RBD images. */
  readonly rbdDisks: readonly RbdDisk[];
}

export class DomainXmlProblem extends Error {
  override readonly name = 'DomainXmlProblem';
}

const fail = (reason: string): never => {
  throw new DomainXmlProblem(reason);
};

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const MEMORY_MIB_MAX = 64 * 1024 * 1024;
const VCPUS_MAX = 4096;

/** The one element that must be there exactly once. */
function only(root: XmlElement, name: string, cure: string): XmlElement {
  const found = elements(root, name);
  if (found.length > 1) fail(`The domain has ${found.length} <${name}> elements: keep one`);
  return found[0] ?? fail(`The domain has no <${name}>: add ${cure}`);
}

const shown = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text);

/** libvirt's units: b, KB (1000), k/KiB (1024), and so on to T; KiB if none is given. */
function bytesPerUnit(unit: string): number {
  if (/^(b|bytes?)$/i.test(unit)) return 1;
  const match = /^([kmgt])(ib|b)?$/i.exec(unit);
  if (match === null) return fail(`<memory unit=${shown(unit)}> is no unit: write unit='MiB' or unit='GiB'`);
  const power = 'kmgt'.indexOf((match[1] as string).toLowerCase()) + 1;
  return (match[2]?.toLowerCase() === 'b' ? 1000 : 1024) ** power;
}

function memoryMiB(root: XmlElement): number {
  const memory = only(root, 'memory', "<memory unit='MiB'>1024</memory>");
  const text = textOf(memory);
  if (!/^\d{1,15}$/.test(text)) fail(`<memory> is ${shown(text)}: write a whole number`);
  const mib = Math.ceil((Number(text) * bytesPerUnit(attribute(memory, 'unit') ?? 'KiB')) / 1024 ** 2);
  if (mib < 1 || mib > MEMORY_MIB_MAX) fail(`<memory> is ${mib} MiB: it must be from 1 MiB to 64 TiB`);
  return mib;
}

function vcpuCount(root: XmlElement): number {
  const text = textOf(only(root, 'vcpu', '<vcpu>1</vcpu>'));
  const count = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= VCPUS_MAX ? count
    : fail(`<vcpu> is ${shown(text)}: write a number from 1 to ${VCPUS_MAX}`);
}

function nameOf(root: XmlElement): string {
  const name = textOf(only(root, 'name', '<name>web1</name>'));
  return NAME.test(name) ? name
    : fail(`<name> is ${shown(name)}: use up to 63 letters, digits, dots, dashes and underscores, `
      + 'beginning with a letter or digit');
}

function uuidOf(root: XmlElement): string {
  const uuid = textOf(only(root, 'uuid', '<uuid> with the output of uuidgen'));
  return UUID.test(uuid) ? uuid.toLowerCase() : fail(`<uuid> is ${shown(uuid)}: use the form uuidgen prints`);
}

function topology(root: XmlElement, vcpus: number): string {
  const element = at(root, 'cpu', 'topology');
  if (element === undefined) return `${vcpus}/1/1`;
  const count = (name: string): number => {
    const value = attribute(element, name) ?? '1';
    return /^[1-9]\d{0,4}$/.test(value) ? Number(value) : fail(`<topology ${name}=${shown(value)}> is no count`);
  };
  const [sockets, cores, threads] = [count('sockets'), count('cores'), count('threads')];
  if (sockets * count('dies') * cores * threads !== vcpus) {
    fail(`<topology> gives ${sockets} x ${cores} x ${threads} CPUs but <vcpu> is ${vcpus}: make them equal`);
  }
  return `${sockets}/${cores}/${threads}`;
}

/** RBD disks are named pool/volume, file and block disks by their path. */
function disk(element: XmlElement): DomainSummary['disks'][number] {
  const source = at(element, 'source');
  const type = attribute(element, 'type') ?? 'file';
  const name = ['name', 'file', 'dev', 'volume'].map((key) => attribute(source, key)).find((value) => value !== null);
  return {
    type: type === 'network' ? attribute(source, 'protocol') ?? 'network' : type,
    name: name ?? '',
    dev: attribute(at(element, 'target'), 'dev') ?? '',
    bus: attribute(at(element, 'target'), 'bus') ?? '',
    ...limitsOf(element),
  };
}

function limitsOf(disk: XmlElement): { limits?: Readonly<Record<string, number>> } {
  const set = elements(at(disk, 'iotune')).map((each) => [each.name, Number(textOf(each))] as const)
    .filter(([name, value]) => name.endsWith('_sec') && value > 0);
  return set.length === 0 ? {} : { limits: Object.fromEntries(set) };
}

/** vmbr100 is the bridge of VNI 100, brcluster the cluster bridge; anything else is named type:source. */
function network(element: XmlElement): DomainSummary['networks'][number] {
  const type = attribute(element, 'type') ?? '';
  const from = at(element, 'source');
  const source = attribute(from, type) ?? attribute(from, 'dev') ?? attribute(from, 'bridge') ?? '';
  return {
    type,
    vni: /^(?:vm)?br([0-9a-z]+)$/.exec(source)?.[1] ?? `${type}:${source}`,
    mac: attribute(at(element, 'mac'), 'address') ?? '',
    source,
    model: attribute(at(element, 'model'), 'type') ?? '',
  };
}

function vnc(devices: readonly XmlElement[]): DomainSummary['vnc'] {
  const graphics = devices.find((device) => device.name === 'graphics' && attribute(device, 'type') === 'vnc');
  if (graphics === undefined) return null;
  const port = Number(attribute(graphics, 'port') ?? '-1');
  return {
    listen: attribute(graphics, 'listen') ?? attribute(at(graphics, 'listen'), 'address') ?? '127.0.0.1',
    port: Number.isInteger(port) && port > 0 && port < 65536 ? port : null,
  };
}

/** What a VM's record keeps of its definition; `xmlHash` = the document that holds the XML. */
export function definitionOf(summary: DomainSummary, xmlHash: string): VmDefinition {
  const { memoryMiB, vcpus, description, rbdOnly, diskless, rbdDisks } = summary;
  return {
    xmlHash, memoryMiB, vcpus, description, rbdOnly, diskless,
    ...(rbdDisks.length === 0 ? {} : { rbdDisks: rbdDisks.map((disk) => ({ ...disk })) }),
  };
}

/** Throws DomainXmlProblem, whose message names the element and the cure. */
export function summarise(root: XmlElement): DomainSummary {
  const devices = elements(root, 'devices').flatMap((list) => elements(list));
  const named = (name: string): readonly XmlElement[] => devices.filter((device) => device.name === name);
  const osType = at(root, 'os', 'type');
  const vcpus = vcpuCount(root);
  const disks = named('disk').map(disk);
  return {
    name: nameOf(root),
    uuid: uuidOf(root),
    description: textOf(at(root, 'description')),
    memoryMiB: memoryMiB(root),
    vcpus,
    vcpuTopology: topology(root, vcpus),
    type: textOf(osType),
    arch: attribute(osType, 'arch') ?? '',
    machine: attribute(osType, 'machine') ?? '',
    emulator: textOf(named('emulator')[0]),
    features: elements(at(root, 'features')).map((feature) => feature.name),
    disks,
    networks: named('interface').map(network),
    controllers: named('controller').map((element) => ({
      type: attribute(element, 'type') ?? '', model: attribute(element, 'model') ?? '',
    })),
    console: attribute(named('console')[0] ?? named('serial')[0], 'type') ?? '',
    vnc: vnc(devices),
    diskless: disks.length === 0,
    rbdOnly: isRbdOnly(root),
    rbdDisks: rbdDisksOf(root),
  };
}
