/**
 * Part of the VM chart: the guest runs, and one of its devices is being changed, or it is told of a volume's new size.
 * Every effect here may be run twice: a try whose end is not known is simply made again. The definition changes with
 * the device, in the step that hears of its end.
 */
import { changesDevices } from './devices.js';
import type { VmContext } from './messages.js';
import { movesAway } from './moves.js';
import { beginOperation, conclude, noCopyHere, takeOwner, vmSetup, waitForReason, wishEnd } from './setup.js';
import { takesSnapshots } from './snapshots.js';
import { postponeEnd } from './starting.js';
import { VM_DEADLINES, VM_LIMITS } from './timing.js';

/** Unless somebody replaced the definition meanwhile: that is newer than what the change was made of. */
const adopt = vmSetup.assign(({ context }) => {
  const { device, definition } = context;
  if (!device) return {};
  return { device: null, ...(device.beforeHash === definition.xmlHash ? { definition: device.definition } : {}) };
});

const forget = vmSetup.assign({ device: null });
const wentWell = conclude(() => null);
const failedBecause = (why: (context: VmContext) => string) => conclude((context) => why(context));

/** The change is over because the guest is: its operation ends with it. */
export const abandonDevice = vmSetup.enqueueActions(({ context, enqueue }) => {
  if (!context.device) return;
  // A wish that came meanwhile has an operation of its own.
  if (context.stop === null) enqueue(conclude(() => 'The guest ended before the device was changed'));
  enqueue.assign({ device: null });
});

const countUnknown = vmSetup.assign(({ context, event }) => ({
  ...(context.device ? { device: { ...context.device, unknown: context.device.unknown + 1 } } : {}),
  ...('reason' in event && typeof event.reason === 'string' ? { waitingReason: event.reason } : {}),
}));

const dropFirst = vmSetup.assign(({ context }) => ({ resized: (context.resized ?? []).slice(1) }));

/** The latest size counts. */
export const noteResize = vmSetup.assign(({ context, event }) => {
  if (event.type !== 'disk.resized' || context.mayRunOn.length === 0) return {};
  const { volume, sizeBytes } = event;
  const others = (context.resized ?? []).filter((each) => each.volume !== volume);
  return { resized: [...others, { volume, sizeBytes }] };
});

/** What users want of a guest goes before a notice, which is given again once it runs on. */
const endIt = { target: '#stopping', actions: [beginOperation, wishEnd] } as const;
const interrupts = {
  ...changesDevices,
  ...takesSnapshots,
  ...movesAway,
  'vm.restart': endIt,
  'vm.shutdown': endIt,
  'vm.stop': endIt,
  'vm.disable': endIt,
  'vm.undefine': endIt,
} as const;

export const changing = vmSetup.createStateConfig({
  id: 'changing',
  on: {
    ...postponeEnd,
    'guest.stopped': [
      {
        guard: ({ event }) => /destroy|fail|crash|kill/.test(event.detail),
        target: '#observing',
        actions: abandonDevice,
      },
      { target: '#ended', actions: [abandonDevice, vmSetup.assign({ desired: 'stop' }), noCopyHere] },
    ],
    'guest.crashed': { target: '#observing', actions: abandonDevice },
    'owner.acquired': [
      // The pending effect is run again.
      { guard: 'ownerKeptItsBoot', actions: takeOwner },
      { target: '#recovering', actions: [abandonDevice, takeOwner] },
    ],
  },
  initial: 'applying',
  states: {
    applying: {
      entry: {
        type: 'hypervisor.device',
        params: ({ context }) => ({
          uuid: context.uuid,
          change: context.device?.change ?? 'attach',
          deviceHash: context.device?.deviceHash ?? '',
          ...(context.meta.ioErrors ? { ioErrors: context.meta.ioErrors } : {}),
          deadlineMs: VM_DEADLINES.deviceMs,
        }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'hypervisor.device' } },
      on: {
        'hypervisor.device.done': [
          { guard: 'endIsWanted', target: '#stopping', actions: adopt },
          { target: '#running', actions: [adopt, wentWell] },
        ],
        'hypervisor.device.refused': [
          { guard: 'endIsWanted', target: '#stopping', actions: forget },
          {
            target: '#running',
            actions: [
              vmSetup.assign(({ event }) => ('reason' in event ? { failedReason: String(event.reason) } : {})),
              failedBecause((context) => context.failedReason ?? 'libvirt refused it'),
              forget,
            ],
          },
        ],
        'hypervisor.device.unknown': { target: 'applyingAgain', actions: countUnknown },
      },
    },
    applyingAgain: {
      always: [
        { guard: 'endIsWanted', target: '#stopping', actions: forget },
        {
          guard: ({ context }) => (context.device?.unknown ?? 0) >= VM_LIMITS.deviceTriesMax,
          target: '#observing',
          actions: [
            failedBecause((context) => `Given up after ${context.device?.unknown ?? 0} tries: `
              + `${context.waitingReason ?? 'no answer'}. Look at the guest's devices before trying again`),
            forget,
          ],
        },
      ],
      after: { retryMs: 'applying' },
    },
    resizing: {
      entry: {
        type: 'hypervisor.resizeDisk',
        params: ({ context }) => ({
          uuid: context.uuid,
          ...(context.resized?.[0] ?? { volume: '', sizeBytes: 0 }),
          deadlineMs: VM_DEADLINES.askMs,
        }),
      },
      exit: { type: 'effect.cancel', params: { kind: 'hypervisor.resizeDisk' } },
      on: {
        ...interrupts,
        'hypervisor.resizeDisk.done': { target: '#running', actions: dropFirst },
        // It sees the new size at its next start.
        'hypervisor.resizeDisk.refused': { target: '#running', actions: dropFirst },
        'hypervisor.resizeDisk.unknown': { target: 'resizingAgain', actions: waitForReason },
      },
    },
    resizingAgain: {
      after: { retryMs: 'resizing' },
      on: interrupts,
    },
  },
});
