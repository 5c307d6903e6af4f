/** The Store on a real ZooKeeper ensemble (3.6 or later). One object is one session. */
import type { Clock } from '../clock.js';
import { causeChain, type Log } from '../log.js';
import {
  StoreError, type MultiResult, type SessionIdentity, type SessionState, type Stat, type Store, type StoredNode,
  type StoreOp, type StoreOptions, type TreeEvent,
} from '../store.js';
import { createManager } from './client.js';
import { Connection } from './connection.js';
import { ZOOKEEPER_LIMITS } from './limits.js';
import { readInChunks } from './many.js';
import { failureText, measureMulti, multiFailure, multiResultOf } from './multi.js';
import { childrenOf, listsOf, nodeOf, nodesOf, type ManyFound } from './replies.js';
import { Requests, type RequestFailure } from './requests.js';
import { TreeWatches } from './watches.js';
import {
  addWatchRequest, getChildrenRequest, getDataRequest, isPath, multiReadRequest, multiRequest, OPCODE,
  removeWatchesRequest, storeCode, syncRequest, type ReadOpcode, type WireRequest,
} from './wire.js';

export type ZookeeperOptions = StoreOptions & { readonly log: Log; readonly clock: Clock };

const NO_NODE = -101;
const nothing = (): void => undefined;

class ZookeeperStore implements Store {
  readonly #log: Log;
  readonly #connection: Connection;
  readonly #requests: Requests;
  readonly #watches: TreeWatches;
  readonly #listeners = new Set<(state: SessionState) => void>();
  #connectedBefore = false;
  #final: RequestFailure | null = null;

  constructor(options: ZookeeperOptions, resume: SessionIdentity | undefined) {
    const { log, clock } = options;
    this.#log = log;
    const { servers, sessionTimeoutMs } = options;
    this.#connection = new Connection(createManager({ servers, sessionTimeoutMs, ...(resume && { resume }) }), {
      log, clock,
      onState: (state) => this.#onState(state),
      onWatchEvent: (event) => this.#watches.dispatch(event),
      onTick: (now) => this.#requests.sweep(now),
    });
    this.#requests = new Requests({
      ready: () => this.#connection.ready(),
      send: (request, callback) => this.#connection.send(request, callback),
      frame: () => this.#connection.frame,
      now: () => clock.monotonicMs(),
      timeoutMs: options.requestTimeoutMs ?? options.sessionTimeoutMs,
    });
    this.#watches = new TreeWatches({
      log,
      place: async (path) => { await this.#request(addWatchRequest(path), `watch ${path}`, nothing); },
      remove: (path) => this.#requests.submit(removeWatchesRequest(path), () => undefined),
      connected: () => this.state === 'connected',
    });
  }

  start(): void {
    this.#connection.start();
  }

  get session(): SessionIdentity {
    return this.#connection.session;
  }

  get state(): SessionState {
    return this.#connection.state;
  }

  onState(listener: (state: SessionState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async read(path: string): Promise<StoredNode | null> {
    return this.#request(getDataRequest(checked(path)), `read ${path}`, nodeOf);
  }

  async children(path: string): Promise<{ names: string[]; stat: Stat } | null> {
    return this.#request(getChildrenRequest(checked(path)), `list ${path}`, childrenOf);
  }

  readMany(paths: readonly string[]): Promise<(StoredNode | null)[]> {
    return this.#readMany(OPCODE.getData, paths, nodesOf);
  }

  childrenMany(paths: readonly string[]): Promise<(string[] | null)[]> {
    return this.#readMany(OPCODE.getChildren, paths, listsOf);
  }

  multi(ops: readonly StoreOp[]): Promise<MultiResult> {
    const measured = measureMulti(ops);
    if (typeof measured !== 'number') return Promise.resolve(measured);
    if (this.#final) return Promise.resolve(multiFailure(this.#final));
    return new Promise((resolve) => {
      this.#requests.submit(multiRequest(ops, measured), (failure, frame) =>
        resolve(failure ? multiFailure(serverWord(failure)) : multiResultOf(ops, frame)));
    });
  }

  async sync(path: string): Promise<void> {
    await this.#request(syncRequest(checked(path)), `sync ${path}`, nothing);
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
    opcode: ReadOpcode, paths: readonly string[], parse: (frame: Buffer, count: number) => ManyFound<T>,
  ): Promise<(T | null)[]> {
    for (const path of paths) checked(path);
    return readInChunks(paths, async (part) => {
      const what = `read ${part.length} nodes from ${part[0]} on`;
      const chunk = await this.#request(multiReadRequest(opcode, part), what, (frame) =>
        ({ ...parse(frame, part.length), bytes: frame.length }));
      if (!chunk) throw new StoreError('other', `${what}: no answer of that kind`);
      const { refused } = chunk;
      if (refused) throw storeError({ kind: 'server', code: refused.code }, `read ${part[refused.index]}`);
      return chunk;
    });
  }

  /** What `parse` reads in the reply, or null when the node does not exist. Rejects with a StoreError else. */
  #request<T>(request: WireRequest, what: string, parse: (frame: Buffer) => T): Promise<T | null> {
    return new Promise((resolve, reject) => {
      if (this.#final) return reject(storeError(this.#final, what));
      this.#requests.submit(request, (failure, frame) => {
        if (failure === null) resolve(parse(frame));
        else if (failure.kind === 'server' && failure.code === NO_NODE) resolve(null);
        else reject(storeError(serverWord(failure), what));
      });
    });
  }

  #onState(state: SessionState): void {
    if (state === 'expired') this.#final = { kind: 'expired' };
    if (state === 'closed') this.#final = { kind: 'unsent', reason: 'the session is closed' };
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

