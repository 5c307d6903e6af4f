/** How a call to Ceph fails, and what that says of the world. */
import { constants } from 'node:os';
import { refused, unknown, type Outcome } from '../outcome.js';

const NAMES = new Map(Object.entries(constants.errno).map(([name, code]) => [code, name]));
/**
 * Linux; not among Node's constants, but for EAGAIN, which is EWOULDBLOCK as well. ESHUTDOWN is what Ceph says to a
 * client on its blocklist.
 */
const MORE: Readonly<Record<number, string>> = {
  11: 'EAGAIN', 108: 'ESHUTDOWN', 30: 'EROFS', 122: 'EDQUOT', 61: 'ENODATA',
};
export const ESHUTDOWN = 108;
export const { EACCES, EBUSY, ENOENT, ENOSPC, ERANGE, ECANCELED, EINVAL, ETIMEDOUT, ENOTCONN } = constants.errno;

/** No answer, or none any more: what was asked may be done or not. */
const LOST: ReadonlySet<number> = new Set([
  ETIMEDOUT, ENOTCONN, ESHUTDOWN, constants.errno.ECONNRESET, constants.errno.ECONNABORTED, constants.errno.EPIPE,
  constants.errno.EIO, ECANCELED,
]);
/** What a long operation checks before it changes anything; of any other error it may have got half-way. */
const CHECKED_FIRST: ReadonlySet<string> = new Set([
  'ENOENT', 'EEXIST', 'EBUSY', 'ENOTEMPTY', 'EINVAL', 'EROFS', 'EPERM', 'EACCES', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS',
]);

export const errorName = (code: number): string => MORE[code] ?? NAMES.get(code) ?? `E${code}`;

/** A call of librados or librbd that answered with an error. `code` is a positive errno. */
export class CephFailure extends Error {
  override readonly name = 'CephFailure';
  readonly code: number;
  /** What it had changed has been taken back. */
  readonly undone: boolean;
  constructor(code: number, text: string, undone = false) {
    super(`${errorName(code)}: ${text}`);
    this.code = code;
    this.undone = undone;
  }
}

/** `long`: an operation of many steps. */
export function outcomeOf(failure: CephFailure, long: boolean): Outcome<never> {
  const definite = failure.undone || (long ? CHECKED_FIRST.has(errorName(failure.code)) : !LOST.has(failure.code));
  return definite ? refused(failure.message) : unknown(failure.message);
}

/** What these mean wherever they come from. */
const EVERYWHERE: Readonly<Record<string, string>> = {
  EDQUOT: 'the quota of its pool is reached: raise it, or remove volumes or snapshots',
  ENOSPC: 'its pool is full: remove volumes or snapshots, or add OSDs',
};

/** The result of a C call, 0 or more; throws CephFailure if it is negative. `because`: what some errors mean here. */
export function check(
  result: number | bigint, text: string, because: Readonly<Record<string, string>> = {},
): number {
  const value = Number(result);
  if (value >= 0) return value;
  const meaning = because[errorName(-value)] ?? EVERYWHERE[errorName(-value)];
  throw new CephFailure(-value, meaning === undefined ? text : `${text}: ${meaning}`);
}

/**
 * What was refused for want of a connection is asked again: a node that has just booted goes on with what it had begun
 * before its connection is there.
 */
export const unlessAway = <T>(outcome: Outcome<T>): Outcome<T> =>
  (outcome.kind === 'refused' && /^(ENOTCONN|ESHUTDOWN)\b/.test(outcome.reason) ? unknown(outcome.reason) : outcome);
