/** The look at what would spoil a storage fence: how often, and that what is mended is soon known to be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CephConnection } from '../actors/drivers/ceph/connection.js';
import { done, refused } from '../actors/drivers/outcome.js';
import { watchFencing } from '../actors/fencing-watch.js';
import { ManualClock } from '../fixtures/runtime/manual-clock.js';
import { createLog } from '../runtime/log.js';

test('one look a minute; while something is wrong more often: its fault ends soon after it is mended', async () => {
  const clock = new ManualClock();
  const looks: number[] = [];
  const said: string[] = [];
  let mayFence = true;
  const connection: Pick<CephConnection, 'connected' | 'command'> = {
    connected: true,
    command: async ({ command, anew }) => {
      if (command['prefix'] !== 'osd blocklist') return refused('EINVAL: nothing is said of it');
      assert.equal(anew, true, 'with the caps that the key has now');
      looks.push(clock.monotonicMs() / 1000);
      return mayFence ? done({ output: null, status: '' }) : refused('EACCES: access denied');
    },
  };
  const options = { user: 'admin', guestUser: 'libvirt', deadlineMs: 1000 };
  const log = createLog('fencing', 'info', (line) => void said.push(line));
  const watch = watchFencing(connection as CephConnection, options, { clock, log });
  const keys = (): string[] => watch.flaws().map(({ key }) => key);
  await clock.advance(70_000);
  assert.deepEqual(looks, [0, 60]);
  mayFence = false;
  await clock.advance(60_000);
  assert.deepEqual([looks.splice(0), keys()], [[0, 60, 120, 130], ['fence-caps-mon']]);
  mayFence = true;
  await clock.advance(10_000);
  assert.deepEqual([looks.splice(0), keys()], [[140], []]);
  await clock.advance(60_000);
  assert.deepEqual(looks, [200]);
  watch.stop();
  assert.equal(said.filter((line) => line.includes('may not write')).length, 1, 'said once');
  assert.equal(said.filter((line) => line.includes('mended')).length, 1);
});
