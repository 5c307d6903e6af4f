/**
 * A blob's bytes, cheaply: a list in it that is the very object of the time before is put into the map as it was
 * encoded then. What comes out is the same MessagePack, such lists last. Whoever makes blobs keeps a list while nothing
 * in it changes, and never writes to one. One of these a sender.
 */
import { encode } from './codec.js';

/** MessagePack: first bytes of a map of up to 15 entries, and of one of up to 65,535. */
const FIXMAP = 0x80;
const MAP16 = 0xde;

export class BlobBytes {
  private kept = new Map<string, { readonly list: readonly unknown[]; readonly bytes: Uint8Array }>();

  of(blob: Readonly<Record<string, unknown>>): Uint8Array {
    const rest: Record<string, unknown> = {};
    const lists: Uint8Array[] = [];
    for (const [key, value] of Object.entries(blob)) {
      if (Array.isArray(value)) lists.push(this.listOf(key, value as readonly unknown[]));
      else rest[key] = value;
    }
    const head = encode(rest);
    const size = head[0] === MAP16 ? (head[1]! << 8) | head[2]! : head[0]! - FIXMAP;
    const entries = size + lists.length;
    const skipped = head[0] === MAP16 ? 3 : 1;
    return Buffer.concat([Uint8Array.of(MAP16, entries >> 8, entries & 0xff), head.subarray(skipped), ...lists]);
  }

  /** Key and list. */
  private listOf(key: string, list: readonly unknown[]): Uint8Array {
    const known = this.kept.get(key);
    if (known?.list === list) return known.bytes;
    const bytes = Buffer.concat([Buffer.from(encode(key)), encode(list)]);
    this.kept.set(key, { list, bytes });
    return bytes;
  }
}
