/** The port to pools and volumes: its contract, on the simulated storage and on a real Ceph; what a file may be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flawOf } from '../actors/drivers/ceph/volumes-uploads.js';
import { volumesContract } from '../fixtures/contracts/volumes.js';
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
