/** The port to pools and volumes: its contract, on the simulated storage and on a real Ceph; what a file may be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spaceOf } from '../actors/drivers/ceph/volumes-pools.js';
import { flawOf } from '../actors/drivers/ceph/volumes-uploads.js';
import { done } from '../actors/drivers/outcome.js';
import type { PoolState } from '../actors/drivers/volumes.js';
import { fullness, mayReceive } from '../actors/fullness.js';
import { volumesContract } from '../fixtures/contracts/volumes.js';
import { SimVolumes } from '../fixtures/sim/storage/volumes.js';
import { cephVolumesSubject, simVolumesSubject } from '../fixtures/volumes-subjects.js';

volumesContract('simulated', simVolumesSubject);
volumesContract('Ceph', () => cephVolumesSubject('127.0.58'));

test('a file that stands for more than itself, or is not what it is said to be, is turned down', () => {
  assert.equal(flawOf({ format: 'qcow2' }, 'qcow2'), null);
  assert.match(flawOf({ format: 'qcow2' }, 'raw') ?? '', /is qcow2/);
  assert.match(flawOf({ format: 'qcow2', 'backing-filename': '/etc/shadow' }, 'qcow2') ?? '', /another file/);
  assert.match(flawOf({ format: 'qcow2', encrypted: true }, 'qcow2') ?? '', /encrypted/);
  const data = { 'data-file': '/dev/sda' };
  assert.match(flawOf({ format: 'qcow2', 'format-specific': { data } }, 'qcow2') ?? '', /another file/);
  const extents = { 'create-type': 'monolithicFlat' };
  assert.match(flawOf({ format: 'vmdk', 'format-specific': { data: extents } }, 'vmdk') ?? '', /other files/);
  const whole = { 'create-type': 'streamOptimized' };
  assert.equal(flawOf({ format: 'vmdk', 'format-specific': { data: whole } }, 'vmdk'), null);
});

test('the room of a pool: its quota counts, and a pool that takes no writes says why', () => {
  const of = (max_avail: number, stored: number, quota = 0, flags_names = 'hashpspool'): ReturnType<typeof spaceOf> =>
    spaceOf({ pool_id: 3, quota_max_bytes: quota, flags_names }, { pools: [{ id: 3, stats: { stored, max_avail } }] });
  assert.deepEqual(of(100, 40), { freeBytes: 100, storedBytes: 40 });
  assert.deepEqual(of(100, 40, 60), { freeBytes: 20, storedBytes: 40 });
  assert.deepEqual(of(10, 40, 60), { freeBytes: 10, storedBytes: 40 });
  assert.deepEqual(of(100, 61, 60, 'hashpspool,full,full_quota'), { freeBytes: 0, storedBytes: 61, full: 'quota' });
  assert.deepEqual(of(0, 40, 0, 'full,nearfull'), { freeBytes: 0, storedBytes: 40, full: 'space' });
  assert.deepEqual(of(0, 0), { freeBytes: null, storedBytes: 0 });
});

test('a full pool is given nothing, also by force: the refusal says what makes room', async () => {
  const volumes = new SimVolumes();
  const bounds = { deadlineMs: 1000 };
  const pool = { name: 'vms', freeBytes: 1000, storedBytes: 10 } as PoolState;
  const asked = async (full: PoolState['full'], force: boolean): Promise<string> => {
    volumes.pools = async () => done([full === undefined ? pool : { ...pool, full }]);
    const outcomes = [await fullness(volumes, 'vms', 8, force, bounds), await mayReceive(volumes, 'vms', bounds)];
    return outcomes.map((outcome) => outcome?.kind === 'refused' ? outcome.reason : String(outcome)).join(' | ');
  };
  assert.equal(await asked(undefined, false), 'null | null');
  assert.match(await asked('quota', true), /"vms" is full: its quota .*set-quota vms max_bytes.*\| pool "vms" is full/);
  assert.match(await asked('space', true), /its OSDs have no room; add OSDs.*\| pool "vms" is full/);
});
