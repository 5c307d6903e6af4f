import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createLibvirtHypervisor, missedEvents } from '../actors/drivers/libvirt/hypervisor.js';
import { spawnProgram } from '../actors/process.js';
import { hypervisorContract } from '../fixtures/contracts/hypervisor.js';
import { eventually, type Side } from '../fixtures/contracts/hypervisor-bench.js';
import type { DeviceSubject } from '../fixtures/contracts/hypervisor-devices.js';
import { DEAD_ADDRESS, startLibvirtdPair } from '../fixtures/libvirtd.js';
import { WritersRoom } from '../fixtures/writing-guest.js';
import { createLog } from '../runtime/log.js';
import { newToken } from '../runtime/random.js';

const NOISE_BYTES = 12 << 20;
const log = createLog('hypervisor-test', 'error');

/** No boot device: its BIOS loops and hears no ACPI. `noise` is a file to fill its memory, so that it moves slowly. */
const guestXml = (uuid: string, name: string, noise: string | null): string => `
  <domain type='qemu'${noise === null ? '' : " xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'"}>
    <name>${name}</name><uuid>${uuid}</uuid><memory unit='MiB'>32</memory><vcpu>1</vcpu>
    <os><type arch='x86_64' machine='pc'>hvm</type></os>
    <features><acpi/></features>
    <devices>
      <console type='pty'/><controller type='usb' model='none'/><memballoon model='none'/>
    </devices>
    ${noise === null ? '' : `<qemu:commandline>
      <qemu:arg value='-device'/><qemu:arg value='loader,file=${noise},addr=0x800000,force-raw=on'/>
    </qemu:commandline>`}
  </domain>`;

const fileDisk = (path: string, dev: string, bus: string, more = ''): string =>
  `<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${path}'/>`
  + `<target dev='${dev}' bus='${bus}'/>${more}</disk>`;

const withDevices = (xml: string, devices: string): string => xml.replace('</devices>', `${devices}</devices>`);

/** Disks of the cases: files on a file system that can be full. SCSI disks come and go without the guest's help. */
function deviceSubject(room: WritersRoom, folder: string): DeviceSubject {
  return {
    guestXml(uuid, name, writes) {
      const scsi = "<controller type='scsi' model='virtio-scsi'/>";
      return withDevices(guestXml(uuid, name, null), writes ? scsi + fileDisk(room.disk(name), 'hda', 'ide') : scsi);
    },
    diskXml(dev, number, more) {
      const path = join(folder, `disk-${number}`);
      if (!existsSync(path)) writeFileSync(path, Buffer.alloc(1 << 20));
      return fileDisk(path, dev, 'scsi', more);
    },
    breakDisk: (name) => room.fill(name),
    mendDisk: async () => room.empty(),
  };
}

/** Not gone, and not a zombie that nobody has reaped yet. */
function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ');
  } catch {
    return false;
  }
}

hypervisorContract('libvirt and QEMU', async () => {
  const room = await WritersRoom.open();
  const pair = await startLibvirtdPair();
  const node = { source: pair.nodes[0], target: pair.nodes[1] };
  const create = (side: Side) => createLibvirtHypervisor({
    uri: node[side].uri, consoleDir: node[side].consoleDir, log: log.child(side), workerPrefix: node[side].netPrefix,
  });
  const noise = join(node.source.consoleDir, 'noise');
  writeFileSync(noise, Buffer.from(newToken(NOISE_BYTES / 2), 'latin1'));
  const adapter = { source: await create('source'), target: await create('target') };
  return {
    ...adapter,
    targetHost: node.target.address, deadHost: DEAD_ADDRESS,
    guestXml: (uuid, name, memory) => guestXml(uuid, name, memory === 'full' ? noise : null),
    killGuest: (side, name) => node[side].signal('qemu', 'KILL', name),
    slowMigration: async (side, name) => void await node[side].virsh('migrate-setspeed', name, '1'),
    killDaemon: (side) => node[side].signal('libvirtd', 'KILL'),
    startDaemon: (side) => node[side].start(),
    async breakDriver(side, how) {
      const pid = adapter[side].workerPid ?? assert.fail('there is no worker');
      process.kill(pid, how === 'killed' ? 'SIGKILL' : 'SIGSTOP');
    },
    async freezeDaemon(side) {
      await node[side].signal('libvirtd', 'STOP');
      return () => node[side].signal('libvirtd', 'CONT');
    },
    readsDefinitions: true, devices: deviceSubject(room, node.source.consoleDir),
    hasConsoleLog: (side, name) => existsSync(join(node[side].consoleDir, `${name}.log`)),
    async stop() {
      await Promise.all([adapter.source.close(), adapter.target.close()]);
      await pair.stop();
      await room.close();
    },
  };
});

describe('libvirt hypervisor', () => {
  it('without a libvirtd is created all the same, answers unknown and closes', async () => {
    const hypervisor = await createLibvirtHypervisor({
      uri: 'qemu+unix:///system?socket=/nowhere/libvirt-sock', consoleDir: '/nowhere', log: log.child('nowhere'),
      connectWaitMs: 300,
    });
    assert.equal(hypervisor.connected, false);
    const outcome = await hypervisor.list();
    assert.equal(outcome.kind, 'unknown');
    await hypervisor.close();
    assert.equal(hypervisor.workerPid, null);
  });

  it('the process that holds the library ends with its parent, however that ends', async () => {
    const modules = ['../actors/drivers/libvirt/hypervisor.js', '../runtime/log.js'];
    const urls = JSON.stringify(modules.map((path) => import.meta.resolve(path)));
    const parent = spawnProgram(process.execPath, ['--input-type=module', '-e', `
      const [driver, { createLog }] = await Promise.all(${urls}.map((url) => import(url)));
      const hypervisor = await driver.createLibvirtHypervisor({
        uri: 'qemu+unix:///system?socket=/nowhere', consoleDir: '/nowhere', log: createLog('child', 'error'),
        connectWaitMs: 0,
      });
      process.stdout.write(String(hypervisor.workerPid) + '\\n');`], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(parent.stdout ?? assert.fail('no output'), 'data') as [Buffer];
    const worker = Number(String(line));
    assert.ok(isAlive(worker));
    parent.kill('SIGKILL');
    await eventually('the worker is gone', () => !isAlive(worker));
  });

  it('events that nobody heard are made up from what was and what is', () => {
    const info = (uuid: string, state: 'running' | 'paused' | 'crashed') =>
      ({ uuid, name: uuid, state, epoch: null, effectId: null });
    const known = new Map(
      [['a', 'running'], ['b', 'running'], ['c', 'paused'], ['d', 'running'], ['e', 'running']] as const);
    const now = [
      info('b', 'paused'), info('c', 'running'), info('d', 'crashed'), info('e', 'running'), info('f', 'running'),
    ];
    assert.deepEqual(
      missedEvents(known, now).map(({ uuid, type }) => `${uuid} ${type}`),
      ['a crashed', 'b paused', 'c resumed', 'd crashed', 'f started']);
  });
});
