/**
 * The cell: the owner-side loop of one actor: take (letters.ts), step (batch.ts), commit (commit.ts), then act
 * (pending.ts). It alone holds the record and its versions, and decides what a commit's outcome means.
 * C1: one turn at a time; nothing touches the world before its commit is acknowledged.
 * C2: all it knows can be read back: a restart is a reload of record and mailbox.
 * C3: it ends for good when its owner's version moved, and says so to its host.
 */
import type { Address } from './address.js';
import { hasWork } from './asleep.js';
import { acquiredInput } from './causes.js';
import { cautionFor, FREE, type Caution } from './caution.js';
import type { CellDeps } from './cell-deps.js';
import { prepareTurn } from './commit.js';
import { commitSurely } from './commit-surely.js';
import type { Departure } from './handover.js';
import { Letters } from './letters.js';
import { LIMITS } from './limits.js';
import { loadActor, readyActor, tellFirst, type LoadedActor, type StoredActor } from './load.js';
import { Outbox } from './outbox.js';
import { Pending } from './pending.js';
import type { ActorRecord, Owner } from './record.js';
import type { StepInput } from './step.js';
import { underWay } from './supervision/lifecycle.js';
import { planTurn, type PlannedTurn } from './turn.js';

const NOTHING_RESUMED: ReadonlySet<string> = new Set();

export class Cell {
  readonly address: Address;
  /** One object for all cells of a kind. */
  private readonly deps: CellDeps;
  private readonly letters: Letters;
  /** null until the actor first has a timer or an effect pending. */
  private pending: Pending | null = null;
  /** null until something of it is parked. */
  private outbox: Outbox | null = null;
  /** null = there is no need for any. */
  private caution: Caution | null = null;
  /** Inputs that came from inside: changes of owner, facts of this node, timers, answers of effects. */
  private internal: StepInput[] = [];
  private record!: ActorRecord;
  private recordVersion = 0;
  /** Format version the record is stored in. */
  private storedAs = 0;
  /** The record's czxid: tells this actor from earlier ones of its address. */
  private born = 0;
  private owner!: Owner;
  private ownerVersion = 0;
  /** Effects that an earlier process or owner under this epoch may have begun. */
  private resumed = NOTHING_RESUMED;
  /** It knows its actor, and its mailbox has been listed. */
  private begun = false;
  private busy = false;
  private ended = false;
  private departure: Departure | null = null;
  /** Reads of the mailbox that are out. */
  private reads = 0;
  /** Monotonic milliseconds at which something last happened here. */
  private touchedAt: number;

  constructor(address: Address, deps: CellDeps) {
    this.address = address;
    this.deps = deps;
    this.letters = new Letters(address, deps);
    this.touchedAt = deps.clock.monotonicMs();
  }

  /**
   * Reads owner, record and mailbox; begins with `owner.acquired`. `woken`: this process has told the machine of this
   * owner already, and goes on with what the record says. `known` spares the reads: it may be behind, for the first
   * commit holds to its versions.
   */
  async start(how: 'acquired' | 'woken', known: StoredActor | null): Promise<void> {
    // At once: an actor that was handed over pauses for as long as this takes. No letter goes before `owner.acquired`.
    this.busy = true;
    const loading = known === null ? loadActor(this.deps, this.address) : readyActor(this.deps, known);
    const [mine, isSure] = await Promise.all([this.load(loading), this.reading(this.letters.scan())]);
    this.busy = false;
    this.begun = true;
    if (this.ended) this.departure?.refuse('its cell has ended');
    if (!mine) return;
    const { deps, owner, record } = this;
    const handed = record.ownerEpoch < owner.epoch && owner.cause !== 'claimed' && deps.gate.resumed !== true;
    this.caution = cautionFor(record.suspect, record.commitId.startsWith(`${deps.processId}.`), handed);
    if (how === 'woken' && record.ownerEpoch >= owner.epoch) this.follow(0);
    else tellFirst(this.internal, acquiredInput(this.address, record, owner, deps.self));
    if (!isSure) await this.scan();
    this.wake();
  }

  /** Ends without handing over: effects are aborted, timers dropped; the record stays as it is. */
  stop(): void {
    this.ended = true;
    this.letters.close();
    this.pending?.stop();
    this.outbox?.stop();
    if (!this.busy) this.departure?.refuse('its cell has ended');
  }

