/**
 * Cuts the byte stream of one connection into whole frames (a 4-byte length, then that many bytes). The library
 * keeps a half-read frame across reconnects, joins its buffer anew for every frame and handles the next frame
 * on the stack of the one before; fed whole frames one at a time, it does none of these.
 */
import { ZOOKEEPER_LIMITS } from './limits.js';

export class FrameSplitter {
  #parts: Buffer[] = [];
  #have = 0;
  #need = 4;

  /** Forgets a half-read frame: a new connection begins. */
  reset(): void {
    this.#parts = [];
    this.#have = 0;
    this.#need = 4;
  }

  /**
   * Calls `onFrame` for each frame that is now whole, length field included; when it answers false, the rest is
   * thrown away. Throws on a length that no reply has.
   */
  push(chunk: Buffer, onFrame: (frame: Buffer) => boolean): void {
    this.#parts.push(chunk);
    this.#have += chunk.length;
    if (this.#have < this.#need) return;
    const buffer = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts, this.#have);
    this.reset();
    let offset = 0;
    for (;;) {
      const left = buffer.length - offset;
      const whole = left < 4 ? 4 : 4 + frameLength(buffer, offset);
      if (left < whole) {
        this.#need = whole;
        break;
      }
      const frame = buffer.subarray(offset, offset + whole);
      offset += whole;
      if (!onFrame(frame)) return;
    }
    if (offset === buffer.length) return;
    this.#parts = [buffer.subarray(offset)];
    this.#have = buffer.length - offset;
  }
}

function frameLength(buffer: Buffer, offset: number): number {
  const length = buffer.readInt32BE(offset);
  if (length < 0 || length > ZOOKEEPER_LIMITS.replyBytes) throw new Error(`a frame of ${length} bytes is no reply`);
  return length;
}
