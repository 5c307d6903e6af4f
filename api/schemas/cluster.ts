/** Shapes of /, /status, /tasks, /actors. */
import { anyObject, args, nullableText, oneOf, text, Type } from './schema.js';

export const MaintenanceArguments = args({ state: oneOf(['true', 'false'], 'Maintenance mode on or off') });
export const PrimaryNode = Type.Object({ primary_node: Type.String() });

const counts = Type.Unsafe<Record<string, number>>({ type: 'object', additionalProperties: { type: 'integer' } });
const HealthMessage = Type.Object({ id: Type.String(), health_delta: Type.Integer(), text: Type.String() });
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

export const ActorListArguments = args({ kind: text('Only actors of this kind: vm, node ...') });
export const ActorPath = Type.Object({ kind: Type.String({ maxLength: 64 }), id: Type.String({ maxLength: 128 }) });
export const ActorRow = Type.Object({
  address: Type.String(),
  kind: Type.String(),
  id: Type.String(),
  name: Type.String(),
  state: Type.String(),
  word: nullableText("PVC's word for the state"),
  owner: nullableText(),
  epoch: Type.Unsafe<number | null>({ type: ['integer', 'null'] }),
  revision: Type.Integer(),
  seq: Type.Integer(),
  pending: Type.Integer(),
  timers: Type.Integer(),
  operation: Type.Unsafe<{ operationId: string; command: string } | null>({
    type: ['object', 'null'],
    properties: { operationId: { type: 'string' }, command: { type: 'string' } },
  }),
  fault: nullableText(),
  waiting_reason: nullableText(),
  at: Type.Unsafe<number | null>({ type: ['integer', 'null'] }),
  event: nullableText('Type of the last message'),
});
export const ActorList = Type.Array(ActorRow);
export const ActorRecordView = Type.Object({
  address: Type.String(),
  cursor: Type.String(),
  word: nullableText(),
  explanation: nullableText('What the state means'),
  owner: Type.Unsafe<Record<string, unknown> | null>({ type: ['object', 'null'], additionalProperties: true }),
  record: anyObject(),
});
export const Ticket = Type.Object({ ticket: Type.String(), expires_in: Type.Integer({ description: 'Seconds' }) });
