/**
 * The gateway: where users' commands enter. Early admission from the mirrored record, then its envelope
 * is created (dispatch.ts): that znode is the promise.
 */
import { ActorFaultError } from './actor-fault.js';
import type { Address } from './address.js';
import type { Behavior } from './behavior.js';
import type { Clock } from './clock.js';
import { decodeRecord } from './codec.js';
import { Dispatch, type Command } from './dispatch.js';
import type { ActorEvent } from './envelope.js';
import type { Feed, FeedItem } from './feed-types.js';
import type { Admission, Gateway, SubmitOptions, Submitted } from './gateway-types.js';
import { LIMITS } from './limits.js';
import type { MailboxDepths } from './mailbox-depths.js';
import { splitAddress } from './address.js';
import type { Paths } from './paths.js';
import type { ActorRecord, Operation } from './record.js';
import { StoreError, type Store } from './store.js';
import type { WriterVersion } from './versions.js';

export interface GatewayDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly clock: Clock;
  readonly feed: Feed;
  /** The mirror's. */
  readonly depths: MailboxDepths;
  /** The mirror's: whether commands may be packed. */
  readonly versions: WriterVersion;
  readonly behaviors: ReadonlyMap<string, Behavior>;
  newOperationId(): string;
  /** Why the cluster as a whole takes no such command now (PVC_WRONG_STATE), for people; null = it does. */
  turnsDown?(command: ActorEvent, to: Address): string | null;
}

export function createGateway(deps: GatewayDeps): Gateway {
  const known = (to: Address): ActorRecord | null => deps.feed.actor(to)?.record ?? null;
  const dispatch = new Dispatch({ ...deps, known });
  return {
    submit: (to, command, correlation, options = {}) => submit(deps, dispatch, to, command, correlation, options),
    waitFor: (to, operationId, timeoutMs) => waitFor(deps, to, operationId, timeoutMs),
  };
}

async function submit(
  deps: GatewayDeps, dispatch: Dispatch,
  to: Address, command: ActorEvent, correlation: string, options: SubmitOptions,
): Promise<Submitted> {
  const record = deps.feed.actor(to)?.record ?? await readRecord(deps, to);
  const behavior = deps.behaviors.get(splitAddress(to).kind);
  if (record === null || behavior === undefined || record.removed) {
    return { kind: 'denied', code: 'PVC_ACTOR_NOT_FOUND', message: `There is no actor "${to}"` };
  }
  const turnedDown = deps.turnsDown?.(command, to) ?? null;
  if (turnedDown !== null) return { kind: 'denied', code: 'PVC_WRONG_STATE', message: turnedDown };
  const admission = await admit(deps, behavior, to, record, command);
  if (admission.kind === 'deny') return { kind: 'denied', code: admission.code, message: admission.message };
  if (admission.kind === 'already') return admission;
  const busy = await whyBusy(deps, dispatch, to, options);
  if (busy !== null) return busy;
  const operationId = deps.newOperationId();
  const sentAt = deps.clock.wallMs();
  const envelope: Command = {
    id: operationId, from: 'api', to, event: command, operationId, correlation, causation: null,
    senderEpoch: 0, sentAt,
    ...(options.lane === 'control' ? { lane: options.lane } : {}),
    ...(options.expiresMs === undefined ? {} : { expiresAt: sentAt + options.expiresMs }),
  };
  return dispatch.send(envelope);
}

/**
 * Turned down only by what is in the mailbox now, or waits here to get there; a second to wait for each
 * LIMITS.mailboxSoft envelopes.
 */
async function whyBusy(
  deps: GatewayDeps, dispatch: Dispatch, to: Address, { lane }: SubmitOptions,
): Promise<Submitted | null> {
  const limit = lane === 'control' ? LIMITS.mailboxHard : LIMITS.mailboxSoft;
  const here = dispatch.waiting(to, lane);
  const depth = here + await deps.depths.atLeast(to, limit - here);
  if (depth < limit) return null;
  const retryAfterS = Math.ceil(depth / LIMITS.mailboxSoft);
  return {
    kind: 'denied', code: 'PVC_BUSY', retryAfterS,
    message: `${depth} messages wait for ${to} already: try again in ${retryAfterS} s`,
  };
}

