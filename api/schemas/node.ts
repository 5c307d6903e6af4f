/** Shapes of /node: PVC's field names. */
import { anyObject, args, count, flag, nullableText, oneOf, text, Type } from './schema.js';

export const NodeListArguments = args({
  limit: text('A regular expression on the name, fuzzy unless anchored'),
  daemon_state: text('Only nodes in this daemon state'),
  coordinator_state: text('Only nodes in this coordinator state'),
  domain_state: text('Only nodes in this domain state'),
});
export const CoordinatorStateArguments = args({
  state: oneOf(['primary', 'secondary'], 'The coordinator state wanted'),
  wait: flag('Answer when it is reached'),
});
export const DomainStateArguments = args({
  state: oneOf(['ready', 'flush'], 'The domain state wanted'),
  wait: flag('Answer when it is reached'),
});
export const LinesArguments = args({ lines: count('How many lines, from the end', 0, 100_000) });
export const ConfirmArguments = args({
  'yes-i-really-mean-it': Type.String({
    description: 'Any value: you vouch that this node is powered off',
    minLength: 1,
  }),
  wait: flag('Answer when the recovery has been started'),
});
export const NodePath = Type.Object({ node: Type.String({ maxLength: 128 }) });

export const NodeObject = Type.Object({
  name: Type.String(),
  daemon_state: Type.String(),
  coordinator_state: Type.String(),
  domain_state: Type.String(),
  pvc_version: Type.String(),
  cpu_count: Type.Integer(),
  kernel: Type.String(),
  os: Type.String(),
  arch: Type.String(),
  health: Type.Integer(),
  health_plugins: Type.Array(Type.String()),
  health_details: Type.Array(anyObject()),
  load: Type.Number(),
  domains_count: Type.Integer(),
  running_domains: Type.Array(Type.String()),
  vcpu: Type.Object({ total: Type.Integer(), allocated: Type.Integer() }),
  memory: Type.Object(
    {
      total: Type.Integer(),
      allocated: Type.Integer(),
      provisioned: Type.Integer(),
      used: Type.Integer(),
      free: Type.Integer(),
    },
    { description: 'MiB' },
  ),
  interfaces: anyObject(),
  waiting_reason: nullableText('Ours: why a fence or a flush waits'),
});
export const NodeList = Type.Array(NodeObject);
export const DaemonState = Type.Object({ name: Type.String(), daemon_state: Type.String() });
export const CoordinatorState = Type.Object({ name: Type.String(), coordinator_state: Type.String() });
export const DomainState = Type.Object({ name: Type.String(), domain_state: Type.String() });
export const LogText = Type.Object({ name: Type.String(), data: Type.String() });
