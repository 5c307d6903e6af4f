/** Transactions: the bounds before sending, and what the answer means in terms of the operations as given. */
import type { MultiResult, Stat, StoreOp } from '../store.js';
import { MULTI_LIMITS } from './limits.js';
import { resultsOf } from './replies.js';
import { isPath, OPCODE, opBytes, storeCode, wireOps } from './wire.js';

/** Bytes of the operations on the wire, or the refusal of a transaction that may not be sent. */
export function measureMulti(ops: readonly StoreOp[], aclBytes?: number): number | MultiResult {
  let bytes = 0;
  for (const [index, op] of ops.entries()) {
    if (!isPath(op.path)) return { kind: 'refused', index, code: 'other' };
    bytes += opBytes(op, aclBytes);
    if (index >= MULTI_LIMITS.ops || bytes > MULTI_LIMITS.bytes) return { kind: 'refused', index, code: 'too-large' };
  }
  return bytes;
}

/** runtime inconsistency */
const NOT_TRIED = -2;

/**
 * In a refused transaction every operation is an error: 0 before the one that failed, its own code there, and -2
 * (not tried) after it.
 */
export function multiResultOf(ops: readonly StoreOp[], frame: Buffer): MultiResult {
  const results = resultsOf(frame);
  const stats: (Stat | null)[] = [];
  let zxid: number | null = null;
  let at = 0;
  for (const [index, op] of ops.entries()) {
    let stat: Stat | null = null;
    for (const end = at + wireOps(op); at < end; at += 1) {
      const result = results[at];
      if (result && result.error !== 0 && result.error !== NOT_TRIED) {
        return { kind: 'refused', index, code: storeCode(result.error) };
      }
      if (result?.stat) stat = result.stat;
    }
    if (op.op === 'set' && stat) zxid = stat.mzxid;
    stats.push(stat);
  }
  if (results.length !== at || results.some((result) => result.type === OPCODE.error)) {
    return { kind: 'unknown', reason: `an answer of ${results.length} results to ${at} operations` };
  }
  return { kind: 'done', zxid, stats };
}
