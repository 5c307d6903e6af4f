/** The volume machine's types and the pieces its chart is written with. */
import { setup } from 'xstate';
import type { ActionsOf } from '../effects.js';
import type { VolumeEffects } from './effects.js';
import {
  HALF_WRITTEN, type VolumeCommand, type VolumeContext, type VolumeEvent, type VolumeInput,
} from './messages.js';

export const VOLUME_DELAYS = {
  /** A volume that was announced, and for which no command came: whoever announced it is gone. */
  plannedMs: 60_000,
  /** Between two looks at a storage that does not answer. */
  lookAgainMs: 5_000,
} as const;

/** What Ceph answers within moments, milliseconds: a monitor's election lasts some seconds. */
export const QUICK_MS = 30_000;
/** Copying a large image over slow disks. */
export const LONG_MS = 12 * 3_600_000;

/** An effect whose outcome is not known is tried again: all of them may be. */
export const AGAIN = { retry: { attempts: 6, delayMs: 500, factor: 2, maxDelayMs: 10_000 }, within: true } as const;

/**
 * Longer than Ceph believes in a client that died (30 s, `osd_client_watch_timeout`), even where every pause is as
 * short as it may be: what an earlier try of ours left open is waited for.
 */
export const PATIENT = {
  retry: { attempts: 18, delayMs: 500, factor: 2, maxDelayMs: 5_000 }, within: true,
} as const;

export const volumeSetup = setup({
  types: {} as { context: VolumeContext; events: VolumeEvent; input: VolumeInput },
  actions: {} as ActionsOf<VolumeEffects>,
  guards: {
    isThere: ({ context }) => context.facts !== null,
    failed: ({ context }) => context.failure !== null,
    /** What was begun for a volume that is not to be. */
    failedFresh: ({ context }) => context.failure !== null && context.fresh,
    isFresh: ({ context }) => context.fresh,
    toFlatten: ({ context }) => context.job?.type === 'volume.clone' && context.job.flatten,
  },
  delays: VOLUME_DELAYS,
});

/** The command under way, which the state says is of this type. Its absence is a defect of the chart. */
export function jobOf<Type extends VolumeCommand['type']>(
  context: VolumeContext, type: Type,
): Extract<VolumeCommand, { type: Type }> {
  const { job } = context;
  if (job?.type !== type) throw new Error(`volume ${context.pool}/${context.name} does not ${type} now`);
  return job as Extract<VolumeCommand, { type: Type }>;
}

/** The snapshot that the command under way is about. */
export function snapshotOf({ job }: VolumeContext): string {
  if (job === null || !('snapshot' in job)) throw new Error('no snapshot is asked for now');
  return job.snapshot;
}

export const ofImage = ({ pool, name }: VolumeContext): { pool: string; image: string } => ({ pool, image: name });

/** A user's command begins. */
export const begin = volumeSetup.assign(({ context, event }) => {
  if (!('operationId' in event)) return {};
  const { operationId, at: _at, ...command } = event;
  return {
    operation: { operationId, command: event.type }, job: command as VolumeCommand,
    failure: null, progress: null, fresh: context.facts === null,
  };
});

/** Why it went wrong: the first reason counts. */
export const noteFailure = volumeSetup.assign(({ context, event }) =>
  context.failure === null && 'reason' in event ? { failure: event.reason } : {});

export const noteUnknown = volumeSetup.assign(({ context, event }) => context.failure === null && 'reason' in event
  ? { failure: `it is not known whether it was done: ${event.reason}` } : {});

export const noteCancelled = volumeSetup.assign(({ context }) => ({
  progress: null,
  failure: context.job?.type === 'volume.clone' ? 'it was cancelled: it stays a clone' : 'it was cancelled',
}));

export const noteCancelledHalf = volumeSetup.assign(({ context }) => ({
  progress: null, failure: context.fresh ? 'it was cancelled' : `it was cancelled: ${HALF_WRITTEN}`,
}));

/** Ends the command under way. */
export const conclude = volumeSetup.enqueueActions(({ context, enqueue }) => {
  const { operation, failure } = context;
  if (operation !== null) {
    enqueue({
      type: 'operation.end',
      params: {
        operationId: operation.operationId, state: failure === null ? 'done' : 'failed', message: failure,
      },
    });
  }
  if (operation === null && context.job === null) return;
  enqueue.assign({ operation: null, job: null, failure: null, progress: null, fresh: false });
});

/** A command that ends within its own step. */
export const endAtOnce = volumeSetup.enqueueActions(({ event, enqueue }) => {
  if (!('operationId' in event)) return;
  enqueue({ type: 'operation.end', params: { operationId: event.operationId, state: 'done', message: null } });
});
