/**
 * What becomes of letters that cannot reach anybody: the receiver never was, is gone, or is about to be. Who asked is
 * told so; anything else becomes a dead letter. Nothing is lost without a trace.
 */
import type { Address } from './address.js';
import { deadLetterOp } from './dead-letters.js';
import type { Envelope } from './envelope.js';
import { envelopesAt } from './letters.js';
import { LIMITS } from './limits.js';
import { encodeMail } from './pack.js';
import { envelopeName, type Paths } from './paths.js';
import { goneAnswer } from './requests.js';
import type { Store, StoreOp } from './store.js';

const BOUNCED: readonly string[] = ['supervision.begin', 'supervision.stop', 'supervision.kill'];

/** A supervisor's letter to a child whose actor is gone comes back as that child's exit; null = another letter. */
function bounced(envelope: Envelope): Envelope | null {
  const { type, life } = envelope.event;
  if (envelope.from === 'api' || !BOUNCED.includes(type)) return null;
  return {
    ...envelope, id: `${envelope.id}.back`, to: envelope.from, lane: 'control',
    event: {
      type: 'child.exited', address: envelope.to, life, reason: 'error', detail: 'there is no such actor', gone: true,
    },
  };
}

/** What tells the sender that there was nobody, if it is one that waits for that; null = it is not. */
const backOf = (envelope: Envelope): Envelope | null => bounced(envelope) ?? goneAnswer(envelope);

/** For the multi that would have delivered it, of its sender. `at`: wall-clock milliseconds. */
export function undeliverableOp(paths: Paths, envelope: Envelope, error: string, at: number): StoreOp {
  const back = backOf(envelope);
  return back === null ? deadLetterOp(paths, { envelope, error, at, state: null }) : sendOp(paths, back);
}

const sendOp = (paths: Paths, envelope: Envelope): StoreOp => (
  { op: 'create', path: paths.envelope(envelope.to, envelopeName(envelope)), data: encodeMail([envelope]) });

export interface LastMail {
  /** For one multi. */
  readonly operations: readonly StoreOp[];
  /** False: there are more letters than one multi holds; what `operations` names goes first. */
  readonly all: boolean;
}

/** The letters of a removed actor's mailbox, oldest first, taken away and answered or parked. */
export async function lastMail(
  store: Store, paths: Paths, address: Address, names: readonly string[], nowMs: number,
): Promise<LastMail> {
  const some = names.slice(0, LIMITS.outgoingPerBatch);
  const read = await Promise.all(some.map((name) => store.read(paths.envelope(address, name))));
  const letters = some.flatMap((name, index) => read[index] ? [{ name, node: read[index] }] : [])
    .sort((a, b) => a.node.stat.czxid - b.node.stat.czxid || (a.name < b.name ? -1 : 1));
  const operations: StoreOp[] = [];
  for (const { name, node } of letters) {
    const path = paths.envelope(address, name);
    const envelopes = envelopesAt(address, path, name, node.data);
    if (operations.length > 0 && operations.length + envelopes.length >= LIMITS.outgoingPerStep) {
      return { operations, all: false };
    }
    operations.push({ op: 'delete', path, version: 'any' });
    for (const envelope of envelopes) {
      const back = backOf(envelope);
      // Who waits for it may be gone too: then nobody is told, and it is kept like the others.
      const tells = back !== null && back.to !== address && await store.read(paths.mailbox(back.to)) !== null;
      const dead = { envelope: { ...envelope, to: address }, error: 'the actor was removed', at: nowMs, state: null };
      operations.push(tells ? sendOp(paths, back) : deadLetterOp(paths, dead));
    }
  }
  return { operations, all: some.length === names.length };
}
