/** CephConnection on librados and librbd: deadlines here, C calls in the worker process (worker-port.ts, worker.ts). */
import { fileURLToPath } from 'node:url';
import { systemClock, type Clock } from '../../../runtime/clock.js';
import type { Log } from '../../../runtime/log.js';
import { refused, type Outcome } from '../outcome.js';
import { WorkerPort, type CallBounds, type CallOf, type Disconnected } from '../worker-port.js';
import type { CephCommand, CephConnection, CephReply, ImageRef } from './connection.js';
import { THREADS } from './lanes.js';
import type { Operations, WorkerNews, WorkerOptions } from './protocol.js';

export interface CephOptions extends WorkerOptions {
  readonly log: Log;
  readonly clock?: Clock;
  /** How long creation waits for the first connection; afterwards `connected` is simply false. */
  readonly connectWaitMs?: number;
  /** See PortOptions; the worker must see the storage network. */
  readonly workerPrefix?: readonly string[];
}

/** It also tells which process holds the C library. */
export interface CephClient extends CephConnection {
  readonly workerPid: number | null;
  /** `address:port/nonce` of this connection's own clients, as a blocklist names them; none while unconnected. */
  readonly addresses: readonly string[];
}

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));
/** The worker keeps the deadline of what it has not begun; this is for its answer's way back. */
const RETURN_MS = 100;
const DEAD_WORKER_S = 600;
const SHUT_OUT_MS = 10_000;

class Client implements CephClient {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #port: WorkerPort<Operations, WorkerNews, number>;
  readonly #listeners = new Set<(connected: boolean) => void>();
  #connected = false;
  #addresses: readonly string[] = [];
  /** Of the last worker that was connected. */
  #known: readonly string[] = [];

