/** VMs for people: PVC's columns and lines. */
import { ruleText } from './rule.js';
import type { VmNetworkObject, VmObject } from '../../client/types.js';
import type { Colour, Paint } from '../terminal.js';
import { bytesText, countText, sheet, table, type Column } from './table.js';

const STATE_COLOURS: Readonly<Record<string, Colour>> = {
  start: 'green',
  restart: 'yellow',
  shutdown: 'yellow',
  stop: 'red',
  fail: 'red',
  mirror: 'purple',
};

export const vmStateColour = (state: string): Colour => STATE_COLOURS[state] ?? 'blue';

const sortedTags = (vm: VmObject): string[] =>
  [...vm.tags].sort((a, b) => (a.type + a.name < b.type + b.name ? -1 : 1)).map((tag) => tag.name);

const LIST: readonly Column<VmObject>[] = [
  { group: 'VMs', title: 'Name', cell: (vm) => vm.name },
  { group: 'VMs', title: 'State', cell: (vm) => vm.state, colour: (vm) => vmStateColour(vm.state) },
  { group: 'VMs', title: 'Tags', cell: (vm) => sortedTags(vm).join(',') || 'N/A' },
  { group: 'VMs', title: 'Snapshots', cell: (vm) => String(vm.snapshots?.length ?? 0) },
  { group: 'Resources', title: 'Networks', cell: (vm) => vm.networks.map((one) => one.vni).join(',') },
  { group: 'Resources', title: 'RAM (M)', cell: (vm) => String(vm.memory) },
  { group: 'Resources', title: 'vCPUs', cell: (vm) => String(vm.vcpu) },
  { group: 'Node', title: 'Current', cell: (vm) => vm.node },
  { group: 'Node', title: 'Migrated', cell: (vm) => vm.migrated },
];

export function vmTable(vms: readonly VmObject[], paint: Paint): string {
  return table(
    LIST,
    [...vms].sort((a, b) => (a.name < b.name ? -1 : 1)),
    paint,
  );
}

const none = (value: string | null | undefined): string =>
  value === null || value === undefined || value === '' ? 'N/A' : value;
const capital = (word: string): string => word.slice(0, 1).toUpperCase() + word.slice(1);
const unset = (value: string | null | undefined): boolean =>
  value === null || value === undefined || ['', 'none', 'None'].includes(value);

export function vmSheet(vm: VmObject, paint: Paint, long: boolean): string {
  const entries: (readonly [string, string] | null)[] = [
    ['Name', vm.name],
    ['UUID', vm.uuid],
    ['Description', none(vm.description)],
    ['Profile', unset(vm.profile) ? 'N/A' : none(vm.profile)],
    ['Memory (M)', String(vm.memory)],
    ['vCPUs', String(vm.vcpu)],
    ...(long ? [['Topology (S/C/T)', vm.vcpu_topology] as const] : []),
    ...vncLines(vm, long),
    ...(long ? machineLines(vm) : []),
    null,
    ['State', paint(vmStateColour(vm.state), vm.state)],
    ['Current node', vm.node],
    ['Previous node', none(vm.last_node)],
    ...(none(vm.failed_reason) === 'N/A' ? [] : [['Failure reason', none(vm.failed_reason)] as const]),
    ...(none(vm.waiting_reason) === 'N/A' ? [] : [['Waiting', paint('yellow', none(vm.waiting_reason))] as const]),
    null,
    ['Node limit', vm.node_limit === null || vm.node_limit.length === 0 ? 'Any' : [vm.node_limit].flat().join(', ')],
    ['Autostart', vm.node_autostart ? paint('green', 'True') : paint('blue', 'False')],
    [
      'Migration method',
      unset(vm.migration_method) ? 'Live, Shutdown' : `${capital(vm.migration_method ?? '')} only`,
    ],
    ['Migration selector', unset(vm.node_selector) ? 'Default' : capital(vm.node_selector ?? '')],
    ['Max live downtime', `${vm.migration_max_downtime} ms`],
    ...recoveryLines(vm, paint),
    null,
    ['Tags', vm.tags.length === 0 ? 'N/A' : tagTable(vm.tags, paint)],
    [
      'Snapshots',
      vm.snapshots === undefined || vm.snapshots.length === 0
        ? 'N/A'
        : vm.snapshots.map((one) => one.name).join('\n'),
    ],
    ['Networks', vm.networks.map((one) => one.vni).join(', ') || 'N/A'],
    ...(long ? deviceLines(vm, paint) : []),
  ];
  return `${paint('bold', 'Virtual machine information:')}\n\n${sheet(entries, paint)}`;
}

const FENCED_BY: Readonly<Record<string, string>> = {
  storage: 'Storage alone (it writes to RBD only)',
  power: 'Power (it can write to more than RBD)',
};

const IO_ERRORS: Readonly<Record<string, string>> = {
  pause: 'Pause, and go on when they are over', report: 'Told to the guest', stop: 'Stop it',
};

