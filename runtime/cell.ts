/**
 * The cell: the owner-side loop of one actor: take, step, commit, then act.
 * C1: one turn at a time; nothing touches the world before its commit is acknowledged.
 * C2: all it knows can be read back: a restart is a reload of record and mailbox.
 * C3: it ends for good when its owner's version moved, and says so to its host.
 */
import type { Address } from './address.js';
import type { Behavior, EmittedAction } from './behavior.js';
import type { Clock } from './clock.js';
import { decodeEnvelope, decodeOwner, decodeRecord } from './codec.js';
import { commitTurn, type Turn } from './commit.js';
import { answerInput, runEffect, type LeaseGate, type WorldEffect } from './effects.js';
import type { Envelope } from './envelope.js';
import { LIMITS } from './limits.js';
import { causeChain, type Log } from './log.js';
import type { Paths } from './paths.js';
import type { ActorRecord, Owner, PendingEffect } from './record.js';
import { step, type StepInput } from './step.js';
import type { Store, StoreOp } from './store.js';

/** Turns a commit effect of a machine into operations of the same transaction. */
export type CommitEffect = (params: Readonly<Record<string, unknown>>, address: Address) => readonly StoreOp[];

export interface CellDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly clock: Clock;
  readonly log: Log;
  readonly gate: LeaseGate;
  readonly behavior: Behavior;
  readonly commitEffects: Readonly<Record<string, CommitEffect>>;
  readonly worldEffects: Readonly<Record<string, WorldEffect>>;
  /** Names of commit effects, `owner.transfer` included. */
  readonly commitEffectNames: ReadonlySet<string>;
  /** This process as an owner. */
  readonly self: { readonly node: string; readonly incarnation: string; readonly bootId: string };
  /** The next owner of an actor handed to a node or to the primary; null = stay. */
  resolveOwner(to: string, epoch: number): Owner | null;
  newCommitId(): string;
  /** The cell has ended: handed over, deposed, or removed. */
  onEnd(reason: string): void;
  /** The loop broke: the supervisor decides whether to restart it. */
  onCrash(error: unknown): void;
}

interface Waiting { readonly name: string; readonly order: number; readonly envelope: Envelope }

export class Cell {
  readonly address: Address;
  private readonly deps: CellDeps;
  private readonly mailbox = new Map<string, Waiting>();
  private readonly internal: StepInput[] = [];
  private readonly running = new Map<string, AbortController>();
  private readonly armed = new Map<string, () => void>();
  private record!: ActorRecord;
  private recordVersion = 0;
  private owner!: Owner;
  private ownerVersion = 0;
  /** Effects that an earlier process or owner under this epoch may have begun. */
  private begun: ReadonlySet<string> = new Set();
  private busy = false;
  private ended = false;
  /** True while doorbells may have been missed: letters wait for a whole scan, or their order would break. */
  private unsure = true;
  private scans = 0;

  constructor(address: Address, deps: CellDeps) {
    this.address = address;
    this.deps = deps;
  }

  /** Reads owner, record and mailbox; begins with `owner.acquired`. */
  async start(): Promise<void> {
    if (!await this.load()) return;
    const { deps, owner } = this;
    const cause = this.record.ownerEpoch >= owner.epoch ? 'restarted' : owner.cause;
    this.internal.push({
      event: { type: 'owner.acquired', node: deps.self.node, bootId: deps.self.bootId, epoch: owner.epoch, cause },
      source: 'owner', id: `${this.address}:acquired:${owner.epoch}`, operationId: null,
      correlation: `owner-${owner.epoch}`, causation: null, settles: null,
    });
    await this.scan();
    this.wake();
  }

  /** Ends without handing over: effects are aborted, timers dropped; the record stays as it is. */
  stop(): void {
    this.ended = true;
    for (const controller of this.running.values()) controller.abort(new Error('cell stopped'));
    for (const cancel of this.armed.values()) cancel();
    this.running.clear();
    this.armed.clear();
  }

  /** An envelope's znode appeared. */
  async ring(name: string): Promise<void> {
    if (this.ended || this.mailbox.has(name)) return;
    await this.take(name);
    this.wake();
  }

  /** The connection is lost: no letter is stepped before the next scan. */
  hold(): void {
    this.unsure = true;
    this.scans += 1;
  }

  /** Lists the mailbox and reads what is new: the doorbell's safety net. */
  async scan(): Promise<void> {
    const scan = (this.scans += 1);
    const listed = await this.deps.store.children(this.deps.paths.mailbox(this.address));
    if (listed === null || this.ended) return;
    await Promise.all(listed.names.filter((name) => !this.mailbox.has(name)).map((name) => this.take(name)));
    if (scan !== this.scans) return;
    this.unsure = false;
    this.wake();
  }

