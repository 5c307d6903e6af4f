/** Effects that look at the whole cluster: placing, re-homing after a fence, emptying and refilling a node. */
import type { NodeEffects, VmEffects } from '../machines/effects.js';
import type { Proof, ProofKind } from '../machines/node/messages.js';
import { covers } from '../machines/vm/copies.js';
import type { BootRef, VmContext } from '../machines/vm/messages.js';
import { addressOf } from '../runtime/address.js';
import { claimAll, type Claimant } from '../runtime/claims.js';
import { decode, decodeOwner, decodeRecord } from '../runtime/codec.js';
import type { Log } from '../runtime/log.js';
import type { Mirror } from '../runtime/mirror.js';
import type { Paths } from '../runtime/paths.js';
import type { ActorRecord, Owner } from '../runtime/record.js';
import type { Store } from '../runtime/store.js';
import { fencePathOf, needsFence } from './claims.js';
import type { PvcConfig } from './config.js';
import type { ClusterView } from './cluster-view.js';
import { done, refused, unknown, type Outcome } from './drivers/outcome.js';
import type { HandlersOf } from './handlers.js';
import { NOTHING_BY_ITSELF } from './maintenance.js';

export interface ClusterEffectDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly log: Log;
  readonly self: Claimant;
  readonly view: ClusterView;
  readonly mirror: Pick<Mirror, 'heardOf'>;
  readonly config: PvcConfig;
}

type ClusterNames = 'session.fence' | 'cluster.rehome' | 'cluster.evacuate' | 'cluster.homecoming';

export const placeEffects = (view: ClusterView): HandlersOf<Pick<VmEffects, 'cluster.place'>> => ({
  'cluster.place': (params, { effectId }) => {
    const unasked = params.asked !== true && view.maintained();
    return Promise.resolve(unasked ? refused(NOTHING_BY_ITSELF) : done(view.place(params, effectId)));
  },
});

export function clusterEffects(deps: ClusterEffectDeps): HandlersOf<Pick<NodeEffects, ClusterNames>> {
  return {
    'session.fence': (params) => fenceSession(deps, params.boot, params.by),
    'cluster.rehome': (params) => rehome(deps, params.boot, params.proof),
    'cluster.evacuate': (params) => Promise.resolve(done(deps.view.evacuate(params.node, params.stay))),
    'cluster.homecoming': (params) => Promise.resolve(done(deps.view.homecoming(params.node))),
  };
}

/** With the stored proof checked in the same multi, the boot's ephemerals go: its lease is over. */
async function fenceSession(
  { store, paths }: ClusterEffectDeps, boot: BootRef, by?: ProofKind,
): Promise<Outcome<null>> {
  const names = (await store.children(paths.live(boot.node)))?.names ?? [];
  const mine = names.filter((name) => name.startsWith(`${boot.bootId}.`));
  const leases = mine.map((name) => paths.incarnation(boot.node, name));
  const result = await store.multi([
    { op: 'check', path: fencePathOf(paths, by)(boot.node, boot.bootId), version: 'exists' },
    ...leases.map((path) => ({ op: 'delete' as const, path, version: 'any' as const })),
  ]);
  if (result.kind === 'done') return done(null);
  if (result.kind === 'unknown') return unknown(result.reason);
  if (result.index === 0) return refused(`no proof about boot ${boot.bootId} of ${boot.node} is on file`);
  return result.code === 'no-node' ? done(null) : unknown(result.code);
}

/**
 * How long a lease of a fenced boot may still stand, milliseconds. What a proof rests on was seen before it was
 * committed, and a commit may take long: a node whose BMC lies may have come back meanwhile and renewed its lease.
 * With the fence on file and its ephemerals gone (fenceSession) it cannot do so any more; once its last heartbeat, read
 * through the leader, is a session old by this process's clock, its guard has ended every guest.
 */
