/**
 * A record's bytes, cheaply: most of a record is its tail, and most of the tail was encoded with the last commit
 * already. The bytes of transitions are kept while their objects are, of the newest GENERATION to twice as many in
 * tails that are not short, and put into the record's map as they are. What comes out is the same MessagePack, `tail`
 * last. Used by codec.ts only.
 */
import type { ActorRecord, Transition } from './record.js';

/** Some 300 bytes each. */
const GENERATION = 16_384;
/** Shorter tails are encoded each time: most actors are at rest, and what is kept of them would be kept for nothing. */
const PAYS_FROM = 4;
/** MessagePack: first bytes of a map of up to 15 entries, of one of up to 65,535, and the same for arrays. */
const FIXMAP = 0x80;
const MAP16 = 0xde;
const FIXARRAY = 0x90;
const ARRAY16 = 0xdc;
const FIX_MAX = 15;

export class RecordBytes {
  private young = new WeakMap<Transition, Uint8Array>();
  private old = new WeakMap<Transition, Uint8Array>();
  private count = 0;
  private readonly tailKey: Uint8Array;

  constructor(private readonly encode: (value: unknown) => Uint8Array) {
    this.tailKey = encode('tail').slice();
  }

  of(record: ActorRecord): Uint8Array {
    const { tail, ...rest } = record;
    const head = this.encode(rest);
    const size = head[0] === MAP16 ? (head[1]! << 8) | head[2]! : head[0]! - FIXMAP;
    const skipped = head[0] === MAP16 ? 3 : 1;
    const entries = size + 1;
    const parts: Uint8Array[] = [
      Uint8Array.of(MAP16, entries >> 8, entries & 0xff), head.subarray(skipped), this.tailKey,
      tail.length <= FIX_MAX ? Uint8Array.of(FIXARRAY | tail.length)
        : Uint8Array.of(ARRAY16, tail.length >> 8, tail.length & 0xff),
    ];
    const pays = tail.length >= PAYS_FROM;
    for (const transition of tail) parts.push(pays ? this.bytesOf(transition) : this.encode(transition).slice());
    return Buffer.concat(parts);
  }

  private bytesOf(transition: Transition): Uint8Array {
    const known = this.young.get(transition) ?? this.old.get(transition);
    if (known !== undefined) return known;
    if (this.count === GENERATION) {
      this.old = this.young;
      this.young = new WeakMap();
      this.count = 0;
    }
    this.count += 1;
    // A copy: what the encoder gives is a piece of a larger buffer, which it would hold on to.
    const bytes = Buffer.from(this.encode(transition));
    this.young.set(transition, bytes);
    return bytes;
  }
}
