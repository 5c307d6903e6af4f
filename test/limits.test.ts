import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  assertLeaseTimings, GUARD_NAP_MAX_MS, GUARD_ROUND_MS, GUEST_STOP_MS, leaseDeadlineMs, SESSION_TIMEOUT_MS,
  ZOOKEEPER_SYNC_LIMIT, ZOOKEEPER_TICK_MS,
} from '../runtime/limits.js';

describe('the timings of the lease', () => {
  it('fit as shipped: session 4 s, tick 400 ms, syncLimit 2', () => {
    assertLeaseTimings({ sessionTimeoutMs: 4000, tickMs: 400, syncLimit: 2 });
    const [tickMs, syncLimit] = [ZOOKEEPER_TICK_MS, ZOOKEEPER_SYNC_LIMIT];
    assertLeaseTimings({ sessionTimeoutMs: SESSION_TIMEOUT_MS, tickMs, syncLimit });
    assertLeaseTimings({ sessionTimeoutMs: 8000, tickMs: 400, syncLimit: 2 });
  });
  it('do not fit with a session of 3 s: the loss of a leader would end healthy leases', () => {
    assert.throws(
      () => assertLeaseTimings({ sessionTimeoutMs: 3000, tickMs: 400, syncLimit: 2 }),
      /loss of the ZooKeeper leader takes 2500 ms/,
    );
  });
  it('do not fit with a slow tick, a patient syncLimit, a rare heartbeat', () => {
    const fits = { sessionTimeoutMs: 4000, tickMs: 400, syncLimit: 2 };
    assert.throws(() => assertLeaseTimings({ ...fits, tickMs: 1000 }), /leader/);
    assert.throws(() => assertLeaseTimings({ ...fits, syncLimit: 5 }), /leader/);
    assert.throws(() => assertLeaseTimings({ ...fits, heartbeatMs: 2000 }), /leader/);
    assert.throws(() => assertLeaseTimings({ ...fits, requestTimeoutMs: 2600 }), /own server/);
  });
  it('must be what ZooKeeper grants, and must be numbers', () => {
    assert.throws(() => assertLeaseTimings({ sessionTimeoutMs: 4000, tickMs: 100, syncLimit: 2 }), /2 to 20 ticks/);
    assert.throws(() => assertLeaseTimings({ sessionTimeoutMs: NaN, tickMs: 400, syncLimit: 2 }), /sessionTimeoutMs/);
    assert.throws(() => assertLeaseTimings({ sessionTimeoutMs: 4000, tickMs: 400, syncLimit: 2, stopMs: 0 }), /stopMs/);
  });
});

describe('the local deadline', () => {
  it('is send time + session - 1.5 tick - stop time', () => {
    assert.equal(leaseDeadlineMs(10_000, { sessionTimeoutMs: 4000, tickMs: 400, stopMs: 500 }), 12_900);
  });
  it('with the stop time stays below the earliest expiry, at any send time', () => {
    for (const tickMs of [200, 333, 400, 777]) {
      for (let sentAtMs = 0; sentAtMs < 5000; sentAtMs += 37.3) {
        const timings = { sessionTimeoutMs: 10 * tickMs, tickMs, stopMs: GUEST_STOP_MS };
        const stoppedMs = leaseDeadlineMs(sentAtMs, timings) + GUEST_STOP_MS;
        // The server cannot expire a session before the touch plus its time-out, half a tick of it unseen.
        assert.ok(stoppedMs <= sentAtMs + timings.sessionTimeoutMs - tickMs / 2);
      }
    }
  });
  it('leaves the guard several rounds within the stop time, and a second after a suspend', () => {
    assert.ok(3 * GUARD_ROUND_MS < GUEST_STOP_MS);
    assert.ok(GUARD_NAP_MAX_MS <= 1000);
  });
});
