/** The part of the tree that runs actors: host, primacy, homing, liveness, and what feeds them from this node. */
import type { AgentEffects, NodeEffects, StorageEffects, VmEffects } from '../machines/effects.js';
import type { BenchmarkEffects } from '../machines/benchmark/effects.js';
import { OSD_EFFECT_NAMES, type OsdEffects } from '../machines/osd/effects.js';
import type { Proof } from '../machines/node/messages.js';
import { addressOf } from '../runtime/address.js';
import type { Behavior } from '../runtime/behavior.js';
import type { CommitEffect } from '../runtime/cell-deps.js';
import type { Claimant } from '../runtime/claims.js';
import type { Clock } from '../runtime/clock.js';
import { encode } from '../runtime/codec.js';
import type { LeaseGate, WorldEffect } from '../runtime/effects.js';
import { Host } from '../runtime/host.js';
import type { Log } from '../runtime/log.js';
import type { RuntimeMetrics } from '../runtime/metrics.js';
import type { Mirror } from '../runtime/mirror.js';
import type { Paths } from '../runtime/paths.js';
import { Primacy } from '../runtime/primacy.js';
import { newToken } from '../runtime/random.js';
import type { Owner } from '../runtime/record.js';
import type { Store } from '../runtime/store.js';
import { Admin } from './admin.js';
import { benchmarkEffects } from './effects-benchmark.js';
import { CephWatch } from './ceph-watch.js';
import { storeDocument } from './documents.js';
import { ensureOwnActors } from './births.js';
import { fencePathOf } from './claims.js';
import { ClusterView } from './cluster-view.js';
import type { PvcConfig } from './config.js';
import type { Bmc, Probe } from './drivers/bmc.js';
import { done, refused } from './drivers/outcome.js';
import type { DomainEvent, Hypervisor } from './drivers/hypervisor.js';
import type { CephConnection } from './drivers/ceph/connection.js';
import { noOsds, type Osds } from './drivers/osds.js';
import type { Storage } from './drivers/storage.js';
import { clusterEffects, placeEffects } from './effects-cluster.js';
import { diskEffects } from './effects-disks.js';
import { agentHypervisorEffects, hypervisorEffects, type HypervisorDeps } from './effects-hypervisor.js';
import { powerEffects } from './effects-power.js';
import { reachEffects, storageEffects } from './effects-storage.js';
import { FencedBoots } from './fenced-boots.js';
import { asWorldEffects } from './handlers.js';
import { Homing } from './homing.js';
import { leave } from './leaving.js';
import { Keeper } from './keeper.js';
import { Liveness, silentAfterMs } from './liveness.js';
import { OsdDesk } from './osd-desk.js';
import { OsdKeeper } from './osd-keeper.js';
import { StorageLoss } from './storage-loss.js';
import { StorageTelemetry, type ReadStorage } from './storage-telemetry.js';
import { StrayGuests } from './strays.js';
import { VolumeDesk } from './volume-desk.js';
import { createVolumeService, type VolumeService } from './volume-service.js';
import type { Volumes } from './drivers/volumes.js';
import { UnheardBoots } from './unheard-boots.js';
import { Waiters } from './waiters.js';

export interface CellsDeps {
  readonly config: PvcConfig;
  readonly clock: Clock;
  readonly log: Log;
  readonly paths: Paths;
  readonly store: Store;
  readonly mirror: Mirror;
  readonly gate: LeaseGate;
  readonly behaviors: ReadonlyMap<string, Behavior>;
  readonly commitEffectNames: ReadonlySet<string>;
  readonly hypervisor: Hypervisor;
  readonly bmc: Bmc;
  readonly probe: Probe;
  /** Null = the cluster has no shared storage: then nothing is fenced by it, and no P3 is ever made. */
  readonly storage: Storage | null;
  /** Null = there is no real Ceph: nothing of its own is watched or told. */
  readonly ceph: CephConnection | null;
  /** Null = there is no storage to be looked at. */
  readonly readStorage: ReadStorage | null;
  /** The OSDs of this node; null = it can have none. */
  readonly osds: Osds | null;
  /** Null = there are no pools and volumes to be had. */
  readonly volumes: Volumes | null;
  readonly floating: { hold(): Promise<unknown>; release(): Promise<unknown> };
  readonly self: Claimant;
  readonly metrics?: RuntimeMetrics;
  quorumAgeMs(): number;
  goesDown?(): boolean;
  /** Nodes vouch for each other while there is no quorum. */
  readonly vouching?: boolean;
  /** The effects as they are to be used; without it as they are made. */
  aroundEffects?(made: Readonly<Record<string, WorldEffect>>): Readonly<Record<string, WorldEffect>>;
}

