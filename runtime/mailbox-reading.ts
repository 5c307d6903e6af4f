/** A mailbox as people look at it: read and left as it is. */
import type { Address } from './address.js';
import type { Envelope } from './envelope.js';
import { causeChain } from './log.js';
import { decodeMail } from './pack.js';
import { laneOf, type Paths } from './paths.js';
import type { Store } from './store.js';

export interface ReadLetter {
  readonly name: string;
  /** null = this daemon cannot read it, for the reason `fault`. */
  readonly envelope: Envelope | null;
  readonly fault: string | null;
}

/**
 * The letters that wait, in the order in which they will be stepped, `most` at most; null = there is no such mailbox.
 * Rejects (StoreError) when the store is out of reach.
 */
export async function readMailbox(
  store: Store, paths: Paths, address: Address, most: number,
): Promise<readonly ReadLetter[] | null> {
  const listed = await store.children(paths.mailbox(address));
  if (listed === null) return null;
  const found = await Promise.all(listed.names.map(async (name) => {
    const node = await store.read(paths.envelope(address, name));
    return node === null ? null : { name, node };
  }));
  const laneRank = (name: string): number => laneOf(name) === 'control' ? 0 : 1;
  return found.filter((one) => one !== null)
    .sort((a, b) => laneRank(a.name) - laneRank(b.name) || a.node.stat.czxid - b.node.stat.czxid
      || (a.name < b.name ? -1 : 1))
    .flatMap(({ name, node }) => opened(name, node.data))
    .slice(0, most);
}

function opened(name: string, data: Uint8Array): readonly ReadLetter[] {
  try {
    return decodeMail(data).map((envelope) => ({ name, envelope, fault: null }));
  } catch (error) {
    return [{ name, envelope: null, fault: causeChain(error) }];
  }
}
