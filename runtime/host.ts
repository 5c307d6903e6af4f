/**
 * The host: runs a cell for every actor this incarnation owns (one_for_one), as long as it has something to do; the
 * others sleep (asleep.ts). It decides nothing about ownership: it follows the mirror, and the cell checks again when
 * it starts and at every commit.
 * A cell over its restart intensity is parked and reported; this never counts upward.
 */
import { splitAddress, type Address } from './address.js';
import { Asleep, hasWork, mayStayAsleep } from './asleep.js';
import type { Behavior } from './behavior.js';
import { bury } from './burial.js';
import { Cell } from './cell.js';
import type { CellDeps } from './cell-deps.js';
import { DeadKeeper } from './dead-keeper.js';
import type { ActorEvent } from './envelope.js';
import { Crashes, type CrashDeps } from './crashes.js';
import { FaultKeeper, isLasting } from './fault-keeper.js';
import { Departure, type HandOverOptions, type HandOverResult } from './handover.js';
import { LIMITS } from './limits.js';
import { mirroredActor } from './load.js';
import { causeChain } from './log.js';
import { assertMachines } from './machine-check.js';
import { reportMisfits } from './migrate.js';
import type { Mirror, MirrorActor } from './mirror.js';
import { bringUp } from './outdated.js';
import { newToken } from './random.js';
import type { ActorRecord } from './record.js';
import { StoreError } from './store.js';
import { cannotReadThere, keepNodeVersions, NeedsVersionError } from './versions.js';

/** What the host knows itself. */
type OfHost =
  'behavior' | 'versions' | 'news' | 'depths' | 'processId' | 'onEnd' | 'onCrash' | 'onParked';

export interface HostDeps extends Omit<CellDeps, OfHost>, Pick<CrashDeps, 'onExhausted'> {
  readonly mirror: Mirror;
  readonly behaviors: ReadonlyMap<string, Behavior>;
  /** How long an actor without anything to do keeps its cell, milliseconds; LIMITS.idleMs if left out. */
  readonly idleMs?: number;
}

/** Pause before a cell that could not read is begun anew, milliseconds. */
const OUT_OF_REACH_MS = 500;
/** Pause before a step that an older daemon could not read is tried again, milliseconds. */
const WAITS_MS = 2000;

export class Host {
  private readonly cells = new Map<Address, Cell>();
  private readonly asleep: Asleep;
  /** What the cells of one kind share. */
  private readonly kinds = new Map<string, CellDeps>();
  private readonly crashes: Crashes;
  /** Parked cells; another owner, or the same one anew (another epoch), gets another chance. */
  private readonly parked = new Map<Address, { epoch: number; error: string }>();
  private begun = false;
  private readonly keeper: FaultKeeper;
  private readonly dead: DeadKeeper;
  private stopped = false;
  private facts = 0;
  /** Begins every commit id: tells this process's commits from an earlier one's. */
  private readonly processId = newToken(4);
  private unlisten: () => void = () => undefined;

  constructor(private readonly deps: HostDeps) {
    deps.metrics?.levels.set('cells', () => this.cells.size);
    deps.metrics?.levels.set('sleeping_actors', () => this.asleep.size);
    deps.metrics?.levels.set('parked_cells', () => this.parked.size);
    assertMachines(deps.behaviors.values(), deps.commitEffectNames, deps.worldEffects);
    this.keeper = new FaultKeeper(deps);
    this.dead = new DeadKeeper(deps);
    this.crashes = new Crashes({ ...deps, versions: deps.mirror.versions, processId: this.processId }, {
      follow: (address) => this.follow(address), park: (address, epoch, error) => this.park(address, epoch, error),
    });
    this.asleep = new Asleep(deps.store, deps.paths);
    for (const [kind, behavior] of deps.behaviors) {
      this.kinds.set(kind, {
        ...deps, behavior, versions: deps.mirror.versions, depths: deps.mirror.depths, processId: this.processId,
        news: deps.mirror, onParked: (addresses) => this.dead.parked(addresses),
        onEnd: (cell, reason) => this.ended(cell, reason), onCrash: (cell, error) => this.crashed(cell, error),
      });
    }
    deps.mirror.listen({
      onOwner: (address) => this.follow(address),
      onRecord: (actor, before) => this.recorded(actor, before),
      onEnvelope: (address, name) => {
        const cell = this.cells.get(address);
        if (cell) this.reading(cell, cell.ring(name));
        else this.wake(address);
      },
      onRescan: () => this.followAll(),
      onLive: (node) => keepNodeVersions(deps, node),
    });
  }

