/**
 * Domain XML, as users write it and as libvirt gives it back. Pure; the only importer of fast-xml-parser.
 * Input is hostile until parsed: bounded in bytes and depth, no DOCTYPE, no entities but the predefined ones.
 */
import { XMLBuilder, XMLParser, XMLValidator } from 'fast-xml-parser';
import {
  attribute, elements, escapeAttribute, isElement, type XmlElement, type XmlNode,
} from './domain-tree.js';
import { connectDevices, type IoErrors, type RbdAccess } from './domain-rbd.js';
import { DomainXmlProblem, summarise, type DomainSummary } from './domain-summary.js';

export { definitionOf, type DomainSummary } from './domain-summary.js';

export interface DomainXmlLimits {
  readonly bytesMax: number;
  readonly depthMax: number;
  readonly elementsMax: number;
}
export const DOMAIN_XML_LIMITS: DomainXmlLimits = { bytesMax: 256 * 1024, depthMax: 32, elementsMax: 8192 };

export type ParsedDomainXml =
  | { readonly ok: true; readonly summary: DomainSummary }
  | { readonly ok: false; readonly reason: string };

/** Who started this copy: written into its metadata at the start, read back by observe and list. */
export interface DomainStamp {
  readonly epoch: number;
  readonly effectId: string;
}

export const STAMP_NAMESPACE = 'urn:pvc:actor:1';
const STAMP_ELEMENT = 'pvc:actor';

const PARSER_OPTIONS = {
  preserveOrder: true, ignoreAttributes: false, attributeNamePrefix: '', cdataPropName: '#cdata', trimValues: false,
  parseTagValue: false, parseAttributeValue: false, processEntities: false, ignoreDeclaration: true, ignorePiTags: true,
  allowBooleanAttributes: false,
} as const;
const BUILDER_OPTIONS = {
  preserveOrder: true, ignoreAttributes: false, attributeNamePrefix: '', cdataPropName: '#cdata',
  processEntities: false, suppressEmptyNode: true, suppressBooleanAttributes: false,
} as const;

type Ordered = Record<string, unknown>;

const fail = (reason: string): never => {
  throw new DomainXmlProblem(reason);
};

/** References stay as written; one that is none of the predefined would need a declaration we never read. */
function checked(text: string): string {
  if (/&(?!(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|lt|gt|amp|quot|apos);)/.test(text)) {
    fail('The XML has an & that begins none of the predefined references: write &amp;');
  }
  return text;
}

/** fast-xml-parser's ordered form -> our tree. Depth is bounded by the parser before this recursion. */
function fromOrdered(node: Ordered, counter: { left: number }): XmlNode {
  counter.left -= 1;
  if (counter.left < 0) fail('The XML has more nodes than a domain needs');
  const name = Object.keys(node).find((key) => key !== ':@');
  if (name === undefined) return fail('The XML has an element without a name');
  if (name === '#text') return { text: checked(String(node['#text'])) };
  const children = node[name] as readonly Ordered[];
  if (name === '#cdata') return { cdata: children.map((child) => String(child['#text'])).join('') };
  const attributes = (node[':@'] ?? {}) as Record<string, string>;
  Object.values(attributes).forEach(checked);
  return {
    name,
    attributes: { ...attributes },
    children: children.map((child) => fromOrdered(child, counter)),
  };
}

function toOrdered(node: XmlNode): Ordered {
  if ('text' in node) return { '#text': node.text };
  if ('cdata' in node) return { '#cdata': [{ '#text': node.cdata }] };
  // The builder quotes with " whatever the source used.
  const attributes = Object.fromEntries(Object.entries(node.attributes)
    .map(([key, value]) => [key, value.replaceAll('"', '&quot;').replaceAll('<', '&lt;')]));
  return { [node.name]: node.children.map(toOrdered), ':@': attributes };
}

/** Depth and count by a linear scan, before any parser that could recurse sees the text. */
function assertShape(xml: string, { depthMax, elementsMax }: DomainXmlLimits): void {
  let [depth, count] = [0, 0];
  for (const match of xml.matchAll(/<(\/?)[A-Za-z_][^<>]*?(\/?)>/g)) {
    if (match[1] === '/') depth -= 1;
    else if (match[2] !== '/') depth += 1;
    count += 1;
    if (count > 2 * elementsMax) fail(`The XML has more than ${elementsMax} elements: a domain needs far less`);
    if (depth > depthMax) fail(`The XML is nested deeper than ${depthMax} elements: a domain needs far less`);
  }
}

/** Parses to a tree whose root is an element; throws DomainXmlProblem with a reason for people. */
function parseTree(xml: string, limits: DomainXmlLimits): XmlElement {
  if (xml.length > limits.bytesMax || Buffer.byteLength(xml) > limits.bytesMax) {
    fail(`The XML is larger than ${limits.bytesMax / 1024} KiB: a domain needs far less`);
  }
  if (xml.trim() === '') fail('The XML is empty');
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(xml)) {
    fail('The XML holds control characters: save it as plain UTF-8 text');
  }
  if (/<!\s*(DOCTYPE|ENTITY|ELEMENT|ATTLIST|NOTATION)/i.test(xml)) {
    fail('The XML has a DOCTYPE or ENTITY declaration: remove it, a domain needs none');
  }
  assertShape(xml, limits);
  const text = xml.replace(/^\ufeff/, '').trim();
  const valid = XMLValidator.validate(text);
  if (valid !== true) fail(`The XML is not well formed: line ${valid.err.line}: ${valid.err.msg.slice(0, 120)}`);
  const roots = (new XMLParser({ ...PARSER_OPTIONS, maxNestedTags: limits.depthMax + 1 }).parse(text) as Ordered[])
    .map((node) => fromOrdered(node, { left: 4 * limits.elementsMax }))
    .filter(isElement);
  if (roots.length !== 1) fail(`The XML has ${roots.length} root elements: a domain has one`);
  return roots[0] as XmlElement;
}

