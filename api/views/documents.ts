/** Domain XML by its hash, read once: documents never change. */
import { isElement, textOf, type XmlElement } from '../../actors/domain-tree.js';
import { parseDomainXml, readDomain } from '../../actors/domain-xml.js';
import type { Log } from '../../runtime/log.js';
import { unifiedDiff } from '../cli/diff.js';
import type { ClusterAdmin } from '../cluster-admin.js';
import type { VmDocument } from './vm.js';

const DOCUMENTS_KEPT = 2048;
const DIFFS_KEPT = 512;

export interface Documents {
  /** null = absent, or not readable at the moment. Never rejects. */
  get(hash: string): Promise<VmDocument | null>;
  /** Lines of a unified diff of two definitions, however they are written; [] = the same, or not readable. */
  diff(from: string, to: string): Promise<readonly string[]>;
}

export function createDocuments(cluster: ClusterAdmin, log: Log): Documents {
  const kept = new Map<string, VmDocument>();
  const diffs = new Map<string, readonly string[]>();
  const get = async (hash: string): Promise<VmDocument | null> => {
    const known = kept.get(hash);
    if (known !== undefined) return known;
    try {
      const xml = await cluster.readDocument(hash);
      const parsed = xml === null ? null : parseDomainXml(xml);
      if (xml === null || parsed === null || !parsed.ok) return null;
      return keep(kept, hash, { xml, summary: parsed.summary }, DOCUMENTS_KEPT);
    } catch (error) {
      log.warn('a document could not be read', { hash, error });
      return null;
    }
  };
  return {
    get,
    async diff(from, to) {
      if (from === to) return [];
      const key = `${from} ${to}`;
      const known = diffs.get(key);
      if (known !== undefined) return known;
      const [before, after] = await Promise.all([get(from), get(to)]);
      if (before === null || after === null) return [];
      return keep(diffs, key, unifiedDiff(evenly(before.xml), evenly(after.xml), ['snapshot', 'current']), DIFFS_KEPT);
    },
  };
}

/** Written anew: what a definition is written like is no change of it. */
const evenly = (xml: string): string => linesOf(readDomain(xml), '').join('\n');

function linesOf(element: XmlElement, indent: string): string[] {
  const { name, attributes, children } = element;
  const pairs = Object.entries(attributes).map(([key, value]) => ` ${key}='${value}'`).join('');
  const inner = children.filter(isElement);
  const text = textOf(element);
  if (inner.length === 0) return [`${indent}<${name}${pairs}${text === '' ? '/>' : `>${text}</${name}>`}`];
  return [
    `${indent}<${name}${pairs}>`, ...inner.flatMap((child) => linesOf(child, `${indent}  `)), `${indent}</${name}>`,
  ];
}

function keep<T>(all: Map<string, T>, key: string, value: T, max: number): T {
  all.set(key, value);
  if (all.size > max) all.delete(all.keys().next().value as string);
  return value;
}
