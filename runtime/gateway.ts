/**
 * The gateway: where users' commands enter. Early admission from the mirrored record, then one create:
 * the envelope's znode is the promise. After a lost connection it looks before it sends again.
 */
import type { Address } from './address.js';
import type { Behavior } from './behavior.js';
import type { Clock } from './clock.js';
import { decodeRecord, encodeEnvelope } from './codec.js';
import type { ActorEvent, Envelope } from './envelope.js';
import type { Feed, FeedItem } from './feed-types.js';
import type { Admission, Gateway, Submitted } from './gateway-types.js';
import { splitAddress } from './address.js';
import { envelopeName, type Paths } from './paths.js';
import type { ActorRecord, Operation } from './record.js';
import { StoreError, type Store } from './store.js';

export interface GatewayDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly clock: Clock;
  readonly feed: Feed;
  readonly behaviors: ReadonlyMap<string, Behavior>;
  newOperationId(): string;
}

/** How long a command may take to reach its mailbox through lost connections, milliseconds. */
const SUBMIT_LIMIT_MS = 10_000;

export function createGateway(deps: GatewayDeps): Gateway {
  return {
    submit: (to, command, correlation) => submit(deps, to, command, correlation),
    waitFor: (to, operationId, timeoutMs) => waitFor(deps, to, operationId, timeoutMs),
  };
}

async function submit(deps: GatewayDeps, to: Address, command: ActorEvent, correlation: string): Promise<Submitted> {
  const record = deps.feed.actor(to)?.record ?? await readRecord(deps, to);
  const behavior = deps.behaviors.get(splitAddress(to).kind);
  if (record === null || behavior === undefined || record.removed) {
    return { kind: 'denied', code: 'PVC_ACTOR_NOT_FOUND', message: `There is no actor "${to}"` };
  }
  const admission = await admit(deps, behavior, to, record, command);
  if (admission.kind === 'deny') return { kind: 'denied', code: admission.code, message: admission.message };
  if (admission.kind === 'already') return admission;
  const operationId = deps.newOperationId();
  const envelope: Envelope = {
    id: operationId, from: 'api', to, event: command, operationId, correlation, causation: null,
    senderEpoch: 0, sentAt: deps.clock.wallMs(),
  };
  return deliver(deps, to, envelope, operationId);
}

/**
 * The mirror may lag behind what the user has already been told elsewhere: it may accept, but before it turns a
 * command down (or calls it done) the record is read anew.
 */
async function admit(
  deps: GatewayDeps, behavior: Behavior, to: Address, mirrored: ActorRecord, command: ActorEvent,
): Promise<Admission> {
  const early = behavior.admit(mirrored.snapshot, command);
  if (early.kind === 'accept') return early;
  const present = await readRecord(deps, to);
  return present === null || present.removed ? early : behavior.admit(present.snapshot, command);
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

async function deliver(deps: GatewayDeps, to: Address, envelope: Envelope, operationId: string): Promise<Submitted> {
  const path = deps.paths.envelope(to, envelopeName(envelope));
  const giveUpAt = deps.clock.monotonicMs() + SUBMIT_LIMIT_MS;
  for (;;) {
    const result = await deps.store.multi([{ op: 'create', path, data: encodeEnvelope(envelope) }]);
    if (result.kind === 'done' || (result.kind === 'refused' && result.code === 'node-exists')) {
      return { kind: 'accepted', operationId };
    }
    if (result.kind === 'refused' && result.code === 'no-node') {
      return { kind: 'denied', code: 'PVC_ACTOR_NOT_FOUND', message: `There is no actor "${to}" any more` };
    }
    if (result.kind === 'refused' && result.code !== 'session-expired') {
      return { kind: 'denied', code: 'PVC_NOT_COMMITTED', message: `The command was not stored: ${result.code}` };
    }
    if (await wasSent(deps, to, path, operationId, giveUpAt)) return { kind: 'accepted', operationId };
    if (deps.clock.monotonicMs() >= giveUpAt || deps.store.state === 'expired' || deps.store.state === 'closed') {
      return {
        kind: 'denied', code: 'PVC_NOT_COMMITTED',
        message: 'This node cannot reach the cluster at the moment: '
          + 'the command was not confirmed; try again or ask another node',
      };
    }
  }
}

/** After an unknown create: reconnect, sync, look in the mailbox and in the record's recent operations. */
async function wasSent(
  deps: GatewayDeps, to: Address, path: string, operationId: string, giveUpAt: number,
): Promise<boolean> {
  while (deps.clock.monotonicMs() < giveUpAt) {
    try {
      await deps.store.sync(path);
      if (await deps.store.read(path) !== null) return true;
      return findOperation(deps.feed, to, operationId) !== null;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (deps.store.state === 'expired' || deps.store.state === 'closed') return false;
      await deps.clock.sleep(50);
    }
  }
  return false;
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
      else if (item.record.removed) settle(endedByRemoval(operation, operationId, deps.clock.wallMs()));
    };
    const subscription = deps.feed.subscribe(null, look);
    const cancel = deps.clock.after(timeoutMs, () => settle(findOperation(deps.feed, to, operationId)));
    const known = findOperation(deps.feed, to, operationId);
    if (known && known.endedAt !== null) settle(known);
  });
}

/** A removed actor's last command is the removal itself. */
const endedByRemoval = (operation: Operation | undefined, operationId: string, nowMs: number): Operation => ({
  operationId, command: operation?.command ?? 'removal', state: 'done', message: null,
  acceptedAt: operation?.acceptedAt ?? nowMs, endedAt: nowMs,
});

