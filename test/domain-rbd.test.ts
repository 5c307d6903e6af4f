import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rbdDisksOf, type RbdAccess } from '../actors/domain-rbd.js';
import { at, elements } from '../actors/domain-tree.js';
import { parseDomainXml, readDomain, stampDomainXml, type StartExtra } from '../actors/domain-xml.js';
import { keyOf } from '../actors/drivers/libvirt/secret.js';

const UUID = '3c4f6a2e-9d3b-4c0f-8a51-0f2d7b9e1c11';
const ACCESS: RbdAccess = {
  monitors: [{ host: '10.0.3.1', port: 6789 }, { host: '10.0.3.2', port: 6789 }], username: 'pvc',
  secretUuid: '6f5b9d1e-0c3a-4f2e-9d11-0a1b2c3d4e5f',
};
const EXTRA: StartExtra = { epoch: 1, effectId: 'e', consoleLog: null, rbd: ACCESS };

const domain = (...devices: readonly string[]): string =>
  `<domain type='kvm'><name>web1</name><uuid>${UUID}</uuid><memory unit='MiB'>512</memory><vcpu>1</vcpu>`
  + `<devices>${devices.join('')}</devices></domain>`;
/** As PVC's provisioner writes it. */
const PVC_DISK = "<disk type='network' device='disk'><driver name='qemu' type='raw' discard='unmap'/>"
  + "<source protocol='rbd' name='vms/web1_sda'>"
  + "<host name='old1' port='3300'/><host name='old2' port='6789'/></source>"
  + "<auth username='x'><secret type='ceph' uuid='00000000-0000-0000-0000-000000000000'/></auth>"
  + "<target dev='sda' bus='scsi'/></disk>";
const BARE_DISK = "<disk type='network'><source protocol='rbd' name='vms/data'/>"
  + "<target dev='vdb' bus='virtio'/></disk>";

const diskOf = (xml: string, dev: string) => {
  const disks = elements(at(readDomain(xml), 'devices'), 'disk');
  return disks.find((disk) => at(disk, 'target')?.attributes['dev'] === dev) ?? assert.fail(`no ${dev} in ${xml}`);
};

describe('RBD disks of a guest that starts', () => {
  it('are connected to this cluster, whatever monitors and keys the definition names', () => {
    for (const [definition, dev] of [[PVC_DISK, 'sda'], [BARE_DISK, 'vdb']] as const) {
      const disk = diskOf(stampDomainXml(domain(definition), EXTRA), dev);
      const hosts = elements(at(disk, 'source'), 'host').map(({ attributes }) => attributes);
      assert.deepEqual(hosts, [{ name: '10.0.3.1', port: '6789' }, { name: '10.0.3.2', port: '6789' }]);
      assert.equal(elements(disk, 'auth').length, 1);
      assert.deepEqual(at(disk, 'auth')?.attributes, { username: 'pvc' });
      assert.deepEqual(at(disk, 'auth', 'secret')?.attributes, { type: 'ceph', uuid: ACCESS.secretUuid });
      assert.equal(at(disk, 'source')?.attributes['protocol'], 'rbd');
    }
  });

  it('a key named inside the source gives way, too', () => {
    const inside = BARE_DISK.replace("name='vms/data'/>",
      "name='vms/data'><snapshot name='s'/><auth username='x'><secret type='ceph' usage='y'/></auth></source>");
    const disk = diskOf(stampDomainXml(domain(inside), EXTRA), 'vdb');
    assert.equal(at(disk, 'source', 'auth'), undefined);
    assert.equal(at(disk, 'source', 'snapshot')?.attributes['name'], 's');
  });

  it('stop the guest on an error, or report it to it; what the definition says goes before that', () => {
    const policy = (xml: string, extra: Partial<StartExtra> = {}) => {
      const { error_policy: error, rerror_policy: reading } =
        at(diskOf(stampDomainXml(xml, { ...EXTRA, ...extra }), 'sda'), 'driver')!.attributes;
      return [error, reading];
    };
    assert.deepEqual(policy(domain(PVC_DISK)), ['stop', 'stop']);
    assert.deepEqual(policy(domain(PVC_DISK), { rbd: null }), ['stop', 'stop']);
    assert.deepEqual(policy(domain(PVC_DISK), { ioErrors: 'report' }), ['report', 'report']);
    const file = "<disk type='file' device='disk'><source file='/a'/><target dev='sda'/></disk>";
    assert.deepEqual(policy(domain(file), { ioErrors: 'pause' }), ['stop', 'stop'], 'chosen for the VM: for all disks');
    const cd = stampDomainXml(domain(file.replace("'disk'>", "'cdrom'>")), { ...EXTRA, ioErrors: 'report' });
    assert.doesNotMatch(cd, /error_policy/);
    const own = PVC_DISK.replace("discard='unmap'", "discard='unmap' error_policy='enospace'");
    assert.deepEqual(policy(domain(own)), ['enospace', undefined]);
  });

  it('keep what else the definition says of them', () => {
    const tuned = PVC_DISK.replace('</disk>',
      "<iotune><total_iops_sec>100</total_iops_sec></iotune><boot order='1'/></disk>");
    const disk = diskOf(stampDomainXml(domain(tuned), EXTRA), 'sda');
    assert.equal(at(disk, 'driver')?.attributes['discard'], 'unmap');
    assert.ok(at(disk, 'iotune', 'total_iops_sec'));
    assert.ok(at(disk, 'boot'));
  });

  it('other disks are left as they are, and so are all without a cluster that has storage', () => {
    const file = "<disk type='file' device='disk'><source file='/a'/><target dev='vda'/></disk>";
    assert.ok(stampDomainXml(domain(file), EXTRA).includes('<disk type="file" device="disk"><source file="/a"/>'));
    const alone = diskOf(stampDomainXml(domain(PVC_DISK), { ...EXTRA, rbd: null }), 'sda');
    const hosts = elements(at(alone, 'source'), 'host');
    assert.deepEqual(hosts.map((host) => host.attributes['name']), ['old1', 'old2']);
  });

  it('are told of: image, target, and who else may open them', () => {
    const shared = BARE_DISK.replace('</disk>', '<shareable/></disk>');
    assert.deepEqual(rbdDisksOf(readDomain(domain(PVC_DISK, shared))), [
      { volume: 'vms/web1_sda', dev: 'sda', shareable: false, readOnly: false },
      { volume: 'vms/data', dev: 'vdb', shareable: true, readOnly: false },
    ]);
    const parsed = parseDomainXml(domain(PVC_DISK));
    assert.ok(parsed.ok && parsed.summary.rbdOnly);
  });
});

describe('the key of the storage\'s user', () => {
  const key = 'AQBxY2NjAAAAABAAq3uTQzZ1xkqV4bB0bWn7cA==';
  it('is read out of a keyring, by the name of the user, or stands alone', () => {
    const keyring = `[client.admin]\n\tkey = AQother==\n\tcaps mon = "allow *"\n[client.pvc]\n\tkey = ${key}\n`;
    assert.equal(keyOf(keyring, 'pvc'), key);
    assert.equal(keyOf(keyring, 'nobody'), null);
    assert.equal(keyOf(`${key}\n`, 'pvc'), key);
    assert.equal(keyOf('', 'pvc'), null);
  });
});
