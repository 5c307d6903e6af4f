/** The cluster for people: PVC's `cluster status`, and its row in `connection detail`. */
import type { StatusObject } from '../../client/types.js';
import type { Colour, Paint } from '../terminal.js';
import { healthColour } from './node.js';
import { sheet } from './table.js';
import { vmStateColour } from './vm.js';

const GIB_IN_MIB = 1024;
const GIB_IN_KIB = 1024 * 1024;

function nodeStateColour(state: string): Colour {
  if (state === 'run,ready') return 'green';
  if (/dead|fenced|stop/.test(state)) return 'red';
  return /^run,(flush|unflush|flushed)$/.test(state) ? 'blue' : 'yellow';
}

/** `2/3 run,ready, 1/3 dead,ready`: the listed states first, then the others. */
function shares(
  counts: Readonly<Record<string, number>> | undefined,
  first: readonly string[],
  colour: (state: string) => Colour,
  paint: Paint,
): string {
  const total = counts?.['total'] ?? 0;
  const states = [
    ...first,
    ...Object.keys(counts ?? {}).filter((state) => state !== 'total' && !first.includes(state)),
  ];
  const texts = states
    .filter((state) => counts?.[state] !== undefined)
    .map((state) => `${counts?.[state] ?? 0}/${total} ${paint(colour(state), state)}`);
  return texts.length === 0 ? String(total) : texts.join(', ');
}

const usage = (
  resource: { total: number; utilization: number } | undefined,
  used: number,
  unit: number,
  suffix: string,
): string => {
  const total = ((resource?.total ?? 0) / unit).toFixed(suffix === '' ? 0 : 1);
  return `${(resource?.utilization ?? 0).toFixed(1)}% (${(used / unit).toFixed(1)}${suffix} / ${total}${suffix})`;
};

function healthLines(status: StatusObject, paint: Paint, withCures: boolean): (readonly [string, string])[] {
  const health = status.cluster_health?.health;
  const maintenance = status.maintenance === 'true';
  const text = health === undefined || health < 0 ? 'N/A' : `${health}%`;
  const messages = (status.cluster_health?.messages ?? []).map((one) => {
    const colour = one.health_delta >= 50 ? 'red' : one.health_delta >= 10 ? 'yellow' : 'green';
    const cure = withCures && one.cure !== undefined ? `\n  cure: ${one.cure}` : '';
    return `${one.id} (${paint(colour, `-${one.health_delta}%`)}) ${one.text}${cure}`;
  });
  return [
    ['Health', paint(healthColour(health ?? -1, maintenance), `${text}${maintenance ? ' (maintenance on)' : ''}`)],
    ['Active faults', messages.length === 0 ? 'None' : messages.join('\n')],
  ];
}

function resourceLines(
  status: StatusObject,
  labels: readonly [string, string, string],
): (readonly [string, string])[] {
  const { cpu, memory, disk } = status.resources ?? {};
  return [
    [labels[0], usage(cpu, cpu?.load ?? 0, 1, '')],
    [labels[1], usage(memory, memory?.used ?? 0, GIB_IN_MIB, ' GB')],
    [labels[2], usage(disk, disk?.used ?? 0, GIB_IN_KIB, ' GB')],
  ];
}

export function statusSheet(status: StatusObject, paint: Paint): string {
  return sheet(
    [
      ['Primary node', status.primary_node ?? 'none'],
      ['PVC version', status.pvc_version ?? 'N/A'],
      ['Upstream IP', status.upstream_ip ?? 'N/A'],
      null,
      ...healthLines(status, paint, true),
      ...resourceLines(status, ['Total CPU', 'Total memory', 'Total disk']),
      null,
      ['Nodes', shares(status.nodes, ['run,ready'], nodeStateColour, paint)],
      ['VMs', shares(status.vms, ['start', 'disable', 'mirror'], vmStateColour, paint)],
      [
        'OSDs',
        shares(
          status.osds,
          ['up,in'],
          (state) => (state === 'up,in' ? 'green' : state === 'down,out' ? 'red' : 'yellow'),
          paint,
        ),
      ],
      ['Pools', String(status.pools ?? 0)],
      ['Volumes', String(status.volumes ?? 0)],
      ['Snapshots', String(status.snapshots ?? 0)],
      ['Networks', String(status.networks ?? 0)],
    ],
    paint,
  );
}

export function statusShort(status: StatusObject, paint: Paint): string {
  return sheet(
    [...healthLines(status, paint, false), ...resourceLines(status, ['CPU usage', 'Memory usage', 'Disk usage'])],
    paint,
  );
}
