/**
 * Does what was decoded have the shape it claims? Cheap: each field's kind, each list's items' names; not every leaf.
 * Each function gives the first thing that is wrong in words (`effects[2].kind is no text`), or null.
 */

type Check = (value: unknown) => boolean;
type Fields = Readonly<Record<string, readonly [check: Check, words: string]>>;

const isText: Check = (value) => typeof value === 'string';
const isTextOrNull: Check = (value) => value === null || typeof value === 'string';
const isCount: Check = (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const isList: Check = (value) => Array.isArray(value);
export const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isMapOrNull: Check = (value) => value === null || isMap(value);
const isEvent: Check = (value) => isMap(value) && typeof value['type'] === 'string';
const isAbsentOr = (check: Check): Check => (value) => value === undefined || check(value);

const text = [isText, 'is no text'] as const;
const textOrNull = [isTextOrNull, 'is neither a text nor null'] as const;
const count = [isCount, 'is no whole number from 0 up'] as const;
const number = [isNumber, 'is no number'] as const;
const list = [isList, 'is no list'] as const;
const map = [isMap, 'is no map'] as const;
const flag = [(value: unknown) => typeof value === 'boolean', 'is neither true nor false'] as const;
const event = [isEvent, 'is no event with a type'] as const;

function wrongField(value: Record<string, unknown>, fields: Fields, where: string): string | null {
  for (const name in fields) {
    const [check, words] = fields[name]!;
    if (!check(value[name])) return `${where}${name} ${words}`;
  }
  return null;
}

function wrongItem(items: unknown, fields: Fields, where: string): string | null {
  const all = items as readonly unknown[];
  for (let index = 0; index < all.length; index += 1) {
    const item = all[index];
    if (!isMap(item)) return `${where}[${index}] is no map`;
    const wrong = wrongField(item, fields, `${where}[${index}].`);
    if (wrong !== null) return wrong;
  }
  return null;
}

/** What every version of a record has. */
const RECORD: Fields = {
  kind: text, id: text, machineVersion: count, revision: count, commitId: text, ownerEpoch: count,
  snapshot: map, effects: list, timers: list, operations: list, seq: count, tail: list, restarts: list,
  fault: textOrNull, removed: flag,
};
const RECORD_2: Fields = {
  parent: textOrNull, life: count, exit: [isMapOrNull, 'is neither a map nor null'], outbox: list, requests: list,
  counts: map,
};
const SNAPSHOT: Fields = {
  context: map,
  status: [(value) => value === 'active' || value === 'done', 'is neither active nor done'],
};
const EFFECT: Fields = { effectId: text, kind: text, params: map, epoch: count, deadlineMs: number, correlation: text };
const TIMER: Fields = { timerId: text, event, delayMs: number, setAt: number };
const OPERATION: Fields = { operationId: text, command: text, state: text };
const TRANSITION: Fields = { seq: count, event, from: text, to: text };
const ENVELOPE: Fields = {
  id: text, from: text, to: text, event, correlation: text, causation: textOrNull, senderEpoch: count, sentAt: number,
  operationId: [isAbsentOr(isText), 'is no text'],
};

/** What is wrong with a record of this version, as it was stored; null = nothing. */
export function recordMisshape(value: Record<string, unknown>, version: number): string | null {
  const wrong = wrongField(value, RECORD, '') ?? (version >= 2 ? wrongField(value, RECORD_2, '') : null);
  if (wrong !== null) return wrong;
  const snapshot = value['snapshot'] as Record<string, unknown>;
  const state = snapshot['value'];
  if (typeof state !== 'string' && !isMap(state)) return 'snapshot.value is no state';
  return wrongField(snapshot, SNAPSHOT, 'snapshot.')
    ?? wrongItem(value['effects'], EFFECT, 'effects') ?? wrongItem(value['timers'], TIMER, 'timers')
    ?? wrongItem(value['operations'], OPERATION, 'operations') ?? wrongItem(value['tail'], TRANSITION, 'tail');
}

/** What is wrong with one envelope; null = nothing. */
export const envelopeMisshape = (value: unknown): string | null =>
  isMap(value) ? wrongField(value, ENVELOPE, '') : 'it is no map';