function parseDomain(xml: string, limits: DomainXmlLimits): XmlElement {
  const root = parseTree(xml, limits);
  return root.name === 'domain' ? root : fail(`The XML's root is <${root.name.slice(0, 40)}>: it must be <domain>`);
}

/** One element that stands alone: a device. Throws DomainXmlProblem. */
export const readElement = (xml: string, limits: DomainXmlLimits = DOMAIN_XML_LIMITS): XmlElement =>
  parseTree(xml, limits);

/** The root of a domain XML. Throws DomainXmlProblem, whose message names what is wrong and the cure. */
export const readDomain = (xml: string, limits: DomainXmlLimits = DOMAIN_XML_LIMITS): XmlElement =>
  parseDomain(xml, limits);

/** The reason is one sentence naming the thing and the cure. Never throws, whatever the input. */
export function parseDomainXml(xml: string, limits: DomainXmlLimits = DOMAIN_XML_LIMITS): ParsedDomainXml {
  try {
    return { ok: true, summary: summarise(parseDomain(xml, limits)) };
  } catch (error) {
    if (error instanceof DomainXmlProblem) return { ok: false, reason: error.message };
    const text = error instanceof Error ? error.message : String(error);
    return { ok: false, reason: `The XML cannot be read: ${text.slice(0, 200)}` };
  }
}

const without = (attributes: Readonly<Record<string, string>>, name: string): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(attributes).filter(([key]) => key !== name));

const isStamp = (node: XmlNode): boolean =>
  isElement(node)
  && Object.entries(node.attributes).some(([key, value]) => key.startsWith('xmlns') && value === STAMP_NAMESPACE);

function withStamp(children: readonly XmlNode[], stamp: DomainStamp): readonly XmlNode[] {
  const element: XmlElement = {
    name: STAMP_ELEMENT,
    attributes: { 'xmlns:pvc': STAMP_NAMESPACE, epoch: String(stamp.epoch), effect: escapeAttribute(stamp.effectId) },
    children: [],
  };
  const kept = children.filter(isElement).find((child) => child.name === 'metadata')?.children ?? [];
  const metadata: XmlElement = {
    name: 'metadata', attributes: {}, children: [...kept.filter((node) => !isStamp(node)), element],
  };
  return [...children.filter((node) => !(isElement(node) && node.name === 'metadata')), metadata];
}

/** Only the first serial port (or else the first console) is logged; libvirt shows the same device under both names. */
function withConsoleLog(devices: XmlElement, file: string): XmlElement {
  const ports = elements(devices).filter((device) => device.name === 'serial' || device.name === 'console');
  const first = ports.find((device) => device.name === 'serial') ?? ports[0];
  if (first === undefined || ports.some((device) => elements(device, 'log').length > 0)) return devices;
  const log: XmlElement = { name: 'log', attributes: { file: escapeAttribute(file), append: 'on' }, children: [] };
  const logged: XmlElement = { ...first, children: [log, ...first.children] };
  return { ...devices, children: devices.children.map((node) => (node === first ? logged : node)) };
}

export interface StartExtra extends DomainStamp {
  readonly consoleLog: string | null;
  /** How RBD disks are reached; absent or null = as the XML says. */
  readonly rbd?: RbdAccess | null;
  /** As chosen for the VM; absent or null = nobody has. */
  readonly ioErrors?: IoErrors | null;
}

/**
 * The user's XML as it is given to libvirt: stamped, without the `id` of some earlier run, the serial port logged to
 * `consoleLog` unless the XML already logs it, RBD disks connected to this cluster. Throws DomainXmlProblem on an XML
 * that parseDomainXml would refuse to read.
 */
export function stampDomainXml(
  xml: string, extra: StartExtra, limits: DomainXmlLimits = DOMAIN_XML_LIMITS,
): string {
  const root = parseDomain(xml, limits);
  const { consoleLog, rbd = null, ioErrors = null } = extra;
  const children = withStamp(root.children, extra).map((node) => {
    if (!isElement(node) || node.name !== 'devices') return node;
    const connected = connectDevices(node, rbd, ioErrors);
    return consoleLog === null ? connected : withConsoleLog(connected, consoleLog);
  });
  return xmlOf({ ...root, attributes: without(root.attributes, 'id'), children });
}

/** The element as text. */
export const xmlOf = (root: XmlElement): string => new XMLBuilder(BUILDER_OPTIONS).build([toOrdered(root)]) as string;

/** The stamp in a domain XML, or in the lone metadata element as libvirt hands it out (without its prefix), or null. */
export function readStamp(xml: string): DomainStamp | null {
  try {
    const root = parseTree(xml, DOMAIN_XML_LIMITS);
    const isAlone = root.name === 'actor' || isStamp(root);
    const element = isAlone ? root : elements(elements(root, 'metadata')[0]).find(isStamp);
    const epoch = Number(attribute(element, 'epoch') ?? 'none');
    const effectId = attribute(element, 'effect');
    return Number.isSafeInteger(epoch) && effectId !== null ? { epoch, effectId } : null;
  } catch {
    return null;
  }
}
