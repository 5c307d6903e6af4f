/** `pvc vm volume`: the disks of a VM. */
import type { VmDiskObject, VmObject } from '../../client/types.js';
import type { Command, CommandContext, OptionSpec } from '../command.js';
import { accepted, messageOf } from '../calls.js';
import { CliError, EXIT, usageError } from '../exit.js';
import { formatOption, printFormatted } from '../format/json.js';
import { bytesText, table } from '../format/table.js';
import { runOperation } from '../operation.js';
import { confirmed, VM, vmPath, waits, WAITS, YES } from './options.js';
import { fetchVm } from './vm-define.js';

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);

const PREFIX: Readonly<Record<string, string>> = { virtio: 'vd', scsi: 'sd', usb: 'sd', sata: 'sd', ide: 'hd' };

/** The first name that no disk of the VM has: sdb. */
function freeName(vm: VmObject, bus: string): string {
  const names = new Set(vm.disks.map((disk) => disk.dev));
  for (const letter of 'abcdefghijklmnopqrstuvwxyz') {
    const name = `${PREFIX[bus] ?? 'sd'}${letter}`;
    if (!names.has(name)) return name;
  }
  throw new CliError(EXIT.failed, `VM "${vm.name}" has no free name for another ${bus} disk: give one with --disk-id.`);
}

function diskXml(type: string, volume: string, dev: string, bus: string): string {
  const target = `<target dev='${escaped(dev)}' bus='${escaped(bus)}'/>`;
  return type === 'file'
    ? "<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
      + `<source file='${escaped(volume)}'/>${target}</disk>`
    : "<disk type='network' device='disk'><driver name='qemu' type='raw' discard='unmap'/>"
      + `<source protocol='rbd' name='${escaped(volume)}'/>${target}</disk>`;
}

const subjectOf = (context: CommandContext, name: string) => ({
  subject: name,
  kind: 'vm' as const,
  look: async () => {
    const vm = await fetchVm(context, name);
    return { name: vm.name, place: { state: `${vm.state}, ${vm.disks.length} disks`, node: vm.node } };
  },
});

/** Sends the device; with --restart the VM is restarted afterwards instead of being changed while it runs. */
async function send(context: CommandContext, vm: VmObject, method: 'POST' | 'DELETE', xml: string): Promise<void> {
  const { values } = context;
  const restart = values.flag('restart');
  if (restart && values.toggle('live') === true) throw usageError('Give either --live or --restart.');
  if (restart) await confirmed(context, `Restart VM ${vm.name}`);
  const live = restart ? false : values.toggle('live') ?? true;
  await runOperation(
    context, { method, path: vmPath(vm.uuid, '/device'), query: { live }, form: { xml } }, subjectOf(context, vm.name),
    waits(context));
  if (!restart) return;
  const reply = await accepted(await context.api(), {
    method: 'POST', path: vmPath(vm.uuid, '/state'), query: { state: 'restart' },
  });
  context.terminal.print(messageOf(reply.body));
}

async function add(context: CommandContext): Promise<void> {
  const { values } = context;
  const volume = values.positional('VOLUME');
  const type = values.text('type') ?? 'rbd';
  if (type === 'rbd' && !/^[^/]+\/[^/]+$/.test(volume)) {
    throw usageError(`"${volume}" is no volume: write POOL/VOLUME, or give --type file for a path.`);
  }
  const vm = await fetchVm(context, values.positional('VM'));
  if (vm.disks.some((disk) => disk.name === volume)) {
    throw new CliError(EXIT.conflict, `Volume ${volume} is a disk of VM "${vm.name}" already.`);
  }
  const bus = values.text('bus') ?? 'scsi';
  await send(context, vm, 'POST', diskXml(type, volume, values.text('disk-id') ?? freeName(vm, bus), bus));
}

function diskNamed(vm: VmObject, named: string): VmDiskObject {
  const found = vm.disks.find((disk) => disk.name === named || disk.dev === named);
  if (found !== undefined) return found;
  const names = vm.disks.map((disk) => `${disk.name} (${disk.dev})`).join(', ') || 'none';
  throw new CliError(EXIT.notFound, `VM "${vm.name}" has no disk ${named}: it has ${names}.`);
}

async function remove(context: CommandContext): Promise<void> {
  const vm = await fetchVm(context, context.values.positional('VM'));
  const disk = diskNamed(vm, context.values.positional('VOLUME'));
  await confirmed(context, `Remove disk ${disk.name} (${disk.dev}) from VM ${vm.name}`);
  await send(context, vm, 'DELETE', diskXml(disk.type, disk.name, disk.dev, disk.bus));
}

const LIMITS = {
  'read-iops': 'read_iops_sec', 'write-iops': 'write_iops_sec', iops: 'total_iops_sec',
  'read-rate': 'read_bytes_sec', 'write-rate': 'write_bytes_sec', rate: 'total_bytes_sec',
} as const;

