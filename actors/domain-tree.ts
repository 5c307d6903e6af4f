/** A domain XML as a plain tree, and the few questions asked of it. Text keeps its entity references as written. */

export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlNode[];
}
export type XmlNode = XmlElement | { readonly text: string } | { readonly cdata: string };

export const isElement = (node: XmlNode): node is XmlElement => 'name' in node;

/** Child elements, all or those of one name, in order. */
export const elements = (parent: XmlElement | undefined, name?: string): readonly XmlElement[] =>
  (parent?.children ?? []).filter(isElement).filter((child) => name === undefined || child.name === name);

/** The first child along a path of names. */
export function at(parent: XmlElement | undefined, ...path: readonly string[]): XmlElement | undefined {
  return path.reduce<XmlElement | undefined>((element, name) => elements(element, name)[0], parent);
}

const PREDEFINED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** Replaces the five predefined references and numeric ones; nothing else can be declared (no DOCTYPE). */
const decodeReferences = (text: string): string =>
  text.replace(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(lt|gt|amp|quot|apos));/g, (whole, decimal, hex, name) => {
    if (name !== undefined) return PREDEFINED[name as string] ?? whole;
    const point = decimal !== undefined ? Number(decimal) : parseInt(hex as string, 16);
    return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : '';
  });

/** The element's own text, references decoded, trimmed; empty if there is none. */
export const textOf = (element: XmlElement | undefined): string =>
  (element?.children ?? [])
    .map((child) => ('text' in child ? decodeReferences(child.text) : 'cdata' in child ? child.cdata : ''))
    .join('').trim();

/** An attribute's value, references decoded, or null. */
export function attribute(element: XmlElement | undefined, name: string): string | null {
  const raw = element?.attributes[name];
  return raw === undefined ? null : decodeReferences(raw);
}

export const escapeAttribute = (text: string): string =>
  text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
