/** The Store on one ZooKeeper session (3.6 or later): what the port promises, said with requests and replies. */
import type { Clock } from '../clock.js';
import { causeChain, type Log } from '../log.js';
import { StoreCounters, type StoreMetrics, type StoreRequestKind } from '../store-metrics.js';
import {
  StoreError, type MultiResult, type SessionIdentity, type SessionState, type Stat, type Store, type StoredNode,
  type StoreOp, type StoreOptions, type TreeEvent,
} from '../store.js';
import { aclOf, authRequest } from './acl.js';
import { createManager } from './client.js';
import { Connection } from './connection.js';
import { multiErrorCode, multiFailure, storeError, type RequestFailure } from './failures.js';
import { readInChunks, type Chunk } from './many.js';
import { measureMulti, multiResultOf } from './multi.js';
import { childrenOf, listsOf, nodeOf, nodesOf, type ManyFound } from './replies.js';
import { Requests } from './requests.js';
import { TreeWatches } from './watches.js';
import {
  addWatchRequest, getChildrenRequest, getDataRequest, isPath, multiReadRequest, multiRequest, OPCODE,
  removeWatchesRequest, syncRequest, type ReadOpcode,
} from './wire.js';

export type ZookeeperOptions = StoreOptions & { readonly log: Log; readonly clock: Clock };

const NO_NODE = -101;
const nothing = (): void => undefined;

export class ZookeeperStore implements Store {
  readonly #log: Log;
  readonly #connection: Connection;
  readonly #requests: Requests;
  readonly #watches: TreeWatches;
  readonly #listeners = new Set<(state: SessionState) => void>();
  readonly #counters = new StoreCounters();
  readonly #clock: Clock;
  readonly #acl: Buffer;
  #connectedBefore = false;
  #final: RequestFailure | null = null;
  /** Whoever is refused for lack of rights retries, perhaps for ever: once is enough for the log. */
  #toldNoAuth = false;

