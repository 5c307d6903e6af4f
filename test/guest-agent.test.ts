/** Freeze and thaw of a real guest, by a real qemu-guest-agent in it, a real libvirtd and QEMU. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Hypervisor } from '../actors/drivers/hypervisor.js';
import { createLibvirtHypervisor, type LibvirtHypervisor } from '../actors/drivers/libvirt/hypervisor.js';
import { runProgram } from '../actors/process.js';
import { AgentGuest, blankImage, buildAgentGuest } from '../fixtures/agent-guest.js';
import { valueOf } from '../fixtures/contracts/hypervisor-bench.js';
import { judgeFileSystem, makeFileSystem } from '../fixtures/experiment/file-system.js';
import { startLibvirtdPair, type LibvirtdPair, type PrivateLibvirtd } from '../fixtures/libvirtd.js';
import { ensurePackages } from '../fixtures/packages.js';
import { createLog } from '../runtime/log.js';

const log = createLog('guest-agent-test', 'error');

describe('the agent of a guest', { timeout: 1_800_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'pvc-agent-'));
  const disks = ['vda', 'vdb'].map((name) => blankImage(join(folder, name)));
  let pair: LibvirtdPair;
  let node: PrivateLibvirtd;
  let hypervisor: LibvirtHypervisor;
  let guest: AgentGuest;

  const connect = () => createLibvirtHypervisor({ uri: node.uri, consoleDir: node.consoleDir, log });
  const freeze = async () => valueOf(await hypervisor.freeze(guest.uuid));
  const thaw = () => guest.until('it is thawed', async () => (await hypervisor.thaw(guest.uuid)).kind === 'done');
  const reasonOf = (outcome: Awaited<ReturnType<Hypervisor['thaw']>>): string =>
    `${outcome.kind} ${outcome.kind === 'done' ? '' : outcome.reason}`;
  const state = async () => valueOf(await hypervisor.observe(guest.uuid))?.state;
  const connected = () => guest.until('libvirt has the agent', async () =>
    /state='connected'/.test(await node.virsh('dumpxml', guest.name)));
  const gone = () => guest.until('libvirt has no agent', async () =>
    /state='disconnected'/.test(await node.virsh('dumpxml', guest.name)));

  /** On a machine that stands still for seconds the agent may be too slow for once: then it is asked again. */
  async function freezeByAgent(): Promise<void> {
    let how = await freeze();
    for (let tries = 1; how !== 'agent' && tries < 3; tries += 1) {
      await thaw();
      how = await freeze();
    }
    assert.equal(how, 'agent');
  }

  /** A fresh agent, as a guest's own supervisor starts it. */
  async function runAgent(option = ''): Promise<void> {
    await guest.does('kill');
    await gone();
    await guest.does(`run ${option}`);
    await connected();
  }

  /** The guest runs, and neither file system takes a write; what is on them then is whole without its journal. */
  async function standsStill(): Promise<void> {
    await guest.ticks(4);
    const { written } = guest;
    await guest.ticks(6);
    assert.deepEqual(guest.written, written);
  }

  before(async () => {
    await ensurePackages(['busybox-static', 'cpio', 'kmod', 'e2fsprogs'], () => undefined);
    const [initrd] = await Promise.all([buildAgentGuest(folder), ...disks.map(makeFileSystem)]);
    pair = await startLibvirtdPair({ loopback: ['127.0.62.5', '127.0.62.6'] });
    [node] = pair.nodes;
    hypervisor = await connect();
    guest = new AgentGuest(folder, node.consoleDir, disks);
    const { uuid, name } = guest;
    valueOf(await hypervisor.start({
      uuid, name, xml: guest.xml(initrd), epoch: 1, effectId: 'e', deadlineMs: 60_000,
    }));
    await guest.until('it is up', () => /^guest: up$/m.test(guest.said));
  });
  after(async () => {
    guest?.close();
    await hypervisor?.close();
    await pair?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => guest.writes());

  it('is not there: the guest is paused', async () => {
    assert.equal(await freeze(), 'paused');
    assert.equal(await state(), 'paused');
    await thaw();
    assert.equal(await state(), 'running');
    await guest.does('run');
    await connected();
  });

  it('freezes every file system while the guest runs, and thaws them', async () => {
    await freezeByAgent();
    assert.equal(await state(), 'running');
    await standsStill();
    for (const [index, disk] of disks.entries()) {
      const copy = join(folder, `copy-${index}`);
      copyFileSync(disk, copy);
      const head = await runProgram('/usr/sbin/dumpe2fs', ['-h', copy], { deadlineMs: 10_000 });
      assert.doesNotMatch(head.stdout, /needs_recovery/, 'its journal is empty');
      assert.deepEqual(await judgeFileSystem(copy), []);
    }
    await thaw();
    await guest.writes();
  });

  it('is asked twice: frozen it stays frozen, thawed it writes', async () => {
    await freezeByAgent();
    await freezeByAgent();
    assert.equal(await state(), 'running');
    await standsStill();
    await thaw();
    await thaw();
    await guest.writes();
  });

  it('thaws for a daemon that knows nothing of the freeze, after libvirtd was killed too', async () => {
    await freezeByAgent();
    await hypervisor.close();
    await node.signal('libvirtd', 'KILL');
    await node.start();
    hypervisor = await connect();
    await connected();
    await standsStill();
    await thaw();
    await guest.writes();
  });

  it('dies while its file systems are frozen: nobody says they are thawed until its successor has thawed them',
    async () => {
      await freezeByAgent();
      await guest.does('kill');
      await gone();
      assert.match(reasonOf(await hypervisor.thaw(guest.uuid)), /^unknown The file systems of agent-\S+ may be frozen/);
      await standsStill();
      await guest.does('run');
      await connected();
      await thaw();
      await guest.writes();
    });

  it('stands still when it is asked: the guest is paused within the deadline, and goes on without it', async () => {
    await guest.does('pause');
    assert.equal(await freeze(), 'paused');
    await thaw();
    assert.equal(await state(), 'running');
    await guest.writes();
    await guest.does('continue');
    await guest.writes();
  });

  it('refuses: the guest is paused', async () => {
    await runAgent('-b guest-fsfreeze-freeze');
    assert.equal(await freeze(), 'paused');
    assert.equal(await state(), 'paused');
    await thaw();
    await guest.writes();
  });

  it('freezes long after nobody waits for it any more: paused at once, and thawed once it can be', async () => {
    await runAgent('-F/run/slow');
    assert.equal(await freeze(), 'paused');
    assert.match(reasonOf(await hypervisor.thaw(guest.uuid)),
      /^unknown The file systems of agent-\S+ may be frozen.*start qemu-guest-agent/);
    await guest.does('hasten');
    await thaw();
    await guest.writes();
  });

  it('finds no file system: the guest is paused, for its disks may be written to otherwise', async () => {
    await runAgent();
    await guest.does('part');
    assert.equal(await freeze(), 'paused');
    assert.equal(await state(), 'paused');
    await thaw();
    await guest.does('join');
    await guest.writes();
  });
});
