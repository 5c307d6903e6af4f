/**
 * The versions of a stored record: up to today's shape, and down to what older daemons read. The codec alone calls it;
 * everything else knows today's shape only.
 *
 * | version | brought |
 * | --- | --- |
 * | 1 | the first |
 * | 2 | parent, life, exit, outbox, requests, counts, last error, suspect; retries and timer policies |
 */
import { FRESH_FIELDS, RECORD_VERSION, type ActorRecord, type PendingEffect, type Timer } from './record.js';

type Stored = Readonly<Record<string, unknown>>;

/** From version n to n + 1, at index n. */
const UPWARDS: Readonly<Record<number, (record: Stored) => Stored>> = { 1: from1to2 };

/** Brings a record of an older version (whose shape has been looked at) into today's. */
export function upcastRecord(stored: Stored, version: number): ActorRecord {
  let record = stored;
  for (let from = version; from < RECORD_VERSION; from += 1) record = UPWARDS[from]!(record);
  return record as unknown as ActorRecord;
}

function from1to2(record: Stored): Stored {
  const { effects, timers } = record as unknown as Pick<ActorRecord, 'effects' | 'timers'>;
  return {
    ...record, ...FRESH_FIELDS, recordVersion: 2,
    effects: effects.map((effect) => ({ ...effect, attempt: 1, retry: null, within: null })),
    timers: timers.map((timer) => ({ ...timer, policy: 'restart', remainingMs: timer.delayMs })),
  };
}

/**
 * Why a record cannot be told in version 1 without losing something, or null. What only tells (counts, the last
 * error, the suspicion of a letter) is no reason: it is left out and counted anew.
 */
export function whyVersion2(record: ActorRecord): string | null {
  if (record.parent !== null) return `it is supervised by ${record.parent}`;
  if (record.life !== 1) return `it lives its life ${record.life}`;
  if (record.exit !== null) return 'its life has ended';
  if (record.outbox.length > 0) return `${record.outbox.length} of its messages wait for a full mailbox`;
  if (record.requests.length > 0) return `${record.requests.length} of its requests wait for an answer`;
  const effect = record.effects.find((each) => each.retry !== null || each.within !== null);
  if (effect !== undefined) return `its effect ${effect.kind} is retried, or bound to a state`;
  const timer = record.timers.find((each) => each.policy !== 'restart');
  return timer === undefined ? null : `its timer ${timer.timerId} has the policy ${timer.policy}`;
}

/** The lowest version that can hold this record. */
export const needsVersion = (record: ActorRecord): number => whyVersion2(record) === null ? 1 : 2;

/** The record as version 1 knows it. Only for one that `needsVersion` 1. */
export function downcastTo1(record: ActorRecord): Stored {
  const fresh = new Set(Object.keys(FRESH_FIELDS));
  const kept = Object.fromEntries(Object.entries(record).filter(([name]) => !fresh.has(name)));
  const effect = ({ attempt: _attempt, retry: _retry, within: _within, ...rest }: PendingEffect): Stored => rest;
  const timer = ({ policy: _policy, remainingMs: _remainingMs, ...rest }: Timer): Stored => rest;
  return { ...kept, recordVersion: 1, effects: record.effects.map(effect), timers: record.timers.map(timer) };
}
