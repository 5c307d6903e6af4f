/** `pvc storage osd`, and Ceph as a whole. */
import { OSD_OPTIONS } from '../../schemas/storage-osds.js';
import { accepted, fetchData, fetchOne, messageOf } from '../calls.js';
import type { Command, CommandContext, OptionSpec, Positional } from '../command.js';
import { formatOption, printFormatted } from '../format/json.js';
import { bytesText, countText, sheet, table, type Column } from '../format/table.js';
import type { Colour } from '../terminal.js';
import { runTask } from '../task.js';
import { confirmed, LIMIT, WAITS as WAITING, YES } from './options.js';

interface OsdObject {
  readonly id: string; readonly fsid: string; readonly node: string; readonly device: string;
  readonly is_split: boolean; readonly db_device: string; readonly stats: Readonly<Record<string, unknown>>;
  readonly state: string; readonly explanation: string; readonly reason: string | null;
}

const SURE = { 'yes-i-really-mean-it': 'yes' };
const osdPath = (osd: string, rest = ''): string => `/storage/ceph/osd/${encodeURIComponent(osd)}${rest}`;

const OSD: Positional = { name: 'OSDID', required: true, help: 'Number of the OSD.' };
const DEVICE: Positional = {
  name: 'DEVICE', required: true, help: 'The whole disk: a path, or detect:NAME:SIZE:N, as detect:INTEL:960GB:0.',
};
const PLACE: readonly OptionSpec[] = [
  { name: 'weight', short: 'w', kind: 'text', value: 'WEIGHT', help: 'Weight by CRUSH, by custom its TiB. [1.0]' },
  {
    name: 'ext-db-ratio', short: 'r', kind: 'text', value: 'SHARE',
    help: 'Its database on the OSD DB device of the node: such a share of its size, as 0.05.',
  },
  { name: 'ext-db-size', short: 's', kind: 'text', value: 'SIZE', help: 'The same as a size, as 50G.' },
];
/** PVC's -w is the weight here: waiting has no short spelling. */
const WAITS = WAITING.map(({ short: _short, ...option }) => option as OptionSpec);
const placeOf = ({ values }: CommandContext): Record<string, string | undefined> => ({
  weight: values.text('weight'), ext_db_ratio: values.text('ext-db-ratio'), ext_db_size: values.text('ext-db-size'),
});

const number = (osd: OsdObject, name: string): number => Number(osd.stats[name] ?? 0);
const yes = (osd: OsdObject, name: string): string => (number(osd, name) === 1 ? 'yes' : 'no');
const colour = (name: string) => (osd: OsdObject): Colour => (number(osd, name) === 1 ? 'green' : 'red');

const COLUMNS: readonly Column<OsdObject>[] = [
  { title: 'ID', group: 'OSD', cell: (osd) => osd.id },
  { title: 'Node', group: 'OSD', cell: (osd) => osd.node },
  { title: 'Device', group: 'OSD', cell: (osd) => `${osd.device}${osd.is_split ? ' [s]' : ''}` },
  { title: 'DB', group: 'OSD', cell: (osd) => osd.db_device },
  { title: 'Up', group: 'State', cell: (osd) => yes(osd, 'up'), colour: colour('up') },
  { title: 'In', group: 'State', cell: (osd) => yes(osd, 'in'), colour: colour('in') },
  { title: 'Task', group: 'State', cell: (osd) => (osd.state === 'serving' ? '' : osd.state) },
  { title: 'Size', group: 'Details', cell: (osd) => bytesText(number(osd, 'size_bytes')) },
  { title: 'PGs', group: 'Details', cell: (osd) => String(number(osd, 'pgs')) },
  { title: 'Weight', group: 'Details', cell: (osd) => String(Math.round(number(osd, 'weight') * 1000) / 1000) },
  { title: 'Used', group: 'Details', cell: (osd) => bytesText(number(osd, 'used_bytes')) },
  { title: 'Free', group: 'Details', cell: (osd) => bytesText(number(osd, 'avail_bytes')) },
  { title: 'Util%', group: 'Details', cell: (osd) => (Math.round(number(osd, 'utilization') * 100) / 100).toFixed(2) },
  { title: 'Ops', group: 'Read', cell: (osd) => countText(number(osd, 'read_ops_rate')) },
  { title: 'Data', group: 'Read', cell: (osd) => bytesText(number(osd, 'read_bytes_rate')) },
  { title: 'Ops', group: 'Write', cell: (osd) => countText(number(osd, 'write_ops_rate')) },
  { title: 'Data', group: 'Write', cell: (osd) => bytesText(number(osd, 'write_bytes_rate')) },
];

