/**
 * The only file that imports node-zookeeper-client. We take from it: connecting and resuming a session, the server
 * rotation, matching replies to requests, parsing replies. Everything else of it is left alone. Much of what we lean
 * on is private to it: `assertContract` looks at each such field when this file is loaded, so that another version
 * of the library fails loudly and at once.
 */
import type { Socket } from 'node:net';
import { createClient, Exception } from 'node-zookeeper-client';
import { ZOOKEEPER_LIMITS } from './limits.js';
import type { WireRequest } from './wire.js';

/** ConnectionManager's states. */
export const MANAGER = {
  disconnected: 0, connecting: 1, connected: 2, closing: -1, closed: -2, expired: -3, authFailed: -4,
} as const;

/** Codes the library itself makes up, besides those of the server. */
export const LIBRARY_ERROR = { connectionLoss: -4, sessionExpired: -112 } as const;

export type WireError = Error & { readonly code: number };

export type WireCallback = (error: WireError | null | undefined) => void;

export interface WatchEvent {
  readonly type: number;
  readonly state: number;
  readonly path: string;
}

/** The borrowed part of the library's ConnectionManager. */
export interface Manager {
  state: number;
  socket?: Socket;
  servers: readonly { readonly host: string; readonly port: string }[];
  sessionId: Buffer;
  sessionPassword: Buffer;
  sessionTimeout: number;
  xid: number;
  pendingBuffer: Buffer | null;
  /** Sent and not yet answered. */
  pendingQueue: { readonly length: number };
  /** Accepted and not yet written. */
  packetQueue: { queue: { callback?: WireCallback }[] };
  watcherManager: { emit(event: WatchEvent): void };
  connect(): void;
  close(): void;
  queue(request: WireRequest, callback?: WireCallback): void;
  findNextServer(callback: (server: { host: string; port: string }) => void): void;
  onSocketData(frame: Buffer): void;
  onSocketConnectTimeout(): void;
  on(event: 'state', listener: (state: number) => void): unknown;
}

export interface BareOptions {
  readonly servers: readonly string[];
  readonly sessionTimeoutMs: number;
  readonly resume?: { readonly id: string; readonly password: string };
}

/** The library's client as it is, defects and all: for the bench's bare loop and for showing the defects. */
export function createBareClient(options: BareOptions): unknown {
  return createClient(options.servers.join(','), {
    sessionTimeout: options.sessionTimeoutMs,
    spinDelay: ZOOKEEPER_LIMITS.reconnectDelayMs,
    // A retry would send a transaction twice.
    retries: 0,
    ...(options.resume && {
      sessionId: Buffer.from(options.resume.id, 'hex'),
      sessionPassword: Buffer.from(options.resume.password, 'hex'),
    }),
  });
}

/** A ConnectionManager that is not connected yet. */
export function createManager(options: BareOptions): Manager {
  acceptAnyErrorCode();
  return managerOf(createBareClient(options));
}

const managerOf = (client: unknown): Manager => (client as { connectionManager: Manager }).connectionManager;

/**
 * The library throws inside its socket handler for an error number it does not know (-118 session moved, -125
 * quota, -127 throttled ...). It looks `create` up on this very object each time, so replacing it is enough.
 * No stack is taken: a refused transaction is ordinary.
 */
function acceptAnyErrorCode(): void {
  const limit = Error.stackTraceLimit;
  Exception.create = (code: number): Error => {
    Error.stackTraceLimit = 0;
    const error = new Error(`ZooKeeper error ${code}`);
    Error.stackTraceLimit = limit;
    return Object.assign(error, { code, getCode: () => code });
  };
}

const CONTRACT: Readonly<Record<string, (manager: Manager) => boolean>> = {
  state: (manager) => manager.state === MANAGER.disconnected,
  servers: ({ servers }) => servers?.length === 1 && servers[0]?.host === 'contract' && servers[0].port === '1',
  sessionId: (manager) => Buffer.isBuffer(manager.sessionId) && manager.sessionId.length === 8,
  sessionPassword: (manager) => Buffer.isBuffer(manager.sessionPassword) && manager.sessionPassword.length === 16,
  sessionTimeout: (manager) => manager.sessionTimeout === 4_321,
  xid: (manager) => manager.xid === 0,
  pendingBuffer: (manager) => manager.pendingBuffer === null,
  pendingQueue: (manager) => Array.isArray(manager.pendingQueue),
  'packetQueue.queue': (manager) => Array.isArray(manager.packetQueue?.queue),
  'watcherManager.emit': (manager) => typeof manager.watcherManager?.emit === 'function',
  on: (manager) => typeof manager.on === 'function',
  connect: (manager) => typeof manager.connect === 'function' && manager.connect.length === 0,
  close: (manager) => typeof manager.close === 'function' && manager.close.length === 0,
  queue: (manager) => typeof manager.queue === 'function' && manager.queue.length === 2,
  findNextServer: (manager) => typeof manager.findNextServer === 'function' && manager.findNextServer.length === 1,
  onSocketData: (manager) => typeof manager.onSocketData === 'function' && manager.onSocketData.length === 1,
  onSocketConnectTimeout: (manager) => typeof manager.onSocketConnectTimeout === 'function',
};

/** Throws with the names of the borrowed fields that are not as we know them. */
export function assertContract(manager: Manager): void {
  const broken = Object.entries(CONTRACT).filter(([, holds]) => !holds(manager)).map(([name]) => name);
  if (typeof Exception?.create !== 'function') broken.push('Exception.create');
  if (broken.length > 0) throw new Error(`node-zookeeper-client is not the version we know: ${broken.join(', ')}`);
}

assertContract(managerOf(createBareClient({ servers: ['contract:1'], sessionTimeoutMs: 4_321 })));
