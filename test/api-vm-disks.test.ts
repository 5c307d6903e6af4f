/** A VM's devices over REST: what becomes of PVC's requests. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Api } from '../api/server.js';
import { apiWorldWithVms, domainXml, form, WEB1, type Ask } from '../fixtures/api-server.js';
import type { World } from '../fixtures/api-world.js';
import type { VmDeviceCommand } from '../machines/vm/messages.js';
import { addressOf } from '../runtime/address.js';

const disk = (volume: string, dev: string, more = ''): string =>
  `<disk type='network' device='disk'><source protocol='rbd' name='${volume}'/><target dev='${dev}' bus='scsi'/>`
  + `${more}</disk>`;
const DB2 = 'a1d4a5b2-0f5e-4a43-9a5c-6f0a3b1c2d3e';

describe('devices of a VM', () => {
  let world: World;
  let api: Api;
  let ask: Ask;
  before(async () => {
    ({ world, api, ask } = await apiWorldWithVms());
    world.addVm(domainXml('db2', DB2, disk('vms/db2_sda', 'sda')), { off: 'stopped' }, 'hv1');
  });
  after(() => api.close());

  const last = () => world.submitted.at(-1) as unknown as { to: string; command: VmDeviceCommand & { type: string } };
  const definitionOf = (command: VmDeviceCommand): string => world.documents.get(command.definition.xmlHash) ?? '';

  test('attach is a task: the device and the whole definition with it go to the VM', async () => {
    const answer = await ask('POST', '/vm/web1/device', form({ xml: disk('vms/web1_sda', 'sda') }));
    const { task_id: id, task_name: name, run_on: node } = answer.body as Record<string, string>;
    assert.deepEqual([answer.status, name, node], [202, 'vm.device_attach', 'hv2']);
    assert.equal(answer.headers['location'], `/api/v1/tasks/${id}`);
    assert.equal((await ask('GET', `/tasks/${id}`)).status, 200);
    const { to, command } = last();
    assert.deepEqual([to, command.type], [addressOf('vm', WEB1), 'vm.attach']);
    assert.match(definitionOf(command), /vms\/web1_sda/);
    assert.match(world.documents.get(command.deviceHash) ?? '', /^<disk/);
    assert.deepEqual(command.definition.rbdDisks?.map((each) => each.volume), ['vms/web1_sda']);
    assert.equal(command.definition.diskless, false);
  });

  test('detach takes it out of the definition; what is not there is no error', async () => {
    const answer = await ask('DELETE', '/vm/db2/device', form({ xml: disk('vms/db2_sda', 'sda') }));
    assert.equal(answer.status, 202);
    assert.equal(last().command.type, 'vm.detach');
    assert.doesNotMatch(definitionOf(last().command), /db2_sda/);
    assert.equal((await ask('DELETE', '/vm/db2/device', form({ xml: disk('vms/other', 'sdb') }))).status, 202);
    assert.match(definitionOf(last().command), /db2_sda/);
  });

  test('live=false changes the definition alone', async () => {
    const answer = await ask('POST', '/vm/db2/device?live=false', form({ xml: disk('vms/db2_sdb', 'sdb') }));
    assert.equal(answer.status, 202);
    assert.equal(last().command.type, 'vm.modify');
    assert.match(definitionOf(last().command), /db2_sdb/);
  });

  test('a volume of another VM is refused, unless both share it', async () => {
    const sent = world.submitted.length;
    const taken = await ask('POST', '/vm/web1/device', form({ xml: disk('vms/db2_sda', 'sdb') }));
    assert.equal(taken.status, 409);
    assert.match(taken.message, /disk of VM 'db2'.*shareable/);
    const defined = await ask('POST', '/vm', form({ xml: domainXml('db3', undefined, disk('vms/db2_sda', 'sda')) }));
    assert.equal(defined.status, 409);
    assert.equal(world.submitted.length, sent);
    assert.equal((await ask('POST', '/vm/web1/device',
      form({ xml: disk('vms/db2_sda', 'sdb', '<readonly/>') }))).status, 202, 'reading alone hurts nobody');
  });

  test('what is no device, or stands in the way of another one, is refused with the reason', async () => {
    const refused = async (xml: string): Promise<string> => {
      const answer = await ask('POST', '/vm/db2/device', form({ xml }));
      assert.equal(answer.status, 400, xml);
      return answer.message;
    };
    assert.match(await refused('<emulator>/bin/sh</emulator>'), /no device that can be attached/);
    assert.match(await refused('no xml'), /XML/);
    assert.match(await refused("<disk type='network'><source protocol='rbd' name='a/b'/></disk>"), /target dev/);
    assert.match(await refused(disk('vms/another', 'sda')), /another device at sda/);
  });

  test('limits of a disk: those given change, the others stay', async () => {
    world.onAccepted = (to, command, operationId) => {
      if (command.type === 'vm.limit') void world.step(to, { ends: { operationId, state: 'done' } });
    };
    const answer = await ask('POST', '/vm/db2/disk/sda?read_iops_sec=100&write_bytes_sec=5000000');
    assert.deepEqual([answer.status, last().command.type], [200, 'vm.limit']);
    assert.match(definitionOf(last().command), /<read_iops_sec>100</);
    assert.match(world.documents.get(last().command.deviceHash) ?? '', /<write_bytes_sec>5000000</);
    const both = await ask('POST', '/vm/db2/disk/vms%2Fdb2_sda?total_iops_sec=5&read_iops_sec=5');
    assert.match(both.message, /cannot go together/);
    assert.equal((await ask('POST', '/vm/db2/disk/sdz?read_iops_sec=1')).status, 400);
    assert.equal((await ask('POST', '/vm/db2/disk/sda')).status, 400);
  });

  test('what a VM is fenced by is told before it matters', async () => {
    const told = async (vm: string): Promise<unknown> => {
      const [found] = (await ask('GET', `/vm/${vm}`)).body as { fenced_by: string }[];
      return found?.fenced_by;
    };
    assert.deepEqual([await told('db2'), await told('web1')], ['storage', 'power']);
  });

  test('what becomes of errors of disks is chosen per VM, and shown', async () => {
    const shown = async (): Promise<unknown[]> => [
      ((await ask('GET', '/vm/db2')).body as { io_errors: string }[])[0]?.io_errors,
      ((await ask('GET', '/vm/db2/meta')).body as { io_errors: string }).io_errors,
    ];
    assert.deepEqual(await shown(), ['pause', 'pause']);
    assert.equal((await ask('POST', '/vm/db2/meta?io_errors=ignore')).status, 400);
    const set = await ask('POST', '/vm/db2/meta?io_errors=report');
    assert.deepEqual([set.status, last().command as unknown], [200, { type: 'vm.meta', meta: { ioErrors: 'report' } }]);
    assert.doesNotMatch(set.message, /next start/, 'nothing runs');
    await ask('POST', '/vm', form({ xml: domainXml('db5'), io_errors: 'stop' }));
    assert.equal(((await ask('GET', '/vm/db5/meta')).body as { io_errors: string }).io_errors, 'stop');
  });

  test('the placement rules about a VM are told with it', async () => {
    await ask('POST', '/rule/spread?kind=vm-affinity&vms=db2&vms=web1&together=false&strict=true');
    const rulesOf = async (vm: string): Promise<unknown> =>
      ((await ask('GET', `/vm/${vm}`)).body as { rules: unknown }[])[0]?.rules;
    const vms = ['db2', 'web1'];
    const spread = { name: 'spread', kind: 'vm-affinity', vms, nodes: {}, together: false, strict: true };
    assert.deepEqual([await rulesOf('db2'), await rulesOf('db1')], [[spread], []]);
  });

  test('snapshots are tasks; those a VM has are listed as PVC lists them', async () => {
    const name = async (path: string, method: 'POST' | 'DELETE' = 'POST'): Promise<unknown> => {
      const answer = await ask(method, path);
      return answer.status === 202 ? (answer.body as { task_name: string }).task_name : answer.message;
    };
    assert.equal(await name('/vm/db2/snapshot?snapshot_name=s1'), 'vm.create_snapshot');
    assert.equal(await name('/vm/web1/snapshot'), 'vm.create_snapshot');
    assert.match(String((last().command as unknown as { snapshot: string }).snapshot), /^\d{14}$/);
    assert.match(String(await name('/vm/db2/snapshot?snapshot_name=a/b')), /no name for a snapshot/);
    assert.match(String(await name('/vm/db2/snapshot/rollback?snapshot_name=s2')), /no snapshot .s2./);
    const taken = world.addVm(domainXml('db4'), { off: 'stopped' }, 'hv1', {
      snapshots: [{ name: 's1', at: 1_700_000_000_000, volumes: ['vms/db4_sda'], still: 'agent',
        definition: { xmlHash: 'other', memoryMiB: 1, vcpus: 1, description: '', rbdOnly: true, diskless: false } }],
    });
    assert.ok(taken);
    const [vm] = (await ask('GET', '/vm/db4')).body as { snapshots: Record<string, unknown>[] }[];
    const { age, ...rest } = vm?.snapshots[0] ?? {};
    assert.ok(Number(age) > 0);
    assert.deepEqual(rest, {
      name: 's1', timestamp: '1700000000', timestamp_ms: 1_700_000_000_000, xml_diff_lines: [], xml_changed: true,
      rbd_snapshots: ['vms/db4_sda@s1'], quiesced: 'agent',
    });
    const before = domainXml('db4', String((vm as unknown as { uuid: string }).uuid));
    world.documents.set('other', before.replace('<vcpu>1</vcpu>', '<vcpu>2</vcpu>'));
    const [now] = (await ask('GET', '/vm/db4')).body as { snapshots: { xml_diff_lines: string[] }[] }[];
    const changed = now!.snapshots[0]!.xml_diff_lines.filter((line) => /^[+-] /.test(line)).map((line) => line.trim());
    assert.equal(changed.length, 2, JSON.stringify(now));
    assert.match(changed.join(), /^- +<vcpu>2<\/vcpu>,\+ +<vcpu>1<\/vcpu>$/);
    assert.equal(await name('/vm/db4/snapshot/rollback?snapshot_name=s1'), 'vm.rollback_snapshot');
    assert.equal(await name('/vm/db4/snapshot?snapshot_name=s1', 'DELETE'), 'vm.remove_snapshot');
    assert.match(String(await name('/vm/db4/snapshot?snapshot_name=s1')), /has a snapshot .s1. already/);
  });
});
