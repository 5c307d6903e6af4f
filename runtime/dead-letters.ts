/**
 * Dead letters: envelopes that could not be stepped or delivered, each one znode `/pvc/dead/<kind>~<id>~<name>`. They
 * are written by commits (`deadLetterOp`); everything else here is for people: list, put back, throw away, sweep.
 * Of one actor the newest LIMITS.deadPerActor are kept, for LIMITS.deadAgeMs; a znode beside them counts the dropped.
 */
import type { Address } from './address.js';
import { decode, encode } from './codec.js';
import type { Envelope } from './envelope.js';
import { LIMITS } from './limits.js';
import { encodeMail } from './pack.js';
import { envelopeName, type Paths } from './paths.js';
import { rawBytes } from './raw-letter.js';
import { StoreError, type MultiResult, type Store, type StoreOp } from './store.js';

/** An envelope to be parked. */
export interface Dead {
  readonly envelope: Envelope;
  /** Why: the cause chain of what its step threw, or the runtime's words. */
  readonly error: string;
  /** Wall-clock milliseconds. */
  readonly at: number;
  /** The receiver's state (`migrating.copying`) when it was to be stepped; null = it was never delivered. */
  readonly state: string | null;
}

export interface DeadLetter extends Dead {
  /** Name of its znode: names it in every command. */
  readonly name: string;
  /** Whom it was for. */
  readonly actor: Address;
}

export interface DeadLetters {
  /** Oldest first. */
  readonly letters: readonly DeadLetter[];
  /** Dead letters of these actors that were dropped: too many, or too old. */
  readonly dropped: number;
}

/** `no-actor` = there is no such actor any more, the letter stays; `busy` = its mailbox is full, the letter stays. */
export type RequeueResult = 'requeued' | 'gone' | 'no-actor' | 'busy';

/** Those of daemons before version 2 have neither time nor state. */
interface StoredDead extends Pick<Dead, 'envelope' | 'error'>, Partial<Pick<Dead, 'at' | 'state'>> {}
interface Dropped { readonly dropped: number }

const DROPPED = '!dropped';
const droppedPath = (paths: Paths, actor: Address): string => paths.deadLetter(actor, '').slice(0, -1) + DROPPED;
const isCount = (name: string): boolean => name.endsWith(DROPPED);
const pathOf = (paths: Paths, name: string): string => `${paths.dead}/${name}`;

/** The operation that parks an envelope, for somebody's multi; node-exists = it is parked already. */
export function deadLetterOp(paths: Paths, { envelope, error, at, state }: Dead): StoreOp {
  const data = encode({ envelope, error, at, state } satisfies StoredDead);
  return { op: 'create', path: paths.deadLetter(envelope.to, envelopeName(envelope)), data };
}

/** All dead letters, or those for one actor. Rejects (StoreError) when the store is out of reach. */
export async function listDeadLetters(store: Store, paths: Paths, actor?: Address): Promise<DeadLetters> {
  const names = await namesOf(store, paths, actor);
  const found = await Promise.all(names.map((name) => readDead(store, paths, name)));
  const letters = found.filter((letter) => letter !== null)
    .filter((letter) => actor === undefined || letter.actor === actor)
    .sort((a, b) => a.at - b.at || (a.name < b.name ? -1 : 1));
  const counts = await Promise.all(names.filter(isCount).map((name) => store.read(pathOf(paths, name))));
  const dropped = counts.reduce((sum, node) => sum + (node === null ? 0 : decode<Dropped>(node.data).dropped), 0);
  return { letters, dropped };
}

/**
 * Puts a dead letter back at the end of its actor's mailbox, in one multi. It is a new message: its id (and its
 * operation's, if it is a command) gets a further `.r1`, `.r2`, ..., and it does not expire. Repeating it is harmless.
 * Rejects (StoreError) when the store is out of reach; then it may or may not have been done.
 */
export async function requeueDeadLetter(store: Store, paths: Paths, name: string): Promise<RequeueResult> {
  const letter = await readDead(store, paths, name);
  if (letter === null) return 'gone';
  const envelope = again(letter.envelope);
  const mailbox = await store.read(paths.mailbox(letter.actor));
  if (mailbox === null) return 'no-actor';
  if (mailbox.stat.numChildren >= LIMITS.mailboxHard) return 'busy';
  const data = rawBytes(letter.envelope) ?? encodeMail([envelope]);
  const result = await store.multi([
    { op: 'delete', path: pathOf(paths, name), version: 'any' },
    { op: 'create', path: paths.envelope(envelope.to, envelopeName(envelope)), data },
  ]);
  if (result.kind === 'done') return 'requeued';
  if (result.kind === 'refused' && result.code === 'no-node') return result.index === 0 ? 'gone' : 'no-actor';
  throw notDone(result, `requeue ${name}`);
}