/**
 * The mirror may lag behind what the user has already been told elsewhere: it may accept, but before it turns a
 * command down (or calls it done) the record is read anew.
 */
async function admit(
  deps: GatewayDeps, behavior: Behavior, to: Address, mirrored: ActorRecord, command: ActorEvent,
): Promise<Admission> {
  const early = judge(deps, behavior, mirrored, command);
  if (early.kind === 'accept') return early;
  // Listed before the record is read: a letter that is gone by then is in the record.
  const waiting = await lettersWait(deps, to);
  const present = await readRecord(deps, to);
  const late = present === null || present.removed ? early : judge(deps, behavior, present, command);
  // What was accepted before may undo what is so now: the step decides, after it.
  return late.kind === 'already' && waiting ? { kind: 'accept' } : late;
}

/** Does anything wait in the mailbox? Not, if it cannot be read. */
async function lettersWait({ store, paths }: GatewayDeps, to: Address): Promise<boolean> {
  try {
    await store.sync(paths.mailbox(to));
    return ((await store.children(paths.mailbox(to)))?.names.length ?? 0) > 0;
  } catch (error) {
    if (error instanceof StoreError) return false;
    throw error;
  }
}

/** A record of another version of its machine is judged as this version has it, as its owner's would be. */
function judge({ clock }: GatewayDeps, behavior: Behavior, record: ActorRecord, command: ActorEvent): Admission {
  try {
    return behavior.admit(behavior.current(record, clock.wallMs()).snapshot, command);
  } catch (error) {
    if (!(error instanceof ActorFaultError)) throw error;
    return { kind: 'deny', code: 'PVC_WRONG_STATE', message: `this node cannot judge ${record.id}: ${error.message}` };
  }
}

/** An actor the mirror does not know may be so new that its doorbell is still on the way. */
async function readRecord({ store, paths }: GatewayDeps, to: Address): Promise<ActorRecord | null> {
  try {
    await store.sync(paths.record(to));
    const node = await store.read(paths.record(to));
    return node === null ? null : decodeRecord(node.data);
  } catch (error) {
    if (error instanceof StoreError) return null;
    throw error;
  }
}

const findOperation = (feed: Feed, to: Address, operationId: string): Operation | null =>
  feed.actor(to)?.record.operations.find((operation) => operation.operationId === operationId) ?? null;

function waitFor(deps: GatewayDeps, to: Address, operationId: string, timeoutMs: number): Promise<Operation | null> {
  return new Promise((resolve) => {
    const settle = (operation: Operation | null): void => {
      subscription.close();
      cancel();
      resolve(operation);
    };
    const look = (item: FeedItem): void => {
      if (item.address !== to) return;
      const operation = item.record.operations.find((entry) => entry.operationId === operationId);
      if (operation && operation.endedAt !== null) settle(operation);
      else if (item.record.removed) settle(endedByRemoval(item, operation, operationId, deps.clock.wallMs()));
    };
    const subscription = deps.feed.subscribe(null, look);
    const cancel = deps.clock.after(timeoutMs, () => settle(findOperation(deps.feed, to, operationId)));
    const known = findOperation(deps.feed, to, operationId);
    if (known && known.endedAt !== null) settle(known);
  });
}

/**
 * A removed actor's last command is the removal itself. One that the tombstone does not know was never taken up; but
 * where the tombstone was missed (no transition), the record at hand is an older one and knows no end.
 */
function endedByRemoval(
  item: FeedItem, operation: Operation | undefined, operationId: string, nowMs: number,
): Operation {
  const known = operation !== undefined || item.transition === null;
  return {
    operationId, command: operation?.command ?? 'removal', state: known ? 'done' : 'failed',
    message: known ? null : `${item.address} was removed before it took this up`,
    acceptedAt: operation?.acceptedAt ?? nowMs, endedAt: nowMs,
  };
}
