/**
 * One node's daemon as a supervision tree (rest_for_one): session -> lease -> mirror -> cells -> API.
 * A lost session stops everything below it and starts it anew; guests are not touched by that: the guard
 * alone decides about them, by the lease's deadline.
 */
import { COMMIT_EFFECT_NAMES } from '../machines/effects.js';
import type { MachineDefinition } from '../machines/definition.js';
import { addressOf } from '../runtime/address.js';
import { behaviorOnce, type Behavior } from '../runtime/behavior.js';
import { bootstrap } from '../runtime/bootstrap.js';
import type { Clock } from '../runtime/clock.js';
import { encodeEnvelope } from '../runtime/codec.js';
import type { Envelope } from '../runtime/envelope.js';
import { MirrorFeed } from '../runtime/feed.js';
import type { Feed } from '../runtime/feed-types.js';
import { createGateway } from '../runtime/gateway.js';
import type { Gateway } from '../runtime/gateway-types.js';
import { FencedBootError, Lease } from '../runtime/lease.js';
import { GUEST_STOP_MS } from '../runtime/limits.js';
import type { Log } from '../runtime/log.js';
import { RuntimeMetrics } from '../runtime/metrics.js';
import { Mirror } from '../runtime/mirror.js';
import { envelopeName, pathsUnder, type Paths } from '../runtime/paths.js';
import { newToken } from '../runtime/random.js';
import type { StoreMetrics } from '../runtime/store-metrics.js';
import type { Store, StoreOptions } from '../runtime/store.js';
import { WriterVersion } from '../runtime/versions.js';
import { never, RestForOne, type ChildSpec, type RunningChild } from '../runtime/supervisor.js';
import { ActorDesk } from './actor-desk.js';
import type { Admin } from './admin.js';
import { startCells, type CellsDeps } from './cells.js';
import type { PvcConfig } from './config.js';
import { followDisarming } from './disarming.js';
import type { Bmc, Probe } from './drivers/bmc.js';
import type { FencingFlaw } from './drivers/ceph/fencing-preflight.js';
import type { HostFigures } from './drivers/host.js';
import type { Hypervisor } from './drivers/hypervisor.js';
import type { CephConnection } from './drivers/ceph/connection.js';
import type { Osds } from './drivers/osds.js';
import type { Storage } from './drivers/storage.js';
import type { Volumes } from './drivers/volumes.js';
import { maintenanceTurnsDown } from './maintenance.js';
import type { BootState } from './session-file.js';
import { readStorageOf, type ReadStorage } from './storage-telemetry.js';
import { createTelemetry } from './telemetry.js';
import { Voucher, type Peers } from './vouching.js';

export interface Services {
  readonly feed: Feed;
  readonly gateway: Gateway;
  readonly admin: Admin;
  readonly desk: ActorDesk;
  /** What this node counts of itself. */
  readonly figures: { readonly runtime: RuntimeMetrics; store(): StoreMetrics; leaseRemainingMs(): number };
}

export interface DaemonDeps {
  readonly config: PvcConfig;
  readonly clock: Clock;
  readonly log: Log;
  readonly facts: { readonly bootId: string; readonly version: string; readonly os: string };
  readonly host: HostFigures;
  readonly definitions: readonly MachineDefinition[];
  readonly hypervisor: Hypervisor;
  readonly bmc: Bmc;
  readonly probe: Probe;
  /** Absent = a cluster without shared storage. */
  readonly storage?: Storage;
  /** What storage stands on, where that is a real Ceph; closed by who opened it. */
  readonly ceph?: CephConnection;
  /** The OSDs of this node. */
  readonly osds?: Osds;
  /** What would spoil a fence by that storage (fencing-watch.ts). */
  readonly fenceFlaws?: () => readonly FencingFlaw[];
  /** A look at the storage as a whole, on the primary; absent = by `ceph`, if that is there. */
  readonly readStorage?: ReadStorage;
  /** Its pools and volumes. */
  readonly volumes?: Volumes;
  readonly bootState: BootState;
  readonly floating: { hold(): Promise<unknown>; release(): Promise<unknown> };
  openStore(options: StoreOptions): Promise<Store>;
  /** Does the guard of this host and boot answer? Without it nobody would keep the lease's deadline. */
  guardAnswers(): Promise<boolean>;
  startApi(services: Services): Promise<RunningChild>;
  /** Coordinators that vouch for each other when the service is lost (I9). Only the simulator has them. */
  readonly peers?: Peers;
  /** Versions of records this daemon reads, ascending; fewer than all only to simulate an older daemon. */
  readonly recordVersions?: readonly number[];
  /** Looks on as effects reach the world, and may come between: for simulations. */
  aroundEffects?: CellsDeps['aroundEffects'];
  /** Asked when the daemon is told to end: does its whole system go down for good? Without it: it is a restart. */
  goesDown?(): boolean;
}

