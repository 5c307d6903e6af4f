/**
 * A lane is one connection to libvirtd with one call at a time on it, so that the connection's last error
 * belongs to that call (libvirt's own error is per thread, and each call runs on another thread).
 * Long calls take a lane each; quick ones share one.
 */
import { offMain, type Pointer } from '../foreign.js';
import { local, readError, remote, type LibvirtError } from './library.js';
import { ERROR } from './states.js';
import type { WorkerOptions } from './protocol.js';

/** A libvirt call that failed. `lost` = the connection broke: what the call did is not known. */
export class LibvirtFailure extends Error {
  override readonly name = 'LibvirtFailure';
  readonly code: number;
  readonly lost: boolean;
  constructor(error: LibvirtError, lost: boolean) {
    super(error.message);
    this.code = error.code;
    this.lost = lost;
  }
}

const LOST: ReadonlySet<number> = new Set([ERROR.rpc, ERROR.noConnect, ERROR.invalidConnection]);

type RemoteFunction = (typeof remote)[keyof typeof remote];

export class Lane {
  readonly connection: Pointer;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(connection: Pointer) {
    this.connection = connection;
  }

  get alive(): boolean {
    return local.isAlive(this.connection) === 1;
  }

  /** Calls after the calls before it. Rejects with LibvirtFailure if the result is negative or null. */
  call<T>(target: RemoteFunction, ...parameters: readonly unknown[]): Promise<NonNullable<T>> {
    const turn = this.#tail.then(async () => {
      local.resetError(this.connection);
      const result = await offMain<T>(target, ...parameters);
      if (result === null || result === undefined || (typeof result === 'number' && result < 0)) throw this.#failure();
      return result as NonNullable<T>;
    });
    this.#tail = turn.catch(() => undefined);
    return turn;
  }

  #failure(): LibvirtFailure {
    const found = readError(local.lastError(this.connection) as Pointer | null);
    const error = found ?? { code: 1, message: 'libvirt gave no reason' };
    const lost = !this.alive || LOST.has(error.code);
    return new LibvirtFailure(error, lost);
  }

  /** Closes once the call under way is over. */
  close(): void {
    void this.#tail.then(() => offMain(remote.close, this.connection)).catch(() => undefined);
  }
}

/** Opens a connection; the keep-alive finds a libvirtd that hangs. Rejects if libvirtd is not there. */
export async function openLane(options: WorkerOptions): Promise<Lane> {
  const connection = await offMain<Pointer | null>(remote.open, options.uri);
  if (connection === null) {
    throw new LibvirtFailure({ code: ERROR.noConnect, message: `no libvirtd at ${options.uri}` }, true);
  }
  const lane = new Lane(connection);
  await lane.call<number>(remote.setKeepAlive, connection, options.keepAliveS, options.keepAliveCount);
  return lane;
}

/** Idle lanes are kept for the next long call; all of them die with the main connection. */
export class Lanes {
  readonly #options: WorkerOptions;
  #idle: Lane[] = [];
  #generation = 0;
  #opened = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  /** Runs `work` on a lane of its own. */
  async use<T>(work: (lane: Lane) => Promise<T>): Promise<T> {
    while (this.#opened >= LANES_MAX) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#opened += 1;
    const generation = this.#generation;
    let lane: Lane | undefined;
    try {
      lane = this.#idle.pop() ?? await openLane(this.#options);
      return await work(lane);
    } finally {
      this.#opened -= 1;
      if (lane && generation === this.#generation && lane.alive && this.#idle.length < IDLE_MAX) this.#idle.push(lane);
      else lane?.close();
      this.#waiting.shift()?.();
    }
  }

  /** The main connection broke: lanes in use are closed when their call ends. */
  drop(): void {
    this.#generation += 1;
    for (const lane of this.#idle.splice(0)) lane.close();
  }
}

/** Each lane in a call holds a thread of libuv's pool (see WORKER_THREADS in hypervisor.ts). */
const LANES_MAX = 16;
const IDLE_MAX = 2;