async function list(context: CommandContext): Promise<void> {
  const limit = context.values.positional('LIMIT') || undefined;
  const osds = await fetchData<OsdObject[]>(await context.api(), '/storage/ceph/osd', { limit });
  printFormatted(context, osds, {
    pretty: () => table(COLUMNS, osds, context.terminal.paint),
    raw: () => osds.map((osd) => osd.id).join('\n'),
  });
}

async function info(context: CommandContext): Promise<void> {
  const id = context.values.positional('OSDID');
  const osd = await fetchOne<OsdObject>(await context.api(), osdPath(id), `There is no OSD ${id}.`);
  printFormatted(context, osd, {
    pretty: () => sheet([
      ['OSD', osd.id], ['UUID', osd.fsid], ['Node', osd.node], ['Device', osd.device],
      ['Database on', osd.db_device || 'the same device'], ['Up', yes(osd, 'up')], ['In', yes(osd, 'in')],
      ['State', `${osd.state}: ${osd.explanation}`], ...(osd.reason === null ? [] : [['Reason', osd.reason] as const]),
      ['Size', bytesText(number(osd, 'size_bytes'))], ['Used', bytesText(number(osd, 'used_bytes'))],
      ['Placement groups', String(number(osd, 'pgs'))], ['Weight', String(number(osd, 'weight'))],
      ['Class', String(osd.stats['class'] ?? '')],
    ], context.terminal.paint),
  });
}

async function add(context: CommandContext): Promise<void> {
  const { values } = context;
  const [node, device] = [values.positional('NODE'), values.positional('DEVICE')];
  await confirmed(context, `Make an OSD of ${device} on ${node}`);
  await runTask(context, {
    method: 'POST', path: '/storage/ceph/osd',
    query: { node, device, ...placeOf(context), osd_count: values.number('osd-count') },
  });
}

async function share(context: CommandContext): Promise<void> {
  const [node, device] = [context.values.positional('NODE'), context.values.positional('DEVICE')];
  await confirmed(context, `Make ${device} of ${node} a device for databases of OSDs`);
  await runTask(context, { method: 'POST', path: '/storage/ceph/osddb', query: { node, device } });
}

async function replace(context: CommandContext): Promise<void> {
  const { values } = context;
  const [id, device] = [values.positional('OSDID'), values.positional('DEVICE')];
  await confirmed(context, `Give up the data of OSD ${id}, and make it anew on ${device}`);
  await runTask(context, {
    method: 'POST', path: osdPath(id),
    query: {
      new_device: device, old_device: values.text('old-device'), ...placeOf(context), force: values.flag('force'),
      ...SURE,
    },
  });
}

async function refresh(context: CommandContext): Promise<void> {
  const { values } = context;
  const [id, device] = [values.positional('OSDID'), values.positional('DEVICE')];
  await confirmed(context, `Bring OSD ${id} back from ${device}`);
  await runTask(context, { method: 'PUT', path: osdPath(id), query: { device } });
}

async function remove(context: CommandContext): Promise<void> {
  const { values } = context;
  const id = values.positional('OSDID');
  await confirmed(context, `Remove OSD ${id} for good, and wipe its device`);
  await runTask(context, { method: 'DELETE', path: osdPath(id), query: { force: values.flag('force'), ...SURE } });
}

const post = (path: (context: CommandContext) => string, query: (context: CommandContext) => Record<string, string>) =>
  async (context: CommandContext): Promise<void> => {
    const call = { method: 'POST', path: path(context), query: query(context) } as const;
    context.terminal.print(messageOf((await accepted(await context.api(), call)).body));
  };
const mark = (state: string) =>
  post(({ values }) => osdPath(values.positional('OSDID'), '/state'), () => ({ state }));
const option = (action: string) =>
  post(() => '/storage/ceph/option', ({ values }) => ({ option: values.positional('PROPERTY'), action }));

const shown = (what: 'status' | 'utilization') => async (context: CommandContext): Promise<void> => {
  const told = await fetchData<{ ceph_data: string }>(await context.api(), `/storage/ceph/${what}`);
  context.terminal.print(told.ceph_data.trimEnd());
};

const PROPERTY: Positional = { name: 'PROPERTY', required: true, help: `One of ${OSD_OPTIONS.join(', ')}.` };
const FORMATS = formatOption('pretty', 'raw', 'json', 'json-pretty');

