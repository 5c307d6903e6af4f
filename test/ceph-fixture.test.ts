/** The Ceph that the tests of storage stand on is a real one. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { startCeph, type CephCluster } from '../fixtures/ceph.js';

let ceph: CephCluster;
before(async () => { ceph = await startCeph({ network: '127.0.50' }); });
after(() => ceph?.stop());

interface OsdTree { readonly nodes: readonly { readonly name: string; readonly status?: string }[] }
async function statusOf(name: string): Promise<string | undefined> {
  const tree = JSON.parse(await ceph.ceph('osd', 'tree', '-f', 'json')) as OsdTree;
  return tree.nodes.find((each) => each.name === name)?.status;
}

test('an image is written and read, also while an OSD is dead; the OSD comes back', async () => {
  const file = ceph.confFile.replace('ceph.conf', 'blocks');
  const blocks = Buffer.from('a numbered block\n'.repeat(100_000));
  await writeFile(file, blocks);
  await ceph.rbd('import', file, 'vms/disk');
  await ceph.kill('osd.1');
  while (await statusOf('osd.1') !== 'down');
  const read = await ceph.run('rbd', ['export', 'vms/disk', '-']);
  assert.equal(read.stdout, blocks.toString());
  await ceph.rbd('snap', 'create', 'vms/disk@while-degraded');
  ceph.start('osd.1');
  await ceph.healthy();
  assert.equal(await statusOf('osd.1'), 'up');
});

test('a client is shut out by the blocklist, and let in again', async () => {
  await ceph.rbd('create', '--size', '16', 'vms/fenced');
  const write = (): ReturnType<CephCluster['run']> => ceph.run('rbd', [
    'bench', '--io-type', 'write', '--io-size', '4096', '--io-total', '64K', 'vms/fenced'], 60_000);
  assert.equal((await write()).status, 0);
  await ceph.ceph('osd', 'blocklist', 'add', '127.0.0.1');
  assert.notEqual((await write()).status, 0);
  await ceph.ceph('osd', 'blocklist', 'rm', '127.0.0.1');
  assert.equal((await write()).status, 0);
});
