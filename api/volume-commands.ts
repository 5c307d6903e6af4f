/** What the routes of pools, volumes and snapshots share: names, and commands that are answered when they are done. */
import { isOwn } from '../machines/volume/ids.js';
import type { PoolCommand } from '../machines/pool/messages.js';
import type { VolumeCommand } from '../machines/volume/messages.js';
import type { Address } from '../runtime/address.js';
import { PvcError } from '../runtime/errors.js';
import type { ActorEvent } from './commands.js';
import { runCommand } from './commands.js';
import type { ApiContext } from './context.js';
import { invalid } from './faults.js';
import type { ApiReply, ApiRequest } from './http.js';

/** Longest answer to what is done within moments; it goes on after that, told by its operation. Milliseconds. */
const WAIT_MS = 120_000;
/** The same for what copies data. */
export const LONG_WAIT_MS = 24 * 3_600_000;

const MIRROR_WAIT_MS = 3000;
const MIRROR_LOOK_MS = 5;

/** Letters, digits and . _ - : what Ceph, libvirt and shells all take. Throws PVC_INVALID. */
export function nameOfNew(kind: 'pool' | 'volume' | 'snapshot', name: string): string {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(name)) {
    throw invalid(`'${name.slice(0, 60)}' is no name for a ${kind}: use letters, digits and . _ - (128 at most), `
      + 'beginning with a letter, a digit or _');
  }
  if (isOwn(name)) throw invalid(`Names that begin as '${name.slice(0, 8)}' are PVC's own: choose another one`);
  return name;
}

export function mustHaveStorage(context: ApiContext): void {
  if (!context.cluster.volumes.hasStorage) {
    throw new PvcError('PVC_NO_STORAGE');
  }
}

/** Submits, waits for the end, answers as PVC does. */
export async function runStorage(
  context: ApiContext, request: ApiRequest, reply: ApiReply, to: Address, command: PoolCommand | VolumeCommand,
  texts: { readonly accepted: string; readonly done: string; readonly waitMs?: number },
): Promise<{ message: string }> {
  return runCommand(context, request, reply, {
    to, event: command as unknown as ActorEvent, wait: true, waitMs: texts.waitMs ?? WAIT_MS,
    accepted: texts.accepted, done: texts.done,
  });
}

/** What was done is seen by the same client's next request: waits, within a bound, until `seen`. */
export async function untilSeen(context: ApiContext, seen: () => boolean): Promise<void> {
  const until = context.clock.monotonicMs() + MIRROR_WAIT_MS;
  while (!seen() && context.clock.monotonicMs() < until) await context.clock.sleep(MIRROR_LOOK_MS);
}
