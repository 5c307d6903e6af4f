/** `pvc --wait` and `pvc events`: the compiled program against a real event stream. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { ProgramResult } from '../actors/process.js';
import { WEB1 } from '../fixtures/cli-objects.js';
import { CliDesk } from '../fixtures/cli-run.js';
import { systemClock } from '../runtime/clock.js';

let desk: CliDesk;
before(async () => {
  desk = await CliDesk.open();
});
after(() => desk.close());
beforeEach(() => desk.reset());

const pvc: CliDesk['pvc'] = (args, options) => desk.pvc(args, options);

test('--wait subscribes before it commands and ends with the operation', async () => {
  const moving = pvc(['vm', 'migrate', 'web1', '--wait']);
  const moved = await movesWhenCommanded(moving);
  assert.match(moved.stdout, /^web1: hv2 -> hv3, \d+\.\d s\n$/);
  assert.equal(moved.status, 0);
  assert.deepEqual(
    desk.api.subscribed.map((frame) => frame['topics']),
    [['task', 'vm:web1']],
  );
  assert.equal(desk.api.seen.find((one) => one.method === 'POST')?.query.get('wait'), 'false');
  assert.equal(
    desk.api.seen.filter((one) => one.method === 'GET').length,
    2,
    'one look before and one after: no polling',
  );
  assert.match((await pvc(['node', 'flush', 'hv2', '-w'])).stdout, /^hv2: ready, \d/);
});

/** Moves web1 to hv3 once its command has come in. */
async function movesWhenCommanded(running: Promise<ProgramResult>): Promise<ProgramResult> {
  while (!desk.api.seen.some((one) => one.method === 'POST')) await systemClock.sleep(5);
  desk.api.web1 = { ...WEB1, node: 'hv3' };
  return await running;
}

test('--wait survives the loss of its connection', async () => {
  desk.api.cutOnCommand = true;
  const result = await movesWhenCommanded(pvc(['vm', 'migrate', 'web1', '--wait']));
  assert.match(result.stdout, /^web1: hv2 -> hv3/);
  assert.deepEqual(
    desk.api.subscribed.map((frame) => [frame['since'], frame['snapshot']]),
    [
      [undefined, undefined],
      ['1.1.a/b.1', true],
    ],
  );
});

test('--wait tells of failure (1) and of time running out (6)', async () => {
  desk.api.ending = { state: 'failed', message: 'hv3 has too little memory', afterMs: 10 };
  const failed = await pvc(['vm', 'migrate', 'web1', '-w']);
  assert.deepEqual([failed.status, failed.stdout], [1, '']);
  assert.match(failed.stderr, /^web1: hv3 has too little memory \(after/);
  desk.api.ending = { state: null, message: null, afterMs: 0 };
  const late = await pvc(['vm', 'migrate', 'web1', '-w', '--timeout', '0.2']);
  assert.equal(late.status, 6);
  assert.match(late.stderr, /not over after 0.2 s; it goes on/);
});

test('--wait asks the API to block where there is no event stream', async () => {
  desk.api.hasEvents = false;
  const result = await pvc(['vm', 'migrate', 'web1', '-w']);
  assert.equal(result.status, 0);
  assert.equal(
    desk.api.seen
      .find((one) => one.method === 'POST')
      ?.query.getAll('wait')
      .at(-1),
    'true',
  );
});

test('events prints a snapshot and what follows, and refuses an expired cursor', async () => {
  const lines = (await pvc(['events', '-t', 'vm:web*', '--snapshot', '-n', '2', '-f', 'json'])).stdout
    .trim()
    .split('\n');
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { type: string }).type),
    ['present', 'migrated'],
  );
  assert.match(
    (await pvc(['events', '--snapshot', '-n', '2'])).stdout,
    /vm +migrated +web1 migrating\.handover -> running on hv3 \(from hv2\)/,
  );
  assert.deepEqual(desk.api.subscribed[0]?.['topics'], ['vm:web*']);
  const expired = await pvc(['events', '--since', 'expired']);
  assert.equal(expired.status, 7);
  assert.match(expired.stderr, /no longer held/);
});

test('a stream that the server refuses ends the command at once', async () => {
  const refused = await pvc(['events', '-t', 'nosuchtopic']);
  assert.equal(refused.status, 1);
  assert.equal(refused.stderr, 'The event stream was refused: there is no topic "nosuchtopic".\n');
  assert.equal(desk.api.subscribed.length, 1, 'and is not tried again');
});

test('a full mailbox: --wait says so and tries again; without it the user is told', async () => {
  desk.api.busy = 2;
  const moved = await pvc(['vm', 'start', 'web1', '--wait']);
  assert.equal(moved.status, 0, moved.stderr);
  assert.match(moved.stderr, /^web1: The mailbox of VM web1 is full: 128 letters wait \(try 1; again in 1 s\)\n/);
  assert.equal(desk.api.seen.filter((one) => one.method === 'POST').length, 3);
  desk.api.busy = 1;
  const refused = await pvc(['vm', 'start', 'web1']);
  assert.deepEqual([refused.status, refused.stdout], [7, '']);
  assert.match(refused.stderr, /128 letters wait \(try again later, or give --wait/);
  desk.api.busy = 1000;
  const tired = await pvc(['vm', 'start', 'web1', '--wait', '--timeout', '2']);
  assert.equal(tired.status, 7);
});
