/**
 * The data directory of an OSD on this node, and the BlueStore that it points to. `fsid` is written first: a directory
 * is only ever removed by the OSD whose uuid stands in it, for a number may be another's by then.
 */
import { access, mkdir, readFile, readdir, readlink, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { runProgram } from '../../process.js';
import { done, refused, unknown, type Outcome } from '../outcome.js';
import type { OsdRegistry } from './osd-registry.js';
import { findPartition, partitionName, wipeStart } from './osd-disks.js';

interface StoreDeps { readonly confPath: string; readonly dataPrefix: string; readonly user: string | null }

interface Label { readonly osd_uuid?: string; readonly mkfs_done?: string; readonly whoami?: string }

/** Debian's own rules give LVM volumes to the user ceph, partitions no more. */
const RULE_DIR = '/etc/udev/rules.d';
const RULE = ['cafecafe-9b03-4f30-b4c6-b4b80ceff106', '30cd0809-c2b2-499c-8879-2d6b785292be'].map((type) =>
  `ACTION!="remove", SUBSYSTEM=="block", ENV{ID_PART_ENTRY_TYPE}=="${type}", OWNER="ceph", GROUP="ceph", MODE="0660"`);

const exists = (path: string): Promise<boolean> => access(path).then(() => true, () => false);

export class OsdStore {
  constructor(private readonly deps: StoreDeps, private readonly registry: OsdRegistry) {}

  /** After a reboot the daemon may open its partitions, as its user. */
  async ensureRule(): Promise<void> {
    if (this.deps.user === null || !await exists(RULE_DIR)) return;
    const path = `${RULE_DIR}/95-pvc-osd.rules`;
    const text = `# Written by pvcd: partitions of OSDs belong to their daemons.\n${RULE.join('\n')}\n`;
    if (await readFile(path, 'utf8').catch(() => '') !== text) await writeFile(path, text);
  }

  async make(uuid: string, number: number, deadlineMs: number): Promise<Outcome<null>> {
    const begun = await this.begin(uuid, number, deadlineMs);
    if (begun.kind !== 'done') return begun;
    const { block } = begun.value;
    const label = await this.label(block, deadlineMs);
    if (label?.osd_uuid === uuid && label.mkfs_done === 'yes') return done(null);
    await wipeStart(block);
    const directory = this.directory(number);
    const user = this.deps.user === null ? [] : ['--setuser', this.deps.user, '--setgroup', this.deps.user];
    const made = await runProgram('ceph-osd', [
      '-c', this.deps.confPath, '-i', String(number), '--mkfs', '--osd-uuid', uuid, '--osd-data', directory,
      // Its daemon's pid file is not its own: one that root has left cannot be opened.
      '--keyring', `${directory}/keyring`, '--pid-file', '', ...user,
    ], { deadlineMs });
    if (made.status === 0) return done(null);
    if (made.timedOut) return unknown(`ceph-osd --mkfs of OSD ${number} did not end in time`);
    return refused(`ceph-osd --mkfs of OSD ${number}: ${made.stderr.trim().split('\n').at(-1) ?? 'it failed'}`);
  }

  /** Its links point to where its partitions are now. */
  async link(uuid: string, number: number, deadlineMs: number): Promise<string> {
    const block = await this.find('osd', uuid, deadlineMs);
    if (block === null) {
      const old = await readlink(`${this.directory(number)}/block`).catch(() => null);
      if (old !== null && await exists(old)) return old;
      throw new Error(`the partition of OSD ${number} is on no disk of this node`);
    }
    await this.linkTo(`${this.directory(number)}/block`, block);
    const db = await this.find('db', uuid, deadlineMs);
    if (db !== null) await this.linkTo(`${this.directory(number)}/block.db`, db);
    await this.own(number, [block, ...(db === null ? [] : [db])]);
    return block;
  }

  /** The store of this OSD on a device, brought back to life. */
  async restore(
    uuid: string, number: number, named: string, deadlineMs: number,
  ): Promise<Outcome<{ device: string; dbDevice: string | null }>> {
    const device = await realpath(named).catch(() => null);
    if (device === null) return refused(`there is no ${named} on this node`);
    const found = await findPartition((each) => each.name === partitionName('osd', uuid), deadlineMs);
    if (found !== null) {
      if (found.device !== device && found.partition.node !== device) {
        return refused(`OSD ${number} is on ${found.device}, not on ${device}`);
      }
      const begun = await this.begin(uuid, number, deadlineMs);
      return begun.kind === 'done'
        ? done({ device: found.device, dbDevice: await this.find('db', uuid, deadlineMs) }) : begun;
    }
    const label = await this.label(device, deadlineMs);
    if (label?.osd_uuid === uuid) {
      const begun = await this.begin(uuid, number, deadlineMs, device);
      return begun.kind === 'done' ? done({ device, dbDevice: null }) : begun;
    }
    return this.activateVolume(uuid, number, device, deadlineMs);
  }

  /** What of it is not ours to wipe, in words; null = nothing. */
  async foreign(uuid: string, number: number | null, deadlineMs: number): Promise<string | null> {
    if (number === null || await this.find('osd', uuid, deadlineMs) !== null) return null;
    if (!await this.isMine(uuid, number)) return null;
    const block = await readlink(`${this.directory(number)}/block`).catch(() => null);
    return block === null ? null : `${block}, which was not made by this PVC`;
  }

  async remove(uuid: string, number: number | null): Promise<void> {
    if (number === null || !await this.isMine(uuid, number)) return;
    const directory = this.directory(number);
    // Of ceph-volume's OSDs it is a mount: gone with the next boot.
    const isMount = (await stat(directory)).dev !== (await stat(dirname(directory))).dev;
    if (isMount) for (const name of await readdir(directory)) await rm(`${directory}/${name}`, { recursive: true });
    else await rm(directory, { recursive: true, force: true });
  }

  private directory(number: number): string {
    return `${this.deps.dataPrefix}${number}`;
  }

  private async isMine(uuid: string, number: number): Promise<boolean> {
    return (await readFile(`${this.directory(number)}/fsid`, 'utf8').catch(() => '')).trim() === uuid;
  }

  /** Directory, key and links. `device`: the whole device is its store. */
  private async begin(
    uuid: string, number: number, deadlineMs: number, device: string | null = null,
  ): Promise<Outcome<{ block: string }>> {
    const directory = this.directory(number);
    const key = await this.registry.key(number, deadlineMs);
    if (key.kind !== 'done') return key;
    await mkdir(directory, { recursive: true });
    if (!await this.isMine(uuid, number)) {
      // What another OSD of this number has left, long ago.
      for (const name of await readdir(directory)) await rm(`${directory}/${name}`, { recursive: true, force: true });
      await writeFile(`${directory}/fsid`, `${uuid}\n`);
    }
    await writeFile(`${directory}/keyring`, `[osd.${number}]\n\tkey = ${key.value}\n`, { mode: 0o600 });
    await writeFile(`${directory}/type`, 'bluestore\n');
    if (device !== null) {
      await this.linkTo(`${directory}/block`, device);
      await this.own(number, [device]);
      return done({ block: device });
    }
    return done({ block: await this.link(uuid, number, deadlineMs) });
  }

  private async find(role: 'osd' | 'db', uuid: string, deadlineMs: number): Promise<string | null> {
    const name = partitionName(role, uuid);
    const found = await findPartition((each) => each.name === name, deadlineMs);
    if (found === null) return null;
    const lasting = `/dev/disk/by-partuuid/${found.partition.uuid}`;
    return await exists(lasting) ? lasting : found.partition.node;
  }

  private async linkTo(path: string, target: string): Promise<void> {
    if (await readlink(path).catch(() => null) === target) return;
    await rm(path, { force: true });
    await symlink(target, path);
  }

  private async own(number: number, nodes: readonly string[]): Promise<void> {
    const { user } = this.deps;
    if (user === null) return;
    await runProgram('chown', ['-R', `${user}:${user}`, this.directory(number)], { deadlineMs: 10_000 });
    for (const node of nodes) await runProgram('chown', [`${user}:${user}`, node], { deadlineMs: 10_000 });
  }

  private async label(node: string, deadlineMs: number): Promise<Label | null> {
    const shown = await runProgram('ceph-bluestore-tool', ['show-label', '--dev', node], { deadlineMs });
    if (shown.status !== 0) return null;
    return Object.values(JSON.parse(shown.stdout) as Record<string, Label>)[0] ?? null;
  }

  /** An OSD of ceph-volume's lvm, as PVC made them: its own tool knows how. */
  private async activateVolume(
    uuid: string, number: number, device: string, deadlineMs: number,
  ): Promise<Outcome<{ device: string; dbDevice: string | null }>> {
    const activated = await runProgram('ceph-volume', ['lvm', 'activate', String(number), uuid], { deadlineMs });
    if (activated.status === 0) return done({ device, dbDevice: null });
    return refused(`there is no store of OSD ${number} (${uuid}) on ${device}, neither as a partition of PVC's nor ` +
      `as a volume that ceph-volume could activate`);
  }
}