export const storageOsdCommands: readonly Command[] = [
  { path: ['storage', 'status'], summary: 'Show the status of Ceph.', examples: ['pvc storage status'],
    run: shown('status') },
  { path: ['storage', 'util'], summary: 'Show how full Ceph is.', examples: ['pvc storage util'],
    run: shown('utilization') },
  { path: ['storage', 'osd', 'list'], summary: 'List the OSDs.', positionals: [LIMIT], options: [FORMATS],
    examples: ['pvc storage osd list'], run: list },
  { path: ['storage', 'osd', 'info'], summary: 'Show one OSD.', positionals: [OSD],
    options: [formatOption('pretty', 'json', 'json-pretty')], examples: ['pvc storage osd info 0'], run: info },
  {
    path: ['storage', 'osd', 'add'], summary: 'Make an OSD of a disk of a node, or several that share it.',
    details: 'The disk must be empty: what it holds, and how to be rid of it, is said otherwise.',
    positionals: [{ name: 'NODE', required: true, help: 'Node that has the disk.' }, DEVICE],
    options: [...PLACE, { name: 'osd-count', short: 'c', kind: 'number', value: 'N', help: 'So many OSDs on it. [1]' },
      ...WAITS, YES],
    examples: ['pvc storage osd add hv1 /dev/sdb', 'pvc storage osd add hv1 detect:INTEL:960GB:0 -w 0.9'],
    run: add,
  },
  {
    path: ['storage', 'osd', 'create-db-vg'], summary: 'Make a disk of a node one for the databases of its OSDs.',
    details: 'OSDs added with --ext-db-ratio or --ext-db-size get parts of it: a fast disk beside slow ones.',
    positionals: [{ name: 'NODE', required: true, help: 'Node that has the disk.' }, DEVICE],
    options: [...WAITS, YES], examples: ['pvc storage osd create-db-vg hv1 /dev/nvme0n1'], run: share,
  },
  {
    path: ['storage', 'osd', 'replace'], summary: 'Give an OSD another disk, under the same number.',
    details: 'Refused while placement groups would become unavailable by it, unless --force gives up what only it has. '
      + 'OSDs that share the old disk go to the new one together; weight and database stay as they are if not given.',
    positionals: [OSD, DEVICE],
    options: [...PLACE, { name: 'old-device', short: 'o', kind: 'text', value: 'DEVICE', help: 'As PVC has it.' },
      { name: 'force', short: 'f', kind: 'flag', help: 'Even if data are lost by it.' }, ...WAITS, YES],
    examples: ['pvc storage osd replace 3 /dev/sdc'], run: replace,
  },
  { path: ['storage', 'osd', 'refresh'], summary: 'Bring an OSD back whose disk is here and whose directory is not.',
    details: 'As after a node was installed anew. OSDs that share the disk come back together.',
    positionals: [OSD, DEVICE], options: [...WAITS, YES], examples: ['pvc storage osd refresh 3 /dev/sdb'],
    run: refresh },
  {
    path: ['storage', 'osd', 'remove'], summary: 'Take an OSD off the cluster for good, once its data are elsewhere.',
    details: 'It is taken out first. If nothing moves for five minutes the task ends, and --force is asked for. '
      + 'An OSD of a node that is not alive is only removed with --force: any node takes it off the cluster.',
    positionals: [OSD],
    options: [{ name: 'force', short: 'f', kind: 'flag', help: 'Without waiting: gives up what only it has.' },
      ...WAITS, YES],
    examples: ['pvc storage osd remove 3', 'pvc storage osd remove 3 --force --no-wait'], run: remove,
  },
  { path: ['storage', 'osd', 'cancel'], summary: 'Keep an OSD whose removal still waits for its data.',
    positionals: [OSD], options: WAITS, examples: ['pvc storage osd cancel 3'],
    run: (context) => runTask(context, {
      method: 'POST', path: osdPath(context.values.positional('OSDID'), '/cancel'),
    }) },
  { path: ['storage', 'osd', 'in'], summary: 'Let an OSD hold data.', positionals: [OSD],
    examples: ['pvc storage osd in 3'], run: mark('in') },
  { path: ['storage', 'osd', 'out'], summary: 'Move the data of an OSD elsewhere.', positionals: [OSD],
    examples: ['pvc storage osd out 3'], run: mark('out') },
  { path: ['storage', 'osd', 'set'], summary: 'Set a flag of the whole cluster.', positionals: [PROPERTY],
    examples: ['pvc storage osd set noout'], run: option('set') },
  { path: ['storage', 'osd', 'unset'], summary: 'Unset a flag of the whole cluster.', positionals: [PROPERTY],
    examples: ['pvc storage osd unset noout'], run: option('unset') },
];
