/**
 * Keeps one worker process alive and carries calls to it: how a driver holds a C library (libvirt, Ceph). A worker that
 * ends or hangs is replaced after a back-off; every call it had is answered `unknown`, for what it did by then is not
 * known. What the two say to each other is `ToWorker` and `FromWorker`, over Node's IPC channel.
 */
import type { ChildProcess } from 'node:child_process';
import type { Clock } from '../../runtime/clock.js';
import type { Log } from '../../runtime/log.js';
import { DRIVER_MARKER } from '../guard/processes.js';
import { forkModule } from '../process.js';
import { unknown, type Outcome } from './outcome.js';

/** Operation -> its arguments and its answer's value. */
type Table<T> = { readonly [K in keyof T]: { args: object; value: unknown } };
/** Distributes over the operations, so that each name keeps its own arguments. */
export type CallOf<T extends Table<T>, K extends keyof T = keyof T> = {
  [N in K]: { readonly operation: N; readonly args: T[N]['args'] };
}[K];

export type ToWorker<Call> =
  /** deadlineMs: from its arrival on; past it nobody waits for it any more. */
  | { readonly type: 'call'; readonly id: number; readonly call: Call; readonly deadlineMs: number }
  /** Whoever asked wants it ended early. */
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'ping'; readonly id: number };

export type Disconnected = { readonly type: 'disconnected'; readonly reason: string };
export type FromWorker<News, Progress> =
  | { readonly type: 'answer'; readonly id: number; readonly outcome: Outcome<unknown> }
  | { readonly type: 'progress'; readonly id: number; readonly progress: Progress }
  | { readonly type: 'pong'; readonly id: number }
  | { readonly type: 'news'; readonly news: News | Disconnected };

const RESTART_MIN_MS = 100;
const RESTART_MAX_MS = 5000;
/** A worker that lived this long starts the next back-off anew. */
const HEALTHY_MS = 30_000;
const PING_MS = 2000;
/** Several in a row, so that a machine that was frozen and thawed, or is merely busy, does not lose its worker. */
const MISSED_PINGS_MAX = 3;
/** Before its first answer: loading its library takes a busy machine long. 30 s. */
const MISSED_AT_START_MAX = 15;
const CLOSE_MS = 1000;

interface Pending<Progress> {
  readonly resolve: (outcome: Outcome<unknown>) => void;
  readonly onProgress: ((progress: Progress) => void) | undefined;
}

export interface PortOptions<News> {
  /** What it holds, as in "the libvirt driver". */
  readonly name: string;
  /** The worker's module: a file path. */
  readonly module: string;
  /** Handed to the worker as its first argument, in JSON. */
  readonly worker: object;
  /** Of libuv's pool; each C call that waits holds one. */
  readonly threads: number;
  /** Program and arguments that lead to node (nsenter for a rack node seen from outside); empty = run node itself. */
  readonly workerPrefix: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  readonly onNews: (news: News | Disconnected) => void;
}