/** Kinds whose names are an index. */
const INDEXED_KINDS = ['vm'] as const;

/** What the children give to the ones after them. */
interface Stage {
  store: Store | null;
  lease: Lease | null;
  mirror: Mirror | null;
  feed: MirrorFeed | null;
  services: Services | null;
  quorumSinceMs: number;
  /** The guard was told so. */
  disarmed: boolean;
}

const given = <T>(value: T | null): T => {
  if (value === null) throw new Error('started out of order');
  return value;
};

type Behaviors = ReadonlyMap<string, Behavior>;

export function createDaemon(deps: DaemonDeps): RestForOne {
  const paths = pathsUnder(deps.config.zookeeper.root);
  const behaviors: Behaviors = new Map(deps.definitions.map((each) => [each.kind, behaviorOnce(each)]));
  const stage: Stage = {
    store: null, lease: null, mirror: null, feed: null, services: null, quorumSinceMs: 0,
    disarmed: false,
  };
  const children: ChildSpec[] = [
    { id: 'session', start: () => startSession(deps, stage) },
    { id: 'lease', start: () => startLease(deps, paths, behaviors, stage) },
    { id: 'mirror', start: () => startMirror(deps, paths, stage) },
    { id: 'cells', start: () => startActors(deps, paths, behaviors, stage) },
    { id: 'api', start: () => deps.startApi(given(stage.services)) },
  ];
  return new RestForOne(children, { restarts: 10, periodMs: 60_000 }, deps.clock, deps.log);
}

async function startSession(deps: DaemonDeps, stage: Stage): Promise<RunningChild> {
  const { config, clock, log } = deps;
  const resume = deps.bootState.loadSession();
  const store = await deps.openStore({
    servers: config.coordinators.map((node) => `${config.addresses[node]!.cluster}:${config.zookeeper.port}`),
    sessionTimeoutMs: config.zookeeper.sessionTimeoutMs,
    ...(resume === null ? {} : { resume }),
    ...(config.zookeeper.auth && { auth: config.zookeeper.auth }),
  });
  deps.bootState.saveSession(store.session);
  const { id, timeoutMs } = store.session;
  log.info('session', { id, timeoutMs, resumed: resume?.id === id });
  stage.store = store;
  stage.quorumSinceMs = clock.monotonicMs();
  let brokenAt = 0;
  let stopping = false;
  const failed = new Promise<string>((resolve) => {
    store.onState((state) => {
      log.debug('session state', { state });
      if (state === 'suspended') brokenAt = clock.monotonicMs();
      // A short change of server is no loss of quorum; a long one means that what we know is old.
      const brokenLong = clock.monotonicMs() - brokenAt > store.session.timeoutMs / 2;
      if (state === 'connected' && brokenLong) stage.quorumSinceMs = clock.monotonicMs();
      if (state === 'expired') resolve('the session expired');
      if (state === 'closed' && !stopping) resolve('ZooKeeper refuses this node\'s key (database.zookeeper.auth)');
    });
  });
  const stop = async (): Promise<void> => {
    stopping = true;
    if (store.state === 'expired') await store.close();
    else store.abandon();
  };
  return { failed, stop };
}

async function startLease(
  deps: DaemonDeps, paths: Paths, behaviors: Behaviors, stage: Stage,
): Promise<RunningChild> {
  const { config, clock, log, facts } = deps;
  const store = given(stage.store);
  if (!await deps.guardAnswers()) {
    throw new Error('the guard does not answer: no lease is taken that nobody would enforce');
  }
  const format = await bootstrap(store, paths, [...behaviors.keys()], INDEXED_KINDS, config.allNodes);
  const telemetry = createTelemetry(config, deps.hypervisor, clock, facts, deps.host, deps.storage ?? null,
    deps.fenceFlaws);
  let deadlineMs = 0;
  const tellGuard = (untilMs: number): void => {
    deps.bootState.writeLease({ deadlineMs: untilMs, bootId: facts.bootId, incarnation: lease.incarnation });
    deadlineMs = untilMs;
  };
  const lease: Lease = new Lease({
    store, paths, clock, log: log.child('lease'), node: config.node, bootId: facts.bootId,
    tickMs: config.zookeeper.tickMs, ...(deps.recordVersions && { recordVersions: deps.recordVersions }),
    stopMs: GUEST_STOP_MS, heartbeatMs: config.timers.telemetryMs,
    blob: () => {
      void telemetry.refresh();
      const blob = telemetry.blob(lease.incarnation) as unknown as Record<string, unknown>;
      return stage.disarmed ? { ...blob, disarmed: true } : blob;
    },
    onRenewed: tellGuard,
  });
  const voucher = deps.peers === undefined ? null : new Voucher({
    peers: deps.peers, store, clock, log: log.child('vouching'), coordinators: config.coordinators,
    tickMs: config.zookeeper.tickMs, deadlineMs: () => deadlineMs, extend: tellGuard,
  });
  try {
    await lease.start();
  } catch (error) {
    telemetry.close();
    if (error instanceof FencedBootError) {
      // Others may run its guests by now: whatever was said of a lease that need not be, they end.
      deps.bootState.setDisarmed(false);
      await tellOutcast(deps, paths, store, error);
    }
    throw error;
  }
  voucher?.start();
  stage.lease = lease;
  stage.feed = null;
  stage.mirror = new Mirror(store, paths, clock, log.child('mirror'), new WriterVersion(deps.recordVersions));
  stage.feed = new MirrorFeed(stage.mirror, format.generation, log.child('feed'));
  const stop = (): void => {
    voucher?.stop();
    telemetry.close();
    lease.stop();
  };
  return { failed: lease.lost, stop };
}

