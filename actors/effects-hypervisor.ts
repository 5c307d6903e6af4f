/** A VM's effects on this node's hypervisor. Each looks before it acts when it may have begun before. */
import type { AgentEffects, GuestObservation, GuestState, VmEffects } from '../machines/effects.js';
import type { IoErrorPolicy } from '../machines/vm/messages.js';
import type { LeaseGate } from '../runtime/effects.js';
import type { Paths } from '../runtime/paths.js';
import type { Store } from '../runtime/store.js';
import { decodeOwner, decodeRecord } from '../runtime/codec.js';
import type { PvcConfig } from './config.js';
import { readDocument } from './documents.js';
import type { IoErrors } from './domain-rbd.js';
import type { DomainInfo, Hypervisor } from './drivers/hypervisor.js';
import type { Storage } from './drivers/storage.js';
import { done, refused, unknown, type Outcome } from './drivers/outcome.js';
import type { HandlersOf } from './handlers.js';

type Names =
  | 'hypervisor.start' | 'hypervisor.shutdown' | 'hypervisor.destroy'
  | 'hypervisor.resume' | 'hypervisor.observe' | 'hypervisor.migrate'
  | 'hypervisor.device' | 'hypervisor.resizeDisk' | 'hypervisor.freeze' | 'hypervisor.thaw';

export interface HypervisorDeps {
  readonly hypervisor: Hypervisor;
  readonly store: Store;
  readonly paths: Paths;
  readonly config: PvcConfig;
  readonly gate: LeaseGate;
  readonly storage: Pick<Storage, 'connected'> | null;
  /** A migration's progress, for telemetry. */
  onProgress(uuid: string, progress: { totalBytes: number; remainingBytes: number } | null): void;
}

const observation = (info: DomainInfo | null): GuestObservation => ({ state: (info?.state ?? 'absent') as GuestState });

async function observe(hypervisor: Hypervisor, uuid: string): Promise<Outcome<GuestObservation>> {
  const outcome = await hypervisor.observe(uuid);
  return outcome.kind === 'done' ? done(observation(outcome.value)) : outcome;
}

/** A guest that is to be stopped is paused first: what comes then is its actor's business. */
const policyOf = ({ ioErrors }: { readonly ioErrors?: IoErrorPolicy }): { ioErrors?: IoErrors } =>
  ioErrors === undefined ? {} : { ioErrors: ioErrors === 'report' ? 'report' : 'pause' };

/** Ends a copy; true = the storage did not answer here before or after, so that it could not close its volumes. */
async function destroy(
  { hypervisor, storage }: HypervisorDeps, uuid: string,
): Promise<readonly [Outcome<null>, boolean]> {
  const before = storage?.connected ?? true;
  const outcome = await hypervisor.destroy(uuid);
  return [outcome, !(before && (storage?.connected ?? true))];
}

export function hypervisorEffects(deps: HypervisorDeps): HandlersOf<Pick<VmEffects, Names>> {
  const { hypervisor, config } = deps;
  return {
    async 'hypervisor.start'(params, context) {
      if (params.lock) return refused(`it is locked (${params.lock})`);
      const xml = await readDocument(deps.store, deps.paths, params.xmlHash);
      if (xml === null) return refused(`the definition of ${params.name} (document ${params.xmlHash}) is missing`);
      // Reading took a while: what was true before it need not be true now.
      if (context.signal.aborted || !deps.gate.held()) return unknown('given up before it began');
      const outcome = await hypervisor.start({
        uuid: params.uuid, name: params.name, xml,
        epoch: context.epoch, effectId: context.effectId, deadlineMs: params.deadlineMs, ...policyOf(params),
      });
      return outcome.kind === 'done' ? done(observation(outcome.value)) : outcome;
    },
    'hypervisor.shutdown': (params) => hypervisor.shutdown(params.uuid),
    async 'hypervisor.destroy'({ uuid }) {
      const [outcome, severed] = await destroy(deps, uuid);
      return outcome.kind === 'done' ? done(severed ? { severed } : null) : outcome;
    },
    async 'hypervisor.resume'(params) {
      const outcome = await hypervisor.resume(params.uuid);
      return outcome.kind === 'done' ? done(observation(outcome.value)) : outcome;
    },
    'hypervisor.observe': (params) => observe(hypervisor, params.uuid),
    async 'hypervisor.device'({ uuid, change, deviceHash, deadlineMs, ...rest }) {
      const xml = await readDocument(deps.store, deps.paths, deviceHash);
      return xml === null ? refused(`the description of the device (document ${deviceHash}) is missing`)
        : hypervisor.changeDevice({ uuid, change, xml, deadlineMs, ...policyOf(rest) });
    },
    'hypervisor.resizeDisk': ({ uuid, volume, sizeBytes }) => hypervisor.resizeDisk(uuid, volume, sizeBytes),
    async 'hypervisor.freeze'({ uuid }) {
      const outcome = await hypervisor.freeze(uuid);
      return outcome.kind === 'done' ? done({ how: outcome.value }) : outcome;
    },
    'hypervisor.thaw': ({ uuid }) => hypervisor.thaw(uuid),
    async 'hypervisor.migrate'(params, context) {
      if (context.resumed) return unknown('the daemon restarted while the guest was moving');
      const target = config.addresses[params.target];
      if (target === undefined) return refused(`${params.target} is no node of this cluster`);
      const outcome = await hypervisor.migrate({
        uuid: params.uuid, targetHost: target.cluster, maxDowntimeMs: params.maxDowntimeMs,
        effectId: context.effectId, deadlineMs: params.deadlineMs,
        onProgress: (progress) => deps.onProgress(params.uuid, progress),
      });
      deps.onProgress(params.uuid, null);
      return outcome;
    },
  };
}

/** What a VM's record says of this node: it may be destroyed here only if neither owner nor target is named. */
async function namedHere(deps: HypervisorDeps, uuid: string): Promise<string | null> {
  const { store, paths, config } = deps;
  const address = `vm/${uuid}` as const;
  await store.sync(paths.record(address));
  const [ownerNode, recordNode] = await Promise.all([
    store.read(paths.owner(address)), store.read(paths.record(address)),
  ]);
  if (ownerNode === null || recordNode === null) return null;
  const owner = decodeOwner(ownerNode.data);
  if (owner.node === config.node) return 'this node owns the VM';
  const context = decodeRecord(recordNode.data).snapshot.context as { target?: { node?: string } | null };
  return context.target?.node === config.node ? 'the VM is on its way to this node' : null;
}

export function agentHypervisorEffects(
  deps: HypervisorDeps,
): HandlersOf<Pick<AgentEffects, 'hypervisor.observe' | 'hypervisor.ensureAbsent'>> {
  const { hypervisor } = deps;
  return {
    'hypervisor.observe': (params) => observe(hypervisor, params.uuid),
    async 'hypervisor.ensureAbsent'(params) {
      const reason = await namedHere(deps, params.uuid);
      if (reason !== null) return refused(reason);
      const [gone, severed] = await destroy(deps, params.uuid);
      return gone.kind === 'done' ? done({ state: 'absent' as const, ...(severed && { severed }) }) : gone;
    },
  };
}
