/**
 * What is held of many actors is held small: a daemon knows every record of the cluster. Strings that many records have
 * in common are kept once, and empty lists are one list.
 */
import type { ActorRecord, Owner, Transition } from './record.js';

/** Every list that is empty. */
export const NOTHING: readonly never[] = Object.freeze([]);

/** Different strings that are kept; names of kinds, states, events and nodes are far fewer. */
const KNOWN_MAX = 4_096;
const known = new Map<string, string>();

function shared(text: string): string {
  const found = known.get(text);
  if (found !== undefined) return found;
  if (known.size >= KNOWN_MAX) known.clear();
  known.set(text, text);
  return text;
}

const list = <T>(items: readonly T[]): readonly T[] => items.length === 0 ? NOTHING : items;

type Mutable<T> = { -readonly [Field in keyof T]: T[Field] };

/** The same record, for which nobody else has a use yet: it is written to. */
export function compactRecord(record: ActorRecord): ActorRecord {
  const own = record as Mutable<ActorRecord>;
  own.kind = shared(own.kind);
  own.effects = list(own.effects);
  own.timers = list(own.timers);
  own.operations = list(own.operations);
  own.restarts = list(own.restarts);
  own.outbox = list(own.outbox);
  own.requests = list(own.requests);
  if (typeof own.snapshot.value === 'string') {
    (own.snapshot as Mutable<ActorRecord['snapshot']>).value = shared(own.snapshot.value);
  }
  for (const each of own.tail) compactTransition(each);
  return own;
}

function compactTransition(transition: Transition): void {
  const own = transition as Mutable<Transition>;
  own.node = shared(own.node);
  own.from = shared(own.from);
  own.to = shared(own.to);
  own.effects = list(own.effects);
  own.sent = list(own.sent);
  (own.event as { type: string }).type = shared(own.event.type);
}

/** A process owns many actors: those it got in the same way have one owner between them. */
const owners = new Map<string, Owner>();

export function compactOwner(owner: Owner): Owner {
  const { node, incarnation, bootId, epoch, cause } = owner;
  const key = `${node} ${incarnation} ${bootId} ${epoch} ${cause}`;
  const found = owners.get(key);
  if (found !== undefined) return found;
  if (owners.size >= KNOWN_MAX) owners.clear();
  const kept: Owner = Object.freeze({ node, incarnation, bootId, epoch, cause });
  owners.set(key, kept);
  return kept;
}
