/** The guard on real processes, in a private process tree: it must never run beside other people's QEMUs. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseAnswer } from '../actors/guard/answer.js';
import { clearLease, readBootId, writeLease } from '../actors/guard/lease-file.js';
import { writeDisarmed } from '../actors/guard/disarm-file.js';
import { DRIVER_MARKER } from '../actors/guard/processes.js';
import { startPrivateHost, type InsideProcess, type PrivateHost } from '../fixtures/private-host.js';
import { systemClock } from '../runtime/clock.js';
import { GUARD_PORT, GUARD_WATCH_MS, GUEST_STOP_MS } from '../runtime/limits.js';

const GUARD = fileURLToPath(new URL('../api/bin/pvc-guard.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'pvc-guard-'));
const lease = join(folder, 'run', 'lease');
const disarmed = join(folder, 'run', 'disarmed');
/** How long a busy machine may take to show us the end of a process; the guard's own log tells when it acted. */
const SLACK_MS = 10_000;

let host: PrivateHost;
const running = new Set<Life>();

/** A program inside, with the time of its end on the lease's clock. */
interface Life {
  readonly process: InsideProcess;
  readonly endedMs: Promise<number>;
  alive(): boolean;
}

function live(file: string, args: readonly string[]): Life {
  const inside = host.spawn(file, args);
  let alive = true;
  const endedMs = new Promise<number>((resolve) => {
    inside.standIn.once('exit', () => {
      alive = false;
      running.delete(life);
      resolve(systemClock.boottimeMs());
    });
  });
  const life: Life = { process: inside, endedMs, alive: () => alive };
  running.add(life);
  return life;
}

/** A shell under QEMU's name that waits for ever, with the arguments libvirt would give it. */
const guest = (name = 'web1'): Life =>
  live(join(folder, 'qemu-system-x86_64'), ['-c', 'read x', 'qemu', '-name', `guest=${name},x=y`]);
const libvirtd = (): Life => live(join(folder, 'libvirtd'), ['-c', 'read x']);
const driver = (): Life => live(process.execPath, ['-e', 'setInterval(() => {}, 1e6)', '--', DRIVER_MARKER]);
const bystander = (): Life => live('sleep', ['3600']);

/** A guard with its log; resolves once it has said its first word about the lease. */
async function guard(): Promise<Life & { log(): string }> {
  // Outside a private process tree a guard would kill every QEMU of this machine.
  const own = readlinkSync('/proc/self/ns/pid');
  const start = `[ "$(readlink /proc/self/ns/pid)" != "${own}" ] && exec "$0" "$@"`;
  let log = '';
  const life = live('sh', ['-c', start, process.execPath, GUARD, '--run', join(folder, 'run'), '--node', 'hv1']);
  await new Promise<void>((resolve, reject) => {
    life.process.standIn.stderr?.on('data', (data: Buffer) => {
      log += data.toString();
      if (/lease held|no lease at start/.test(log)) resolve();
    });
    life.process.standIn.once('exit', () => reject(new Error(`the guard ended: ${log}`)));
  });
  return { ...life, log: () => log };
}

/** From the deadline to each kill, by the guard's own words. */
const killTimesMs = (log: string): readonly number[] =>
  [...log.matchAll(/ killed .* afterMs=(\d+)/g)].map((match) => Number(match[1]));

async function endAll(): Promise<void> {
  // A program that has not been reached by its exec yet is met by a later signal.
  for (let tries = 0; running.size > 0 && tries < 100; tries += 1) {
    for (const life of running) life.process.signal('SIGKILL');
    await systemClock.sleep(50);
  }
}

/** A lease that lasts so long from now on; returns its deadline. */
function hold(lastsMs: number): number {
  const deadlineMs = systemClock.boottimeMs() + lastsMs;
  writeLease(lease, { deadlineMs, bootId: readBootId(), incarnation: 'i-1' });
  return deadlineMs;
}

async function within(life: Life, ms: number, what: string): Promise<number> {
  const late = systemClock.sleep(ms).then(() => null);
  const ended = await Promise.race([life.endedMs, late]);
  assert.notEqual(ended, null, `${what} is still alive after ${ms} ms`);
  return ended as number;
}

/** Lets the programs inside get past their exec. */
const settle = (): Promise<void> => systemClock.sleep(150);

