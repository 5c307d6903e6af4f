/** Shapes of /vm: PVC's field names. */
import { Rule } from './policy.js';
import { anyObject, args, count, flag, nullableText, oneOf, text, Type } from './schema.js';

const SELECTORS = ['mem', 'memprov', 'vcpus', 'load', 'vms', 'none'] as const;
const METHODS = ['live', 'shutdown', 'none'] as const;
export const VM_STATES = [
  'start', 'restart', 'shutdown', 'stop', 'disable', 'fail', 'migrate', 'unmigrate', 'provision', 'mirror',
] as const;

export const IO_ERROR_POLICIES = ['pause', 'report', 'stop'] as const;
const ioErrors = Type.Optional(oneOf(IO_ERROR_POLICIES, 'Ours: what becomes of the guest on an error of a disk'));
const selector = Type.Optional(oneOf(SELECTORS, 'How a target node is chosen'));
const method = Type.Optional(oneOf(METHODS, 'How the VM is migrated'));
const autostart = flag('Start the VM when its node becomes ready');
const downtime = count('Longest pause at the end of a live migration, in ms', 1, 3_600_000);
const nodeLimit = text('Names of the nodes the VM may run on, separated by commas; empty = all', 4096);
const tagNames = Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { maxItems: 64 }));
const xml = Type.String({ description: 'A libvirt domain XML document', minLength: 1 });

export const VmPath = Type.Object({ vm: Type.String({ maxLength: 128 }) });
export const VmListArguments = args({
  limit: text('A regular expression on the name, fuzzy unless anchored, or a full UUID'),
  node: text('Only VMs of this node'),
  state: text('Only VMs in this state'),
  tag: text('Only VMs with this tag'),
  negate: flag('Turn node, state and tag round'),
});
export const VmDefineArguments = args({
  xml, node: text('Home node; chosen by the selector if absent'), limit: nodeLimit, selector, autostart,
  migration_method: method, migration_max_downtime: downtime, user_tags: tagNames, protected_tags: tagNames,
  io_errors: ioErrors,
});
export const VmModifyArguments = args({ xml, restart: flag('Restart the VM if it runs') });
export const VmDeleteArguments = args({ delete_disks: flag('Delete the disks too') });
export const VmMetaArguments = args({
  limit: nodeLimit, selector, autostart, profile: text('Provisioner profile'),
  migration_method: method, migration_max_downtime: downtime,
  ha: flag('Ours: false = the cluster leaves the VM as it is'),
  priority: count('Ours: VMs of a higher one are placed and started first after a loss of nodes', -1000, 1000),
  max_restart: count('Ours: failed starts retried on the same node', 0, 100),
  max_relocate: count('Ours: other nodes tried after that', 0, 100),
  failback: flag('Ours: it goes back by itself to a node that its rules like better'),
  lock: Type.Optional(oneOf(['none', 'backup', 'create'], 'Ours: a locked VM cannot be started')),
  io_errors: ioErrors,
});
export const VmTagArguments = args({
  action: oneOf(['add', 'remove'], 'What to do with the tag'),
  tag: Type.String({ description: 'The tag', minLength: 1, maxLength: 64 }),
  protected: flag('A protected tag cannot be removed'),
});
export const VmStateArguments = args({
  state: oneOf(['start', 'shutdown', 'stop', 'restart', 'disable'], 'The state wanted'),
  force: flag('For disable: power off instead of shutting down'),
  wait: flag('Answer when the state is reached'),
});
export const VmNodeArguments = args({
  action: oneOf(['migrate', 'unmigrate', 'move'], 'What to do'),
  node: text('Target node; chosen by the selector if absent'),
  force: flag('For migrate: also when it is migrated already'),
  wait: flag('Answer when it is done'),
  force_live: flag('Never fall back to shutting down'),
});

export const Tag = Type.Object({ name: Type.String(), type: Type.String(), protected: Type.Boolean() });

export const VmObject = Type.Object({
  name: Type.String(),
  uuid: Type.String(),
  state: Type.String(),
  node: Type.String(),
  last_node: nullableText(),
  migrated: Type.String({ description: '"no" or "from <node>"' }),
  failed_reason: nullableText(),
  waiting_reason: nullableText('Ours: why nothing happens although something is wanted'),
  node_limit: Type.Unsafe<string[] | null>({ type: ['array', 'null'], items: { type: 'string' } }),
  node_selector: nullableText(),
  node_autostart: Type.Boolean(),
  migration_method: nullableText(),
  migration_max_downtime: Type.Integer(),
  tags: Type.Array(Tag),
  snapshots: Type.Array(anyObject()),
  description: Type.String(),
  profile: Type.String(),
  rules: Type.Array(Rule, { description: 'Ours: the placement rules about it' }),
  fenced_by: Type.String({
    description: 'Ours: what proves enough that a lost copy can do nothing more: "storage" (its only writable resource '
      + 'is RBD) or "power"',
  }),
  ha: Type.Boolean({ description: 'Ours: false = the cluster leaves it as it is' }),
  priority: Type.Integer({ description: 'Ours: higher ones are placed and started first' }),
  lock: nullableText('Ours: locked, it cannot be started'),
  io_errors: Type.String({ description: 'Ours: on an error of a disk the guest is paused, told (report) or stopped' }),
  memory: Type.Integer({ description: 'MiB' }),
  memory_stats: anyObject('KiB'),
  vcpu: Type.Integer(),
  vcpu_topology: Type.String(),
  vcpu_stats: anyObject(),
  networks: Type.Array(anyObject()),
  type: Type.String(),
  arch: Type.String(),
  machine: Type.String(),
  console: Type.String(),
  vnc: Type.Object({ listen: nullableText(), port: nullableText() }),
  emulator: Type.String(),
  features: Type.Array(Type.String()),
  disks: Type.Array(anyObject()),
  controllers: Type.Array(anyObject()),
  xml: Type.String(),
});
export const VmList = Type.Array(VmObject);
export const VmMetaObject = Type.Object({
  name: Type.String(),
  node_limit: Type.Unsafe<string[] | null>({ type: ['array', 'null'], items: { type: 'string' } }),
  node_selector: Type.String(),
  node_autostart: Type.String(),
  migration_method: Type.String(),
  migration_max_downtime: Type.Integer(),
  ha: Type.Boolean(),
  priority: Type.Integer(),
  max_restart: Type.Integer(),
  max_relocate: Type.Integer(),
  failback: Type.Boolean(),
  lock: nullableText(),
  io_errors: Type.String(),
});
export const VmTags = Type.Object({ name: Type.String(), tags: Type.Array(Tag) });
export const VmState = Type.Object({ name: Type.String(), state: Type.String() });
export const VmNode = Type.Object({ name: Type.String(), node: Type.String(), last_node: nullableText() });