export interface CallBounds<Progress> {
  readonly deadlineMs: number;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export class WorkerPort<T extends Table<T>, News, Progress = never> {
  readonly #options: PortOptions<News>;
  readonly #pending = new Map<number, Pending<Progress>>();
  #child: ChildProcess | null = null;
  #lastId = 0;
  #lastPong = 0;
  #closed = false;
  #backoffMs = RESTART_MIN_MS;
  #cancelTimer: () => void = () => undefined;
  #cancelPing: () => void = () => undefined;

  constructor(options: PortOptions<News>) {
    this.#options = options;
    this.#spawn();
  }

  /** Process id of the worker, or null while there is none. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** There is a worker to call. */
  get running(): boolean {
    return this.#child?.connected === true;
  }

  /** Answers `unknown` past the deadline; the worker may still carry it out. */
  call<K extends keyof T>(call: CallOf<T, K>, bounds: CallBounds<Progress>): Promise<Outcome<T[K]['value']>> {
    const { deadlineMs, onProgress, signal } = bounds;
    const { clock, name } = this.#options;
    const child = this.#child;
    if (child === null || !child.connected) return Promise.resolve(unknown(`the ${name} driver is being restarted`));
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      const cancel = clock.after(deadlineMs, () => settle(unknown(`${name} gave no answer within ${deadlineMs} ms`)));
      const onAbort = (): void => this.#send(child, { type: 'cancel', id });
      const settle = (outcome: Outcome<unknown>): void => {
        cancel();
        signal?.removeEventListener('abort', onAbort);
        this.#pending.delete(id);
        resolve(outcome as Outcome<T[K]['value']>);
      };
      this.#pending.set(id, { resolve: settle, onProgress });
      this.#send(child, { type: 'call', id, call: call as CallOf<T>, deadlineMs });
      if (signal?.aborted) onAbort();
      else signal?.addEventListener('abort', onAbort);
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

  #send(child: ChildProcess, message: ToWorker<CallOf<T>>): void {
    // A failed send means the worker is ending: its exit settles what is pending.
    if (child.connected) child.send(message, () => undefined);
  }

  #spawn(): void {
    const { clock, log, name, module, threads, worker, workerPrefix: [program, ...before] } = this.#options;
    const startedMs = clock.monotonicMs();
    const child = forkModule(module, [JSON.stringify(worker), DRIVER_MARKER], {
      ...(program === undefined ? { execArgv: [] } : { execPath: program, execArgv: [...before, process.execPath] }),
      // Structured clones: bytes go through as bytes.
      serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { UV_THREADPOOL_SIZE: String(threads), PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' },
    });
    this.#child = child;
    let lastWords = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      lastWords = (lastWords + text).slice(-2000);
    });
    child.on('message', (message) => this.#hear(message as FromWorker<News, Progress>));
    let gone = false;
    const onGone = (how: string): void => {
      if (gone) return;
      gone = true;
      if (clock.monotonicMs() - startedMs >= HEALTHY_MS) this.#backoffMs = RESTART_MIN_MS;
      this.#lose(`${how}${lastWords ? `: ${lastWords.trim()}` : ''}`);
    };
    child.on('exit', (code, signal) => onGone(`the ${name} driver ended (${signal ?? `status ${code}`})`));
    child.on('error', (error) => onGone(`the ${name} driver cannot be started: ${error.message}`));
    log.debug(`${name} driver started`, { pid: child.pid });
    this.#watch(child, { missed: 0, heard: false });
  }

  #lose(reason: string): void {
    const { clock, log, name, onNews } = this.#options;
    this.#child = null;
    this.#cancelPing();
    for (const { resolve } of [...this.#pending.values()]) resolve(unknown(reason));
    if (this.#closed) return;
    log.warn(`${name} driver lost`, { reason, restartMs: this.#backoffMs });
    onNews({ type: 'disconnected', reason });
    this.#cancelTimer = clock.after(this.#backoffMs, () => this.#spawn());
    this.#backoffMs = Math.min(RESTART_MAX_MS, this.#backoffMs * 2);
  }

  #watch(child: ChildProcess, { missed, heard }: { missed: number; heard: boolean }): void {
    const { clock } = this.#options;
    const [dueMs, pongBefore] = [clock.monotonicMs() + PING_MS, this.#lastPong];
    this.#send(child, { type: 'ping', id: ++this.#lastId });
    this.#cancelPing = clock.after(PING_MS, () => {
      const answered = this.#lastPong !== pongBefore;
      // Who stood still itself has not listened: that is no miss of the worker's.
      const listened = clock.monotonicMs() - dueMs < PING_MS;
      const now = answered ? 0 : missed + (listened ? 1 : 0);
      if (now >= (heard || answered ? MISSED_PINGS_MAX : MISSED_AT_START_MAX)) child.kill('SIGKILL');
      else this.#watch(child, { missed: now, heard: heard || answered });
    });
  }

  #hear(message: FromWorker<News, Progress>): void {
    switch (message.type) {
      case 'answer': this.#pending.get(message.id)?.resolve(message.outcome); return;
      case 'progress': this.#pending.get(message.id)?.onProgress?.(message.progress); return;
      case 'pong': this.#lastPong = message.id; return;
      case 'news': this.#options.onNews(message.news);
    }
  }
}
