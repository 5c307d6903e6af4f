/** What stands between pvcd and the guard: the lease's file, and libvirt's hook that reads it. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { runProgram } from '../actors/process.js';
import { installHook } from '../actors/guard/hook.js';
import { clearLease, leaseRemainingMs, readBootId, readLease, writeLease } from '../actors/guard/lease-file.js';
import { systemClock } from '../runtime/clock.js';
import { LEASE_AHEAD_MAX_MS } from '../runtime/limits.js';

const folder = mkdtempSync(join(tmpdir(), 'pvc-hook-'));
const path = join(folder, 'lease');
const bootId = readBootId();
const hold = (lastsMs: number, boot = bootId): void =>
  writeLease(path, { deadlineMs: systemClock.boottimeMs() + lastsMs, bootId: boot, incarnation: 'i-1' });
after(() => rmSync(folder, { recursive: true, force: true }));

describe('the lease\'s file', () => {
  beforeEach(() => clearLease(path));

  it('is read as it was written, and leaves nothing else in the folder', () => {
    writeLease(path, { deadlineMs: 1234.9, bootId, incarnation: 'hv1-0x1' });
    assert.deepEqual(readLease(path), { deadlineMs: 1234, bootId, incarnation: 'hv1-0x1' });
    assert.deepEqual(readdirSync(folder).filter((name) => name.startsWith('lease')), ['lease']);
    clearLease(path);
    clearLease(path);
    assert.equal(readLease(path), null);
  });
  it('of another boot, malformed or cut short is none', () => {
    hold(1000, 'other-boot');
    assert.equal(readLease(path), null);
    const good = `99 ${bootId} i-1\n`;
    const texts = [good.slice(0, -1), `x${good}`, `-${good}`, `9 ${bootId}\n`, good + good, '\n', '\0\0'];
    for (const text of texts) {
      writeFileSync(path, text);
      assert.equal(readLease(path), null, JSON.stringify(text));
    }
  });
  it('that no reader would take is not written', () => {
    assert.throws(() => writeLease(path, { deadlineMs: NaN, bootId, incarnation: 'i' }), /not a lease/);
    assert.throws(() => writeLease(path, { deadlineMs: 1, bootId, incarnation: 'a b' }), /not a lease/);
    assert.equal(readLease(path), null);
  });
  it('has something left up to its deadline, and nothing if that is absurdly far', () => {
    const lease = { deadlineMs: 5000, bootId, incarnation: 'i' };
    assert.equal(leaseRemainingMs(lease, 4999), 1);
    assert.equal(leaseRemainingMs(lease, 5000), 0);
    assert.equal(leaseRemainingMs({ ...lease, deadlineMs: 5001 + LEASE_AHEAD_MAX_MS }, 5000), 0);
    assert.equal(leaseRemainingMs(null, 0), 0);
  });
});

describe('the hook of libvirt', () => {
  const hooks = join(folder, 'hooks');
  const installed = installHook(hooks, path);
  const call = (...args: readonly string[]) =>
    runProgram(installed.path, args, { deadlineMs: 5000, input: '<domain/>'.repeat(20_000) });
  beforeEach(() => clearLease(path));

  it('lets a domain be prepared, started and taken in under a lease', async () => {
    hold(10_000);
    for (const verb of ['prepare', 'start', 'migrate', 'restore']) {
      assert.deepEqual(await call('web1', verb, 'begin', '-'), { status: 0, stdout: '', stderr: '', timedOut: false });
    }
  });
  it('refuses without one, and says why', async () => {
    const refused = async (why: RegExp): Promise<void> => {
      for (const verb of ['prepare', 'start', 'migrate', 'restore']) {
        const result = await call('web1', verb, 'begin', '-');
        assert.equal(result.status, 1, verb);
        assert.match(result.stderr, new RegExp(`^pvc: refusing '${verb}' of domain web1: `));
        assert.match(result.stderr, why);
      }
    };
    await refused(/no lease/);
    hold(-1000);
    await refused(/ended \(deadline \d+ ms, now \d+ ms\)/);
    hold(10_000, 'other-boot');
    await refused(/earlier boot/);
    writeFileSync(path, '');
    await refused(/cannot be read/);
    writeFileSync(path, `12x ${bootId} i\n`);
    await refused(/cannot be read/);
  });
  it('never stands in the way of what ends a domain, or of a libvirtd that comes back', async () => {
    for (const verb of ['started', 'stopped', 'release', 'reconnect', 'attach']) {
      assert.equal((await call('web1', verb, 'begin', '-')).status, 0, verb);
    }
  });
  it('is installed once, executable, beside a hook of the administrator\'s', () => {
    assert.deepEqual(installed, { path: join(hooks, 'qemu'), changed: true });
    assert.deepEqual(installHook(hooks, path), { path: join(hooks, 'qemu'), changed: false });
    assert.equal(statSync(installed.path).mode & 0o777, 0o755);
    const foreign = join(folder, 'foreign');
    mkdirSync(foreign);
    writeFileSync(join(foreign, 'qemu'), '#!/bin/sh\nexit 0\n');
    chmodSync(join(foreign, 'qemu'), 0o755);
    assert.deepEqual(installHook(foreign), { path: join(foreign, 'qemu.d', '00-pvc-lease'), changed: true });
    assert.deepEqual(readdirSync(foreign).sort(), ['qemu', 'qemu.d']);
  });
});
