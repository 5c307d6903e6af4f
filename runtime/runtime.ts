/**
 * The runtime by itself: one host of actors as a supervision tree (rest_for_one): session -> lease -> mirror -> cells
 * -> placing -> services. A lost session stops everything below it and starts it anew from the store. A daemon that
 * needs more (guards, primaries) composes the same parts by itself, as actors/daemon.ts does.
 */
import type { Address } from './address.js';
import { Balance } from './balance.js';
import { behaviorOf, type Behavior } from './behavior.js';
import { bootstrap } from './bootstrap.js';
import { systemClock, type Clock } from './clock.js';
import { createActor } from './create.js';
import type { ActorEvent } from './envelope.js';
import { MirrorFeed } from './feed.js';
import { createGateway } from './gateway.js';
import type { Submitted } from './gateway-types.js';
import type { HandOverResult } from './handover.js';
import { Heirs } from './heirs.js';
import { Host } from './host.js';
import { Lease } from './lease.js';
import { ZOOKEEPER_TICK_MS } from './limits.js';
import { createLog, type Log } from './log.js';
import { assertMachines } from './machine-check.js';
import { RuntimeMetrics } from './metrics.js';
import { Mirror, type MirrorActor } from './mirror.js';
import { pathsUnder, type Paths } from './paths.js';
import type { Home } from './placer.js';
import { newToken, newUuid } from './random.js';
import type { ActorRecord, Operation } from './record.js';
import type { RuntimeOptions, RuntimeParts } from './runtime-types.js';
import { supervisorBehavior, SUPERVISOR_KIND } from './supervision/behavior.js';
import { never, RestForOne, type ChildSpec, type RunningChild } from './supervisor.js';

/** Actions that the runtime itself carries out in the commit. */
const COMMIT_EFFECT_NAMES = ['tell', 'owner.transfer', 'operation.end', 'actor.remove', 'effect.cancel'] as const;
/** What claiming a dead host's actors takes at most: the next heir steps in after twice as long, milliseconds. */
const HEIR_DELAY_MS = 500;
/** Actors of one host that are moved at once, and the rest before a plan is made of a change, milliseconds. */
const MOVES_AT_ONCE = 4;
const SETTLE_MS = 1000;
/** Restarts of the tree before this host gives up. */
const INTENSITY = { restarts: 20, periodMs: 60_000 } as const;

export class Runtime {
  readonly paths: Paths;
  /** Resolves after `stop`; rejects when the tree broke too often: time to end the process and begin anew. */
  readonly ended: Promise<void>;
  private readonly behaviors: ReadonlyMap<string, Behavior>;
  private readonly commitEffectNames: ReadonlySet<string>;
  private readonly clock: Clock;
  private readonly log: Log;
  private readonly bootId: string;
  private readonly tree: RestForOne;
  private present: Partial<RuntimeParts> = {};
  private up: (() => void)[] = [];

  constructor(private readonly options: RuntimeOptions) {
    this.clock = options.clock ?? systemClock;
    this.log = options.log ?? createLog(options.node, 'warn');
    this.bootId = options.bootId ?? newUuid();
    this.paths = pathsUnder(options.root);
    const behaviors = new Map(options.definitions.map((each) => [each.kind, behaviorOf(each)]));
    this.behaviors = behaviors.set(SUPERVISOR_KIND, supervisorBehavior(behaviors));
    this.commitEffectNames = new Set([...COMMIT_EFFECT_NAMES, ...Object.keys(options.commitEffects ?? {})]);
    // At once, with the reason: the host below would find it again at every attempt.
    assertMachines(this.behaviors.values(), this.commitEffectNames, options.worldEffects ?? {});
    const children: ChildSpec[] = [
      { id: 'session', start: () => this.startSession() },
      { id: 'lease', start: () => this.startLease() },
      { id: 'mirror', start: () => this.startMirror() },
      { id: 'cells', start: () => this.startCells() },
      { id: 'placing', start: () => this.startPlacing() },
      { id: 'services', start: () => this.startServices() },
    ];
    this.tree = new RestForOne(children, INTENSITY, this.clock, this.log);
    this.ended = this.tree.run();
    this.ended.catch(() => undefined);
  }

  /** The parts as they are now; null between two sessions. */
  get parts(): RuntimeParts | null {
    return this.present.balance === undefined ? null : this.present as RuntimeParts;
  }

  /** Resolves with the parts once everything runs. Rejects when the host has given up. */
  async whenUp(): Promise<RuntimeParts> {
    while (this.parts === null) {
      await Promise.race([
        new Promise<void>((resolve) => this.up.push(resolve)),
        this.ended.then(() => { throw new Error('the runtime was stopped'); }),
      ]);
    }
    return this.parts;
  }

  /** See `createActor`. */
  async create(kind: string, id: string, input?: unknown): Promise<boolean> {
    const behavior = this.behaviors.get(kind);
    if (behavior === undefined) throw new Error(`this host knows no machine "${kind}"`);
    const { clock, commitEffectNames } = this;
    const parts = await this.whenUp();
    const { versions } = parts.mirror;
    return createActor({ ...parts, clock, commitEffectNames, versions }, behavior, id, input);
  }

  /**
   * Sends a command. `accepted` = it is in the actor's mailbox and will be stepped exactly once; a denial with
   * PVC_NOT_COMMITTED = it is not known to be there: look before you send it again.
   */
  async submit(to: Address, command: ActorEvent, correlation = `call-${newToken()}`): Promise<Submitted> {
    const { gateway } = await this.whenUp();
    return gateway.submit(to, command, correlation);
  }