  start(): void {
    this.unlisten = this.deps.store.onState((state) => {
      if (state === 'suspended') for (const cell of this.cells.values()) cell.hold();
    });
    reportMisfits(this.deps);
    this.dead.start();
    this.followAll();
    this.begun = true;
    // Leases that were there before anybody listened (a cold start: all of them) ring no more.
    this.register();
    this.every(LIMITS.mailboxScanMs, () => {
      this.followAll();
      this.register();
    });
    const idleMs = this.deps.idleMs ?? LIMITS.idleMs;
    this.every(idleMs / 2, () => this.layToSleep(idleMs));
  }

  private register(): void {
    for (const node of this.deps.mirror.unregistered()) keepNodeVersions(this.deps, node);
  }

  stop(): void {
    this.stopped = true;
    this.unlisten();
    this.dead.stop();
    for (const cell of this.cells.values()) cell.stop();
    this.cells.clear();
    this.asleep.clear();
  }

  /** Runs here, or sleeps here. */
  owns(address: Address): boolean {
    return this.cells.has(address) || this.asleep.epochOf(address) !== undefined;
  }

  owned(): Address[] {
    return [...this.cells.keys(), ...this.asleep.addresses()];
  }

  /** Actors that have a cell, and those that sleep. */
  population(): { readonly awake: number; readonly asleep: number } {
    return { awake: this.cells.size, asleep: this.asleep.size };
  }

  /** Actors whose cell was parked, with the error. */
  faults(): ReadonlyMap<Address, string> {
    return new Map([...this.parked].map(([address, { error }]) => [address, error]));
  }

  /** Brings a fact of this node (a guest ended) to an actor that runs here; false = it does not. */
  tell(address: Address, event: ActorEvent): boolean {
    const cell = this.cells.get(address) ?? this.wake(address);
    if (cell === null) return false;
    this.facts += 1;
    cell.tell(event, `${this.deps.self.incarnation}:fact:${this.facts}`);
    return true;
  }

  /**
   * Moves an actor that runs here to another live node, at a turn boundary. Refused with the reason if it does not
   * run here, the node is not live, or the actor does not come to rest in time; never rejects.
   */
  handOver(address: Address, toNode: string, options: HandOverOptions = {}): Promise<HandOverResult> {
    const cell = this.cells.get(address) ?? this.wake(address);
    const target = this.deps.mirror.liveOf(toNode);
    const reason = cell === null ? `${address} does not run here` : target === null ? `${toNode} is not live`
      : target.incarnation === this.deps.self.incarnation ? `${address} is there already`
        : cannotReadThere(this.deps.mirror, address, toNode);
    if (cell === null || target === null || reason !== null) {
      return Promise.resolve({ kind: 'refused', reason: reason ?? '' });
    }
    const departure = new Departure(target, options, this.deps.clock);
    cell.leave(departure);
    return departure.done.then((result) => {
      // A cell that was stopped by the news of its own commit does not know that it came through.
      const owner = this.deps.mirror.actors.get(address)?.owner;
      return result.kind === 'refused' && owner?.incarnation === target.incarnation ? { kind: 'moved', owner } : result;
    });
  }

  private follow(address: Address): void {
    if (this.stopped) return;
    const actor = this.deps.mirror.actors.get(address);
    const owner = actor?.owner ?? null;
    const mine = actor !== undefined && owner !== null && !actor.record.removed && actor.record.fault === null
      && owner.node === this.deps.self.node && owner.incarnation === this.deps.self.incarnation;
    const running = this.cells.get(address);
    const isTombstone = actor?.record.removed === true && owner?.incarnation === this.deps.self.incarnation;
    if (isTombstone && !running) void bury(this.deps, address);
    if (running && (!mine || (running.epoch ?? owner.epoch) < owner.epoch)) {
      running.stop();
      this.cells.delete(address);
    }
    if (!mine || this.asleep.epochOf(address) !== owner.epoch) this.asleep.delete(address);
    if (!mine || this.owns(address) || this.crashes.isResting(address, owner.epoch)) return;
    if (this.parked.get(address)?.epoch === owner.epoch) return;
    if (!this.begun && mayStayAsleep(this.deps, actor.record, owner)) this.asleep.put(address, owner.epoch);
    else this.launch(address, 'acquired');
  }

