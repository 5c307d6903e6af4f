/** Commands about one device of a VM: what they begin while it runs, and what they change while it does not. */
import type { DeviceChange, VmDeviceCommand } from './messages.js';
import { beginOperation, endAtOnce, vmSetup } from './setup.js';

const CHANGES = { 'vm.attach': 'attach', 'vm.detach': 'detach', 'vm.limit': 'limit' } as const;
type DeviceCommandType = keyof typeof CHANGES;

const isDeviceCommand = (event: { type: string }): event is VmDeviceCommand & { type: DeviceCommandType } =>
  event.type in CHANGES;

/**
 * The change begins. What is attached may be something else than RBD to write to: from this commit on, before the
 * effect, a proof by the storage alone is not enough for this copy any more (P3).
 */
const begin = vmSetup.assign(({ context, event }) => {
  if (!isDeviceCommand(event)) return {};
  const { deviceHash, definition } = event;
  const change: DeviceChange = CHANGES[event.type];
  return {
    device: { change, deviceHash, definition, beforeHash: context.definition.xmlHash, unknown: 0 },
    ...(context.rbdOnlyCopies === undefined ? {}
      : { rbdOnlyCopies: context.rbdOnlyCopies && (change !== 'attach' || definition.rbdOnly) }),
  };
});

/** While it runs: done to the guest and to the definition together. */
const changeIt = { target: '#changing.applying', actions: [beginOperation, begin] } as const;
export const changesDevices = { 'vm.attach': changeIt, 'vm.detach': changeIt, 'vm.limit': changeIt } as const;

/** While nothing runs only the definition changes. */
const define = {
  actions: [
    vmSetup.assign(({ event }) => (isDeviceCommand(event) ? { definition: event.definition } : {})),
    endAtOnce,
  ],
} as const;
export const definesDevices = { 'vm.attach': define, 'vm.detach': define, 'vm.limit': define } as const;