  /** Sends a command and waits for the end of its operation; null = it had not ended after `timeoutMs`. */
  async ask(to: Address, command: ActorEvent, timeoutMs: number): Promise<Submitted | Operation | null> {
    const submitted = await this.submit(to, command);
    if (submitted.kind !== 'accepted') return submitted;
    const { gateway } = await this.whenUp();
    return gateway.waitFor(to, submitted.operationId, timeoutMs);
  }

  /** What this host last saw of an actor; null = nothing. */
  record(address: Address): ActorRecord | null {
    return this.parts?.feed.actor(address)?.record ?? null;
  }

  /** Moves an actor of this host to another live one, at the end of its turn. */
  async move(address: Address, to: string): Promise<HandOverResult> {
    const { host, mirror } = await this.whenUp();
    const actor = mirror.actors.get(address);
    return host.handOver(address, to, actor === undefined ? {} : this.options.handOver?.(actor) ?? {});
  }

  /** Hands its actors over to the other hosts, as far as there are any, and stops. */
  async leave(): Promise<void> {
    await this.parts?.balance.leave();
    await this.stop();
  }

  /** Stops at once and ends the session: the other hosts claim what it had. */
  async stop(): Promise<void> {
    await this.tree.stop();
    await this.ended.catch(() => undefined);
  }

  private async startSession(): Promise<RunningChild> {
    const store = await this.options.openStore();
    this.present = { store };
    const failed = new Promise<string>((resolve) => {
      store.onState((state) => { if (state === 'expired' || state === 'closed') resolve(`the session is ${state}`); });
    });
    return { failed, stop: () => store.close() };
  }

  private async startLease(): Promise<RunningChild> {
    const { paths, clock, log, bootId, options } = this;
    const { store } = this.reached();
    const { generation } = await bootstrap(store, paths, [...this.behaviors.keys()], [], [options.node]);
    const lease = new Lease({
      store, paths, clock, bootId, node: options.node, log: log.child('lease'),
      tickMs: options.tickMs ?? ZOOKEEPER_TICK_MS, stopMs: options.stopMs ?? 0,
      heartbeatMs: options.heartbeatMs ?? store.session.timeoutMs / 5,
      blob: () => ({ node: options.node }), onRenewed: () => undefined,
    });
    await lease.start();
    const mirror = new Mirror(store, paths, clock, log.child('mirror'));
    const feed = new MirrorFeed(mirror, generation, log.child('feed'));
    const self = { node: options.node, incarnation: lease.incarnation, bootId };
    this.present = { store, paths, lease, mirror, feed, self, behaviors: this.behaviors };
    return { failed: lease.lost, stop: () => lease.stop() };
  }

  private async startMirror(): Promise<RunningChild> {
    const { mirror, feed } = this.reached();
    await mirror.start();
    feed.begin();
    return { failed: never(), stop: () => mirror.stop() };
  }

  private startCells(): Promise<RunningChild> {
    const { store, paths, lease, mirror, feed, self, behaviors } = this.reached();
    const { clock, log, commitEffectNames, options } = this;
    const metrics = new RuntimeMetrics();
    for (const [name, read] of Object.entries(feed.levels)) metrics.levels.set(name, read);
    const host = new Host({
      metrics,
      store, paths, mirror, clock, behaviors, self, commitEffectNames, gate: lease, log: log.child('cell'),
      worldEffects: options.worldEffects ?? {}, ...(options.idleMs === undefined ? {} : { idleMs: options.idleMs }),
      commitEffects: { 'actor.remove': () => [], ...options.commitEffects },
      newCommitId: () => `${self.incarnation}:${newToken()}`,
      resolveOwner: (to, epoch) => {
        const live = mirror.liveOf(to);
        if (live === null) return null;
        return { node: to, incarnation: live.incarnation, bootId: live.bootId, epoch, cause: 'transferred' };
      },
    });
    host.start();
    const newOperationId = (): string => `op-${newToken()}`;
    const { depths, versions } = mirror;
    const gateway = createGateway({ store, paths, clock, feed, behaviors, newOperationId, depths, versions });
    const before = this.present;
    this.present = { ...before, host, gateway, metrics };
    const stop = (): void => {
      this.present = before;
      host.stop();
    };
    return Promise.resolve({ failed: never(), stop });
  }

  private startPlacing(): Promise<RunningChild> {
    const { clock, log, options } = this;
    const { host, mirror, store, paths, self } = this.reached();
    const home = (actor: MirrorActor): Home => options.home?.(actor) ?? 'anywhere';
    const heirs = new Heirs({
      store, paths, self, mirror, clock, log: log.child('heirs'), home,
      needsFence: null, delayMs: HEIR_DELAY_MS, takes: () => true,
    });
    const balance = new Balance({
      mirror, host, clock, log: log.child('balance'), node: self.node, home, atOnce: MOVES_AT_ONCE,
      settleMs: SETTLE_MS, drains: () => false, handOver: (actor) => options.handOver?.(actor) ?? {},
    });
    heirs.start();
    if (options.balance !== false) balance.start();
    this.present = { ...this.present, heirs, balance };
    const stop = (): void => {
      heirs.stop();
      balance.stop();
    };
    return Promise.resolve({ failed: never(), stop });
  }

  private async startServices(): Promise<RunningChild> {
    const parts = this.reached();
    const services = await this.options.services?.(parts) ?? { failed: never(), stop: () => undefined };
    for (const resolve of this.up.splice(0)) resolve();
    return { ...services, stop: () => services.stop() };
  }

  /** Children start in order: what the earlier ones gave is there. */
  private reached(): RuntimeParts {
    return this.present as RuntimeParts;
  }
}

/** Starts a host of actors; resolves once they run. Rejects when the tree broke too often before that. */
export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  const runtime = new Runtime(options);
  await runtime.whenUp();
  return runtime;
}
