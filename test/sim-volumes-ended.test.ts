/**
 * What ends before its end, in a simulated cluster by its API: a program that is killed, an upload that is cancelled, a
 * daemon that dies. Ceph takes each for alive for 30 s more. And what cannot be cancelled says why not.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { BegunEffect } from '../fixtures/sim/around-effects.js';
import { simFile, type SimImage } from '../fixtures/sim/storage/volumes.js';
import { multipart, VolumeCluster } from '../fixtures/volume-cluster.js';
import { done, refused, unknown } from '../actors/drivers/outcome.js';
import type { EffectOutcome } from '../runtime/effects.js';

const MIB = 2 ** 20;
const HELD_MS = 30_000;
const QEMU = '10.0.0.1:0/77';
const one = '/storage/ceph/volume/vms/one';
const FILE = multipart(simFile('qcow2', 64 * MIB));
const UPLOAD = ['POST', `${one}/upload?image_format=qcow2`, FILE] as const;

describe('what ends before its end', () => {
  let cluster: VolumeCluster;
  beforeEach(async () => {
    cluster = new VolumeCluster();
    await cluster.start();
    await cluster.ask('POST', '/storage/ceph/pool/vms?pgs=32&replcfg=copies=3,mincopies=2');
  });
  afterEach(() => cluster.stop());

  const images = (): string[] => [...cluster.volumes.byName.get('vms')!.images.keys()];
  /** A client that has it open is dead: that is forgotten later. */
  const dies = (...opened: readonly SimImage[]): void => void cluster.world.time.after(HELD_MS, () => {
    for (const each of opened) each.users = each.users.filter((user) => user !== QEMU);
  });
  const opens = (...opened: readonly SimImage[]): void => opened.forEach((each) => each.users.push(QEMU));
  const killed = (): void => {
    cluster.volumes.converting = (source, to) => {
      opens(source, to);
      dies(source, to);
      return Promise.resolve(refused('the conversion was cut off: qemu-img was ended by SIGKILL'));
    };
  };
  /** Conversions go on until they are ended. */
  const endless = (): void => {
    cluster.volumes.converting = (source, to, { signal }) => new Promise((resolve) => {
      opens(source, to);
      signal!.addEventListener('abort', () => {
        dies(source, to);
        resolve(unknown('qemu-img was ended before it was done'));
      });
    });
  };
  const running = async (id: string, state: RegExp): Promise<void> => {
    for (let turns = 0; turns < 100 && !state.test(await cluster.told(id)); turns += 1) await cluster.run(500);
    assert.match(await cluster.told(id), state);
  };
  const cancel = (id: string): ReturnType<VolumeCluster['ask']> => cluster.ask('DELETE', `/tasks/${id}`);

  it('a program that is killed: the user reads that, and nothing is left once Ceph has let go of it', async () => {
    killed();
    const task = await cluster.task(...UPLOAD);
    await running(task, /^RUNNING The uploaded file is being removed; of a program that was ended Ceph lets go/);
    assert.equal(images().length, 2);
    assert.match(await cluster.endOf(task), /^FAILURE the conversion was cut off: qemu-img was ended by SIGKILL$/);
    assert.deepEqual(images(), []);
  });

  it('the same into a volume that held something: it stays, and the cure is told', async () => {
    assert.equal((await cluster.ask(...UPLOAD)).status, 200);
    killed();
    const answer = await cluster.ask(...UPLOAD);
    assert.equal(answer.status, 409);
    assert.match(answer.message, /SIGKILL; what it held before may be overwritten in part: upload it again/);
    assert.deepEqual(images(), ['one']);
  });

  it('an upload that is cancelled: nothing is left of it, nor of the volume that it made', async () => {
    endless();
    const task = await cluster.task(...UPLOAD);
    await running(task, /^RUNNING The file is being converted/);
    const answer = await cancel(task);
    assert.deepEqual([answer.status, answer.message], [200, 'It was cancelled.']);
    const again = await cancel(task);
    assert.equal(again.status, 409);
    assert.match(again.message, /nothing is cancelled, for it has ended, and what it needed is being removed/);
    assert.equal(await cluster.endOf(task), 'FAILURE it was cancelled');
    assert.deepEqual(images(), []);
  });

  it('a daemon that dies: the next one waits for what that left open, and ends the upload', async () => {
    endless();
    const task = await cluster.task(...UPLOAD);
    await running(task, /^RUNNING The file is being converted/);
    cluster.volumes.converting = () => Promise.resolve(null);
    const node = cluster.primary;
    dies(...cluster.volumes.byName.get('vms')!.images.values());
    cluster.world.node(node).killDaemon();
    assert.match(await cluster.endOf(task), /^SUCCESS/);
    assert.deepEqual(images(), ['one']);
  });

  it('a roll-back whose daemon dies is ended by the next one, which takes the dead one for no guest', async () => {
    await cluster.ask('POST', `${one}?size=1G`);
    await cluster.ask('POST', '/storage/ceph/snapshot/vms/one/s1');
    const image = cluster.volumes.image({ pool: 'vms', image: 'one' })!;
    cluster.world.aroundEffect = async (effect: BegunEffect): Promise<EffectOutcome> => {
      if (effect.kind !== 'volume.rollback' || effect.context.resumed) return effect.run();
      opens(image);
      dies(image);
      cluster.world.node(effect.node).killDaemon();
      return unknown('its daemon is dead');
    };
    const task = await cluster.task('POST', '/storage/ceph/snapshot/vms/one/s1/rollback');
    assert.match(await cluster.endOf(task), /^SUCCESS/);
    assert.ok(cluster.volumes.changes.includes('roll one back to s1'));
  });

  it('what this node has open itself is waited for; what others have is not', async () => {
    await cluster.ask('POST', `${one}?size=1G`);
    const image = cluster.volumes.image({ pool: 'vms', image: 'one' })!;
    opens(image);
    assert.match((await cluster.ask('DELETE', one)).message, /in use by 10\.0\.0\.1/);
    cluster.volumes.clients.push(QEMU);
    dies(image);
    assert.equal((await cluster.ask('DELETE', one)).status, 200);
  });

  it('a removal and a roll-back are not cancelled, and say why; nor is what is over', async () => {
    await cluster.ask('POST', `${one}?size=1G`);
    await cluster.ask('POST', '/storage/ceph/snapshot/vms/one/s1');
    let go: () => void = () => undefined;
    cluster.world.aroundEffect = async (effect: BegunEffect): Promise<EffectOutcome> => {
      if (['volume.rollback', 'volume.remove'].includes(effect.kind)) await new Promise<void>((end) => { go = end; });
      return effect.run();
    };
    const refuses = async (asked: Parameters<VolumeCluster['task']>, doing: RegExp, why: RegExp): Promise<void> => {
      const task = await cluster.task(...asked);
      await running(task, doing);
      const answer = await cancel(task);
      assert.deepEqual([answer.status, why.test(answer.message)], [409, true], answer.message);
      go();
      assert.match(await cluster.endOf(task), /^SUCCESS/, 'it goes on as if nobody had asked');
      assert.match((await cancel(task)).message, /has ended already/);
    };
    await refuses(['POST', '/storage/ceph/snapshot/vms/one/s1/rollback'], /^RUNNING Its content is being set back/,
      /nothing is cancelled, for half of a rollback .* Let it end, then roll back to another snapshot/);
    await cluster.ask('DELETE', '/storage/ceph/snapshot/vms/one/s1');
    await refuses(['DELETE', one], /^RUNNING Its image is being removed/,
      /nothing is cancelled, for a removal that has begun cannot be undone/);
    assert.deepEqual([images(), (await cancel('op-0123456789abcdef')).status], [[], 404]);
  });

  it('a file that is not what it says ends nothing of others: an image of that name, made by hand, stays', async () => {
    await cluster.volumes.create({ pool: 'vms', image: 'one' }, MIB, { deadlineMs: 1000 });
    const answer = await cluster.ask('POST', `${one}/upload?image_format=raw`, FILE);
    assert.equal(answer.status, 409);
    assert.match(answer.message, /said to be raw, and is qcow2/);
    assert.deepEqual(images(), ['one']);
  });

  it('a flattening is: the clone stays one', async () => {
    await cluster.ask('POST', `${one}?size=1G`);
    cluster.world.aroundEffect = async (effect: BegunEffect): Promise<EffectOutcome> =>
      (effect.kind === 'volume.flatten' ? new Promise<EffectOutcome>((end) =>
        effect.context.signal.addEventListener('abort', () => end(done(null)))) : effect.run());
    const task = await cluster.task('POST', `${one}/clone?new_volume=two&flatten=true`);
    await running(task, /^RUNNING It is being made independent/);
    assert.equal((await cancel(task)).status, 200);
    assert.equal(await cluster.endOf(task), 'FAILURE it was cancelled: it stays a clone');
    assert.deepEqual(images(), ['one', 'two']);
  });
});
