/** Actors that exist because a node does: `agent/<self>` made by each node, `node/<n>` made by the primary. */
import type { AgentInput } from '../machines/agent/messages.js';
import type { NodeInput } from '../machines/node/messages.js';
import type { Address } from '../runtime/address.js';
import type { Behavior } from '../runtime/behavior.js';
import type { Claimant } from '../runtime/claims.js';
import type { Clock } from '../runtime/clock.js';
import { createActorOps } from '../runtime/create.js';
import type { Log } from '../runtime/log.js';
import type { Mirror } from '../runtime/mirror.js';
import type { Paths } from '../runtime/paths.js';
import { newToken } from '../runtime/random.js';
import { createRecord } from '../runtime/step.js';
import type { Store } from '../runtime/store.js';
import { splitAddress } from '../runtime/address.js';
import type { PvcConfig } from './config.js';

export interface BirthDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly mirror: Mirror;
  readonly clock: Clock;
  readonly log: Log;
  readonly config: PvcConfig;
  readonly behaviors: ReadonlyMap<string, Behavior>;
  readonly commitEffectNames: ReadonlySet<string>;
  readonly self: Claimant;
  isPrimary(): boolean;
}

/** With what a node's actors begin, at their birth and when they are begun anew. */
export const agentInput = (name: string): AgentInput => ({ name });
export const nodeInput = (config: PvcConfig, name: string): NodeInput => ({
  name, coordinator: config.coordinators.includes(name), sessionTimeoutMs: config.zookeeper.sessionTimeoutMs,
});

/** Creates what is missing. Idempotent: whoever else was quicker is as good. */
export async function ensureOwnActors(deps: BirthDeps): Promise<void> {
  const { config, self } = deps;
  await create(deps, `agent/${self.node}`, agentInput(self.node));
  if (!deps.isPrimary()) return;
  for (const name of config.allNodes) {
    await create(deps, `node/${name}`, nodeInput(config, name));
  }
}

async function create(deps: BirthDeps, address: Address, input: unknown): Promise<void> {
  if (deps.mirror.actors.has(address)) return;
  const { kind, id } = splitAddress(address);
  const behavior = deps.behaviors.get(kind);
  if (behavior === undefined) return;
  const record = createRecord(behavior, id, input, {
    node: deps.self.node, epoch: 1, nowMs: deps.clock.wallMs(), revision: 0, commitEffects: deps.commitEffectNames,
  }, 'birth', `create-${newToken()}`);
  const result = await deps.store.multi([
    { op: 'check', path: deps.paths.incarnation(deps.self.node, deps.self.incarnation), version: 'exists' },
    ...createActorOps(deps.paths, address, record, { ...deps.self, epoch: 1, cause: 'created' }, deps.mirror.versions),
  ]);
  if (result.kind === 'done') deps.log.info('created an actor', { actor: address });
}
