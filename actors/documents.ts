/** Immutable texts (domain XML) below /pvc/docs, named by their hash. */
import { createHash } from 'node:crypto';
import type { Paths } from '../runtime/paths.js';
import type { Store, StoreOp } from '../runtime/store.js';

/** First 32 hex digits of the SHA-256 of the UTF-8 text. */
export const documentHash = (text: string): string =>
  createHash('sha256').update(text, 'utf8').digest('hex').slice(0, 32);

export const documentCreate = (paths: Paths, text: string): StoreOp =>
  ({ op: 'create', path: paths.doc(documentHash(text)), data: Buffer.from(text, 'utf8') });

/** null = there is no such document. */
export async function readDocument(store: Store, paths: Paths, hash: string): Promise<string | null> {
  if (!/^[0-9a-f]{32}$/.test(hash)) return null;
  const node = await store.read(paths.doc(hash));
  return node === null ? null : Buffer.from(node.data).toString('utf8');
}

/** Stores a text; twice is no error. */
export async function storeDocument(store: Store, paths: Paths, text: string): Promise<string> {
  const hash = documentHash(text);
  for (let attempt = 0; ; attempt += 1) {
    const result = await store.multi([documentCreate(paths, text)]);
    if (result.kind === 'done' || (result.kind === 'refused' && result.code === 'node-exists')) return hash;
    const why = result.kind === 'refused' ? result.code : result.reason;
    if (attempt >= 3) throw new Error(`the document was not stored: ${why}`);
    await store.sync(paths.docs).catch(() => undefined);
  }
}
