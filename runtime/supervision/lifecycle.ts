/**
 * The life of a supervised actor, around its steps: it is begun, asked to stop, killed, begun anew or removed by
 * letters of its parent, who is told of its end in the commit that makes it so. Without a parent none of it happens.
 * L1: `child.started` goes out in the first commit of a life, `child.exited` in its last: each exactly once.
 * L2: nothing is stepped between an exit and the next life; letters of the normal lane wait for it in the mailbox
 *     (OTP loses them). The letter that ended a life is parked as a dead letter.
 * L3: an exit leaves effects and timers in the record, inert; a life begun anew drops them, one that is kept goes on.
 */
import type { Address } from '../address.js';
import type { Behavior, Reaction } from '../behavior.js';
import type { ActorEvent, Envelope } from '../envelope.js';
import { causeChain } from '../log.js';
import type { ActorRecord, Exit } from '../record.js';
import { applyActions, step, type StepInput, type StepMeta, type StepOutput } from '../step.js';
import { isChildNews } from './protocol.js';

export interface Stepped {
  /** null = the input was stale. */
  readonly output: StepOutput | null;
  /** What ended a supervised actor's life in this step: its letter is to be parked. */
  readonly failure: unknown;
}

type Ended = Pick<Exit, 'reason' | 'detail'>;

const addressOfRecord = (record: ActorRecord): Address => `${record.kind}/${record.id}`;
const lifeOf = (record: ActorRecord): number => Math.max(1, record.life);

/** May this letter be taken now? After an exit only the control lane is: the parent's letters come there. */
export const isHeeded = (record: ActorRecord, envelope: Envelope): boolean =>
  record.exit === null || envelope.lane === 'control';

/** What runs of an actor: after an exit nothing does, whatever its record still holds. */
export const underWay = (record: ActorRecord): ActorRecord =>
  record.exit === null ? record : { ...record, effects: [], timers: [], requests: [] };

const isFromParent = (record: ActorRecord, from: Envelope['from'] | null, event: ActorEvent): boolean =>
  record.parent !== null && from === record.parent && event.type.startsWith('supervision.');

/** One step of any actor. Throws only for actors without a parent. `from`: the letter's sender, null if it is none. */
export function stepActor(
  behavior: Behavior, record: ActorRecord, input: StepInput, meta: StepMeta, from: Envelope['from'] | null,
): Stepped {
  if (record.parent === null) return { output: step(behavior, record, input, meta), failure: undefined };
  const life = new Life(behavior, record, input, meta);
  if (isFromParent(record, from, input.event)) return life.obey();
  if (record.removed || record.exit !== null) return { output: null, failure: lost(record, input) };
  return life.step(input, (ended) => ended);
}

/** What comes on the control lane for an actor that has exited is no use to its next life: it is parked, to be seen. */
function lost(record: ActorRecord, input: StepInput): unknown {
  const isMail = input.source === 'mailbox' && !isChildNews(input.event.type);
  return isMail && record.exit !== null ? new Error(`the actor has exited: ${record.exit.reason}`) : undefined;
}

/** One step of one life: what it sends its parent is collected beside what its machine sends. */
class Life {
  private readonly letters: Envelope[] = [];
  private readonly record: ActorRecord;

  constructor(
    private readonly behavior: Behavior, private readonly before: ActorRecord,
    private readonly input: StepInput, private readonly meta: StepMeta,
  ) {
    this.record = before.life === 0 ? { ...before, life: 1 } : before;
  }

  obey(): Stepped {
    const { event } = this.input;
    const life = Number(event['life']);
    if (event.type === 'supervision.remove') return this.remove();
    if (event.type === 'supervision.begin') return life > this.before.life ? this.begin(life) : this.stale();
    if (life !== lifeOf(this.record) || this.record.exit !== null) return this.stale();
    if (event.type === 'supervision.stop') return this.stop();
    if (event.type === 'supervision.kill') return this.kill();
    return this.stale();
  }

  /** A step of the machine; `asEnd` says what its reaching the end means. */
  step(input: StepInput, asEnd: (ended: Ended) => Ended): Stepped {
    let output: StepOutput | null;
    try {
      output = step(this.behavior, this.record, input, this.meta);
    } catch (error) {
      return { ...this.exit(this.record, { reason: 'error', detail: causeChain(error) }), failure: error };
    }
    if (output === null && this.record === this.before) return this.stale();
    const stepped = output ?? { record: this.record, outgoing: [], commitEffects: [] };
    if (this.before.life === 0) this.tell('child.started', {});
    for (const { type, params } of stepped.commitEffects) {
      if (type === 'supervision.ready') this.tell('child.ready', { info: params['info'] ?? null });
    }
    if (stepped.record.removed) {
      this.tell('child.exited', { reason: 'normal', detail: 'it removed itself', gone: true });
      return this.done(stepped.record, stepped);
    }
    const ended = endOf(stepped.record);
    if (ended === null) return this.done(stepped.record, stepped);
    return this.exit(stepped.record, asEnd(ended), stepped);
  }

