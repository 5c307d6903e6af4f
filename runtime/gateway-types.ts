import type { Address } from './address.js';
import type { ActorEvent, Lane } from './envelope.js';
import type { Operation } from './record.js';

export type Admission =
  | { readonly kind: 'accept' }
  /** Already so: nothing to do; `message` is for the user. */
  | { readonly kind: 'already'; readonly message: string }
  /** Not now or not at all: `code` is one of errors.ts, `message` names the thing and the legal commands. */
  | { readonly kind: 'deny'; readonly code: string; readonly message: string };

export type Submitted =
  | { readonly kind: 'accepted'; readonly operationId: string }
  | { readonly kind: 'already'; readonly message: string }
  | {
    readonly kind: 'denied';
    readonly code: string;
    readonly message: string;
    /** With PVC_BUSY: when to try again, seconds. */
    readonly retryAfterS?: number;
  };

export interface SubmitOptions {
  /** `control`: ahead of all normal letters, and not turned down before the mailbox is at its hard limit. */
  readonly lane?: Lane;
  /**
   * How long anybody waits for it, milliseconds: a command not taken up by then ends as failed and is not stepped.
   * Without it, it never expires.
   */
  readonly expiresMs?: number;
}

/** Where commands of users enter. */
export interface Gateway {
  /**
   * Early admission from the mirrored record, then the envelope is created: its znode is the promise. PVC_BUSY with
   * retryAfterS where LIMITS.mailboxSoft envelopes wait (control lane: LIMITS.mailboxHard).
   */
  submit(to: Address, command: ActorEvent, correlation: string, options?: SubmitOptions): Promise<Submitted>;
  /** Resolves at the operation's end, or with null when `timeoutMs` passed first. */
  waitFor(to: Address, operationId: string, timeoutMs: number): Promise<Operation | null>;
}