async function limit(context: CommandContext): Promise<void> {
  const { values, terminal } = context;
  const given = Object.entries(LIMITS).filter(([option]) => values.number(option) !== undefined)
    .map(([option, field]) => [field, values.number(option) ?? 0] as const);
  const none = values.flag('none') ? Object.values(LIMITS).map((field) => [field, 0] as const) : [];
  if (given.length + none.length === 0) throw usageError('Give at least one limit, or --none to lift them all.');
  const vm = await fetchVm(context, values.positional('VM'));
  const { dev } = diskNamed(vm, values.positional('VOLUME'));
  const reply = await accepted(await context.api(), {
    method: 'POST', path: vmPath(vm.uuid, `/disk/${encodeURIComponent(dev)}`),
    query: Object.fromEntries([...none, ...given]),
  });
  terminal.print(messageOf(reply.body));
}

const rate = (value: number): string => `${bytesText(value)}/s`;
const iops = (value: number): string => `${value} IOPS`;

/** `read 100 IOPS, write 5.0M/s`; N/A without any. */
export function limitsText(disk: VmDiskObject): string {
  const limits = (disk['limits'] ?? {}) as Readonly<Record<string, number>>;
  const texts = Object.entries(limits).filter(([, value]) => value > 0).map(([name, value]) => {
    const [kind = '', unit] = name.split('_');
    return `${kind} ${unit === 'bytes' ? rate(value) : iops(value)}`;
  });
  return texts.join(', ') || 'N/A';
}

async function get(context: CommandContext): Promise<void> {
  const vm = await fetchVm(context, context.values.positional('VM'));
  const volumes = vm.disks.map((disk) => ({ ...disk, volume: disk.name, disk_id: disk.dev, protocol: disk.type }));
  printFormatted(context, { name: vm.name, volumes }, {
    pretty: () => volumes.length === 0 ? 'No volumes found.' : table([
      { title: 'Volume', cell: (disk) => disk.volume },
      { title: 'Dev', cell: (disk) => disk.disk_id },
      { title: 'Type', cell: (disk) => disk.protocol },
      { title: 'Bus', cell: (disk) => disk.bus },
      { title: 'Limits', cell: (disk) => limitsText(disk) },
    ], volumes, context.terminal.paint),
    raw: () => volumes.map((disk) => disk.volume).join('\n'),
  });
}

const VOLUME = {
  name: 'VOLUME', required: true, help: 'POOL/VOLUME, or the disk\'s name in the guest, e.g. sdb.',
} as const;
const HOW: readonly OptionSpec[] = [
  {
    name: 'live', short: 'l', kind: 'switch', off: { name: 'no-live', short: 'L' },
    help: 'Change the running guest at once, or only the definition, for its next start. [default: live]',
  },
  { name: 'restart', short: 'r', kind: 'flag', help: 'Restart the VM, so that the change applies.' },
];
const rateOption = (name: string, help: string): OptionSpec => ({ name, kind: 'number', value: 'N', help });

export const vmVolumeCommands: readonly Command[] = [
  {
    path: ['vm', 'volume', 'get'],
    summary: 'Show the disks of a VM.',
    positionals: [VM],
    options: [formatOption('pretty', 'raw', 'json', 'json-pretty')],
    examples: ['pvc vm volume get web1'],
    run: get,
  },
  {
    path: ['vm', 'volume', 'add'],
    summary: 'Attach a volume to a VM as a disk.',
    details: 'The running guest and the definition are changed in one operation. A volume of another VM is refused.',
    positionals: [VM, { ...VOLUME, help: 'POOL/VOLUME; with --type file a path.' }],
    options: [
      { name: 'disk-id', short: 'd', kind: 'text', value: 'DEV', help: 'Its name in the guest; the next free one.' },
      {
        name: 'bus', short: 'b', kind: 'text', value: 'BUS', default: 'scsi', choices: ['scsi', 'ide', 'usb', 'virtio'],
        help: 'The bus it is seen on.',
      },
      {
        name: 'type', short: 't', kind: 'text', value: 'TYPE', default: 'rbd', choices: ['rbd', 'file'],
        help: 'What it is.',
      },
      ...HOW, YES, ...WAITS,
    ],
    examples: ['pvc vm volume add web1 vms/web1_data', 'pvc vm volume add web1 vms/web1_data -b virtio -d vdb'],
    run: add,
  },
  {
    path: ['vm', 'volume', 'remove'],
    summary: 'Detach a disk from a VM; the volume stays.',
    positionals: [VM, VOLUME],
    options: [...HOW, YES, ...WAITS],
    examples: ['pvc vm volume remove web1 vms/web1_data -y', 'pvc vm volume remove web1 sdb -y'],
    run: remove,
  },
  {
    path: ['vm', 'volume', 'limit'],
    summary: 'Limit the I/O of a disk, also of a running VM.',
    details: 'A limit that is not given stays; 0 lifts it. A limit of both together excludes one of reads or writes.',
    positionals: [VM, VOLUME],
    options: [
      rateOption('read-iops', 'Reads a second.'),
      rateOption('write-iops', 'Writes a second.'),
      rateOption('iops', 'Reads and writes a second.'),
      rateOption('read-rate', 'Bytes read a second.'),
      rateOption('write-rate', 'Bytes written a second.'),
      rateOption('rate', 'Bytes read or written a second.'),
      { name: 'none', kind: 'flag', help: 'Lift every limit that is not given.' },
    ],
    examples: ['pvc vm volume limit web1 sda --iops 500', 'pvc vm volume limit web1 vms/web1_data --none'],
    run: limit,
  },
];