export interface Cells {
  readonly admin: Admin;
  /** Before the daemon ends on purpose: see leaving.ts. */
  leave(): Promise<void>;
  stop(): void;
}

export function startCells(deps: CellsDeps): Cells {
  const { mirror, clock, log, self, config } = deps;
  const view = new ClusterView(mirror, config);
  const primacy: Primacy = new Primacy({
    ...deps, log: log.child('primacy'), coordinators: config.coordinators, onChange: () => followPrimacy(),
  });
  const volumes = createVolumeService({
    ...deps, log: log.child('volumes'), isPrimary: () => primacy.isPrimary(),
    tell: (to, event) => void host.tell(to, event), drift: () => (deps.readStorage === null ? null : watch),
  });
  const effects = worldEffects(deps, view, primacy, volumes);
  const host: Host = new Host({
    ...deps, log: log.child('cell'),
    commitEffects: commitEffects(deps), worldEffects: deps.aroundEffects?.(effects) ?? effects,
    newCommitId: () => `${self.incarnation}:${newToken()}`,
    resolveOwner: (to, epoch) => resolveOwner(mirror, to, epoch),
  });
  const watch: CephWatch = new CephWatch({
    ...deps, versions: mirror.versions, host, nodes: config.allNodes, log: log.child('health'),
  });
  const homing = new Homing({ ...deps, host, primacy, log: log.child('homing') });
  const liveness = new Liveness({
    mirror, host, primacy, clock, nodes: config.allNodes, coordinators: config.coordinators, self: self.node,
    silentMs: silentAfterMs(config.timers.telemetryMs, config.zookeeper, deps.storage !== null),
    quorumAgeMs: deps.quorumAgeMs,
    vouching: deps.vouching === true,
    hasStorage: deps.storage !== null,
  });
  new Waiters(mirror, host);
  const keeper = new Keeper({ ...deps, primacy, view, log: log.child('keeper') });
  const loss = deps.storage === null ? null
    : new StorageLoss({ ...deps, primacy, view, nodes: config.allNodes, log: log.child('storage-loss') });
  const strays = new StrayGuests({ ...deps, host, log: log.child('strays') });
  const unheard = new UnheardBoots({ ...deps, host, primacy, nodes: config.allNodes });
  const fencedBoots = new FencedBoots({ ...deps, host, log: log.child('fenced'), unheard });
  const osds = new OsdDesk(deps);
  const isPrimary = (): boolean => primacy.isPrimary();
  const ceph = cephParts(deps, { host, osds, watch, isPrimary });
  const unlisten = deps.hypervisor.onEvent((event) => bringEvent(host, event, deps.gate.held()));
  // Unknown at first: an earlier session of this process may have held them.
  let held: boolean | null = null;
  let moved: Promise<unknown> = Promise.resolve();
  const setHeld = (wanted: boolean): void => {
    if (held === wanted) return;
    held = wanted;
    moved = moved.then(() => wanted ? deps.floating.hold() : deps.floating.release())
      .catch((error: unknown) => log.warn('floating addresses', { error }));
  };
  const followPrimacy = (): void => {
    ensureOwnActors({ ...deps, isPrimary: () => primacy.isPrimary() })
      .catch((error: unknown) => log.debug('actors of this node are made later', { error }));
    setHeld(primacy.isPrimary());
  };
  for (const part of [host, primacy, homing, liveness, strays, keeper, fencedBoots, ...ceph, volumes]) part.start();
  followPrimacy();
  const volumeDesk = new VolumeDesk(deps);
  const admin = new Admin({ ...deps, view, vmBehavior: deps.behaviors.get('vm')!, volumes: volumeDesk, osds });
  return {
    admin,
    leave: () => leave({ ...deps, host, primacy, homing, log: log.child('leaving') }),
    stop() {
      unlisten();
      loss?.stop();
      for (const part of [...ceph, volumes, keeper, fencedBoots, strays, liveness, homing, primacy, host]) part.stop();
      setHeld(false);
    },
  };
}