  /** A fact that happened on this node and concerns this actor (a guest ended): stepped, not stored first. */
  tell(event: StepInput['event'], id: string): void {
    if (this.ended) return;
    this.internal.push({
      event, source: 'owner', id, operationId: null, correlation: id, causation: null, settles: null,
    });
    this.wake();
  }

  get snapshot(): ActorRecord | null {
    return this.record ?? null;
  }

  private async load(): Promise<boolean> {
    const { store, paths, self } = this.deps;
    const [owner, record] = await Promise.all([store.read(paths.owner(this.address)), store.read(paths.record(this.address))]);
    if (owner === null || record === null) return this.end('gone');
    this.owner = decodeOwner(owner.data);
    this.ownerVersion = owner.stat.version;
    if (this.owner.node !== self.node || this.owner.incarnation !== self.incarnation) return this.end('owned elsewhere');
    this.record = decodeRecord(record.data);
    this.recordVersion = record.stat.version;
    this.begun = new Set(this.record.ownerEpoch >= this.owner.epoch ? this.record.effects.map((effect) => effect.effectId) : []);
    if (this.record.removed) return this.end('removed');
    return true;
  }

  private async take(name: string): Promise<void> {
    const node = await this.deps.store.read(this.deps.paths.envelope(this.address, name));
    if (node === null || this.ended) return;
    this.mailbox.set(name, { name, order: node.stat.czxid, envelope: decodeEnvelope(node.data) });
  }

  private wake(): void {
    if (this.busy || this.ended || this.record === undefined) return;
    if (!this.hasInput()) return;
    this.busy = true;
    void this.loop();
  }

  private hasInput(): boolean {
    return this.internal.length > 0 || (!this.unsure && this.mailbox.size > 0);
  }

  private async loop(): Promise<void> {
    try {
      while (!this.ended && this.hasInput()) await this.turn();
    } catch (error) {
      if (!this.ended) {
        this.stop();
        this.deps.onCrash(error);
      }
    } finally {
      this.busy = false;
    }
    this.wake();
  }

