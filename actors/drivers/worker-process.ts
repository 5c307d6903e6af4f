/**
 * The worker's end of worker-port.ts: a process that holds a C library, like an Erlang port. It may hang or crash
 * without hurting the daemon, speaks over Node's IPC channel, and ends with its parent.
 */
import { takeCoverage } from 'node:v8';
import { dieWithParent } from './foreign.js';
import type { FromWorker, ToWorker } from './worker-port.js';

export const tellParent = <News, Progress>(message: FromWorker<News, Progress>): void => {
  if (process.connected) process.send?.(message, () => undefined);
};

/** An orderly exit would join the threads of pending C calls, which may never return. The reason goes to stderr. */
export function endWorker(reason: string | null): never {
  if (reason !== null) process.stderr.write(`${reason}\n`);
  takeCoverage();
  process.kill(process.pid, 'SIGKILL');
  throw new Error('killed');
}

/** For promises that nobody waits for: what should never happen ends the process, and is told. */
export const crashWorker = (error: unknown): never =>
  endWorker(error instanceof Error ? error.stack ?? error.message : String(error));

/** Takes calls from the parent from now on. */
export function serveParent<Call>(
  onCall: (id: number, call: Call, deadlineMs: number) => Promise<void>, onCancel: (id: number) => void,
): void {
  process.on('disconnect', () => endWorker(null));
  process.on('message', (message: ToWorker<Call>) => {
    switch (message.type) {
      case 'ping': tellParent({ type: 'pong', id: message.id }); return;
      case 'cancel': onCancel(message.id); return;
      case 'call': void onCall(message.id, message.call, message.deadlineMs).catch(crashWorker);
    }
  });
  // The channel ends with the parent; this also holds when our own loop is stuck.
  dieWithParent();
  // The parent may have died while these modules were loading.
  if (!process.connected) endWorker(null);
}
