/** Requests that were not answered as hoped, in the words of the port. */
import { StoreError, type MultiResult } from '../store.js';
import { storeCode } from './wire.js';

export type RequestFailure =
  /** The server's answer. */
  | { readonly kind: 'server'; readonly code: number }
  /** Went out, and the connection broke before the answer. */
  | { readonly kind: 'lost' }
  /** Never went out. */
  | { readonly kind: 'unsent'; readonly reason: string }
  | { readonly kind: 'deadline'; readonly afterMs: number }
  | { readonly kind: 'expired' }
  /** The servers refused our authentication: this store is of no use any more. */
  | { readonly kind: 'refused' };

/** A server that answers "session expired" to a request has not changed anything, and will say so again on connect. */
const SESSION_EXPIRED = -112;
/** The session was carried on at another server while this connection still stood; it is about to be cut. */
const SESSION_MOVED = -118;

const isExpiry = (failure: RequestFailure): boolean =>
  failure.kind === 'expired' || (failure.kind === 'server' && failure.code === SESSION_EXPIRED);

function failureText(failure: RequestFailure): string {
  switch (failure.kind) {
    case 'server':
      return storeCode(failure.code) === 'no-auth'
        ? `not allowed: this session has not the key of the node's ACL (ZooKeeper error ${failure.code})`
        : `ZooKeeper error ${failure.code}`;
    case 'lost': return 'the connection was lost before the answer came';
    case 'unsent': return `not sent: ${failure.reason}`;
    case 'deadline': return `no answer in ${failure.afterMs} ms`;
    case 'expired': return 'the session has expired';
    case 'refused': return 'the servers refused the authentication';
  }
}

export function storeError(failure: RequestFailure, what: string): StoreError {
  const message = `${what}: ${failureText(failure)}`;
  if (isExpiry(failure)) return new StoreError('session-expired', message);
  switch (failure.kind) {
    case 'server':
      return new StoreError(failure.code === SESSION_MOVED ? 'disconnected' : storeCode(failure.code), message);
    case 'deadline': return new StoreError('deadline', message);
    case 'refused': return new StoreError('no-auth', message);
    default: return new StoreError('disconnected', message);
  }
}

/** An answer that is not about one operation. Only where nothing can have been changed is it a refusal. */
export function multiFailure(failure: RequestFailure): MultiResult {
  if (isExpiry(failure)) return { kind: 'refused', index: 0, code: 'session-expired' };
  if (failure.kind === 'refused') return { kind: 'refused', index: 0, code: 'no-auth' };
  return { kind: 'unknown', reason: failureText(failure) };
}

/** As counted in StoreMetrics.errors. */
export function multiErrorCode(result: MultiResult, failure: RequestFailure | null): string | null {
  if (result.kind === 'refused') return result.code;
  if (result.kind === 'done') return null;
  return failure === null ? 'other' : storeError(failure, '').code;
}
