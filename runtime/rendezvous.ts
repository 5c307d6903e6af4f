/**
 * Rendezvous hashing: which of some nodes a name belongs to. Everybody who knows the same nodes says the same,
 * without asking; when a node goes, only what it had is dealt anew, evenly over the rest.
 */

/** 32-bit FNV-1a with a finaliser (murmur3's), so that names which differ in one digit are spread as well. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

/** How strongly a name is drawn to a node; 0 to 2^32 - 1. */
export const attraction = (node: string, name: string): number => hash(`${node}\n${name}`);

/** The node that draws the name most, of equals the first by name; null = there is none. */
export function heirOf(name: string, nodes: Iterable<string>): string | null {
  let best: string | null = null;
  let most = -1;
  for (const node of nodes) {
    const drawn = attraction(node, name);
    if (drawn < most || drawn === most && best !== null && best < node) continue;
    best = node;
    most = drawn;
  }
  return best;
}
