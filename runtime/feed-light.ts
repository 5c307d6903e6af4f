/**
 * What the feed keeps of a record: enough to show a transition, whatever the machine, and bounded. A record may be
 * tens of kilobytes, and thousands of items are held.
 */
import type { ActorRecord, Counts, MachineSnapshot, Operation, Transition } from './record.js';

export interface LightRecord {
  readonly kind: string;
  readonly id: string;
  readonly revision: number;
  readonly seq: number;
  readonly removed: boolean;
  readonly fault: string | null;
  /** The state value, and of the context what is short: texts, numbers, flags, and those of objects in it. */
  readonly snapshot: MachineSnapshot;
  /** Of a feed item: the operations that its commit began or ended. */
  readonly operations: readonly Operation[];
  readonly counts: Counts;
  readonly effectCount: number;
  readonly timerCount: number;
}

/** Longer texts, further fields, lists and everything deeper are left out of a light context. */
const TEXT_MAX = 24_000;
const FIELDS_MAX = 48;

type Fields = Readonly<Record<string, unknown>>;

function lightFields(fields: Fields, depth: number): Fields {
  const light: Record<string, unknown> = {};
  let count = 0;
  for (const name in fields) {
    const value = fields[name];
    if (typeof value === 'string' ? value.length > TEXT_MAX : Array.isArray(value)) continue;
    if (typeof value === 'object' && value !== null) {
      if (depth > 0) light[name] = lightFields(value as Fields, depth - 1);
    } else light[name] = value;
    if ((count += 1) >= FIELDS_MAX) break;
  }
  return light;
}

/** `before` = the record as it was known before; null = all operations are news. */
export function lightOf(record: ActorRecord, before: ActorRecord | null = null): LightRecord {
  const { kind, id, revision, seq, removed, fault, snapshot, counts } = record;
  const known = before?.operations ?? [];
  return {
    kind, id, revision, seq, removed, fault, counts,
    snapshot: { ...snapshot, context: lightFields(snapshot.context, 1) },
    operations: record.operations.filter((one) =>
      known.find(({ operationId }) => operationId === one.operationId)?.state !== one.state),
    effectCount: record.effects.length, timerCount: record.timers.length,
  };
}

/** Characters that an item of the feed holds on to, roughly: its transition and the texts of its record. */
export const weightOf = (transition: Transition | null, record: LightRecord): number =>
  (transition === null ? 0 : textLength(transition as unknown as Fields)) + textLength(record.snapshot.context) + 700;

function textLength(fields: Fields): number {
  let length = 0;
  for (const name in fields) {
    const value = fields[name];
    length += 8;
    if (typeof value === 'string') length += value.length;
    else if (typeof value === 'object' && value !== null) length += textLength(value as Fields);
  }
  return length;
}
