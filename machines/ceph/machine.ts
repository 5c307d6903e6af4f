/**
 * The actor of the cluster's storage, `ceph/cluster`, owned by the primary: its state is how Ceph is, its context the
 * faults that are open. It asks nobody: the primary tells it what the storage telemetry, the fence's preflight and the
 * keepers find, when that changes. A fault opens at once and closes when it stayed away for a while, so that
 * a check that comes and goes is one fault, not many.
 */
import { setup } from 'xstate';
import type { ActionsOf } from '../effects.js';
import { closed, commanded, healthOf, isCalming, isSettling, told, type CephHealth } from './changes.js';
import type { CephContext, CephEvent, CephInput } from './messages.js';
import { CALM_MS, SETTLE_MS } from './timing.js';

/** Raise when an old snapshot would not mean the same. */
export const CEPH_MACHINE_VERSION = 1;

const cephSetup = setup({
  types: {} as { context: CephContext; events: CephEvent; input: CephInput },
  actions: {} as ActionsOf<Record<never, never>>,
  guards: {
    healthIs: ({ context }, { health }: { readonly health: CephHealth }) => healthOf(context) === health,
    isSettling: ({ context }) => isSettling(context),
    isForgotten: ({ context }) => !isSettling(context) && Object.keys(context.closings).length === 0,
    isRemembered: ({ context }) => !isSettling(context) && Object.keys(context.closings).length > 0,
  },
  delays: {
    settleMs: ({ context }) => isCalming(context) ? CALM_MS : SETTLE_MS,
    calmMs: CALM_MS,
  },
});

const take = cephSetup.assign(({ context, event }) =>
  (event.type === 'ceph.told' || event.type === 'ceph.silent' ? told(context, event) : {}));
const close = cephSetup.assign(({ context }) => closed(context));
const forgetClosings = cephSetup.assign({ closings: {} });
const obey = cephSetup.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== 'ceph.acknowledge' && event.type !== 'ceph.forget') return;
  enqueue.assign(commanded(context, event));
  enqueue({ type: 'operation.end', params: { operationId: event.operationId, state: 'done', message: null } });
});

const HEARD = ['ok', 'warning', 'error', 'silent'] as const;
/** To whatever the faults say; nothing is ever unknown again. */
const judged = (self: CephHealth) => ({
  always: HEARD.filter((health) => health !== self)
    .map((health) => ({ guard: { type: 'healthIs' as const, params: { health } }, target: health })),
});

const commands = { 'ceph.acknowledge': { actions: obey }, 'ceph.forget': { actions: obey } } as const;
const heard = { 'ceph.told': { actions: take }, 'ceph.silent': { actions: take }, ...commands } as const;
/** Whatever is told while a fault waits to be closed, it waits anew: it closes when nothing moves. */
const heardAnew = {
  'ceph.told': { target: 'settling', reenter: true, actions: take },
  'ceph.silent': { target: 'settling', reenter: true, actions: take }, ...commands,
} as const;

export const cephMachine = cephSetup.createMachine({
  id: 'ceph',
  context: ({ input }) => ({
    name: input.name, fsid: null, heard: false, silent: false, faults: {}, open: '', closings: {},
  }),
  type: 'parallel',
  states: {
    health: {
      initial: 'unknown',
      states: {
        unknown: judged('unknown'), ok: judged('ok'), warning: judged('warning'), error: judged('error'),
        silent: judged('silent'),
      },
    },
    closing: {
      initial: 'still',
      states: {
        still: { always: { guard: 'isSettling', target: 'settling' }, on: heard },
        settling: {
          always: [
            { guard: 'isRemembered', target: 'remembering' }, { guard: 'isForgotten', target: 'still' },
          ],
          on: heardAnew,
          after: { settleMs: { target: 'settling', reenter: true, actions: close } },
        },
        remembering: {
          always: { guard: 'isSettling', target: 'settling' },
          on: heard,
          after: { calmMs: { target: 'still', actions: forgetClosings } },
        },
      },
    },
  },
});
