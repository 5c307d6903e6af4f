/**
 * The guard: holds the lease's deadline beside pvcd, in a process of its own, so that no bug, pause or
 * death of pvcd keeps the guests of a cut-off node alive (safety rules 3 and 5, invariant I4).
 * Under a lease it sleeps. Without one it kills, in this order: the drivers (nobody asks any more),
 * libvirtd (nobody starts any more), every QEMU of the node, owned or not; round after round until
 * none is left, then it keeps watching, because a migration or a libvirtd may bring another.
 *
 * While the node is disarmed (disarm-file.ts) it only watches.
 *
 * libvirtd and the drivers are killed when the lease ends and whenever a guest was found without one,
 * not on every look: the hook refuses new domains anyway, and a node that boots needs its libvirtd up
 * by the time it gets its lease.
 */
import type { Clock } from '../../runtime/clock.js';
import { GUARD_NAP_MAX_MS, GUARD_QUIET_MS, GUARD_ROUND_MS, GUARD_WATCH_MS } from '../../runtime/limits.js';
import type { Log } from '../../runtime/log.js';
import { isDisarmed } from './disarm-file.js';
import { leaseRemainingMs, readLease, type Lease } from './lease-file.js';
import { countGuests, findProcesses, killProcess, type FoundProcess, type ProcessKind } from './processes.js';

export interface GuardOptions {
  readonly leasePath: string;
  /** See disarm-file.ts. */
  readonly disarmPath: string;
  readonly bootId: string;
  readonly clock: Clock;
  readonly log: Log;
}

export interface GuardStatus {
  readonly incarnation: string | null;
  /** 0 = no lease. */
  readonly leaseRemainingMs: number;
  /** QEMU processes alive on the node. */
  readonly guests: number;
}

export interface Guard {
  status(): GuardStatus;
  /** Ends the watch; touches no process. */
  stop(): void;
}

const KILL_ORDER: readonly ProcessKind[] = ['driver', 'libvirtd', 'guest'];

/** One stretch without a lease. */
interface Lapse {
  /** The deadline that passed, or when the guard began without a lease. */
  readonly sinceMs: number;
  /** True if a lease ended under our eyes; false if the guard began without one. */
  readonly fired: boolean;
  /** When a guest was last seen alive, or when the lapse began. */
  lastSeenMs: number;
  /** What has been logged already: `pid/startTime`. */
  readonly told: Set<string>;
  guestsKilled: number;
  cleared: boolean;
}

export function startGuard(options: GuardOptions): Guard {
  const { clock, log, leasePath, bootId } = options;
  let cancel = (): void => {};
  let stopped = false;
  let heldUntilMs: number | null = null;
  let lapse: Lapse | null = null;
  const spares = sparing(options);

  const look = (): { lease: Lease | null; remainingMs: number } => {
    const lease = readLease(leasePath, bootId);
    const remainingMs = leaseRemainingMs(lease, clock.boottimeMs());
    return { lease: remainingMs > 0 ? lease : null, remainingMs };
  };
  const schedule = (delayMs: number): void => {
    if (!stopped) cancel = clock.after(delayMs, turn);
  };
  const begin = (): Lapse => {
    const now = clock.boottimeMs();
    const fired = heldUntilMs !== null;
    // A lease given up before its deadline ends when that is noticed.
    const sinceMs = Math.min(heldUntilMs ?? now, now);
    if (fired) log.error('lease ended: stopping every guest of this node', { lateMs: now - sinceMs });
    else log.warn('no lease at start: no guest may run here');
    return { sinceMs, fired, lastSeenMs: now, told: new Set(), guestsKilled: 0, cleared: false };
  };
  const round = (during: Lapse, first: boolean): void => {
    const found = findProcesses();
    const guests = found.some((each) => each.kind === 'guest');
    // The scan took its time; a lease written meanwhile must not cost the first guest under it.
    if (guests && look().remainingMs > 0) return turn();
    if (guests) {
      during.lastSeenMs = clock.boottimeMs();
      during.cleared = false;
    }
    if (guests || (first && during.fired)) killAll(found, during, options);
    else if (!during.cleared) {
      during.cleared = true;
      log.warn('no guest is left', { killed: during.guestsKilled, afterMs: clock.boottimeMs() - during.sinceMs });
    }
    const quiet = clock.boottimeMs() - during.lastSeenMs >= GUARD_QUIET_MS;
    schedule(quiet ? GUARD_WATCH_MS : GUARD_ROUND_MS);
  };
  function turn(): void {
    const { lease, remainingMs } = look();
    if (lease !== null) {
      if (heldUntilMs === null) log.info('lease held: guests may run', { incarnation: lease.incarnation, remainingMs });
      heldUntilMs = lease.deadlineMs;
      lapse = null;
      spares(false);
      return schedule(Math.min(remainingMs, GUARD_NAP_MAX_MS));
    }
    if (spares(true)) return schedule(GUARD_WATCH_MS);
    const first = lapse === null;
    lapse ??= begin();
    heldUntilMs = null;
    round(lapse, first);
  }

  turn();
  return {
    status: () => {
      const { lease, remainingMs } = look();
      return { incarnation: lease?.incarnation ?? null, leaseRemainingMs: remainingMs, guests: countGuests() };
    },
    stop: () => {
      stopped = true;
      cancel();
    },
  };
}

/** Is the node disarmed? Asked only without a lease; logged once a stretch. */
function sparing({ disarmPath, bootId, log }: GuardOptions): (withoutLease: boolean) => boolean {
  let told = false;
  return (withoutLease) => {
    const spared = withoutLease && isDisarmed(disarmPath, bootId);
    if (spared && !told) log.warn('disarmed: guests run on without a lease');
    told = spared;
    return spared;
  };
}

/** One round: each kind in its order, each process told once in the log. */
function killAll(found: readonly FoundProcess[], during: Lapse, { log, clock }: GuardOptions): void {
  for (const kind of KILL_ORDER) {
    for (const target of found) {
      if (target.kind !== kind || !killProcess(target)) continue;
      const key = `${target.pid}/${target.startTime}`;
      if (during.told.has(key)) continue;
      during.told.add(key);
      if (kind === 'guest') during.guestsKilled += 1;
      log.warn('killed', { kind, name: target.name, pid: target.pid, afterMs: clock.boottimeMs() - during.sinceMs });
    }
  }
}
