/**
 * The only file that imports node-zookeeper-client. We take from it: connecting and resuming a session, the server
 * rotation, ending a session, answering what is unanswered when a connection goes. Everything else of it is left
 * alone. Much of what we lean on is private to it: `assertContract` looks at each such field when this file is
 * loaded, so that another version of the library fails loudly and at once.
 */
import type { Socket } from 'node:net';
import { createClient } from 'node-zookeeper-client';
import { ZOOKEEPER_LIMITS } from './limits.js';

/** ConnectionManager's states. */
export const MANAGER = {
  disconnected: 0, connecting: 1, connected: 2, closing: -1, closed: -2, expired: -3, authFailed: -4,
} as const;

/** Codes the library itself makes up, besides those of the server. */
export const LIBRARY_ERROR = { connectionLoss: -4, sessionExpired: -112 } as const;

/** What the library keeps in its pendingQueue for each request that is sent and not answered. */
export interface WirePacket {
  readonly request: { readonly header: { readonly xid: number } };
  /** `frame`: the server's reply; without one the library says that the connection went. */
  callback(error: { readonly code: number } | null | undefined, frame?: Buffer): void;
}

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
  /** Of the last reply: what the next server must have seen too. 8 bytes. */
  zxid: Buffer;
  /** Sent and not yet answered, in order. */
  pendingQueue: WirePacket[];
  connect(): void;
  close(): void;
  findNextServer(callback: (server: { host: string; port: string }) => void): void;
  onSocketData(frame: Buffer): void;
  onSocketConnectTimeout(): void;
  on(event: 'state', listener: (state: number) => void): unknown;
}

export interface BareOptions {
  readonly servers: readonly string[];
  readonly sessionTimeoutMs: number;
  /** How often the library sends a request again whose connection was lost; 0 unless its defect is to be shown. */
  readonly retries?: number;
  readonly resume?: { readonly id: string; readonly password: string };
}

/** The library's client as it is, defects and all: for the bench's bare loop and for showing the defects. */
export function createBareClient(options: BareOptions): unknown {
  return createClient(options.servers.join(','), {
    sessionTimeout: options.sessionTimeoutMs,
    spinDelay: ZOOKEEPER_LIMITS.reconnectDelayMs,
    // A retry would send a transaction twice.
    retries: options.retries ?? 0,
    ...(options.resume && {
      sessionId: Buffer.from(options.resume.id, 'hex'),
      sessionPassword: Buffer.from(options.resume.password, 'hex'),
    }),
  });
}

/** A ConnectionManager that is not connected yet. */
export function createManager(options: BareOptions): Manager {
  return managerOf(createBareClient(options));
}

const managerOf = (client: unknown): Manager => (client as { connectionManager: Manager }).connectionManager;

/** What is borrowed, and how it looks on a manager for `contract:1` with a time-out of 4 321 ms, not connected. */
export const BORROWED: Readonly<Record<string, (manager: Manager) => boolean>> = {
  state: (manager) => manager.state === MANAGER.disconnected,
  servers: ({ servers }) => servers?.length === 1 && servers[0]?.host === 'contract' && servers[0].port === '1',
  sessionId: (manager) => Buffer.isBuffer(manager.sessionId) && manager.sessionId.length === 8,
  sessionPassword: (manager) => Buffer.isBuffer(manager.sessionPassword) && manager.sessionPassword.length === 16,
  sessionTimeout: (manager) => manager.sessionTimeout === 4_321,
  xid: (manager) => manager.xid === 0,
  pendingBuffer: (manager) => manager.pendingBuffer === null,
  pendingQueue: (manager) => Array.isArray(manager.pendingQueue),
  zxid: (manager) => Buffer.isBuffer(manager.zxid) && manager.zxid.length === 8,
  on: (manager) => typeof manager.on === 'function',
  connect: (manager) => typeof manager.connect === 'function' && manager.connect.length === 0,
  close: (manager) => typeof manager.close === 'function' && manager.close.length === 0,
  findNextServer: (manager) => typeof manager.findNextServer === 'function' && manager.findNextServer.length === 1,
  onSocketData: (manager) => typeof manager.onSocketData === 'function' && manager.onSocketData.length === 1,
  onSocketConnectTimeout: (manager) => typeof manager.onSocketConnectTimeout === 'function',
};

/** Throws with the names of the borrowed fields that are not as we know them. */
export function assertContract(manager: Manager): void {
  const broken = Object.entries(BORROWED).filter(([, holds]) => !holds(manager)).map(([name]) => name);
  if (broken.length > 0) throw new Error(`node-zookeeper-client is not the version we know: ${broken.join(', ')}`);
}

assertContract(managerOf(createBareClient({ servers: ['contract:1'], sessionTimeoutMs: 4_321 })));