async function leaseLeftMs({ store, paths, mirror, config }: ClusterEffectDeps, boot: BootRef): Promise<number> {
  const path = paths.telemetry(boot.node);
  await store.sync(path);
  const beat = await store.read(path);
  if (beat === null || beat.data.length === 0) return 0;
  // The node's heartbeat is another boot's by now: this one is over.
  if (decode<{ bootId?: string }>(beat.data).bootId !== boot.bootId) return 0;
  const heard = mirror.heardOf(boot.node);
  const { sessionTimeoutMs } = config.zookeeper;
  return heard?.mzxid === beat.stat.mzxid ? Math.max(0, sessionTimeoutMs - heard.silentMs) : sessionTimeoutMs;
}

interface Found { readonly uuid: string; readonly owner: Owner; readonly record: ActorRecord }

/** All VMs that can be read, through the leader: what the dead boot committed last must not be missed. */
async function readVms({ store, paths, log }: ClusterEffectDeps): Promise<Found[]> {
  await store.sync(paths.kind('vm'));
  const ids = (await store.children(paths.kind('vm')))?.names ?? [];
  const found = await Promise.all(ids.map(async (uuid): Promise<Found | null> => {
    const address = addressOf('vm', uuid);
    const [owner, record] = await Promise.all([store.read(paths.owner(address)), store.read(paths.record(address))]);
    if (owner === null || record === null) return null;
    try {
      return { uuid, owner: decodeOwner(owner.data), record: decodeRecord(record.data) };
    } catch (error) {
      log.error('a VM cannot be read by this daemon and is left where it is', { vm: uuid, error });
      return null;
    }
  }));
  return found.filter((vm): vm is Found => vm !== null && !vm.record.removed);
}

const contextOf = (vm: Found): VmContext => vm.record.snapshot.context as unknown as VmContext;
const mayRunOn = (vm: Found): readonly BootRef[] =>
  (vm.record.snapshot.context as { mayRunOn?: readonly BootRef[] }).mayRunOn ?? [];

/**
 * Claims what the boot owned, then one plan for all its VMs. A VM that its own claimant runs, or another
 * live node owns, is only `concerned`: it loses the boot from its list of possible copies. What the proof does not
 * cover (P3, and it may write to more than RBD) is left where it is.
 */
async function rehome(
  deps: ClusterEffectDeps, boot: BootRef, proof: Proof,
): Promise<Outcome<NodeEffects['cluster.rehome']['result']>> {
  const { self, log, view } = deps;
  // Cut off from storage, it may live: what is recovered by that proof needs nothing else.
  if (proof.kind !== 'P3') {
    const ended = await fenceSession(deps, boot, proof.kind);
    if (ended.kind !== 'done') return ended;
    const leftMs = await leaseLeftMs(deps, boot);
    if (leftMs > 0) return unknown(`a lease of ${boot.node} may stand for ${Math.ceil(leftMs)} ms more`);
  }
  let claimed = 0;
  const isOwned = (vm: Found): boolean => vm.owner.node === boot.node && vm.owner.bootId === boot.bootId;
  const readCovered = async (): Promise<Found[]> =>
    (await readVms(deps)).filter((vm) => covers(proof, contextOf(vm)));
  const fenceOf = fencePathOf(deps.paths, proof.kind);
  const owned = (await readCovered()).filter(isOwned);
  const orphans = owned.map((vm) => addressOf('vm', vm.uuid));
  for (const [actor, result] of await claimAll({ ...deps, needsFence, fenceOf }, orphans)) {
    if (result === 'claimed') claimed += 1;
    else log.warn('a VM of a fenced node was not claimed', { actor, result });
  }
  const vms = await readCovered();
  const left = vms.filter(isOwned);
  if (left.length > 0) return unknown(`${left.length} VMs of ${boot.node} could not be claimed yet`);
  const touched = vms.filter((vm) =>
    mayRunOn(vm).some((each) => each.node === boot.node && each.bootId === boot.bootId));
  const homeless = touched.filter((vm) =>
    vm.owner.incarnation === self.incarnation && !mayRunOn(vm).some((each) => each.bootId === self.bootId));
  // The homeless are told of the proof as well: one that was just looking at both ends of a migration waits for that.
  const concerned = touched.map((vm) => vm.uuid);
  return done({ moves: view.planRecovery(homeless.map((vm) => vm.record), boot.node), concerned, claimed });
}
