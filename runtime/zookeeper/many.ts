/** Reading many nodes: several in a request, several requests under way, none of them larger than it should be. */
import { MANY_LIMITS } from './limits.js';
import type { ManyFound } from './replies.js';
import { readBytes } from './wire.js';

/** The answer to one request; `bytes` is its length. */
export type Chunk<T> = ManyFound<T> & { readonly bytes: number };

/** Where the request that begins at `from` ends, of at most `most` paths. */
function endOf(paths: readonly string[], from: number, most: number): number {
  let bytes = 0;
  for (let at = from; at < paths.length; at += 1) {
    bytes += readBytes(paths[at] ?? '');
    if (at - from >= most || (at > from && bytes > MANY_LIMITS.requestBytes)) return at;
  }
  return paths.length;
}

/**
 * What `ask` finds at each path, in the order of `paths`. How many paths the next request holds follows from the
 * length of the last answer, so that nodes of any size come in answers of about a mebibyte. Rejects with the first
 * rejection of `ask`; requests under way are then left to end by themselves, and no more are made.
 */
export async function readInChunks<T>(
  paths: readonly string[], ask: (chunk: readonly string[]) => Promise<Chunk<T>>,
): Promise<(T | null)[]> {
  const found = new Array<T | null>(paths.length).fill(null);
  let next = 0;
  let most: number = MANY_LIMITS.firstPaths;
  const readOn = async (): Promise<void> => {
    while (next < paths.length) {
      const from = next;
      next = endOf(paths, from, most);
      const part = paths.slice(from, next);
      const chunk = await ask(part);
      for (const [index, each] of chunk.found.entries()) found[from + index] = each;
      const bytesEach = chunk.bytes / part.length;
      most = Math.max(1, Math.min(MANY_LIMITS.paths, Math.floor(MANY_LIMITS.replyBytes / bytesEach)));
    }
  };
  try {
    await Promise.all(Array.from({ length: MANY_LIMITS.inFlight }, readOn));
  } finally {
    next = paths.length;
  }
  return found;
}