  constructor(options: ZookeeperOptions, resume: SessionIdentity | undefined) {
    const { log, clock, auth } = options;
    const counters = this.#counters;
    this.#log = log;
    this.#clock = clock;
    this.#acl = aclOf(auth);
    const { servers, sessionTimeoutMs } = options;
    this.#connection = new Connection(createManager({ servers, sessionTimeoutMs, ...(resume && { resume }) }), {
      log, clock, counters, authRequest: auth ? authRequest(auth) : null,
      onState: (state) => this.#onState(state),
      onWatchEvent: (event) => this.#watches.dispatch(event),
      onTick: (now) => this.#requests.sweep(now),
    });
    this.#requests = new Requests({
      counters,
      ready: () => this.#connection.ready(),
      send: (packet, now) => this.#connection.send(packet, now),
      now: () => clock.monotonicMs(),
      timeoutMs: options.requestTimeoutMs ?? options.sessionTimeoutMs,
    });
    this.#watches = new TreeWatches({
      log,
      place: async (path) => { await this.#request('addWatch', addWatchRequest, path, nothing); },
      remove: (path) => this.#requests.submit('removeWatches', removeWatchesRequest(path), nothing),
      connected: () => this.state === 'connected',
    });
  }

  start(): void {
    this.#connection.start();
  }

  get session(): SessionIdentity {
    return this.#connection.session;
  }

  /** The servers do not take our authentication. */
  get refused(): boolean {
    return this.#connection.refused;
  }

  get state(): SessionState {
    return this.#connection.state;
  }

  onState(listener: (state: SessionState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  read(path: string): Promise<StoredNode | null> {
    return this.#request('read', getDataRequest, path, nodeOf);
  }

  children(path: string): Promise<{ names: string[]; stat: Stat } | null> {
    return this.#request('children', getChildrenRequest, path, childrenOf);
  }

  readMany(paths: readonly string[]): Promise<(StoredNode | null)[]> {
    return this.#readMany('readMany', OPCODE.getData, paths, nodesOf);
  }

  childrenMany(paths: readonly string[]): Promise<(string[] | null)[]> {
    return this.#readMany('childrenMany', OPCODE.getChildren, paths, listsOf);
  }

  multi(ops: readonly StoreOp[]): Promise<MultiResult> {
    const measured = measureMulti(ops, this.#acl.length);
    if (typeof measured !== 'number') return Promise.resolve(measured);
    if (this.#final) return Promise.resolve(multiFailure(this.#final));
    return new Promise((resolve) => {
      this.#requests.submit('multi', multiRequest(ops, measured, this.#acl), (failure, frame) => {
        const result = failure ? multiFailure(failure) : multiResultOf(ops, frame);
        if (result.kind !== 'done') this.#countRefusal(ops, result, failure);
        resolve(result);
      });
    });
  }

  async sync(path: string): Promise<void> {
    await this.#request('sync', syncRequest, path, nothing);
  }

  metrics(): StoreMetrics {
    return this.#counters.copy(this.#clock.monotonicMs(), { state: this.state, ...this.#requests.gauges });
  }

  watchTree(path: string, onEvent: (event: TreeEvent) => void, onRescan: () => void): Promise<() => void> {
    return this.#watches.add(path, onEvent, onRescan);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  abandon(): void {
    this.#connection.stop('closed');
  }

  async #readMany<T>(
    kind: 'readMany' | 'childrenMany', opcode: ReadOpcode, paths: readonly string[],
    parse: (frame: Buffer, count: number) => ManyFound<T>,
  ): Promise<(T | null)[]> {
    for (const path of paths) if (!isPath(path)) throw noPath(path);
    return readInChunks(paths, (part) => new Promise<Chunk<T>>((resolve, reject) => {
      if (this.#final) return reject(this.#failed(this.#final, kind, part[0]));
      this.#requests.submit(kind, multiReadRequest(opcode, part), (failure, frame) => {
        if (failure) return reject(this.#failed(failure, kind, part[0]));
        const many = parse(frame, part.length);
        if (!many.refused) return resolve({ ...many, bytes: frame.length });
        const { index, code } = many.refused;
        return reject(this.#failed({ kind: 'server', code }, kind, part[index]));
      });
    }));
  }

  /** What `parse` reads in the reply, or null when the node does not exist. Rejects with a StoreError else. */
  #request<T>(
    kind: StoreRequestKind, build: (path: string) => Buffer, path: string, parse: (frame: Buffer) => T,
  ): Promise<T | null> {
    return new Promise((resolve, reject) => {
      if (!isPath(path)) return reject(noPath(path));
      if (this.#final) return reject(this.#failed(this.#final, kind, path));
      this.#requests.submit(kind, build(path), (failure, frame) => {
        if (failure === null) resolve(parse(frame));
        else if (failure.kind === 'server' && failure.code === NO_NODE) resolve(null);
        else reject(this.#failed(failure, kind, path));
      });
    });
  }

  #failed(failure: RequestFailure, kind: StoreRequestKind, path: string | undefined): StoreError {
    const error = storeError(failure, `${kind} ${path}`);
    this.#counters.error(error.code);
    return error;
  }

  #countRefusal(ops: readonly StoreOp[], result: MultiResult, failure: RequestFailure | null): void {
    const code = multiErrorCode(result, failure);
    if (code !== null) this.#counters.error(code);
    if (code !== 'no-auth' || this.#toldNoAuth) return;
    this.#toldNoAuth = true;
    const path = result.kind === 'refused' ? ops[result.index]?.path : undefined;
    this.#log.error('this session may not change a node: no key, or not the one the node was made with', { path });
  }

  #onState(state: SessionState): void {
    if (state === 'expired') this.#final = { kind: 'expired' };
    if (state === 'closed') this.#final = this.refused ? { kind: 'refused' } : CLOSED;
    if (state !== 'connected') this.#requests.failWaiting(this.#final ?? { kind: 'unsent', reason: 'not connected' });
    for (const listener of [...this.#listeners]) {
      try {
        listener(state);
      } catch (error) {
        this.#log.error('a state listener threw', { state, cause: causeChain(error) });
      }
    }
    if (state !== 'connected') return;
    if (this.#connectedBefore) void this.#watches.restore();
    this.#connectedBefore = true;
  }
}

const CLOSED: RequestFailure = { kind: 'unsent', reason: 'the session is closed' };
const noPath = (path: string): StoreError => new StoreError('other', `not a path: ${JSON.stringify(path)}`);