  private followAll(): void {
    for (const address of this.deps.mirror.actors.keys()) this.follow(address);
    this.scan();
  }

  private recorded({ address, record }: MirrorActor, before: ActorRecord | null): void {
    if (before === null || before.fault !== record.fault) this.follow(address);
    else if (this.asleep.epochOf(address) !== undefined && hasWork(record)) this.wake(address);
  }

  /** Gives an actor that sleeps here its cell. null = it does not sleep here. */
  private wake(address: Address): Cell | null {
    return this.asleep.delete(address) ? this.launch(address, 'woken') : null;
  }

  private layToSleep(idleMs: number): void {
    for (const [address, cell] of this.cells) {
      if (!cell.isIdle(idleMs) || cell.epoch === null) continue;
      cell.stop();
      this.cells.delete(address);
      this.asleep.put(address, cell.epoch);
    }
  }

  private launch(address: Address, how: 'acquired' | 'woken'): Cell | null {
    const deps = this.kinds.get(splitAddress(address).kind);
    if (deps === undefined) {
      const epoch = this.deps.mirror.actors.get(address)?.owner?.epoch ?? 0;
      this.parked.set(address, { epoch, error: 'this daemon knows no such machine' });
      return null;
    }
    const cell = new Cell(address, deps);
    this.cells.set(address, cell);
    const known = how === 'woken' || !this.begun ? mirroredActor(this.deps.mirror.actors.get(address)) : null;
    cell.start(how, known).catch((error: unknown) => this.crashed(cell, error));
    return cell;
  }

  /** A mailbox that cannot be read now is read later: the cell and what it has under way go on meanwhile. */
  private reading(cell: Cell, work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (!(error instanceof StoreError)) return this.crashed(cell, error);
      cell.hold();
      this.deps.clock.after(OUT_OF_REACH_MS, () => {
        if (this.cells.get(cell.address) === cell) this.reading(cell, cell.scan());
      }, true);
    });
  }

  private ended(cell: Cell, reason: string): void {
    const { address } = cell;
    this.deps.log.debug('cell ended', { actor: address, reason });
    if (this.cells.get(address) === cell) this.cells.delete(address);
    if (reason === 'removed') void bury(this.deps, address);
  }

  /**
   * A store that is out of reach is no crash: the cell is begun anew from its record, at the latest when the
   * mirror has read everything again. Only what the cell did wrong counts against its restart intensity.
   */
  private crashed(cell: Cell, error: unknown): void {
    const { address } = cell;
    if (this.cells.get(address) !== cell || this.stopped) return;
    cell.stop();
    this.cells.delete(address);
    if (isLasting(error)) return this.park(address, this.epochOf(cell), error);
    if (error instanceof NeedsVersionError) {
      this.deps.log.warn('a step waits until all nodes read what it writes', { actor: address, error });
      this.deps.clock.after(WAITS_MS, () => this.follow(address), true);
      return;
    }
    if (error instanceof StoreError) {
      this.deps.log.debug('cell begins anew when the store is back', { actor: address, error });
      this.deps.clock.after(OUT_OF_REACH_MS, () => this.follow(address), true);
      return;
    }
    void this.crashes.beginAnew(address, this.epochOf(cell), error);
  }

  private epochOf({ address, epoch }: Cell): number {
    return epoch ?? this.deps.mirror.actors.get(address)?.owner?.epoch ?? 0;
  }

  private park(address: Address, epoch: number, error: unknown): void {
    this.deps.log.error('an actor stopped', { actor: address, znode: this.deps.paths.record(address), error });
    this.parked.set(address, { epoch, error: causeChain(error) });
    void this.keeper.stopped(address, epoch, error);
  }

  private scan(): void {
    for (const cell of this.cells.values()) this.reading(cell, cell.scan());
    const { mirror, clock, log } = this.deps;
    this.asleep.withLetters((address) => this.wake(address))
      .catch((error: unknown) => log.debug('mailboxes of sleepers are looked at later', { error }));
    mirror.tombs.sweep(clock.wallMs()).catch((error: unknown) => log.debug('tombstones stay a while', { error }));
    void bringUp(this.deps, this.asleep.addresses(), () => `${this.processId}.${this.deps.newCommitId()}`);
  }

  private every(periodMs: number, work: () => void): void {
    this.deps.clock.after(periodMs, () => {
      if (this.stopped) return;
      work();
      this.every(periodMs, work);
    }, true);
  }
}
