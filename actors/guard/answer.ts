/**
 * The guard's sign of life: a UDP port that answers `pvc?` with who is alive here and how its lease
 * stands. It answers as long as the host runs, whatever pvcd and ZooKeeper do.
 */
import { createSocket, type Socket } from 'node:dgram';
import type { Clock } from '../../runtime/clock.js';
import { GUARD_ANSWERS_PER_SECOND_MAX } from '../../runtime/limits.js';
import type { Log } from '../../runtime/log.js';
import type { GuardStatus } from './guard.js';

export const QUESTION = 'pvc?';

/** What the guard of a node says of itself. */
export interface GuardAnswer extends GuardStatus {
  readonly node: string;
  readonly bootId: string;
}

const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value >= 0;

/** null = these bytes are no answer of a guard. */
export function parseAnswer(data: Uint8Array): GuardAnswer | null {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(data).toString('utf8'));
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { node, bootId, incarnation, leaseRemainingMs, guests } = value as Record<string, unknown>;
  if (typeof node !== 'string' || typeof bootId !== 'string') return null;
  if (incarnation !== null && typeof incarnation !== 'string') return null;
  if (!isCount(leaseRemainingMs) || !isCount(guests)) return null;
  return { node, bootId, incarnation, leaseRemainingMs, guests };
}

const BIND_AGAIN_MS = 5000;

export interface AnsweringOptions {
  readonly node: string;
  readonly bootId: string;
  readonly port: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly status: () => GuardStatus;
}

/**
 * Answers on every IPv4 address of the node. A port that is taken is told and tried again every 5 s:
 * it must never keep the guard from its deadline. Returns a stop.
 */
export function startAnswering(options: AnsweringOptions): () => void {
  const { clock, log, port } = options;
  let socket: Socket | null = null;
  let stopped = false;
  let windowStartMs = 0;
  let answered = 0;

  const withinRate = (): boolean => {
    const now = clock.monotonicMs();
    if (now - windowStartMs >= 1000) {
      windowStartMs = now;
      answered = 0;
    }
    answered += 1;
    return answered <= GUARD_ANSWERS_PER_SECOND_MAX;
  };
  const open = (): void => {
    if (stopped) return;
    const fresh = createSocket('udp4');
    socket = fresh;
    fresh.on('message', (data, from) => {
      if (data.toString('latin1') !== QUESTION || !withinRate()) return;
      const answer: GuardAnswer = { node: options.node, bootId: options.bootId, ...options.status() };
      // An answer that cannot be sent is a lost datagram: the asker asks again.
      fresh.send(JSON.stringify(answer), from.port, from.address, () => {});
    });
    fresh.on('error', (error) => {
      log.error('the sign of life is not answered', { port, error });
      fresh.close();
      clock.after(BIND_AGAIN_MS, open);
    });
    fresh.bind(port, '0.0.0.0');
  };
  open();
  return () => {
    stopped = true;
    socket?.close();
  };
}
