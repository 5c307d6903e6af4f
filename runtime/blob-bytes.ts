/**
 * A blob's bytes, cheaply: from one heartbeat to the next little of it changes. Where what changed takes as many bytes
 * as before (the time of day, a figure), the bytes of the time before are copied and it is put in its place; else all
 * is encoded anew. What comes out is the same MessagePack. Whoever makes blobs never writes to a list or an object in
 * one once it was given: what is the very same list, or an object of the same plain values, is taken for unchanged.
 * One of these a sender.
 */
import { encode } from './codec.js';

/** MessagePack: first byte of a map of up to 65,535 entries. */
const MAP16 = 0xde;
const HEAD_BYTES = 3;

interface Place {
  value: unknown;
  /** Where its bytes begin, and how many there are. */
  readonly at: number;
  readonly length: number;
}

export class BlobBytes {
  private places = new Map<string, Place>();
  private whole: Buffer | null = null;

  of(blob: Readonly<Record<string, unknown>>): Uint8Array {
    return this.patched(blob) ?? this.anew(blob);
  }

  /** null = what changed needs more room, or less, or there are other fields. */
  private patched(blob: Readonly<Record<string, unknown>>): Uint8Array | null {
    if (this.whole === null) return null;
    const whole = Buffer.from(this.whole);
    let count = 0;
    for (const key in blob) {
      const place = this.places.get(key);
      if (place === undefined) return null;
      count += 1;
      const value = blob[key];
      if (isSame(place.value, value)) continue;
      const bytes = encode(value);
      if (bytes.length !== place.length) return null;
      whole.set(bytes, place.at);
      place.value = value;
    }
    if (count !== this.places.size) return null;
    // Who got the bytes before holds them: they are never written to.
    return (this.whole = whole);
  }

  private anew(blob: Readonly<Record<string, unknown>>): Uint8Array {
    this.places = new Map();
    const fields = Object.entries(blob);
    const parts: Uint8Array[] = [Uint8Array.of(MAP16, fields.length >> 8, fields.length & 0xff)];
    let at = HEAD_BYTES;
    for (const [key, value] of fields) {
      // Copies: what the encoder gives is a piece of a larger buffer.
      const [name, bytes] = [Buffer.from(encode(key)), Buffer.from(encode(value))];
      parts.push(name, bytes);
      this.places.set(key, { value, at: at + name.length, length: bytes.length });
      at += name.length + bytes.length;
    }
    return (this.whole = Buffer.concat(parts));
  }
}

/** The same value, or an object whose values are: lists and deeper objects by identity. */
function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one) || Array.isArray(other)) return false;
  const [left, right] = [one as Record<string, unknown>, other as Record<string, unknown>];
  for (const key in left) if (left[key] !== right[key] || !(key in right)) return false;
  for (const key in right) if (!(key in left)) return false;
  return true;
}