describe('the guard', { concurrency: 1 }, () => {
  before(async () => {
    mkdirSync(join(folder, 'run'));
    for (const name of ['qemu-system-x86_64', 'libvirtd']) copyFileSync('/bin/sh', join(folder, name));
    host = await startPrivateHost();
  });
  afterEach(async () => {
    await endAll();
    clearLease(lease);
    writeDisarmed(disarmed, false);
  });
  after(async () => {
    await host?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('leaves everything alone under a lease that is extended, and stops all of it at the deadline', async (test) => {
    const lives = { driver: driver(), libvirtd: libvirtd(), one: guest('one'), two: guest('two') };
    const other = bystander();
    await settle();
    const firstMs = hold(5000);
    const watch = await guard();
    const deadlineMs = hold(firstMs + 1500 - systemClock.boottimeMs());
    await systemClock.sleep(firstMs + 300 - systemClock.boottimeMs());
    for (const [name, life] of Object.entries(lives)) assert.ok(life.alive(), `${name} was ended under a lease`);
    for (const [name, life] of Object.entries(lives)) {
      const endedMs = await within(life, 1500 + SLACK_MS, name);
      assert.ok(endedMs >= deadlineMs - 10, `${name} ended ${deadlineMs - endedMs} ms before the deadline`);
    }
    const times = killTimesMs(watch.log());
    assert.ok(times.length >= 4, watch.log());
    test.diagnostic(`killed ${times.join(', ')} ms after the deadline`);
    for (const ms of times) assert.ok(ms <= GUEST_STOP_MS, watch.log());
    assert.ok(other.alive());
    assert.ok(watch.alive());
    assert.match(watch.log(), /killed kind=driver[^]*killed kind=libvirtd[^]*killed kind=guest name=one/);
  });

  it('lets guests run on without a lease while it is disarmed, and no longer', async () => {
    const spared = guest('spared');
    await settle();
    hold(600);
    writeDisarmed(disarmed, true);
    const watch = await guard();
    await systemClock.sleep(600 + 2 * GUARD_WATCH_MS);
    assert.ok(spared.alive(), watch.log());
    assert.match(watch.log(), /disarmed: guests run on without a lease/);
    writeDisarmed(disarmed, false);
    await within(spared, GUARD_WATCH_MS + SLACK_MS, 'the guest of a node that is armed again');
    writeDisarmed(disarmed, true, 'an-earlier-boot');
    await within(guest('later'), GUARD_WATCH_MS + SLACK_MS, 'a guest of a boot that was never disarmed');
  });

  it('kills what comes later, until there is a lease again', async () => {
    const watch = await guard();
    await settle();
    const daemon = libvirtd();
    await systemClock.sleep(GUARD_WATCH_MS + 200);
    assert.ok(daemon.alive(), 'a libvirtd that starts nothing is let alone');
    const stray = guest('stray');
    await within(stray, GUARD_WATCH_MS + SLACK_MS, 'the stray guest');
    await within(daemon, SLACK_MS, 'the libvirtd that may have started it');
    await systemClock.sleep(2500); // past the fast rounds
    await within(guest('later'), GUARD_WATCH_MS + SLACK_MS, 'a guest that came much later');
    hold(50_000);
    const wanted = guest('wanted');
    await systemClock.sleep(2 * GUARD_WATCH_MS + 200);
    assert.ok(wanted.alive());
    assert.match(watch.log(), /lease held/);
  });

  it('at its start counts a lease that is absent, malformed, of another boot, ended or absurd as none', async () => {
    const now = systemClock.boottimeMs();
    const texts = [null, 'rubbish\n', '', `${now + 9000} ${readBootId()}`, `${now + 9000} 0000 i-1\n`,
      `${now - 1} ${readBootId()} i-1\n`, `${now + 86_400_000} ${readBootId()} i-1\n`];
    for (const text of texts) {
      if (text === null) clearLease(lease);
      else writeFileSync(lease, text);
      const victim = guest();
      await settle();
      const watch = await guard();
      await within(victim, SLACK_MS, `the guest under ${JSON.stringify(text)}`);
      watch.process.signal('SIGTERM');
      await within(watch, SLACK_MS, 'the guard after SIGTERM');
    }
  });

  it('a guest that is stopped, and one seen first after a freeze of the guard itself, die too', async () => {
    const stopped = guest('stopped');
    await settle();
    stopped.process.signal('SIGSTOP');
    const deadlineMs = hold(4000);
    const watch = await guard();
    watch.process.signal('SIGSTOP');
    await systemClock.sleep(deadlineMs + 300 - systemClock.boottimeMs());
    assert.ok(stopped.alive(), 'a frozen guard kills nothing: software deadlines are no proof');
    watch.process.signal('SIGCONT');
    await within(stopped, SLACK_MS, 'the stopped guest');
    assert.ok(watch.alive());
  });

  it('its own end stops nobody; the next guard holds the same deadline', async () => {
    const deadlineMs = hold(5000);
    const first = await guard();
    const life = guest();
    await settle();
    first.process.signal('SIGTERM');
    await within(first, SLACK_MS, 'the first guard');
    assert.ok(life.alive());
    const second = await guard();
    const endedMs = await within(life, 5000 + SLACK_MS, 'the guest');
    assert.ok(endedMs >= deadlineMs - 10, `${endedMs - deadlineMs} ms after the deadline`);
    for (const ms of killTimesMs(second.log())) assert.ok(ms <= GUEST_STOP_MS, second.log());
  });

  it('answers its sign of life, and nothing else', async () => {
    hold(50_000);
    await guard();
    guest();
    await settle();
    const ask = (question: string): string => `const s = require('dgram').createSocket('udp4');
      s.on('message', (m) => { process.stdout.write(m); s.close(); });
      s.send('${question}', ${GUARD_PORT}, '127.0.0.1');
      setTimeout(() => s.close(), 800).unref(); setTimeout(() => process.exit(3), 900).unref();`;
    const { stdout } = await host.exec(process.execPath, ['-e', ask('pvc?')]);
    const answer = parseAnswer(Buffer.from(stdout));
    assert.ok(answer, stdout);
    assert.deepEqual({ ...answer, leaseRemainingMs: 0 }, {
      node: 'hv1', bootId: readBootId(), incarnation: 'i-1', leaseRemainingMs: 0, guests: 1,
    });
    assert.ok(answer.leaseRemainingMs > 10_000 && answer.leaseRemainingMs <= 50_000);
    assert.equal((await host.exec(process.execPath, ['-e', ask('hello')])).stdout, '');
  });
});
