/** Shapes of /faults: PVC's, with what we add. */
import { args, oneOf, Type } from './schema.js';

export const FAULT_SORT_KEYS = [
  'first_reported', 'last_reported', 'acknowledged_at', 'status', 'health_delta', 'message',
] as const;

export const FaultPath = Type.Object({ fault: Type.String({ maxLength: 512 }) });
export const FaultListArguments = args({
  sort_key: Type.Optional(oneOf(FAULT_SORT_KEYS, 'By what the list is sorted; default last_reported')),
});

export const FaultObject = Type.Object({
  id: Type.String(),
  first_reported: Type.String({ description: 'UTC, `2026-11-23 06:30:20`' }),
  last_reported: Type.String(),
  acknowledged_at: Type.String({ description: 'Empty while nobody has' }),
  status: Type.String({ description: 'new or ack' }),
  health_delta: Type.Integer({ description: 'What it takes off the health while it is not acknowledged, per cent' }),
  message: Type.String(),
  text: Type.String({ description: 'As message: the name that /status has for it' }),
  cure: Type.String({ description: 'Ours: what an administrator does about it' }),
  source: Type.String({ description: 'Ours: ceph, fence, drift, node, vm or placement' }),
  actor: Type.String({ description: 'Ours: the actor that says so' }),
  closing: Type.Boolean({ description: 'Ours: it is not found any more, and closes if it stays away' }),
});
export const FaultList = Type.Array(FaultObject);