  private async turn(): Promise<void> {
    const internal = this.internal.splice(0, LIMITS.batch);
    const letters = this.unsure ? [] : [...this.mailbox.values()]
      .sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1))
      .slice(0, Math.max(0, LIMITS.batch - internal.length));
    const plan = this.plan(internal, letters);
    if (plan === null) return;
    const turn = plan.turn;
    for (;;) {
      const outcome = await commitTurn(this.deps.store, this.deps.paths, turn);
      if (outcome.kind === 'committed') {
        this.committed(turn, outcome.recordVersion, plan.unused);
        return;
      }
      if (outcome.kind === 'deposed') return void this.end(outcome.reason);
      if (outcome.kind === 'stale') return this.reload([...internal]);
      const known = await this.readBack(turn);
      if (known === 'applied') return this.committed(turn, this.recordVersion, plan.unused);
      if (known === 'reload') return this.reload([...internal]);
      if (known === 'ended') return;
    }
  }

  /** Steps the inputs in order; ends early at a change of owner or a removal. null = nothing to commit. */
  private plan(internal: readonly StepInput[], letters: readonly Waiting[]): { turn: Turn; unused: StepInput[] } | null {
    const { deps } = this;
    let record = this.record;
    const consumed: string[] = [];
    const outgoing: Envelope[] = [];
    const actions: EmittedAction[] = [];
    const dead: { envelope: Envelope; error: string }[] = [];
    const revision = this.record.revision + 1;
    const queue: { input: StepInput; letter: Waiting | null }[] = [
      ...internal.map((input) => ({ input, letter: null })),
      ...letters.map((letter) => ({ input: inputOf(letter.envelope), letter })),
    ];
    let newOwner: Owner | null = null;
    const refused: StepInput[] = [];
    while (queue.length > 0 && newOwner === null && !record.removed) {
      const { input, letter } = queue.shift()!;
      if (letter) consumed.push(letter.name);
      try {
        const output = step(deps.behavior, record, input, {
          node: deps.self.node, epoch: this.owner.epoch, nowMs: deps.clock.wallMs(), revision,
          commitEffects: deps.commitEffectNames,
        });
        if (output === null) continue;
        record = output.record;
        outgoing.push(...output.outgoing);
        actions.push(...output.commitEffects);
        const transfer = output.commitEffects.findLast((action) => action.type === 'owner.transfer');
        if (transfer !== undefined) newOwner = this.nextOwner(String(transfer.params['to']), refused, input);
      } catch (error) {
        if (letter === null) throw error;
        dead.push({ envelope: letter.envelope, error: causeChain(error) });
        deps.log.error('a message could not be stepped and was parked', { actor: this.address, type: input.event.type, error });
      }
    }
    if (record === this.record && consumed.length === 0) return null;
    const extra = actions.flatMap((action) => deps.commitEffects[action.type]?.(action.params, this.address) ?? []);
    return {
      turn: {
        address: this.address, recordVersion: this.recordVersion, owner: this.owner, ownerVersion: this.ownerVersion,
        newOwner, consumed, outgoing, extra, dead,
        record: { ...record, revision, commitId: deps.newCommitId(), ownerEpoch: this.owner.epoch },
      },
      unused: [...refused, ...queue.filter((entry) => entry.letter === null).map((entry) => entry.input)],
    };
  }

  /** The owner after a transfer; null = it stays here, and if `to` is not live the machine is told so. */
  private nextOwner(to: string, refused: StepInput[], cause: StepInput): Owner | null {
    const next = this.deps.resolveOwner(to, this.owner.epoch + 1);
    if (next !== null) return next.incarnation === this.owner.incarnation ? null : next;
    refused.push({
      event: { type: 'owner.transfer.refused', to, reason: `${to} is not live` },
      source: 'owner', id: `${cause.id}:refused`, operationId: null,
      correlation: cause.correlation, causation: cause.id, settles: null,
    });
    return null;
  }

  private committed(turn: Turn, recordVersion: number, unused: readonly StepInput[]): void {
    for (const name of turn.consumed) this.mailbox.delete(name);
    this.internal.unshift(...unused);
    this.record = turn.record;
    this.recordVersion = recordVersion;
    if (turn.newOwner !== null) return void this.end(`handed to ${turn.newOwner.node}`);
    if (turn.record.removed) return void this.end('removed');
    this.syncTimers();
    this.syncEffects();
  }

  /** After an unknown outcome: waits for the connection and finds out by the commit's id. */
  private async readBack(turn: Turn): Promise<'applied' | 'again' | 'reload' | 'ended'> {
    for (;;) {
      if (this.ended) return 'ended';
      try {
        await this.deps.store.sync(this.deps.paths.record(this.address));
        const node = await this.deps.store.read(this.deps.paths.record(this.address));
        if (node === null) return 'reload';
        const stored = decodeRecord(node.data);
        if (stored.commitId === turn.record.commitId) {
          this.recordVersion = node.stat.version;
          return 'applied';
        }
        return node.stat.version === turn.recordVersion ? 'again' : 'reload';
      } catch (error) {
        if (this.deps.store.state === 'expired' || this.deps.store.state === 'closed') {
          this.end('session lost');
          return 'ended';
        }
        this.deps.log.debug('waiting to read a commit back', { actor: this.address, error });
        await this.deps.clock.sleep(50);
      }
    }
  }

  /** The record or mailbox moved under us: read again; what came from inside is offered once more. */
  private async reload(internal: readonly StepInput[]): Promise<void> {
    this.hold();
    this.mailbox.clear();
    if (!await this.load()) return;
    this.internal.unshift(...internal);
    await this.scan();
  }

  private syncTimers(): void {
    const wanted = new Map(this.record.timers.map((timer) => [`${timer.timerId}@${timer.setAt}`, timer]));
    for (const [key, cancel] of this.armed) {
      if (wanted.has(key)) continue;
      cancel();
      this.armed.delete(key);
    }
    for (const [key, timer] of wanted) {
      if (this.armed.has(key)) continue;
      this.armed.set(key, this.deps.clock.after(timer.delayMs, () => {
        this.internal.push({
          event: timer.event, source: 'timer', id: `${this.address}:${key}`, operationId: null,
          correlation: `timer-${timer.timerId}`, causation: null, settles: timer.timerId,
        });
        this.wake();
      }));
    }
  }

  private syncEffects(): void {
    const wanted = new Map(this.record.effects.map((effect) => [effect.effectId, effect]));
    for (const [effectId, controller] of this.running) {
      if (wanted.has(effectId)) continue;
      controller.abort(new Error('no longer wanted'));
      this.running.delete(effectId);
    }
    for (const effect of wanted.values()) {
      if (!this.running.has(effect.effectId)) void this.perform(effect);
    }
  }

  private async perform(effect: PendingEffect): Promise<void> {
    const { deps } = this;
    const controller = new AbortController();
    this.running.set(effect.effectId, controller);
    const resumed = this.begun.has(effect.effectId) || effect.epoch !== this.owner.epoch;
    const outcome = await runEffect(
      deps.worldEffects[effect.kind], effect,
      {
        address: this.address, effectId: effect.effectId, epoch: this.owner.epoch, resumed,
        deadlineMs: effect.deadlineMs, correlation: effect.correlation,
      },
      deps.gate, deps.clock, controller.signal,
    );
    if (this.ended || this.running.get(effect.effectId) !== controller) return;
    this.internal.push(answerInput(effect, outcome));
    this.wake();
  }

  private end(reason: string): false {
    if (!this.ended) {
      this.stop();
      this.deps.onEnd(reason);
    }
    return false;
  }
}

function inputOf(envelope: Envelope): StepInput {
  return {
    event: envelope.event, source: 'mailbox', id: envelope.id, operationId: envelope.operationId ?? null,
    correlation: envelope.correlation, causation: envelope.causation, settles: null,
  };
}
