/** Every command of `pvc`: parsing, help and completion are made from this table. */
import type { Command, Group } from '../command.js';
import { clusterCommands } from './cluster.js';
import { connectionCommands } from './connection.js';
import { nodeCommands } from './node.js';
import { ownCommands } from './own.js';
import { vmDefineCommands } from './vm-define.js';
import { vmModifyCommands } from './vm-modify.js';
import { vmStateCommands } from './vm-state.js';
import { vmViewCommands } from './vm-view.js';

export const COMMANDS: readonly Command[] = [
  ...connectionCommands, ...clusterCommands, ...nodeCommands,
  ...vmDefineCommands, ...vmModifyCommands, ...vmStateCommands, ...vmViewCommands, ...ownCommands,
];

export const GROUPS: readonly Group[] = [
  { path: ['connection'], summary: 'The clusters this user can talk to.' },
  { path: ['cluster'], summary: 'The cluster as a whole.' },
  { path: ['cluster', 'maintenance'], summary: 'Maintenance mode.' },
  { path: ['node'], summary: 'Nodes: their state, and who is primary.' },
  { path: ['vm'], summary: 'Virtual machines.' },
  { path: ['vm', 'tag'], summary: 'Tags of a VM.' },
  { path: ['vm', 'vcpu'], summary: 'vCPUs of a VM.' },
  { path: ['vm', 'memory'], summary: 'Memory of a VM.' },
];
