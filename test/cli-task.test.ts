/** `pvc`: commands that copy data are waited for, with how far they are; `pvc task`. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { CliDesk } from '../fixtures/cli-run.js';

let desk: CliDesk;
before(async () => {
  desk = await CliDesk.open();
});
after(() => desk.close());
beforeEach(() => desk.reset());

const RUNNING = { state: 'RUNNING', current: 420, total: 1000, status: 'Its image is being created' };
const DONE = { state: 'SUCCESS', current: 1, total: 1, status: '' };
const add = ['storage', 'volume', 'add', 'vms', 'a', '1G'];

test('a command is over when its task is, and says what PVC says then', async () => {
  desk.api.task = [RUNNING, RUNNING, DONE];
  const added = await desk.pvc(add);
  assert.deepEqual([added.status, added.stdout, desk.api.task], [0, "Created RBD volume 'a'.\n", [DONE]]);
  assert.equal(desk.api.seen[0]?.headers['prefer'], 'respond-async');
});

test('a task that fails ends the command with its reason (1), time running out with what to do (6)', async () => {
  desk.api.task = [RUNNING, { ...DONE, state: 'FAILURE', status: 'the pool is full' }];
  const failed = await desk.pvc(add);
  assert.deepEqual([failed.status, failed.stdout], [1, '']);
  assert.match(failed.stderr, /the pool is full/);
  desk.api.task = [RUNNING];
  const late = await desk.pvc([...add, '--timeout', '0.1']);
  assert.equal(late.status, 6);
  assert.match(late.stderr, /still under way: "pvc task show t1" shows it, "pvc task cancel t1" ends it/);
});

test('--no-wait returns at once', async () => {
  const begun = await desk.pvc([...add, '--no-wait']);
  assert.equal(begun.stdout, 'Creating volume \'a\'. Follow it with "pvc task show t1".\n');
  assert.equal(desk.api.seen.length, 1);
});

test('tasks are listed, shown and ended', async () => {
  desk.api.task = [RUNNING];
  assert.match((await desk.pvc(['task', 'list'])).stdout, /t1 +volume\.create +volume\/a +hv1/);
  assert.match((await desk.pvc(['task', 'show', 't1'])).stdout, /Its image is being created: 42 %/);
  assert.equal((await desk.pvc(['task', 'cancel', 't1'])).stdout, 'It was cancelled.\n');
  assert.deepEqual([desk.api.seen.at(-1)?.method, desk.api.seen.at(-1)?.path], ['DELETE', '/tasks/t1']);
});
