/** What systemd's jobs say about the whole system. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goingDownOf, readGoingDown } from '../actors/drivers/system-state.js';

test('a shutdown, a reboot, and a service that is merely restarted are told apart', () => {
  const table: [string, ReturnType<typeof goingDownOf>][] = [
    ['', null],
    ['4711 pvcd.service                restart running\n', null],
    ['120 poweroff.target  start waiting\n121 pvcd.service stop  running\n', 'off'],
    ['120 halt.target start waiting\n', 'off'],
    ['88 pvcd.service stop running\n90 reboot.target  start waiting\n', 'reboot'],
    ['90 kexec.target start waiting\n', 'reboot'],
    ['90 my-poweroff-report.service start running\n', null],
  ];
  for (const [jobs, expected] of table) assert.equal(goingDownOf(jobs), expected, jobs);
});

test('without systemd nothing is known, and nothing is thrown', async () => {
  assert.ok([null, 'off', 'reboot'].includes(await readGoingDown(2000)));
});
