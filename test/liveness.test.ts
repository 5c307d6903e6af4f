/** What the primary's watch over the leases tells the actor of a node; the lease of a fenced boot is no return. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Liveness, silentAfterMs } from '../actors/liveness.js';
import { PROBE_MS } from '../machines/node/timing.js';
import { GUEST_STOP_MS, leaseDeadlineMs } from '../runtime/limits.js';
import type { ActorEvent } from '../runtime/envelope.js';
import type { Host } from '../runtime/host.js';
import type { LiveEntry } from '../runtime/mirror-types.js';
import type { Mirror, MirrorActor } from '../runtime/mirror.js';
import type { Primacy } from '../runtime/primacy.js';
import { systemClock } from '../runtime/clock.js';

const leaseOf = (bootId: string): LiveEntry =>
  ({ node: 'hv2', incarnation: `${bootId}.1`, bootId, recordVersions: [1, 2], born: 1 });

/** What is told of hv2, whose actor judges `boot`, when these are its leases and these boots of it were fenced. */
function told(
  leases: readonly LiveEntry[], boot: string, fenced: readonly string[], next: string | null = null,
): ActorEvent | undefined {
  const context = {
    incarnation: `${boot}.1`, boot: { node: 'hv2', bootId: boot },
    next: next === null ? null : { bootId: next, incarnation: `${next}.1` },
  };
  const record = { snapshot: { value: { life: { alive: 'steady' } }, context } };
  const mirror = {
    actors: new Map([['node/hv2', { address: 'node/hv2', record } as unknown as MirrorActor]]),
    fences: new Map([['hv2', new Set(fenced)]]),
    live: new Map([['hv2', leases]]), liveOf: () => leases.at(-1) ?? null,
    telemetryOf: () => null, heardOf: () => null, settings: () => ({}), listen: () => undefined,
  } as unknown as Mirror;
  const events: ActorEvent[] = [];
  const liveness = new Liveness({
    mirror, host: { tell: (_: string, event: ActorEvent) => events.push(event) > 0 } as unknown as Host,
    primacy: { isPrimary: () => true, heldForMs: () => 60_000 } as unknown as Primacy,
    clock: systemClock, nodes: ['hv2'], coordinators: ['hv1', 'hv2', 'hv3'], self: 'hv1', silentMs: 1500,
    quorumAgeMs: () => 60_000,
  });
  liveness.start();
  liveness.stop();
  return events.at(-1);
}

describe('the watch over leases', () => {
  it('tells of a return under a new boot, which proves the former one over', () => {
    const event = told([leaseOf('b2')], 'b1', []);
    assert.deepEqual([event?.type, event?.['bootId']], ['node.joined', 'b2']);
  });

  it('does not take the lease of an earlier, fenced boot for a return once the present boot has lost its own', () => {
    assert.equal(told([leaseOf('b1'), leaseOf('b2')], 'b2', ['b1']), undefined);
    assert.equal(told([leaseOf('b1')], 'b2', ['b1'])?.type, 'node.lost');
  });

  it('tells of a third boot only once the second is taken for alive, so that each of them is proved over', () => {
    assert.equal(told([leaseOf('b2')], 'b1', ['b1'], 'b2')?.type, 'node.joined');
    assert.equal(told([leaseOf('b3')], 'b1', ['b1'], 'b2'), undefined);
    assert.deepEqual(told([leaseOf('b3')], 'b2', ['b1'])?.['bootId'], 'b3');
  });

  it('tells of a lease under the very boot that was fenced: its session is to be ended', () => {
    assert.equal(told([{ ...leaseOf('b1'), incarnation: 'b1.2' }], 'b1', ['b1'])?.type, 'node.joined');
  });

  it('doubts after two heartbeats; with storage so late that silence is found after the last guest has ended', () => {
    const product = { sessionTimeoutMs: 4000, tickMs: 400 };
    assert.deepEqual([silentAfterMs(1000, product, true), silentAfterMs(1000, product, false)], [2400, 2500]);
    assert.equal(silentAfterMs(20_000, { sessionTimeoutMs: 60_000, tickMs: 3000 }, true), 54_500);
    for (const telemetryMs of [200, 1000, 5000, 20_000]) {
      for (const sessionTimeoutMs of [4000, 12_000, 60_000]) {
        for (const tickMs of [sessionTimeoutMs / 20, sessionTimeoutMs / 10, sessionTimeoutMs / 4]) {
          const doubtMs = silentAfterMs(telemetryMs, { sessionTimeoutMs, tickMs }, true);
          const guestsEndMs = leaseDeadlineMs(0, { sessionTimeoutMs, tickMs, stopMs: GUEST_STOP_MS }) + GUEST_STOP_MS;
          assert.ok(doubtMs >= 2 * telemetryMs && doubtMs + PROBE_MS >= guestsEndMs);
        }
      }
    }
  });
});
