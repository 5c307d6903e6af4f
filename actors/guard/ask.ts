/** Asks this host's own guard whether it is there. */
import { createSocket } from 'node:dgram';
import type { Clock } from '../../runtime/clock.js';
import { GUARD_PORT } from '../../runtime/limits.js';
import { parseAnswer, QUESTION } from './answer.js';

export interface AskOptions {
  /** An answer under another boot id is not ours. */
  readonly bootId: string;
  readonly clock: Clock;
  readonly port?: number;
  readonly timeoutMs?: number;
}

const ASK_EVERY_MS = 100;
/** The guard and pvcd are started together; a restarted guard is back well within this. */
const TIMEOUT_MS = 3000;

/** True as soon as the guard answers for this boot; false after the time-out. Never rejects. */
export function askGuard(options: AskOptions): Promise<boolean> {
  const { clock, bootId, port = GUARD_PORT, timeoutMs = TIMEOUT_MS } = options;
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    let cancelAsk = (): void => undefined;
    const settle = (answers: boolean): void => {
      cancelAsk();
      cancelTimeout();
      socket.close();
      resolve(answers);
    };
    const ask = (): void => {
      // Nobody listening yet is told by ICMP as an error of the send: asked again.
      socket.send(QUESTION, port, '127.0.0.1', () => undefined);
      cancelAsk = clock.after(ASK_EVERY_MS, ask);
    };
    const cancelTimeout = clock.after(timeoutMs, () => settle(false));
    socket.on('message', (data) => {
      if (parseAnswer(data)?.bootId === bootId) settle(true);
    });
    socket.on('error', () => undefined);
    socket.bind(0, '127.0.0.1', ask);
  });
}
