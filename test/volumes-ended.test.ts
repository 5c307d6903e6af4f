/** Programs that are killed amid an upload, on a real Ceph: what is told, what stays for a while; full pools. */
import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import type { Outcome } from '../actors/drivers/outcome.js';
import type { Image, Volumes } from '../actors/drivers/volumes.js';
import { runProgram, spawnProgram } from '../actors/process.js';
import { cephVolumesSubject, type CephVolumesSubject } from '../fixtures/volumes-subjects.js';
import { systemClock } from '../runtime/clock.js';

const MIB = 2 ** 20;
const PATIENCE_MS = 120_000;
const bounds = { deadlineMs: PATIENCE_MS };
const of = (image: string): Image => ({ pool: 'vms', image });

function value<T>(outcome: Outcome<T>): T {
  assert.equal(outcome.kind, 'done', JSON.stringify(outcome));
  return (outcome as { value: T }).value;
}

async function until(what: string, met: () => Promise<boolean>): Promise<void> {
  const end = systemClock.monotonicMs() + PATIENCE_MS;
  while (!await met()) {
    assert.ok(systemClock.monotonicMs() < end, `not in time: ${what}`);
    await systemClock.sleep(50);
  }
}

/** Kills the program of this name that this process has started. */
async function kill(program: string): Promise<void> {
  const { stdout } = await runProgram('pgrep', ['-P', String(process.pid), '-x', program], bounds);
  process.kill(Number(stdout), 'SIGKILL');
}

describe('uploads whose programs are killed', () => {
  let subject: CephVolumesSubject;
  let volumes: Volumes;
  const users = async (image: string): Promise<number> => value(await volumes.users(of(image), bounds)).length;
  before(async () => {
    // Ceph believes in a client that died for 30 s: a test need not wait so long.
    subject = await cephVolumesSubject('127.0.59', ['osd client watch timeout = 10']);
    ({ volumes } = subject);
  });
  after(() => subject?.stop());

  it('qemu-img: its end is the reason; once Ceph lets go the file is removed, from a full pool as well', async () => {
    const file = Buffer.alloc(2 * MIB, 'pvc');
    value(await volumes.receive(of('pvc-tmp.upload'), Readable.from([file]), bounds));
    value(await volumes.create(of('target'), 64 * MIB, bounds));
    value(await volumes.create(of('kept'), 4 * MIB, bounds));
    value(await volumes.createSnapshot({ ...of('kept'), snapshot: 's1' }, bounds));
    // Who has the target's lock and does not answer holds up whoever would write.
    const { confFile, ceph, rbd } = subject.ceph;
    const holder = spawnProgram('rbd', [
      '--conf', confFile, 'bench', '--io-type', 'write', '--io-size', '4K', '--io-total', '100G', 'vms/target',
    ], { stdio: 'ignore' });
    const ended = new Promise((resolve) => holder.once('exit', resolve));
    await until('somebody has the lock', async () => (await rbd('lock', 'ls', 'vms/target')).includes('auto'));
    holder.kill('SIGSTOP');
    const converting = volumes.convert(of('pvc-tmp.upload'), 'raw', of('target'), bounds);
    await until('qemu-img has opened the file', async () => await users('pvc-tmp.upload') === 1);
    await kill('qemu-img');
    const outcome = await converting;
    assert.equal(outcome.kind, 'refused');
    assert.match((outcome as { reason: string }).reason, /^the conversion was cut off: qemu-img was ended by SIGKILL/);
    assert.equal((await volumes.remove(of('pvc-tmp.upload'), bounds)).kind, 'refused', 'Ceph takes it for alive');
    holder.kill('SIGKILL');
    await ended;
    await ceph('osd', 'pool', 'set-quota', 'vms', 'max_bytes', '1');
    await until('the pool is full', async () => (await ceph('health', 'detail')).includes('POOL_FULL'));
    for (const image of ['pvc-tmp.upload', 'target']) {
      await until(`nobody has ${image}`, async () => await users(image) === 0);
      value(await volumes.remove(of(image), bounds));
    }
    value(await volumes.removeSnapshot({ ...of('kept'), snapshot: 's1' }, bounds));
    assert.deepEqual(value(await volumes.look(of('kept'), bounds))?.snapshots, []);
    assert.deepEqual(value(await volumes.images('vms', bounds)), ['kept']);
    // As in a pool that somebody else filled, and from which nothing was ever removed.
    const { status } = await subject.ceph.run('rados', ['--pool', 'vms', '--force-full', 'rm', 'rbd_trash']);
    assert.equal(status, 0);
    const stays = await volumes.remove(of('kept'), bounds);
    assert.match(stays.kind === 'refused' ? stays.reason : stays.kind, /kept cannot be removed: its pool is full/);
    await ceph('osd', 'pool', 'set-quota', 'vms', 'max_bytes', '0');
    await until('there is room', async () => !(await ceph('health', 'detail')).includes('POOL_FULL'));
    value(await volumes.remove(of('kept'), bounds));
    assert.deepEqual(value(await volumes.images('vms', bounds)), []);
  });

  it('rbd: the same; what came of it goes by itself', async () => {
    const body = new PassThrough();
    const receiving = volumes.receive(of('pvc-tmp.cut'), body, bounds);
    body.write(Buffer.alloc(8 * MIB, 'pvc'));
    await until('it is being written', async () =>
      value(await volumes.images('vms', bounds)).includes('pvc-tmp.cut') && await users('pvc-tmp.cut') === 1);
    await kill('rbd');
    const outcome = await receiving;
    assert.equal(outcome.kind, 'refused');
    assert.match((outcome as { reason: string }).reason, /^the upload was cut off .*: rbd was ended by SIGKILL/);
    await until('nothing is left', async () => value(await volumes.images('vms', bounds)).length === 0);
  });
});
