/** A boot that came and went before its node's actor was told of it, and that a VM names, is not forgotten. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UnheardBoots } from '../actors/unheard-boots.js';
import type { ActorEvent } from '../runtime/envelope.js';
import type { Host } from '../runtime/host.js';
import type { Log } from '../runtime/log.js';
import type { Mirror } from '../runtime/mirror.js';
import type { Primacy } from '../runtime/primacy.js';

interface Scene {
  /** The boot that hv3's actor judges, and whether it takes it for alive. */
  readonly boot: string;
  readonly alive?: boolean;
  readonly fenced?: readonly string[];
  /** The boot that holds a lease. */
  readonly live?: string;
  /** The boot that wrote the last heartbeat. */
  readonly heard: string;
  readonly silentMs?: number;
  /** The boot that the VM names; and whether hv3 owns it under that boot. */
  readonly named: string;
  readonly owned?: boolean;
  readonly primary?: boolean;
}

/** What hv3's actor is told by so many looks, the VM being as it is. */
function told(scene: Scene, looks = 2): readonly ActorEvent[] {
  const { boot, alive = false, fenced = [], live, heard, silentMs = 200, named, owned = true, primary = true } = scene;
  const node = {
    incarnation: alive ? `${boot}.1` : null, boot: { node: 'hv3', bootId: boot }, next: null,
    proof: alive ? null : { kind: 'P4', boot: { node: 'hv3', bootId: boot } },
  };
  const entry = { node: 'hv3', incarnation: `${live}.1`, bootId: live };
  const vm = { kind: 'vm', removed: false, snapshot: { context: { mayRunOn: [{ node: 'hv3', bootId: named }] } } };
  const mirror = {
    actors: new Map<string, unknown>([
      ['node/hv3', { address: 'node/hv3', record: { kind: 'node', snapshot: { context: node } } }],
      ['vm/v1', { address: 'vm/v1', record: vm, owner: owned ? { bootId: named, incarnation: `${named}.7` } : null }],
    ]),
    fences: new Map([['hv3', new Set(fenced)]]), live: new Map([['hv3', live === undefined ? [] : [entry]]]),
    liveOf: () => live === undefined ? null : entry,
    telemetryOf: () => ({ data: { bootId: heard }, silentMs }),
  } as unknown as Mirror;
  const events: ActorEvent[] = [];
  const boots = new UnheardBoots({
    mirror, host: { tell: (_: string, event: ActorEvent) => events.push(event) > 0 } as unknown as Host,
    primacy: { isPrimary: () => primary } as unknown as Primacy, log: { info: () => undefined } as unknown as Log,
    nodes: ['hv3'],
  });
  for (let look = 0; look < looks; look += 1) boots.look();
  return events;
}

describe('a boot that nobody was told of, and that a VM names', () => {
  it('is told of as a return once the boot before it is proved over, so that it is judged in its turn', () => {
    assert.deepEqual(told({ boot: 'b1', fenced: ['b1'], heard: 'b2', named: 'b2' }),
      [{ type: 'node.joined', bootId: 'b2', incarnation: 'b2.7' }]);
    assert.deepEqual(told({ boot: 'b1', fenced: ['b1'], heard: 'b2', named: 'b2', owned: false }),
      [{ type: 'node.joined', bootId: 'b2', incarnation: 'b2.unheard' }]);
  });

  it('is over when the boot that is taken for alive writes heartbeats', () => {
    assert.deepEqual(told({ boot: 'b3', alive: true, live: 'b3', heard: 'b3', named: 'b2' }),
      [{ type: 'node.passed', bootId: 'b2' }]);
  });

  it('is told of by the second look only, and by the primary only', () => {
    assert.deepEqual(told({ boot: 'b1', fenced: ['b1'], heard: 'b2', named: 'b2' }, 1), []);
    assert.deepEqual(told({ boot: 'b1', fenced: ['b1'], heard: 'b2', named: 'b2', primary: false }), []);
  });

  it('waits while the boot before it is not proved over, while its order is not known, while a lease stands', () => {
    assert.deepEqual(told({ boot: 'b1', heard: 'b2', named: 'b2' }), [], 'b1 is not proved');
    assert.deepEqual(told({ boot: 'b1', fenced: ['b1~storage'], heard: 'b2', named: 'b2' }), [], 'by P3 alone');
    assert.deepEqual(told({ boot: 'b3', fenced: ['b3'], heard: 'b3', named: 'b2' }), [], 'which was first?');
    assert.deepEqual(told({ boot: 'b1', fenced: ['b1'], live: 'b2', heard: 'b2', named: 'b2' }), [], 'b2 has a lease');
    assert.deepEqual(told({ boot: 'b3', alive: true, live: 'b3', heard: 'b2', named: 'b2' }), [], 'b3 wrote nothing');
    assert.deepEqual(
      told({ boot: 'b3', alive: true, live: 'b3', heard: 'b3', silentMs: 60_000, named: 'b2' }), [], 'nor lately');
  });

  it('is none, if it was fenced, or is the one that the actor knows', () => {
    assert.deepEqual(told({ boot: 'b3', alive: true, live: 'b3', heard: 'b3', named: 'b2', fenced: ['b2'] }), []);
    assert.deepEqual(told({ boot: 'b2', alive: true, live: 'b2', heard: 'b2', named: 'b2' }), []);
    assert.deepEqual(told({ boot: 'b2', fenced: [], heard: 'b2', named: 'b2' }), []);
  });
});
