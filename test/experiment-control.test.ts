/**
 * The control of the decisive experiment, on a real Ceph with real guests: where nobody fences, both copies write and
 * the judge says so, though the image has its exclusive lock; where the old copy is fenced, it says nothing.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startCeph, type CephCluster } from '../fixtures/ceph.js';
import { BareGuest } from '../fixtures/experiment/bare-guest.js';
import { judgeFileSystem, makeFileSystem } from '../fixtures/experiment/file-system.js';
import { judge } from '../fixtures/experiment/judge.js';
import { FS_BYTES, LOG_BYTES, LOG_OBJECT_BYTES } from '../fixtures/experiment/layout.js';
import { ensurePackages } from '../fixtures/packages.js';
import { ensureGuest } from '../fixtures/rack/guest.js';
import { repoRoot } from '../fixtures/rack/repo.js';
import { systemClock } from '../runtime/clock.js';

/** A guest boots in 5 s on an idle machine; this one may be anything but idle. */
const PATIENCE_MS = 180_000;

describe('control of the decisive experiment', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pvc-experiment-'));
  const guests: BareGuest[] = [];
  let ceph: CephCluster;

  before(async () => {
    await ensurePackages(['qemu-system-x86', 'qemu-block-extra', 'busybox-static', 'cpio', 'kmod'], () => undefined);
    await ensureGuest(repoRoot(), () => undefined);
    ceph = await startCeph({ network: '127.0.88' });
    for (const name of ['unfenced', 'fenced']) {
      await ceph.rbd('create', `vms/${name}-log`, '--size', `${LOG_BYTES}B`, '--object-size', `${LOG_OBJECT_BYTES}B`);
    }
    const file = join(folder, 'fs');
    writeFileSync(file, '');
    truncateSync(file, FS_BYTES);
    await makeFileSystem(file);
    await ceph.rbd('import', file, 'vms/fenced-fs');
  }, { timeout: 600_000 });
  after(async () => {
    for (const guest of guests) await guest.stop();
    await ceph?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function boot(name: 'fenced' | 'unfenced'): BareGuest {
    const disks = { log: `vms/${name}-log`, ...(name === 'fenced' ? { fs: `vms/${name}-fs` } : {}) };
    const guest = new BareGuest(ceph, join(folder, `${name}-${guests.length}`), disks);
    guests.push(guest);
    return guest;
  }

  async function says(guest: BareGuest, text: RegExp): Promise<void> {
    for (const end = systemClock.monotonicMs() + PATIENCE_MS; !text.test(guest.console);) {
      const inTime = systemClock.monotonicMs() < end;
      assert.ok(inTime, `the guest does not say ${String(text)}: ${guest.console.slice(-1500)}`);
      await systemClock.sleep(200);
    }
  }

  async function exported(image: string): Promise<string> {
    const file = join(folder, `${image}-exported`);
    await ceph.rbd('export', '--no-progress', `vms/${image}`, file);
    return file;
  }

  it('two copies and no fence: both write, lock or no lock, and the judge catches them', async () => {
    const old = boot('unfenced');
    await says(old, /writer: boot region=0/);
    await says(old, /writer: .*lane=\d slot=20/);
    const young = boot('unfenced');
    await says(young, /writer: boot region=1/);
    await says(young, /writer: .*lane=\d slot=20/);
    await Promise.all([old.stop(), young.stop()]);
    const { boots, violations } = judge(readFileSync(await exported('unfenced-log')));
    assert.equal(boots.length, 2);
    assert.match(violations.join('\n'), /boot 1 first read \d+ records of the boots before it; \d+ more were accepted/);
  });

  it('frozen, fenced, taken over, thawed: not one record of the old copy more, and a clean file system', async () => {
    const old = boot('fenced');
    await says(old, /writer: .*lane=\d slot=20/);
    old.freeze();
    for (const image of ['vms/fenced-log', 'vms/fenced-fs']) {
      const { watchers } = JSON.parse(await ceph.rbd('status', image, '--format', 'json')) as {
        watchers: readonly { readonly address: string }[];
      };
      for (const { address } of watchers) await ceph.ceph('osd', 'blocklist', 'add', address, '86400');
    }
    const young = boot('fenced');
    await says(young, /writer: boot region=1/);
    old.thaw();
    await says(young, /writer: .*lane=\d slot=20/);
    await says(old, /writer: .*lane=\d slot=\d+ is refused/);
    await Promise.all([old.stop(), young.stop()]);
    const { boots, violations } = judge(readFileSync(await exported('fenced-log')));
    assert.deepEqual(violations, []);
    assert.ok(boots.length === 2 && boots.every(({ written }) => written >= 20), JSON.stringify(boots));
    assert.deepEqual(await judgeFileSystem(await exported('fenced-fs')), []);
  });
});