/** How long a daemon of a fenced boot waits between two pleas to be rebooted, milliseconds. */
const OUTCAST_PAUSE_MS = 15_000;

/** This boot was fenced and yet lives: the node's own actor is told, so that its power is switched off and on. */
async function tellOutcast(
  { config, clock, log, facts }: DaemonDeps, paths: Paths, store: Store, error: FencedBootError,
): Promise<void> {
  log.error('this node was fenced and stays out until it is rebooted', { error });
  const to = addressOf('node', config.node);
  const envelope: Envelope = {
    id: `outcast~${facts.bootId}~${newToken(4)}`, from: addressOf('agent', config.node), to,
    event: { type: 'node.outcast', bootId: facts.bootId },
    correlation: `outcast-${facts.bootId}`, causation: null, senderEpoch: 0, sentAt: clock.wallMs(),
  };
  const path = paths.envelope(to, envelopeName(envelope));
  await store.multi([{ op: 'create', path, data: encodeEnvelope(envelope) }]);
  await clock.sleep(OUTCAST_PAUSE_MS);
}

async function startMirror(deps: DaemonDeps, _paths: Paths, stage: Stage): Promise<RunningChild> {
  const mirror = given(stage.mirror);
  await mirror.start();
  given(stage.feed).begin();
  deps.log.info('mirror ready', { actors: mirror.actors.size });
  return { failed: never(), stop: () => mirror.stop() };
}

async function startActors(
  deps: DaemonDeps, paths: Paths, behaviors: Behaviors, stage: Stage,
): Promise<RunningChild> {
  const { config, clock, log, facts } = deps;
  const lease = given(stage.lease);
  const store = given(stage.store);
  const feed = given(stage.feed);
  const commitEffectNames = new Set<string>(COMMIT_EFFECT_NAMES);
  const metrics = new RuntimeMetrics();
  for (const [name, read] of Object.entries(feed.levels)) metrics.levels.set(name, read);
  const cellsDeps: CellsDeps = {
    config, clock, log, paths, behaviors, commitEffectNames, store, metrics, gate: lease,
    mirror: given(stage.mirror), hypervisor: deps.hypervisor, bmc: deps.bmc, probe: deps.probe, floating: deps.floating,
    storage: deps.storage ?? null, ceph: deps.ceph ?? null, osds: deps.osds ?? null, volumes: deps.volumes ?? null,
    readStorage: readStorageOf(deps),
    self: { node: config.node, incarnation: lease.incarnation, bootId: facts.bootId },
    quorumAgeMs: () => clock.monotonicMs() - stage.quorumSinceMs,
    goesDown: () => deps.goesDown?.() === true, vouching: deps.peers !== undefined,
    ...(deps.aroundEffects && { aroundEffects: deps.aroundEffects }),
  };
  const cells = startCells(cellsDeps);
  const unfollow = followDisarming({
    mirror: given(stage.mirror), log,
    setDisarmed: (disarmed) => {
      deps.bootState.setDisarmed(disarmed);
      stage.disarmed = disarmed;
    },
  });
  const gateway = createGateway({
    store, paths, clock, feed, behaviors, depths: given(stage.mirror).depths,
    versions: given(stage.mirror).versions,
    newOperationId: () => `op-${newToken(8)}`,
    turnsDown: (command, to) => maintenanceTurnsDown(given(stage.mirror), command)
      ?? cells.admin.policy.turnsDown(to, command),
  });
  const figures = { runtime: metrics, store: () => store.metrics(), leaseRemainingMs: () => lease.remainingMs() };
  const desk = new ActorDesk({
    store, paths, clock, config, node: config.node, behaviors, commitEffectNames, mirror: given(stage.mirror),
    versions: given(stage.mirror).versions, newCommitId: () => `${lease.incarnation}:${newToken()}`,
  });
  stage.services = { feed, gateway, admin: cells.admin, desk, figures };
  const stop = (): void => {
    unfollow();
    cells.stop();
  };
  return { failed: never(), stop, leave: () => cells.leave() };
}
