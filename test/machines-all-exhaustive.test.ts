/** Of every registered machine: why a state may last in which nothing is sure to happen; that it has its own test. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { WAITS_FOR, waitingStates } from '../fixtures/machine-tables.js';
import { MACHINES } from '../machines/registry.js';

/** States without a timer and without an effect of their own: why each of them may last for ever. */
const REASONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  vm: {
    'off.stopped': 'nothing is wanted: a command starts it',
    'off.disabled': 'nothing is wanted: a command starts it',
    'off.left': 'the cluster was told to leave it alone: a command starts it',
    'off.failed': 'it was given up: a command starts it',
    removed: 'the end',
  },
  node: {
    'life.unknown': 'nobody has seen it: the watch over leases tells when somebody does',
    'life.alive.steady': 'all is well: the watch over leases tells when it is not',
    'life.judging.storage.idle': 'nothing is asked of the storage: what is done about the node goes on beside it',
    'life.judging.storage.awaitingLease': 'the lease beside it passes, or its session ends: both have their own timers',
    'life.proved.awaitingReturn': 'fenced for good: the watch over leases tells of another boot',
    'life.judging.lease.over': 'a fact that stays; what is done about it goes on beside it',
    'domain.ready': 'all is well: a command empties it',
    'domain.flushed': 'emptied by command: a command, or its return from a reboot, makes it ready',
  },
  agent: { serving: 'asked by others' },
  benchmark: { finished: 'its results are kept', gone: 'the end' },
  osd: {
    serving: 'all is well: a command changes it',
    empty: 'it has no disk: a command gives it one, or removes it',
    gone: 'the end',
  },
  ceph: {
    'health.unknown': 'told by the primary, which looks every few seconds',
    'health.ok': 'told by the primary, which looks every few seconds',
    'health.warning': 'told by the primary, which looks every few seconds',
    'health.error': 'told by the primary, which looks every few seconds',
    'health.silent': 'told by the primary, which looks every few seconds',
    'closing.still': 'no fault waits to be closed',
  },
  pool: { available: 'nothing is wanted: a command changes it', removed: 'the end' },
  volume: { available: 'nothing is wanted: a command changes it', removed: 'the end' },
};

describe('every registered machine', () => {
  for (const definition of MACHINES) {
    it(`${definition.kind}: where nothing is sure to happen, it is known why`, () => {
      const known = { ...REASONS[definition.kind], ...WAITS_FOR[definition.kind] };
      assert.deepEqual(waitingStates(definition).sort(), Object.keys(known).sort());
    });

    it(`${definition.kind}: is explored state by state by a test of its own`, () => {
      const own = new URL(`machines-${definition.kind}-exhaustive.test.js`, import.meta.url);
      assert.ok(existsSync(own), own.pathname);
    });
  }
});
