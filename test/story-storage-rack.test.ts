/** The rack's Ceph obeys power, cables and systemctl as everything else in the rack does. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { STORAGE_SERVICES } from '../fixtures/rack/plan.js';
import type { Cluster } from '../fixtures/story/cluster.js';
import { storageCluster } from '../fixtures/story/rack.js';
import { storageIsHealthy } from '../fixtures/story/storage.js';

describe('the rack with Ceph', () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await storageCluster();
    await cluster.healthy();
    await storageIsHealthy(cluster);
  });

  /** Runs a program on a node; what it says, or a failed test. */
  async function on(node: string, ...argv: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await cluster.rack.exec(node, argv, 120_000);
    assert.equal(status, 0, `${argv.join(' ')} on ${node}: ${stderr}`);
    return stdout.trim();
  }
  const rolesAre = (node: string, what: string, holds: (roles: readonly string[]) => boolean): Promise<unknown> =>
    cluster.until(`${node}: ${what}`, async () => {
      const status = await cluster.rack.status();
      return status.find(({ name }) => name === node)?.storage ?? null;
    }, (roles) => roles !== null && holds(roles), 180_000);

  it('a pulled storage cable takes monitor and OSD out; killed daemons are started again', async () => {
    await cluster.rack.cable('hv3', 'out', 'storage');
    await rolesAre('hv3', 'is out of Ceph', (roles) => roles.includes('osd.2 down') && !/mon/.test(roles.join()));
    await cluster.rack.cable('hv3', 'in', 'storage');
    for (const service of STORAGE_SERVICES) await cluster.rack.kill('hv1', service);
    await storageIsHealthy(cluster);
  });

  it('stays as systemctl left it, over a power cycle: an OSD added to a spare disk, a stopped one', async () => {
    const unknown = await cluster.rack.exec('hv2', ['systemctl', 'start', 'ceph-nothing']);
    assert.equal(unknown.status, 5);
    assert.match(unknown.stderr, /Unit ceph-nothing\.service not found/);
    // By the words that Ceph and systemd have for it.
    const id = await on('hv2', 'sh', '-ec', [
      'uuid=$(cat /proc/sys/kernel/random/uuid)', 'id=$(ceph osd new "$uuid")', 'dir=/var/lib/ceph/osd/ceph-$id',
      'mkdir -p "$dir"', 'ln -s /dev/rack/disk1 "$dir/block"',
      'set -- mon "allow profile osd" mgr "allow profile osd" osd "allow *"',
      'ceph auth get-or-create "osd.$id" "$@" -o "$dir/keyring"',
      'ceph-osd --id "$id" --mkfs --osd-uuid "$uuid" >&2',
      'systemctl enable --now "ceph-osd@$id"', 'echo "$id"',
    ].join('\n'));
    await rolesAre('hv2', 'both OSDs are up', (roles) => roles.includes('osd.1 up') && roles.includes(`osd.${id} up`));
    await on('hv2', 'systemctl', 'disable', '--now', 'ceph-osd@1');
    const address = async (): Promise<string> => {
      const { osds } = JSON.parse(await on('hv1', 'ceph', 'osd', 'dump', '-f', 'json')) as {
        osds: readonly { osd: number; public_addr: string }[];
      };
      return osds.find(({ osd }) => String(osd) === id)?.public_addr ?? assert.fail(`no osd.${id}`);
    };
    const former = await address();
    await cluster.rack.power('hv2', 'reset');
    // Its peers must not take it for the one before the boot: it has another address, by its nonce.
    await cluster.until(`osd.${id} is another`, address, (now) => now !== former, 180_000);
    await rolesAre('hv2', 'one OSD is up', (roles) => roles.includes('osd.1 down') && roles.includes(`osd.${id} up`));
    assert.equal((await cluster.rack.exec('hv2', ['systemctl', 'is-active', 'ceph-osd@1'])).stdout.trim(), 'inactive');
    await on('hv2', 'systemctl', 'enable', '--now', 'ceph-osd@1');
    await on('hv2', 'systemctl', 'disable', '--now', `ceph-osd@${id}`);
    await on('hv2', 'sh', '-ec', [
      `ceph osd down ${id}`, `ceph osd purge ${id} --yes-i-really-mean-it`, `rm -r /var/lib/ceph/osd/ceph-${id}`,
      'dd if=/dev/zero of=/dev/rack/disk1 bs=1M count=16',
    ].join('\n'));
    await storageIsHealthy(cluster);
  });
});