/** A server that answers "session expired" to a request has not changed anything, and will say so again on connect. */
const SESSION_EXPIRED = -112;
const serverWord = (failure: RequestFailure): RequestFailure =>
  failure.kind === 'server' && failure.code === SESSION_EXPIRED ? { kind: 'expired' } : failure;

/** -118: the session was carried on at another server while this connection still stood; it is about to be cut. */
const SESSION_MOVED = -118;

function storeError(failure: RequestFailure, what: string): StoreError {
  const message = `${what}: ${failureText(failure)}`;
  switch (failure.kind) {
    case 'server':
      return new StoreError(failure.code === SESSION_MOVED ? 'disconnected' : storeCode(failure.code), message);
    case 'expired': return new StoreError('session-expired', message);
    case 'deadline': return new StoreError('deadline', message);
    default: return new StoreError('disconnected', message);
  }
}

function checked(path: string): string {
  if (!isPath(path)) throw new StoreError('other', `not a path: ${JSON.stringify(path)}`);
  return path;
}

/** `host:port`; the library cuts at colons, so an IPv6 literal cannot be given. */
function checkServers(servers: readonly string[]): void {
  if (servers.length === 0) throw new StoreError('other', 'no ZooKeeper server is named');
  for (const server of servers) {
    const port = Number(/^[^\s:/,]+:(\d{1,5})$/.exec(server)?.[1] ?? 0);
    if (port < 1 || port > 65_535) throw new StoreError('other', `not a host:port: ${JSON.stringify(server)}`);
  }
}

/** Resolves to the first state that decides: connected or expired; rejects past the deadline. */
function decided(store: ZookeeperStore, clock: Clock, servers: readonly string[]): Promise<SessionState> {
  return new Promise((resolve, reject) => {
    const settle = (state: SessionState): void => {
      if (state !== 'connected' && state !== 'expired' && state !== 'closed') return;
      unsubscribe();
      cancel();
      resolve(state);
    };
    const unsubscribe = store.onState(settle);
    const cancel = clock.after(ZOOKEEPER_LIMITS.openMs, () => {
      unsubscribe();
      store.abandon();
      const tried = `no ZooKeeper server accepted a session in ${ZOOKEEPER_LIMITS.openMs} ms (${servers.join(', ')})`;
      reject(new StoreError('deadline', tried));
    });
    settle(store.state);
  });
}

/** A store whose session is connected, or null when the servers do not know the session to resume any more. */
async function openSession(
  options: ZookeeperOptions, resume: SessionIdentity | undefined,
): Promise<ZookeeperStore | null> {
  const store = new ZookeeperStore(options, resume);
  store.start();
  for (;;) {
    if (await decided(store, options.clock, options.servers) !== 'connected') return null;
    if (!resume) return store;
    try {
      // This process does not know what the one before had seen: without this, its own writes could be missing.
      await store.sync('/');
      return store;
    } catch (error) {
      options.log.info('the resumed session lost its connection', { error });
      await options.clock.sleep(20);
    }
  }
}

/**
 * Opens a session, or carries on `options.resume`; when that one is gone, a new one is made (`store.session` tells).
 * Rejects (StoreError `deadline`) when no server accepts within 30 s, and at once for a server not `host:port`.
 *
 * After an `unknown` answer: once connected again, `sync` and then read; the answer is then final, because the
 * servers refuse requests of this session that arrive late over its former connection.
 */
export async function openZookeeper(options: ZookeeperOptions): Promise<Store> {
  checkServers(options.servers);
  if (options.resume) {
    const resumed = await openSession(options, options.resume);
    if (resumed) return resumed;
    options.log.warn('the session to resume is gone: opening a new one', { session: options.resume.id });
  }
  const store = await openSession(options, undefined);
  if (!store) throw new StoreError('session-expired', 'the new session ended before it was open');
  return store;
}