/** What becomes of it when its node is lost: ours, absent from PVC's own API. */
function recoveryLines(vm: VmObject, paint: Paint): (readonly [string, string] | null)[] {
  if (vm.fenced_by === undefined) return [];
  return [
    null,
    ['Fenced by', FENCED_BY[vm.fenced_by] ?? vm.fenced_by],
    ['Recovered (HA)', vm.ha === false ? paint('yellow', 'No') : paint('green', 'Yes')],
    ['Priority', String(vm.priority ?? 0)],
    ['Placement rules', (vm.rules ?? []).map((rule) => ruleText(rule, vm.name)).join('\n') || 'N/A'],
    ['On disk errors', IO_ERRORS[vm.io_errors ?? 'pause'] ?? none(vm.io_errors)],
    ...(unset(vm.lock) ? [] : [['Locked', paint('yellow', none(vm.lock))] as const]),
  ];
}

function vncLines(vm: VmObject, long: boolean): (readonly [string, string] | null)[] {
  if (!long && (!vm.vnc.listen || !vm.vnc.port)) return [];
  return [null, ['VNC listen', none(vm.vnc.listen)], ['VNC port', none(vm.vnc.port?.toString())]];
}

function machineLines(vm: VmObject): (readonly [string, string] | null)[] {
  const memory = (name: string): number => vm.memory_stats[name] ?? 0;
  const kib = (name: string): string => bytesText(memory(name) * 1024);
  return [
    null,
    ['Emulator', vm.emulator],
    ['Type', vm.type],
    ['Arch', vm.arch],
    ['Machine', vm.machine],
    ['Features', vm.features.join(' ')],
    null,
    [
      'Memory stats',
      `swap in/out ${countText(memory('swap_in'))}/${countText(memory('swap_out'))}, ` +
        `faults major/minor ${countText(memory('major_fault'))}/${countText(memory('minor_fault'))}\n` +
        `available ${kib('available')}, usable ${kib('usable')}, unused ${kib('unused')}, RSS ${kib('rss')}`,
    ],
    [
      'vCPU stats (ns)',
      ['cpu', 'user', 'system'].map((kind) => `${kind} ${vm.vcpu_stats[`${kind}_time`] ?? 0}`).join(', '),
    ],
  ];
}

const pair = (device: Readonly<Record<string, unknown>>, name: string, text: (value: number) => string): string =>
  [`rd_${name}`, `wr_${name}`].map((key) => text(Number(device[key] ?? 0))).join('/');

function deviceLines(vm: VmObject, paint: Paint): (readonly [string, string] | null)[] {
  const disks = table<VmObject['disks'][number]>(
    [
      { title: 'ID', cell: (disk) => String(vm.disks.indexOf(disk)) },
      { title: 'Type', cell: (disk) => disk.type },
      { title: 'Name', cell: (disk) => disk.name },
      { title: 'Dev', cell: (disk) => disk.dev },
      { title: 'Bus', cell: (disk) => disk.bus },
      { title: 'Requests (r/w)', cell: (disk) => pair(disk, 'req', countText) },
      { title: 'Data (r/w)', cell: (disk) => pair(disk, 'bytes', bytesText) },
    ],
    vm.disks,
    paint,
  );
  const interfaces = table<VmNetworkObject>(
    [
      { title: 'ID', cell: (nic) => String(vm.networks.indexOf(nic)) },
      { title: 'Type', cell: (nic) => nic.type },
      { title: 'Source', cell: (nic) => nic.source },
      { title: 'Model', cell: (nic) => none(nic.model) },
      { title: 'MAC', cell: (nic) => nic.mac },
      { title: 'Data (r/w)', cell: (nic) => pair(nic, 'bytes', bytesText) },
      { title: 'Packets (r/w)', cell: (nic) => pair(nic, 'packets', countText) },
      { title: 'Errors (r/w)', cell: (nic) => pair(nic, 'errors', countText) },
    ],
    vm.networks,
    paint,
  );
  const controllers = table<VmObject['controllers'][number]>(
    [
      { title: 'ID', cell: (one) => String(vm.controllers.indexOf(one)) },
      { title: 'Type', cell: (one) => one.type },
      { title: 'Model', cell: (one) => none(one.model) },
    ],
    vm.controllers,
    paint,
  );
  return [
    null,
    ['Disks', vm.disks.length === 0 ? 'N/A' : disks],
    null,
    ['Interfaces', vm.networks.length === 0 ? 'N/A' : interfaces],
    null,
    ['Controllers', vm.controllers.length === 0 ? 'N/A' : controllers],
  ];
}

export function tagTable(tags: VmObject['tags'], paint: Paint): string {
  return table<VmObject['tags'][number]>(
    [
      { title: 'Name', cell: (tag) => tag.name },
      { title: 'Type', cell: (tag) => tag.type },
      {
        title: 'Protected',
        cell: (tag) => (tag.protected ? 'True' : 'False'),
        colour: (tag) => (tag.protected ? 'green' : 'blue'),
      },
    ],
    [...tags].sort((a, b) => (a.name < b.name ? -1 : 1)),
    paint,
  );
}
