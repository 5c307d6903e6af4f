/** Domain XML by its hash, read once: documents never change. */
import { parseDomainXml } from '../../actors/domain-xml.js';
import type { Log } from '../../runtime/log.js';
import type { ClusterAdmin } from '../cluster-admin.js';
import type { VmDocument } from './vm.js';

const DOCUMENTS_KEPT = 2048;

export interface Documents {
  /** null = absent, or not readable at the moment. Never rejects. */
  get(hash: string): Promise<VmDocument | null>;
}

export function createDocuments(cluster: ClusterAdmin, log: Log): Documents {
  const kept = new Map<string, VmDocument>();
  return {
    async get(hash) {
      const known = kept.get(hash);
      if (known !== undefined) return known;
      try {
        const xml = await cluster.readDocument(hash);
        const parsed = xml === null ? null : parseDomainXml(xml);
        if (xml === null || parsed === null || !parsed.ok) return null;
        const document = { xml, summary: parsed.summary };
        kept.set(hash, document);
        if (kept.size > DOCUMENTS_KEPT) kept.delete(kept.keys().next().value as string);
        return document;
      } catch (error) {
        log.warn('a document could not be read', { hash, error });
        return null;
      }
    },
  };
}