  /** A planned move: at the next turn boundary at which nothing keeps the actor here. One at a time. */
  leave(departure: Departure): void {
    if (this.ended) return departure.refuse('its cell has ended');
    if (this.departure?.isOpen) return departure.refuse('it is being moved already');
    this.departure = departure;
    this.wake();
  }

  /** An envelope's znode appeared. */
  async ring(name: string): Promise<void> {
    if (this.ended || this.letters.has(name)) return;
    await this.reading(this.letters.take(name));
    this.wake();
  }

  /** The connection is lost: no letter is stepped before the next scan. */
  hold(): void {
    this.letters.hold();
  }

  /** Lists the mailbox and reads what is new: the doorbell's safety net. */
  async scan(): Promise<void> {
    if (this.begun && await this.reading(this.letters.scan())) this.wake();
  }

  /** Has nothing happened here for so long, and is nothing under way that only a cell can carry on? */
  isIdle(forMs: number): boolean {
    if (this.busy || this.reads > 0 || this.deps.clock.monotonicMs() < this.touchedAt + forMs) return false;
    const isQuiet = this.internal.length === 0 && this.letters.size === 0 && this.departure?.isOpen !== true;
    return isQuiet && this.record !== undefined && this.record.ownerEpoch >= this.owner.epoch && !hasWork(this.record);
  }

  private async reading<T>(work: Promise<T>): Promise<T> {
    this.touchedAt = this.deps.clock.monotonicMs();
    this.reads += 1;
    try {
      return await work;
    } finally {
      this.reads -= 1;
    }
  }

  /** A fact that happened on this node and concerns this actor (a guest ended): stepped, not stored first. */
  tell(event: StepInput['event'], id: string): void {
    if (this.ended) return;
    this.offer({ event, source: 'owner', id, operationId: null, correlation: id, causation: null, settles: null });
  }

  /** The owner's epoch under which it works; null before it has read that. */
  get epoch(): number | null {
    return this.owner?.epoch ?? null;
  }

  private async load(from: LoadedActor | string | Promise<LoadedActor | string>): Promise<boolean> {
    const loaded = from instanceof Promise ? await from : from;
    if (typeof loaded === 'string') return this.end(loaded);
    const { owner, record, told } = loaded;
    if (told !== null) this.internal.unshift(told);
    this.owner = owner;
    this.ownerVersion = loaded.ownerVersion;
    this.record = record;
    this.recordVersion = loaded.recordVersion;
    this.storedAs = loaded.storedAs;
    this.born = loaded.born;
    this.resumed = record.effects.length === 0 || record.ownerEpoch < owner.epoch
      ? NOTHING_RESUMED : new Set(record.effects.map((effect) => effect.effectId));
    if (record.outbox.length > 0) this.ownOutbox().begin(record);
    return true;
  }

  private offer(input: StepInput): void {
    this.internal.push(input);
    this.wake();
  }

  private wake(): void {
    if (this.busy || this.ended || this.record === undefined || !this.hasInput()) return;
    this.busy = true;
    void this.loop();
  }

  private hasInput(): boolean {
    const { outbox } = this;
    if (outbox?.due || this.mayLeave()) return true;
    if (outbox?.holdsAll) return false;
    return this.internal.length > 0 || this.letters.waiting(this.controlOnly);
  }

  /** No letters of the normal lane for now: this life is over, or too much of it waits to go out. */
  private get controlOnly(): boolean {
    return this.record.exit !== null || (this.outbox?.holdsNormal ?? false);
  }

  private mayLeave(): boolean {
    return this.departure?.mayGo(this.record, this.owner, this.internal.length) ?? false;
  }

  private async loop(): Promise<void> {
    try {
      while (!this.ended && this.hasInput()) await this.turn();
    } catch (error) {
      if (!this.ended) {
        this.stop();
        this.deps.onCrash(this, error);
      }
    } finally {
      this.busy = false;
      this.touchedAt = this.deps.clock.monotonicMs();
      if (this.ended) this.departure?.refuse('its cell has ended');
    }
    this.wake();
  }