  constructor(options: CephOptions) {
    const { log, clock = systemClock, workerPrefix = [], configFile, clientName, keyringFile } = options;
    this.#log = log;
    this.#clock = clock;
    this.#port = new WorkerPort({
      name: 'Ceph', module: WORKER, threads: THREADS, worker: { configFile, clientName, keyringFile },
      workerPrefix, clock, log, onNews: (news) => this.#hear(news),
    });
  }

  get connected(): boolean {
    return this.#connected;
  }

  get workerPid(): number | null {
    return this.#port.pid;
  }

  get addresses(): readonly string[] {
    return this.#addresses;
  }

  onConnected(listener: (connected: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves at the first connection or when waitMs have passed. */
  async whenConnected(waitMs: number): Promise<void> {
    if (this.#connected || waitMs <= 0) return;
    await new Promise<void>((resolve) => {
      const finish = (): void => {
        cancel();
        stop();
        resolve();
      };
      const cancel = this.#clock.after(waitMs, finish);
      const stop = this.onConnected((connected) => {
        if (connected) finish();
      });
    });
  }

  command(
    { command, target = 'mon', input, hedge = false, anew = false, deadlineMs }: CephCommand,
  ): Promise<Outcome<CephReply>> {
    const args = { command, target, input: input ?? null, hedge, anew };
    return this.#call({ operation: 'command', args }, { deadlineMs });
  }

  waitForOsdmap: CephConnection['waitForOsdmap'] = (epoch, bounds) =>
    this.#call({ operation: 'waitForOsdmap', args: { epoch } }, bounds);
  images: CephConnection['images'] = (pool, bounds) => this.#call({ operation: 'images', args: { pool } }, bounds);
  imageInfo: CephConnection['imageInfo'] = (ref, bounds) =>
    this.#call({ operation: 'imageInfo', args: { ref } }, bounds);
  createImage: CephConnection['createImage'] = (ref, sizeBytes, bounds) =>
    this.#call({ operation: 'createImage', args: { ref, sizeBytes } }, bounds);
  resizeImage: CephConnection['resizeImage'] = (ref, sizeBytes, options) =>
    this.#call({ operation: 'resizeImage', args: { ref, sizeBytes } }, options);
  renameImage: CephConnection['renameImage'] = (ref, to, bounds) =>
    this.#call({ operation: 'renameImage', args: { ref, to } }, bounds);
  removeImage: CephConnection['removeImage'] = (ref, options) =>
    this.#call({ operation: 'removeImage', args: { ref } }, options);
  cloneImage: CephConnection['cloneImage'] = (from, to, bounds) =>
    this.#call({ operation: 'cloneImage', args: { from, to } }, bounds);
  flattenImage: CephConnection['flattenImage'] = (ref, options) =>
    this.#call({ operation: 'flattenImage', args: { ref } }, options);
  copyImage: CephConnection['copyImage'] = (from, to, options) =>
    this.#call({ operation: 'copyImage', args: { from, to } }, options);
  createSnapshot: CephConnection['createSnapshot'] = (ref, bounds) =>
    this.#call({ operation: 'createSnapshot', args: { ref } }, bounds);
  removeSnapshot: CephConnection['removeSnapshot'] = (ref, bounds) =>
    this.#call({ operation: 'removeSnapshot', args: { ref } }, bounds);
  renameSnapshot: CephConnection['renameSnapshot'] = (ref, to, bounds) =>
    this.#call({ operation: 'renameSnapshot', args: { ref, to } }, bounds);
  rollbackSnapshot: CephConnection['rollbackSnapshot'] = (ref, options) =>
    this.#call({ operation: 'rollbackSnapshot', args: { ref } }, options);
  children: CephConnection['children'] = (ref, bounds) => this.#call({ operation: 'children', args: { ref } }, bounds);
  watchers: CephConnection['watchers'] = (ref, bounds) => this.#call({ operation: 'watchers', args: { ref } }, bounds);
  lockOwner: CephConnection['lockOwner'] = (ref, bounds) =>
    this.#call({ operation: 'lockOwner', args: { ref } }, bounds);
  breakLock: CephConnection['breakLock'] = (ref, owner, bounds) =>
    this.#call({ operation: 'breakLock', args: { ref, owner } }, bounds);

  async close(): Promise<void> {
    this.#connected = false;
    this.#listeners.clear();
    await this.#port.close();
  }

  #call<K extends keyof Operations>(
    call: CallOf<Operations, K>, { deadlineMs, progress, signal }: Bounds,
  ): Promise<Outcome<Operations[K]['value']>> {
    const wrong = wrongArgument(call.args);
    if (wrong !== null) return Promise.resolve(refused(`EINVAL: ${wrong}`));
    if (signal?.aborted) return Promise.resolve(refused('ECANCELED: cancelled before it began'));
    if (!this.#port.running) return Promise.resolve(refused('ENOTCONN: the Ceph driver is being restarted'));
    // The worker says "not begun" at the deadline itself.
    const bounds: CallBounds<number> = { deadlineMs: deadlineMs + RETURN_MS, onProgress: progress, signal };
    return this.#port.call(call, bounds);
  }

  /**
   * A worker has died: Ceph keeps its watches and locks for 30 s, and whoever goes on with what it did would wait for
   * them. It is dead for sure, so its clients are shut out, for as long as anything of theirs may still be on its way.
   */
  #shutOut(addresses: readonly string[]): void {
    for (const addr of addresses) {
      void this.command({
        command: { prefix: 'osd blocklist', blocklistop: 'add', addr, expire: DEAD_WORKER_S },
        deadlineMs: SHUT_OUT_MS,
      }).then((outcome) => {
        if (outcome.kind !== 'done') this.#log.warn('a dead Ceph driver keeps its locks for 30 s', { addr, outcome });
      });
    }
  }

  #hear(news: WorkerNews | Disconnected): void {
    const connected = news.type === 'connected';
    if (news.type === 'connected') this.#shutOut(this.#known.filter((each) => !news.addresses.includes(each)));
    this.#known = news.type === 'connected' ? news.addresses : this.#known;
    this.#addresses = news.type === 'connected' ? news.addresses : [];
    if (connected === this.#connected) return;
    this.#connected = connected;
    if (news.type === 'connected') this.#log.info('connected to Ceph', { clients: news.addresses });
    else this.#log.warn('no connection to Ceph', { reason: news.reason });
    for (const listener of this.#listeners) listener(connected);
  }
}

interface Bounds {
  readonly deadlineMs: number;
  readonly progress?: ((fraction: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Arguments {
  readonly pool?: string;
  readonly ref?: ImageRef;
  readonly from?: ImageRef;
  readonly to?: ImageRef | string;
  readonly sizeBytes?: number;
}

/** Ceph takes an empty name for a default in places, and `/` and `@` for its own signs in others. */
function wrongArgument(args: object): string | null {
  const { pool, ref, from, to, sizeBytes } = args as Arguments;
  const refs = [ref, from, typeof to === 'object' ? to : undefined].filter((each) => each !== undefined);
  const names = [
    pool, ...refs.flatMap((each) => [each.pool, each.image, each.snapshot]), typeof to === 'string' ? to : undefined,
  ].filter((name) => name !== undefined);
  const bad = names.find((name) => !/^[^/@\0]+$/.test(name));
  if (bad !== undefined) return `${JSON.stringify(bad)} is no name of a pool, image or snapshot`;
  return sizeBytes === undefined || Number.isSafeInteger(sizeBytes) && sizeBytes >= 0 ? null
    : `${sizeBytes} is no number of bytes`;
}

/** Never rejects: without a Ceph the result has `connected` false, refuses what it is asked and goes on trying. */
export async function createCephClient(options: CephOptions): Promise<CephClient> {
  const client = new Client(options);
  await client.whenConnected(options.connectWaitMs ?? 0);
  return client;
}
