/** How a new actor comes into being: the operations, as part of somebody's multi, and a multi of their own. */
import { addressOf, type Address } from './address.js';
import type { Behavior } from './behavior.js';
import type { Clock } from './clock.js';
import { decodeOwner, encodeOwner, encodeRecord } from './codec.js';
import type { Paths } from './paths.js';
import { newToken } from './random.js';
import type { ActorRecord, Owner } from './record.js';
import { createRecord } from './step.js';
import { StoreError, type Store, type StoreOp } from './store.js';
import { WriterVersion } from './versions.js';

/**
 * Four creates: the actor, its owner, record and mailbox. Refused (node-exists) at the first if it is there.
 * `versions` is the mirror's; throws NeedsVersionError for a record that not all registered nodes could read.
 */
export function createActorOps(
  paths: Paths, address: Address, record: ActorRecord, owner: Owner, versions: WriterVersion = new WriterVersion(),
): StoreOp[] {
  const empty = new Uint8Array(0);
  return [
    { op: 'create', path: paths.actor(address), data: empty },
    { op: 'create', path: paths.owner(address), data: encodeOwner(owner) },
    { op: 'create', path: paths.record(address), data: encodeRecord(record, versions.forRecord(record, 0)) },
    { op: 'create', path: paths.mailbox(address), data: empty },
  ];
}

export interface BirthDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly clock: Clock;
  readonly self: { readonly node: string; readonly incarnation: string; readonly bootId: string };
  /** Names of commit effects, as the cells know them. */
  readonly commitEffectNames: ReadonlySet<string>;
  /** The mirror's. */
  readonly versions: WriterVersion;
}

/** How often a multi whose outcome is not known is sent again, and the pause before it, milliseconds. */
const ATTEMPTS = 20;
const PAUSE_MS = 100;

/**
 * Makes an actor that this process owns; its machine gets `input`. false = there is one of this name already.
 * Rejects (StoreError) when it cannot be told whether it was made: the same call again finds out. Throws
 * NeedsVersionError for a first record that not all registered nodes could read.
 */
export async function createActor(deps: BirthDeps, behavior: Behavior, id: string, input: unknown): Promise<boolean> {
  const { store, paths, clock, self, commitEffectNames } = deps;
  const address = addressOf(behavior.kind, id);
  const meta = { node: self.node, epoch: 1, nowMs: clock.wallMs(), revision: 0, commitEffects: commitEffectNames };
  const record = createRecord(behavior, id, input, meta, `create-${newToken()}`, `${self.incarnation}:${newToken()}`);
  const owner = { ...self, epoch: 1, cause: 'created' } as const;
  const operations = createActorOps(paths, address, record, owner, deps.versions);
  for (let attempt = 1; ; attempt += 1) {
    const result = await store.multi(operations);
    if (result.kind === 'done') return true;
    if (result.kind === 'refused' && result.code === 'node-exists') {
      // Perhaps an earlier attempt was applied after all.
      const stored = attempt === 1 ? null : await store.read(paths.owner(address));
      return stored !== null && decodeOwner(stored.data).incarnation === self.incarnation;
    }
    const why = result.kind === 'refused' ? result.code : result.reason;
    if (result.kind === 'refused') throw new StoreError(result.code, `could not make ${address}: ${why}`);
    if (attempt === ATTEMPTS) throw new StoreError('disconnected', `nobody knows whether ${address} was made: ${why}`);
    await clock.sleep(PAUSE_MS);
  }
}
