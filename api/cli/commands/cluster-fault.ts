/** `pvc cluster fault`, with PVC's words. */
import { accepted, fetchData, messageOf } from '../calls.js';
import type { Command, CommandContext, Positional } from '../command.js';
import { clusterFaultSheets, clusterFaultTable, type FaultRow } from '../format/fault.js';
import { formatOption, printFormatted } from '../format/json.js';
import { confirmed, YES } from './options.js';

const ONE: Positional = { name: 'FAULT', required: false, help: 'ID of one fault; all if left out.' };
const FAULTS: Positional = { name: 'FAULT', required: true, many: true, help: 'IDs, from "pvc cluster fault list".' };

async function list(context: CommandContext): Promise<void> {
  const id = context.values.positional('FAULT');
  const path = id === '' ? '/faults' : `/faults/${encodeURIComponent(id)}`;
  const query = id === '' ? { sort_key: 'last_reported' } : {};
  const faults = await fetchData<FaultRow[]>(await context.api(), path, query);
  const { paint } = context.terminal;
  printFormatted(context, faults, {
    short: () => (faults.length === 0 ? 'No fault.' : clusterFaultTable(faults, paint)),
    long: () => (faults.length === 0 ? 'No fault.' : clusterFaultSheets(faults, paint)),
  });
}

const each = (method: 'PUT' | 'DELETE') => async (context: CommandContext): Promise<void> => {
  const api = await context.api();
  for (const id of context.values.positionals('FAULT')) {
    const { body } = await accepted(api, { method, path: `/faults/${encodeURIComponent(id)}` });
    context.terminal.print(messageOf(body));
  }
};

const all = (method: 'PUT' | 'DELETE', question: string) => async (context: CommandContext): Promise<void> => {
  await confirmed(context, question);
  const { body } = await accepted(await context.api(), { method, path: '/faults' });
  context.terminal.print(messageOf(body));
};

export const clusterFaultCommands: readonly Command[] = [
  {
    path: ['cluster', 'fault', 'list'],
    summary: 'List what is wrong with the cluster; "long" tells the cures.',
    positionals: [ONE],
    options: [formatOption('short', 'long', 'json', 'json-pretty')],
    examples: ['pvc cluster fault list', 'pvc cluster fault list -f long', 'pvc cluster fault list CEPH_WARN_OSD_DOWN'],
    run: list,
  },
  {
    path: ['cluster', 'fault', 'ack'],
    summary: 'Acknowledge faults: they no longer count against the health, until they get worse.',
    positionals: [FAULTS],
    examples: ['pvc cluster fault ack CEPH_WARN_OSD_DOWN'],
    run: each('PUT'),
  },
  {
    path: ['cluster', 'fault', 'ack-all'],
    summary: 'Acknowledge all faults of the storage.',
    options: [YES],
    examples: ['pvc cluster fault ack-all -y'],
    run: all('PUT', 'Acknowledge all current cluster faults'),
  },
  {
    path: ['cluster', 'fault', 'delete'],
    summary: 'Delete faults from the list; what is still so is found again.',
    positionals: [FAULTS],
    examples: ['pvc cluster fault delete STORAGE_DRIFT_VOLUMES_GONE_VMS'],
    run: each('DELETE'),
  },
  {
    path: ['cluster', 'fault', 'delete-all'],
    summary: 'Delete all faults of the storage; what is still so is found again.',
    options: [YES],
    examples: ['pvc cluster fault delete-all -y'],
    run: all('DELETE', 'Delete all current cluster faults'),
  },
];
