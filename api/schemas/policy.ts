/** Shapes of /settings, /rule and /node/<n>/leave. All ours: PVC has no such things. */
import { args, count, flag, oneOf, Type } from './schema.js';

export const SHUTDOWN_POLICIES = ['conditional', 'freeze', 'failover', 'migrate'] as const;
export const OVERCOMMIT = ['fit', 'warn', 'refuse'] as const;
export const NODE_LOSS = ['ignore', 'warn', 'refuse'] as const;
export const STORAGE_LOSS = ['move', 'wait'] as const;
export const REBALANCE_ON_START = ['off', 'static', 'dynamic'] as const;

const optionalOf = <const T extends readonly string[]>(values: T, description: string) =>
  Type.Optional(oneOf(values, description));

export const SettingsArguments = args({
  shutdown_policy: optionalOf(SHUTDOWN_POLICIES, 'What becomes of the VMs of a node that is shut down or rebooted'),
  overcommit: optionalOf(OVERCOMMIT, 'A VM where its memory is not free, or more is provisioned than there is'),
  node_loss: optionalOf(NODE_LOSS, 'A start after which the loss of one node would leave a VM without a place'),
  storage_loss: optionalOf(STORAGE_LOSS, 'A node that lives and has no way to the storage: its VMs on RBD begin anew '
    + 'elsewhere, or wait for it'),
  storage_loss_after: count('Seconds for which it has been so before its VMs are moved', 5, 86_400),
  rebalance_on_start: optionalOf(REBALANCE_ON_START, 'A VM that is started goes where the cluster becomes most even'),
  rebalance_auto: flag('Not yet: a balancer that moves running VMs'),
});
export const Settings = Type.Object({
  shutdown_policy: Type.String(),
  overcommit: Type.String(),
  node_loss: Type.String(),
  storage_loss: Type.String(),
  storage_loss_after: Type.Integer({ description: 'Seconds' }),
  rebalance_on_start: Type.String(),
  rebalance_auto: Type.Boolean(),
  maintenance: Type.Boolean(),
  moves_refused: Type.Boolean(),
  disarmed: Type.Boolean(),
  disarmed_nodes: Type.Array(Type.String(), { description: 'Nodes that have heard it' }),
});

const NAME = '^[A-Za-z0-9][A-Za-z0-9._-]*$';
export const RulePath = Type.Object({ rule: Type.String({ maxLength: 64, pattern: NAME }) });
const names = (description: string) =>
  Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 128 }), { maxItems: 256, description }));
export const RuleArguments = args({
  kind: oneOf(['node-affinity', 'vm-affinity'], 'Which nodes VMs like, or which VMs belong together or apart'),
  vms: names('Names or UUIDs of VMs'),
  nodes: names('node-affinity: nodes, each with its priority ("hv1=2"; 1 if left out): a higher one is preferred'),
  together: flag('vm-affinity: together (default) or apart'),
  strict: flag('What it does not allow is not done; else it only orders places'),
});
export const Rule = Type.Object({
  name: Type.String(),
  kind: Type.String(),
  vms: Type.Array(Type.String()),
  nodes: Type.Unsafe<Record<string, number>>({ type: 'object', additionalProperties: { type: 'number' } }),
  together: Type.Boolean(),
  strict: Type.Boolean(),
});
export const RuleList = Type.Array(Rule);

export const LeaveArguments = args({
  how: oneOf(['shutdown', 'reboot'], 'What its system is about to do'),
  wait: flag('Answer when the node is empty, or when it has taken too long'),
});
