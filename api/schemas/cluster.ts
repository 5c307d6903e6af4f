/** Shapes of /, /status, /tasks, /events. */
import { anyObject, args, flag, nullableText, oneOf, Type } from './schema.js';

export const MaintenanceArguments = args({
  state: oneOf(['true', 'false'], 'Maintenance mode on or off'),
  refuse_moves: flag('Ours: commands that move VMs are refused while it is on'),
  disarm: flag('Ours: guests run on without a lease while it is on'),
});
export const PrimaryNode = Type.Object({ primary_node: Type.String() });

const counts = Type.Unsafe<Record<string, number>>({ type: 'object', additionalProperties: { type: 'integer' } });
const HealthMessage = Type.Object({
  id: Type.String(), health_delta: Type.Integer(), text: Type.String(),
  cure: Type.String({ description: 'Ours: what an administrator does about it' }),
});
const Health = Type.Object({ health: Type.Integer(), messages: Type.Array(HealthMessage) });
const share = { utilization: Type.Number() };

export const Status = Type.Object({
  cluster_name: Type.String(),
  cluster_health: Health,
  node_health: Type.Unsafe<Record<string, { health: number; messages: string[] }>>({
    type: 'object',
    additionalProperties: {
      type: 'object',
      properties: { health: { type: 'integer' }, messages: { type: 'array', items: { type: 'string' } } },
    },
  }),
  maintenance: Type.String({ description: 'The text "true" or "false"' }),
  primary_node: nullableText(),
  pvc_version: Type.String(),
  upstream_ip: Type.String(),
  nodes: counts,
  vms: counts,
  networks: Type.Integer(),
  osds: counts,
  pools: Type.Integer(),
  volumes: Type.Integer(),
  snapshots: Type.Integer(),
  resources: Type.Object({
    memory: Type.Object(
      {
        total: Type.Integer(),
        free: Type.Integer(),
        used: Type.Integer(),
        allocated: Type.Integer(),
        provisioned: Type.Integer(),
        ...share,
      },
      { description: 'MiB' },
    ),
    cpu: Type.Object({ total: Type.Integer(), load: Type.Number(), allocated: Type.Integer(), ...share }),
    disk: Type.Object(
      { total: Type.Integer(), used: Type.Integer(), free: Type.Integer(), ...share },
      { description: 'KiB' },
    ),
  }),
  detail: Type.Object({
    node: Type.Array(Type.Object({ name: Type.String(), daemon_state: Type.String(), domain_state: Type.String() })),
    vm: Type.Array(Type.Object({ uuid: Type.String(), name: Type.String(), state: Type.String() })),
    osd: Type.Array(anyObject()),
    faults: Type.Array(anyObject()),
  }),
});

export const TaskPath = Type.Object({ id: Type.String({ maxLength: 128 }) });
export const Task = Type.Object({
  state: Type.String(),
  current: Type.Integer(),
  total: Type.Integer(),
  status: Type.String(),
  command: Type.String(),
  actor: Type.String(),
});
export const Tasks = Type.Object({ active: anyObject(), reserved: anyObject(), scheduled: anyObject() });

export const Ticket = Type.Object({ ticket: Type.String(), expires_in: Type.Integer({ description: 'Seconds' }) });