  private begin(life: number): Stepped {
    const { input: { event }, before, behavior, input, meta } = this;
    const keep = event['keep'] === true && before.snapshot.status === 'active';
    const failed = before.exit !== null && before.exit.reason !== 'normal' && before.exit.reason !== 'shutdown';
    const next: ActorRecord = {
      ...before, life, exit: null, fault: null,
      ...(keep ? {} : { effects: [], timers: [], requests: [], machineVersion: behavior.version }),
      counts: { ...before.counts, restarts: before.counts.restarts + (failed ? 1 : 0) },
    };
    let reaction: Reaction;
    let output: StepOutput;
    try {
      reaction = keep ? { snapshot: before.snapshot, actions: [] }
        : behavior.tree?.begin(before.snapshot, event['input']) ?? behavior.init(event['input']);
      output = applyActions(behavior, { ...next, snapshot: reaction.snapshot }, before, reaction.actions, input, meta);
    } catch (error) {
      return { ...this.exit(next, { reason: 'error', detail: causeChain(error) }), failure: undefined };
    }
    this.tell('child.started', {}, life);
    const ended = endOf(output.record);
    return ended === null ? this.done(output.record, output) : this.exit(output.record, ended, output);
  }

  /** The machine is asked with the event `shutdown`; one that does not react to it ends at once. */
  private stop(): Stepped {
    const asked = this.step({ ...this.input, event: { type: 'shutdown' } }, (ended) =>
      ended.reason === 'normal' ? { ...ended, reason: 'shutdown' } : ended);
    const reacted = asked.output !== null && asked.output.record.seq !== this.before.seq;
    if (asked.failure !== undefined || reacted) return { output: asked.output, failure: undefined };
    this.letters.length = 0;
    return this.exit(this.record, { reason: 'shutdown', detail: '' });
  }

  /** A supervisor takes its children with it: it ends when the last of them is dead. */
  private kill(): Stepped {
    if (this.behavior.tree === undefined) return this.exit(this.record, { reason: 'killed', detail: '' });
    return this.step({ ...this.input, event: { type: 'kill' } }, (ended) => ended);
  }

  private remove(): Stepped {
    const children = this.behavior.tree?.children(this.before.snapshot) ?? [];
    for (const child of children) this.send(child, { type: 'supervision.remove' });
    const { behavior, before, input, meta } = this;
    const output = applyActions(behavior, { ...before }, before, [], input, meta);
    return this.done({ ...output.record, removed: true }, output);
  }

  private exit(record: ActorRecord, ended: Ended, stepped?: StepOutput): Stepped {
    const { behavior, before, input, meta } = this;
    const at = meta.nowMs;
    const operations = record.operations.map((each) => each.endedAt !== null ? each
      : { ...each, state: 'failed' as const, message: `the actor exited: ${ended.reason}`, endedAt: at });
    const last: ActorRecord = { ...record, operations, exit: { ...ended, at } };
    const output = stepped === undefined ? applyActions(behavior, { ...last }, before, [], input, meta)
      : { ...stepped, record: last };
    if (before.life === 0) this.tellOnce('child.started', {});
    this.tell('child.exited', { reason: ended.reason, detail: ended.detail }, record.life);
    return this.done(output.record, output);
  }

  private done(record: ActorRecord, stepped: StepOutput): Stepped {
    const commitEffects = stepped.commitEffects.filter(({ type }) => type !== 'supervision.ready');
    // After what the machine itself sent in this step (step.ts), before what the next one sends.
    const at = String(record.seq).padStart(12, '0');
    const named = this.letters.map((letter, index) => ({
      ...letter, id: `${record.kind}~${record.id}.${this.meta.birth ?? '0'}.${at}.z${String(index).padStart(3, '0')}`,
    }));
    return { output: { record, outgoing: [...stepped.outgoing, ...named], commitEffects }, failure: undefined };
  }

  private stale(): Stepped {
    return { output: null, failure: undefined };
  }

  private tellOnce(type: string, fields: Readonly<Record<string, unknown>>): void {
    if (!this.letters.some(({ event }) => event.type === type)) this.tell(type, fields);
  }

  private tell(type: string, fields: Readonly<Record<string, unknown>>, life = lifeOf(this.record)): void {
    this.send(this.before.parent!, { type, address: addressOfRecord(this.before), life, ...fields });
  }

  private send(to: Address, event: ActorEvent): void {
    const { behavior, before, input, meta } = this;
    this.letters.push({
      id: '', from: addressOfRecord(before), to, event, correlation: input.correlation, causation: input.id,
      senderEpoch: meta.epoch, sentAt: meta.nowMs, lane: 'control',
    });
  }
}

const REASONS: readonly unknown[] = ['normal', 'shutdown', 'killed', 'error'];

/** How a machine that is at its end ended: `output.reason` and `output.detail` if it says so, else `normal`. */
function endOf(record: ActorRecord): Ended | null {
  const { snapshot } = record;
  if (snapshot.status !== 'done') return null;
  const output = snapshot.output as Partial<Ended> | null | undefined;
  const reason = REASONS.includes(output?.reason) ? output!.reason! : 'normal';
  return { reason, detail: String(output?.detail ?? '') };
}
