/** A VM whose node is lost: nothing is answered in its name before the fence is over. Said, so that nobody wonders. */
import { nodeReason } from '../../machines/node/view.js';
import { addressOf, type Address } from '../../runtime/address.js';
import type { Feed } from '../../runtime/feed-types.js';
import { daemonStateWord } from './words.js';

/** Why a command to this actor waits for its node, for people; null when its owner can answer. */
export function heldByLostNode(feed: Feed, address: Address): string | null {
  const owner = feed.actor(address)?.owner;
  if (!address.startsWith('vm/') || !owner) return null;
  const node = feed.actor(addressOf('node', owner.node))?.record;
  if (node === undefined) return null;
  const word = daemonStateWord(node.snapshot);
  if (word !== 'dead' && word !== 'fenced') return null;
  const reason = nodeReason(node.snapshot);
  return `Node ${owner.node} is ${word === 'dead' ? 'being fenced' : 'fenced'}${reason === '' ? '' : `: ${reason}`}`;
}
