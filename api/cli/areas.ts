/**
 * The commands of `pvc` by their first word. An area's files are loaded when its word is used, so that no command
 * waits for the code of the others.
 */
import type { Command, Group } from './command.js';

interface Area {
  readonly word: string;
  readonly summary: string;
  load(): Promise<readonly Command[]>;
}

const own = async (word: string): Promise<readonly Command[]> =>
  (await import('./commands/own.js')).ownCommands.filter((command) => command.path[0] === word);

const AREAS: readonly Area[] = [
  {
    word: 'connection',
    summary: 'The clusters this user can talk to.',
    load: async () => (await import('./commands/connection.js')).connectionCommands,
  },
  {
    word: 'cluster',
    summary: 'The cluster as a whole.',
    load: async () => [
      ...(await import('./commands/cluster.js')).clusterCommands,
      ...(await import('./commands/cluster-fault.js')).clusterFaultCommands,
      ...(await import('./commands/policy.js')).settingsCommands,
    ],
  },
  {
    word: 'node',
    summary: 'Nodes: their state, and who is primary.',
    load: async () => (await import('./commands/node.js')).nodeCommands,
  },
  {
    word: 'vm',
    summary: 'Virtual machines.',
    load: async () => {
      const [define, modify, state, view, volume, snapshot] = await Promise.all([
        import('./commands/vm-define.js'),
        import('./commands/vm-modify.js'),
        import('./commands/vm-state.js'),
        import('./commands/vm-view.js'),
        import('./commands/vm-volume.js'),
        import('./commands/vm-snapshot.js'),
      ]);
      return [
        ...define.vmDefineCommands,
        ...modify.vmModifyCommands,
        ...state.vmStateCommands,
        ...view.vmViewCommands,
        ...volume.vmVolumeCommands,
        ...snapshot.vmSnapshotCommands,
      ];
    },
  },
  {
    word: 'rule',
    summary: 'Placement rules: nodes that VMs like, VMs kept together or apart.',
    load: async () => (await import('./commands/policy.js')).ruleCommands,
  },
  {
    word: 'storage',
    summary: 'Shared storage: Ceph, its OSDs, pools and volumes.',
    load: async () => {
      const [osd, benchmark, pool, volume, snapshot] = await Promise.all([
        import('./commands/storage-osd.js'),
        import('./commands/storage-benchmark.js'),
        import('./commands/storage-pool.js'),
        import('./commands/storage-volume.js'),
        import('./commands/storage-snapshot.js'),
      ]);
      return [
        ...osd.storageOsdCommands, ...benchmark.storageBenchmarkCommands, ...pool.storagePoolCommands,
        ...volume.storageVolumeCommands, ...snapshot.storageSnapshotCommands,
      ];
    },
  },
  {
    word: 'actor',
    summary: 'Any actor: its mailbox, its effects, and why it is where it is.',
    load: async () => (await import('./commands/actor.js')).actorCommands,
  },
  {
    word: 'dead-letter',
    summary: 'Letters that could not be stepped or delivered.',
    load: async () => (await import('./commands/actor.js')).deadLetterCommands,
  },
  {
    word: 'task',
    summary: 'What is under way: how far it is, and how to end it.',
    load: async () => (await import('./commands/task.js')).taskCommands,
  },
  { word: 'events', summary: 'Print what happens in the cluster, as it happens.', load: () => own('events') },
  { word: 'api', summary: 'Make one raw call to the API.', load: () => own('api') },
  { word: 'completion', summary: 'Print a completion script for the shell.', load: () => own('completion') },
];

/** Words that hold commands; for help, the first words of areas that are not loaded are among them. */
export const GROUPS: readonly Group[] = [
  ...AREAS.map((area) => ({ path: [area.word], summary: area.summary })),
  { path: ['cluster', 'fault'], summary: 'What is wrong, and what to do about it.' },
  { path: ['cluster', 'maintenance'], summary: 'Maintenance mode.' },
  { path: ['storage', 'benchmark'], summary: 'How fast a pool is, by fio.' },
  { path: ['storage', 'osd'], summary: 'OSDs: the disks of Ceph.' },
  { path: ['storage', 'pool'], summary: 'Pools: what volumes are in.' },
  { path: ['storage', 'volume'], summary: 'Volumes: the disks of VMs.' },
  { path: ['storage', 'volume', 'snapshot'], summary: 'Snapshots of volumes.' },
  { path: ['vm', 'tag'], summary: 'Tags of a VM.' },
  { path: ['vm', 'snapshot'], summary: 'Snapshots of a VM.' },
  { path: ['vm', 'volume'], summary: 'Disks of a VM.' },
  { path: ['vm', 'vcpu'], summary: 'vCPUs of a VM.' },
  { path: ['vm', 'memory'], summary: 'Memory of a VM.' },
];

/** The commands that begin with this word; none for an unknown word. */
export async function commandsOf(word: string | undefined): Promise<readonly Command[]> {
  return (await AREAS.find((area) => area.word === word)?.load()) ?? [];
}

export async function allCommands(): Promise<readonly Command[]> {
  return (await Promise.all(AREAS.map((area) => area.load()))).flat();
}