  private async turn(): Promise<void> {
    const leaving = this.mayLeave() ? this.departure : null;
    const internal = this.outbox?.holdsAll ? [] : this.internal.splice(0, LIMITS.batch);
    // Not to keep the room of what was in it.
    if (this.internal.length === 0) this.internal = [];
    const plan = leaving === null ? this.plan(internal) : this.planToLeave(leaving);
    if (plan === null) return this.follow(0);
    await commitSurely(this.deps, plan, () => !this.ended, (outcome) => {
      if (outcome.kind === 'committed') return this.committed(plan, outcome.recordVersion);
      if (outcome.kind === 'deposed') return void this.end(outcome.reason);
      if (outcome.kind === 'stale') return this.reload(internal);
      if (outcome.kind !== 'refused') return;
      if (leaving === null) throw new Error(`a turn of ${this.address} was refused: ${outcome.reason}`);
      leaving.refuse(outcome.reason);
    });
  }

  private plan(internal: readonly StepInput[]): PlannedTurn | null {
    const { address, deps, record, recordVersion, storedAs, owner, ownerVersion, born, pending } = this;
    const { letters, outbox, controlOnly } = this;
    const birth = born.toString(36);
    const actor = { address, record, recordVersion, storedAs, owner, ownerVersion, birth, pending };
    const allowance = this.caution?.allow(letters.peek(controlOnly)) ?? FREE;
    const most = outbox?.holdsAll ? 0 : Math.min(allowance.most, LIMITS.batch - internal.length);
    const parked = outbox === null ? {} : { hopeless: outbox.hopeless() };
    outbox?.tried();
    return planTurn(deps, actor, { internal, letters: letters.next(most, controlOnly), allowance, ...parked });
  }

  private planToLeave(departure: Departure): PlannedTurn {
    const { address, deps, recordVersion, owner, ownerVersion } = this;
    const record = this.pending?.refreshed(this.record) ?? this.record;
    const writeAs = deps.versions.forRecord(record, this.storedAs);
    const now = { address, record, recordVersion, writeAs, owner, ownerVersion };
    const turn = departure.turn(deps.paths, now, `${deps.processId}.${deps.newCommitId()}`);
    return { prepared: prepareTurn(deps.paths, turn), unused: [], allowance: null };
  }

  private committed({ prepared: { turn, recordBytes }, unused, allowance }: PlannedTurn, recordVersion: number): void {
    this.deps.metrics?.turn(turn, turn.record.counts.steps - this.record.counts.steps, this.deps.clock.wallMs());
    if (allowance !== null) this.caution?.committed(allowance);
    if (this.caution?.isOff) this.caution = null;
    this.letters.drop(turn.consumed);
    this.internal.unshift(...unused);
    const begun = this.record.life > 0 && turn.record.life > this.record.life;
    if (begun) this.internal.push(acquiredInput(this.address, this.record, this.owner, this.deps.self, begun));
    this.record = turn.record;
    this.recordVersion = recordVersion;
    this.storedAs = turn.writeAs;
    if (turn.newOwner !== null) this.departure?.moved(turn.newOwner);
    // Stopped while the commit was out: what it asked for is for the next cell of this actor to begin.
    if (this.ended) return;
    if (turn.newOwner !== null) return void this.end(`handed to ${turn.newOwner.node}`);
    if (turn.record.removed) return void this.end('removed');
    if (turn.record.fault !== null) return void this.end('fault');
    this.follow(recordBytes);
  }

  /** Starts, arms and cancels as the committed record says. */
  private follow(recordBytes: number): void {
    if (this.outbox !== null || this.record.outbox.length > 0) this.ownOutbox().follow(this.record, recordBytes);
    const record = underWay(this.record);
    if (this.pending === null && record.timers.length === 0 && record.effects.length === 0) return;
    this.pending ??= new Pending(this.address, this.deps, (input) => this.offer(input));
    this.pending.sync(record, { epoch: this.owner.epoch, begun: this.resumed });
  }

  private ownOutbox(): Outbox {
    return (this.outbox ??= new Outbox(this.deps.clock, () => this.wake()));
  }

  /** Record or mailbox moved under us: read again; what came from inside is offered once more. */
  private async reload(internal: readonly StepInput[]): Promise<void> {
    this.letters.forget();
    if (!await this.load(loadActor(this.deps, this.address))) return;
    // That it was upgraded it is told anew, if it still has to be.
    this.internal.unshift(...internal.filter((input) => input.event.type !== 'machine.upgraded'));
    await this.scan();
  }

  private end(reason: string): false {
    if (!this.ended) {
      this.stop();
      this.deps.onEnd(this, reason);
    }
    return false;
  }
}
