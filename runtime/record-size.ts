/** What makes a record too large, in words that let its author find it. */
import { encode } from './codec.js';
import { LIMITS } from './limits.js';
import type { ActorRecord } from './record.js';

/** Largest parts that are named. */
const NAMED = 3;

/** null = its size is right. `bytes`: the record, encoded. */
export function recordTooLarge(record: ActorRecord, bytes: number): string | null {
  if (bytes <= LIMITS.recordBytesMax) return null;
  const { snapshot, effects, timers, operations, outbox, tail } = record;
  const parts = [
    ...Object.entries(snapshot.context).map(([name, value]) => [`context.${name}`, value] as const),
    ...Object.entries({ effects, timers, operations, outbox, tail }),
  ].map(([name, value]) => ({ name, size: value === undefined ? 0 : encode(value).length }));
  const largest = parts.sort((a, b) => b.size - a.size).slice(0, NAMED).map(({ name, size }) => `${name} ${size}`);
  return `a record of ${bytes} bytes, above ${LIMITS.recordBytesMax} (its largest parts: ${largest.join(', ')})`;
}
