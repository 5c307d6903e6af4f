/**
 * What stops one actor for good, until somebody repairs it (faults.ts): nothing is gained by trying again, so it is
 * not counted as a crash. Its text names the reason and, once it is on record, the znode.
 */

/**
 * `undecodable`: the record's bytes are none. `newer`: a newer daemon wrote it; it waits for one. `misfit`: the machine
 * has no such state, region, timer or context, or no migration. `machine`: the machine itself is wrong (endless loop,
 * a context that is no plain JSON). `too-large`: its record may not grow so. `crashes`: too many in a row.
 */
export type FaultKind = 'undecodable' | 'newer' | 'misfit' | 'machine' | 'too-large' | 'crashes';

export class ActorFaultError extends Error {
  override readonly name = 'ActorFaultError';
  constructor(readonly kind: FaultKind, reason: string, options?: { readonly cause?: unknown }) {
    super(reason, options);
  }
}

/** A fault as records keep it: `<kind>: <reason>`. */
export const faultText = (kind: FaultKind, reason: string): string => `${kind}: ${reason}`;

const KINDS: readonly FaultKind[] = ['undecodable', 'newer', 'misfit', 'machine', 'too-large', 'crashes'];

/** Takes a record's fault apart; one that names no kind is of crashes. */
export function parseFault(text: string): { readonly kind: FaultKind; readonly reason: string } {
  const colon = text.indexOf(': ');
  const kind = KINDS.find((each) => each === text.slice(0, Math.max(0, colon)));
  return kind === undefined ? { kind: 'crashes', reason: text } : { kind, reason: text.slice(colon + 2) };
}
