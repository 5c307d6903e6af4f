/** Nodes for people: PVC's columns and lines. */
import type { NodeObject } from '../../client/types.js';
import type { Colour, Paint } from '../terminal.js';
import { sheet, table, type Column } from './table.js';

const DAEMON_COLOURS: Readonly<Record<string, Colour>> = {
  run: 'green',
  stop: 'red',
  dead: 'red',
  fenced: 'red',
  shutdown: 'yellow',
  init: 'yellow',
};

const daemonColour = (word: string): Colour => DAEMON_COLOURS[word] ?? 'blue';
const coordinatorColour = (word: string): Colour =>
  word === 'primary' ? 'green' : word === 'secondary' ? 'blue' : 'cyan';
const domainColour = (word: string): Colour => (word === 'ready' ? 'green' : 'blue');

export function healthColour(health: number | string, maintenance = false): Colour {
  if (typeof health !== 'number' || maintenance || health < 0) return 'blue';
  return health > 90 ? 'green' : health > 50 ? 'yellow' : 'red';
}

const healthText = (node: NodeObject): string => (typeof node.health === 'number' ? `${node.health}%` : node.health);
const overTotal = (node: NodeObject, key: 'allocated' | 'provisioned'): Colour | null =>
  node.memory[key] > node.memory.total ? 'yellow' : null;

const LIST: readonly Column<NodeObject>[] = [
  { group: 'Nodes', title: 'Name', cell: (node) => node.name },
  { group: 'Nodes', title: 'Version', cell: (node) => node.pvc_version },
  { group: 'Nodes', title: 'Health', cell: healthText, colour: (node) => healthColour(node.health) },
  {
    group: 'States',
    title: 'Daemon',
    cell: (node) => node.daemon_state,
    colour: (node) => daemonColour(node.daemon_state),
  },
  {
    group: 'States',
    title: 'Coordinator',
    cell: (node) => node.coordinator_state,
    colour: (node) => coordinatorColour(node.coordinator_state),
  },
  {
    group: 'States',
    title: 'Domain',
    cell: (node) => node.domain_state,
    colour: (node) => domainColour(node.domain_state),
  },
  { group: 'Resources', title: 'VMs', cell: (node) => String(node.domains_count) },
  { group: 'Resources', title: 'vCPUs', cell: (node) => String(node.vcpu.allocated) },
  { group: 'Resources', title: 'Load', cell: (node) => String(node.load) },
  { group: 'Memory (M)', title: 'Total', cell: (node) => String(node.memory.total) },
  { group: 'Memory (M)', title: 'Used', cell: (node) => String(node.memory.used) },
  { group: 'Memory (M)', title: 'Free', cell: (node) => String(node.memory.free) },
  {
    group: 'Memory (M)',
    title: 'Alloc',
    cell: (node) => String(node.memory.allocated),
    colour: (node) => overTotal(node, 'allocated'),
  },
  {
    group: 'Memory (M)',
    title: 'Prov',
    cell: (node) => String(node.memory.provisioned),
    colour: (node) => overTotal(node, 'provisioned'),
  },
];

export function nodeTable(nodes: readonly NodeObject[], paint: Paint): string {
  return table(
    LIST,
    [...nodes].sort((a, b) => (a.name < b.name ? -1 : 1)),
    paint,
  );
}

export function nodeSheet(node: NodeObject, paint: Paint, long: boolean): string {
  const details = node.health_details
    .filter((one) => long || one.health_delta > 0)
    .map((one) => `${one.name}: ${one.message}`);
  return sheet(
    [
      ['Name', node.name],
      ['PVC Version', node.pvc_version],
      ['Health', paint(healthColour(node.health), healthText(node))],
      ...(details.length === 0 ? [] : [['Health Plugin Details', details.join('\n')] as const]),
      null,
      ['Daemon State', paint(daemonColour(node.daemon_state), node.daemon_state)],
      ['Coordinator State', paint(coordinatorColour(node.coordinator_state), node.coordinator_state)],
      ['Domain State', paint(domainColour(node.domain_state), node.domain_state)],
      ...(node.waiting_reason ? [['Waiting', paint('yellow', node.waiting_reason)] as const] : []),
      ...(long
        ? [
            null,
            ['Architecture', node.arch] as const,
            ['Operating System', node.os] as const,
            ['Kernel Version', node.kernel] as const,
          ]
        : []),
      null,
      ['Active VM Count', String(node.domains_count)],
      ['Host CPUs', String(node.vcpu.total)],
      ['vCPUs', String(node.vcpu.allocated)],
      ['Load', String(node.load)],
      ['Total RAM (MiB)', String(node.memory.total)],
      ['Used RAM (MiB)', String(node.memory.used)],
      ['Free RAM (MiB)', String(node.memory.free)],
      ['Allocated RAM (MiB)', paint(overTotal(node, 'allocated'), String(node.memory.allocated))],
      ['Provisioned RAM (MiB)', paint(overTotal(node, 'provisioned'), String(node.memory.provisioned))],
    ],
    paint,
  );
}
