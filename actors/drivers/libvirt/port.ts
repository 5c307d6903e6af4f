/**
 * Keeps one worker process alive and carries calls to it. A worker that ends or hangs is replaced after a back-off;
 * every call it had is answered `unknown`, for what it did by then is not known.
 */
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../../runtime/clock.js';
import type { Log } from '../../../runtime/log.js';
import { DRIVER_MARKER } from '../../guard/processes.js';
import { forkModule } from '../../process.js';
import { unknown, type Outcome } from '../outcome.js';
import type { CallOf, FromWorker, OperationName, Operations, ToWorker, WorkerOptions } from './protocol.js';

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));
/** 16 lanes in a call each, the event loop, and the shared lanes (see lane.ts). */
const WORKER_THREADS = 32;
const RESTART_MIN_MS = 100;
const RESTART_MAX_MS = 5000;
/** A worker that lived this long starts the next back-off anew. */
const HEALTHY_MS = 30_000;
const PING_MS = 2000;
/** Several in a row, so that a machine that was frozen and thawed, or is merely busy, does not lose its worker. */
const MISSED_PINGS_MAX = 3;
const CLOSE_MS = 1000;

type WorkerNews = Exclude<FromWorker, { type: 'answer' | 'progress' | 'pong' }>;
type Progress = (progress: { totalBytes: number; remainingBytes: number }) => void;

interface Pending {
  readonly resolve: (outcome: Outcome<unknown>) => void;
  readonly onProgress: Progress | undefined;
}

export interface PortOptions {
  readonly worker: WorkerOptions;
  /** Program and arguments that lead to node (nsenter for a rack node seen from outside); empty = run node itself. */
  readonly workerPrefix: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  readonly onNews: (news: WorkerNews) => void;
}

export class WorkerPort {
  readonly #options: PortOptions;
  readonly #pending = new Map<number, Pending>();
  #child: ChildProcess | null = null;
  #lastId = 0;
  #lastPong = 0;
  #closed = false;
  #backoffMs = RESTART_MIN_MS;
  #cancelTimer: () => void = () => undefined;
  #cancelPing: () => void = () => undefined;

  constructor(options: PortOptions) {
    this.#options = options;
    this.#spawn();
  }

  /** Process id of the worker, or null while there is none. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Answers `unknown` past the deadline; the worker may still carry it out. */
  call<K extends OperationName>(
    call: CallOf<K>, deadlineMs: number, onProgress?: Progress,
  ): Promise<Outcome<Operations[K]['value']>> {
    const child = this.#child;
    if (child === null || !child.connected) return Promise.resolve(unknown('the libvirt driver is being restarted'));
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(deadlineMs,
        () => settle(unknown(`libvirt gave no answer within ${deadlineMs} ms`)));
      const settle = (outcome: Outcome<unknown>): void => {
        cancel();
        this.#pending.delete(id);
        resolve(outcome as Outcome<Operations[K]['value']>);
      };
      this.#pending.set(id, { resolve: settle, onProgress });
      this.#send(child, { type: 'call', id, call: call as CallOf });
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer();
    const child = this.#child;
    if (child === null) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.after(CLOSE_MS, () => child.kill('SIGKILL'));
      child.once('exit', () => {
        cancel();
        resolve();
      });
      if (child.connected) child.disconnect();
    });
  }

  #send(child: ChildProcess, message: ToWorker): void {
    // A failed send means the worker is ending: its exit settles what is pending.
    child.send(message, () => undefined);
  }

  #spawn(): void {
    const { clock, log, worker, workerPrefix: [program, ...before] } = this.#options;
    const startedMs = clock.monotonicMs();
    const child = forkModule(WORKER, [JSON.stringify(worker), DRIVER_MARKER], {
      ...(program === undefined ? { execArgv: [] } : { execPath: program, execArgv: [...before, process.execPath] }),
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { UV_THREADPOOL_SIZE: String(WORKER_THREADS), PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' },
    });
    this.#child = child;
    let lastWords = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      lastWords = (lastWords + text).slice(-2000);
    });
    child.on('message', (message: FromWorker) => this.#hear(message));
    let gone = false;
    const onGone = (how: string): void => {
      if (gone) return;
      gone = true;
      if (clock.monotonicMs() - startedMs >= HEALTHY_MS) this.#backoffMs = RESTART_MIN_MS;
      this.#lose(`${how}${lastWords ? `: ${lastWords.trim()}` : ''}`);
    };
    child.on('exit', (code, signal) => onGone(`the libvirt driver ended (${signal ?? `status ${code}`})`));
    child.on('error', (error) => onGone(`the libvirt driver cannot be started: ${error.message}`));
    log.debug('libvirt driver started', { pid: child.pid });
    this.#watch(child, 0, this.#lastPong);
  }

  #lose(reason: string): void {
    this.#child = null;
    this.#cancelPing();
    for (const { resolve } of [...this.#pending.values()]) resolve(unknown(reason));
    if (this.#closed) return;
    this.#options.log.warn('libvirt driver lost', { reason, restartMs: this.#backoffMs });
    this.#options.onNews({ type: 'disconnected', reason });
    this.#cancelTimer = this.#options.clock.after(this.#backoffMs, () => this.#spawn());
    this.#backoffMs = Math.min(RESTART_MAX_MS, this.#backoffMs * 2);
  }

  #watch(child: ChildProcess, missed: number, pongBefore: number): void {
    this.#send(child, { type: 'ping', id: ++this.#lastId });
    this.#cancelPing = this.#options.clock.after(PING_MS, () => {
      const nowMissed = this.#lastPong === pongBefore ? missed + 1 : 0;
      if (nowMissed >= MISSED_PINGS_MAX) child.kill('SIGKILL');
      else this.#watch(child, nowMissed, this.#lastPong);
    });
  }

  #hear(message: FromWorker): void {
    switch (message.type) {
      case 'answer': this.#pending.get(message.id)?.resolve(message.outcome); return;
      case 'progress': {
        const { totalBytes, remainingBytes } = message;
        this.#pending.get(message.id)?.onProgress?.({ totalBytes, remainingBytes });
        return;
      }
      case 'pong': this.#lastPong = message.id; return;
      default: this.#options.onNews(message);
    }
  }
}