/** Throws a dead letter away. `gone` = it was not there (any more). Rejects like requeueDeadLetter. */
export async function discardDeadLetter(store: Store, paths: Paths, name: string): Promise<'discarded' | 'gone'> {
  if (isCount(name)) return 'gone';
  const result = await store.multi([{ op: 'delete', path: pathOf(paths, name), version: 'any' }]);
  if (result.kind === 'done') return 'discarded';
  if (result.kind === 'refused' && result.code === 'no-node') return 'gone';
  throw notDone(result, `discard ${name}`);
}

/**
 * Drops what is too old, and of each actor what is too many, oldest first; counts them. Answers how many went.
 * May be run by anybody at any time: two at once drop nothing twice.
 */
export async function sweepDeadLetters(store: Store, paths: Paths, nowMs: number, actor?: Address): Promise<number> {
  const { letters } = await listDeadLetters(store, paths, actor);
  const byActor = new Map<Address, DeadLetter[]>();
  for (const letter of letters) {
    const own = byActor.get(letter.actor);
    if (own === undefined) byActor.set(letter.actor, [letter]);
    else own.push(letter);
  }
  let gone = 0;
  for (const [address, own] of byActor) {
    const over = own.length - LIMITS.deadPerActor;
    const old = own.filter((letter, index) => index < over || nowMs - letter.at > LIMITS.deadAgeMs);
    for (let at = 0; at < old.length; at += LIMITS.outgoingPerBatch) {
      gone += await drop(store, paths, address, old.slice(at, at + LIMITS.outgoingPerBatch));
    }
  }
  return gone;
}

async function drop(store: Store, paths: Paths, actor: Address, letters: readonly DeadLetter[]): Promise<number> {
  const path = droppedPath(paths, actor);
  const node = await store.read(path);
  const data = encode({
    dropped: letters.length + (node === null ? 0 : decode<Dropped>(node.data).dropped),
  } satisfies Dropped);
  const result = await store.multi([
    node === null ? { op: 'create', path, data } : { op: 'set', path, data, version: node.stat.version },
    ...letters.map(({ name }): StoreOp => ({ op: 'delete', path: pathOf(paths, name), version: 'any' })),
  ]);
  return result.kind === 'done' ? letters.length : 0;
}

/** An envelope as it is sent once more. */
function again(envelope: Envelope): Envelope {
  const { expiresAt: _expired, ...kept } = envelope;
  return {
    ...kept, id: nextId(kept.id),
    ...(kept.operationId === undefined ? {} : { operationId: nextId(kept.operationId) }),
  };
}

function nextId(id: string): string {
  const tries = /\.r(\d+)$/.exec(id);
  return tries === null ? `${id}.r1` : `${id.slice(0, tries.index)}.r${Number(tries[1]) + 1}`;
}

async function namesOf(store: Store, paths: Paths, actor: Address | undefined): Promise<readonly string[]> {
  const names = (await store.children(paths.dead))?.names ?? [];
  if (actor === undefined) return names;
  const prefix = paths.deadLetter(actor, '').slice(paths.dead.length + 1);
  const count = droppedPath(paths, actor).slice(paths.dead.length + 1);
  return names.filter((name) => name.startsWith(prefix) || name === count);
}

async function readDead(store: Store, paths: Paths, name: string): Promise<DeadLetter | null> {
  if (isCount(name)) return null;
  const node = await store.read(pathOf(paths, name));
  if (node === null) return null;
  const { envelope, error, at, state } = decode<StoredDead>(node.data);
  return { name, actor: envelope.to, envelope, error, at: at ?? envelope.sentAt, state: state ?? null };
}

const notDone = (result: MultiResult, what: string): StoreError => result.kind === 'refused'
  ? new StoreError(result.code, `${what}: ${result.code}`)
  : new StoreError('disconnected', `${what}: ${result.kind === 'unknown' ? result.reason : 'done'}`);