/** What looks at the storage as a whole; nothing where there is none. */
function cephParts(
  deps: CellsDeps, { host, osds, watch, isPrimary }: {
    readonly host: Host; readonly osds: OsdDesk; readonly watch: CephWatch; isPrimary(): boolean;
  },
): readonly (StorageTelemetry | OsdKeeper)[] {
  const { readStorage: read, log, config, self } = deps;
  if (read === null) return [];
  return [
    new StorageTelemetry({
      ...deps, read, node: self.node, isPrimary, log: log.child('ceph'), onLooked: (look) => watch.looked(look),
    }),
    new OsdKeeper({
      ...deps, host, desk: osds, nodes: config.allNodes, isPrimary, log: log.child('osds'), drift: watch,
    }),
  ];
}

/** A guest that ended by itself is a message to its VM. `leased`: does this node hold its lease? */
function bringEvent(host: Host, { type, uuid, detail }: DomainEvent, leased: boolean): void {
  // Its request stands in QEMU and is repeated when it goes on (domain-rbd.ts).
  if (type === 'paused' && detail === 'I/O error') host.tell(addressOf('vm', uuid), { type: 'guest.stalled', detail });
  if (type !== 'stopped' && type !== 'crashed') return;
  const over = type === 'crashed' && !leased ? { leaseOver: true } : {};
  host.tell(addressOf('vm', uuid), { type: `guest.${type}`, detail, ...over });
}

/** null = not live. A transfer to the primary goes to whoever the mirror says is. */
function resolveOwner(mirror: Mirror, to: string, epoch: number): Owner | null {
  const entry = to === 'primary' ? mirror.primary() : mirror.liveOf(to);
  if (entry === null || !mirror.isLive(entry.incarnation, entry.node)) return null;
  return { node: entry.node, incarnation: entry.incarnation, bootId: entry.bootId, epoch, cause: 'transferred' };
}

function commitEffects({ paths }: CellsDeps): Record<string, CommitEffect> {
  return {
    'proof.record': (params) => {
      const proof = params['proof'] as Proof;
      const path = fencePathOf(paths, proof.kind)(proof.boot.node, proof.boot.bootId);
      return [{ op: 'create', path, data: encode(proof) }];
    },
    'actor.remove': (params) => (params['names'] as readonly string[])
      .map((name) => ({ op: 'delete' as const, path: paths.name('vm', name), version: 'any' as const })),
  };
}

function worldEffects(
  deps: CellsDeps, view: ClusterView, primacy: Primacy, volumes: VolumeService,
): Record<string, WorldEffect> {
  const hypervisor: HypervisorDeps = { ...deps, onProgress: (uuid, progress) => view.progress(uuid, progress) };
  const vm = {
    ...hypervisorEffects(hypervisor), ...placeEffects(view), ...reachEffects(deps.storage),
    ...diskEffects(deps.volumes), ...volumes.removal,
  };
  const power = powerEffects(deps.bmc, deps.probe);
  return {
    ...asWorldEffects<VmEffects>(vm),
    ...asWorldEffects<AgentEffects>({
      ...power, ...agentHypervisorEffects(hypervisor), 'storage.fence': storageEffects(deps.storage)['storage.fence'],
    }),
    ...asWorldEffects<NodeEffects>({ ...power, ...clusterEffects({ ...deps, view }) }),
    ...asWorldEffects<BenchmarkEffects>(benchmarkEffects({
      ceph: deps.ceph, confPath: deps.config.storage?.confFile ?? '',
      user: (deps.config.storage?.clientName ?? '').replace(/^client\./, ''),
      storeDocument: (text) => storeDocument(deps.store, deps.paths, text),
    })),
    ...asWorldEffects<OsdEffects>({
      ...deps.osds ?? noOsds(OSD_EFFECT_NAMES),
      'osd.bury': ({ uuid, number, deadlineMs }) => new OsdDesk(deps).bury(uuid, number, deadlineMs),
    }),
    ...asWorldEffects<StorageEffects>(storageEffects(deps.storage)),
    ...volumes.effects,
    'primary.offer': async (params) => {
      const to = await primacy.offer((params['to'] as string | null | undefined) ?? null);
      if (to !== null) return done({ to });
      return refused('no other live coordinator can be primary, or this node is not primary');
    },
  };
}
