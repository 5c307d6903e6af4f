/**
 * Admission: the answer to a command before it is queued, and again at its step. Structurally the
 * type of runtime/gateway-types.ts (machines import nothing but xstate and each other).
 */
export type Admission =
  | { readonly kind: 'accept' }
  /** Already so: nothing to do; `message` is for the user. */
  | { readonly kind: 'already'; readonly message: string }
  /** Not now or not at all: `code` is one of runtime/errors.ts; `message` names the thing, its state, what is legal. */
  | {
      readonly kind: 'deny';
      readonly code: 'PVC_WRONG_STATE' | 'PVC_INVALID' | 'PVC_NO_TARGET';
      readonly message: string;
    };

export const accept: Admission = { kind: 'accept' };

export const already = (message: string): Admission => ({ kind: 'already', message });

/** Wrong state for this command: may be tried again later. */
export const denyState = (message: string): Admission => ({ kind: 'deny', code: 'PVC_WRONG_STATE', message });

/** Never legal as it was asked. */
export const denyInvalid = (message: string): Admission => ({ kind: 'deny', code: 'PVC_INVALID', message });

/** `start, shutdown or stop`: the legal commands for a denial. */
export function listOf(words: readonly string[]): string {
  if (words.length === 0) return 'none';
  if (words.length === 1) return words[0]!;
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)!}`;
}
