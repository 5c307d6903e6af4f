/** When a worker of a driver is given up (worker-port.ts): it hangs, is slow to start, or the daemon stood still. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { WorkerPort } from '../actors/drivers/worker-port.js';
import { ManualClock } from '../fixtures/runtime/manual-clock.js';
import { systemClock } from '../runtime/clock.js';
import { createLog } from '../runtime/log.js';

const module = fileURLToPath(new URL('../fixtures/mute-worker.js', import.meta.url));
const PING_MS = 2000;

type None = Record<never, never>;

async function withPort(
  mute: boolean, work: (port: WorkerPort<None, never>, clock: ManualClock, pid: number) => Promise<void>,
): Promise<void> {
  const clock = new ManualClock();
  const port = new WorkerPort<None, never>({
    name: 'test', module, worker: { mute }, threads: 1, workerPrefix: [], clock, log: createLog('test', 'error'),
    onNews: () => undefined,
  });
  try {
    await work(port, clock, port.pid ?? assert.fail('no worker'));
  } finally {
    const closed = port.close();
    await clock.advance(1000);
    await closed;
  }
}

/** Ping by ping, with the time that an answer takes, until it answers one. */
async function answers(port: WorkerPort<None, never>, clock: ManualClock): Promise<void> {
  // One that had not answered would be given up by the 15th.
  for (let ping = 0; ping < 20; ping++) {
    await systemClock.sleep(100);
    await clock.advance(PING_MS);
  }
  assert.equal(port.running, true);
}

/** Given up is killed; its end is heard of in its own time. */
async function ends(port: WorkerPort<None, never>, pid: number): Promise<void> {
  while (port.pid === pid) await systemClock.sleep(5);
}

const isKept = async (port: WorkerPort<None, never>, pid: number): Promise<void> => {
  await systemClock.sleep(100);
  assert.equal(port.pid, pid);
};

describe('a worker', () => {
  it('that hangs is replaced after three pings, not after two', () => withPort(false, async (port, clock, pid) => {
    await answers(port, clock);
    process.kill(pid, 'SIGSTOP');
    await clock.advance(PING_MS);
    await clock.advance(PING_MS);
    await isKept(port, pid);
    await clock.advance(2 * PING_MS);
    await ends(port, pid);
    await clock.advance(100);
    assert.notEqual(port.pid ?? pid, pid, 'another one');
  }));

  it('is not given up for what came while the daemon itself stood still', () =>
    withPort(false, async (port, clock, pid) => {
      await answers(port, clock);
      process.kill(pid, 'SIGSTOP');
      for (let time = 0; time < 10; time++) await clock.stall(3 * PING_MS);
      await isKept(port, pid);
      process.kill(pid, 'SIGCONT');
      await answers(port, clock);
    }));

  it('has half a minute for its first answer', () => withPort(true, async (port, clock, pid) => {
    await clock.advance(14 * PING_MS);
    await isKept(port, pid);
    await clock.advance(PING_MS);
    await ends(port, pid);
  }));
});
