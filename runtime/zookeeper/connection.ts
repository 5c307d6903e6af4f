/**
 * One session's connection: the library's manager with the parts replaced that would hang, crash or lie. Owns the
 * watchdog that drops a connection on which nothing comes back, and the order of events when one is lost.
 *
 * Invariants:
 * C1 `expired` is reported only when a server refused the session in a connect reply of the right form.
 * C2 no request is kept for a later connection: what was not written when the connection went is answered.
 * C3 after `stop` no socket is opened and none stays open.
 */
import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import type { SessionState } from '../store.js';
import { LIBRARY_ERROR, MANAGER, type Manager, type WatchEvent, type WireCallback } from './client.js';
import { FrameSplitter } from './frames.js';
import { connectionTimings, ZOOKEEPER_LIMITS, type ConnectionTimings } from './limits.js';
import { PING_XID, pingRequest, type WireRequest } from './wire.js';

export interface ConnectionPort {
  readonly log: Log;
  readonly clock: Clock;
  onState(state: SessionState): void;
  onWatchEvent(event: WatchEvent): void;
  /** Every step of the watchdog. */
  onTick(nowMs: number): void;
}

export class Connection {
  state: SessionState = 'connecting';
  readonly #manager: Manager;
  readonly #port: ConnectionPort;
  readonly #splitter = new FrameSplitter();
  #stopped = false;
  #closing: Promise<void> | null = null;
  #closeSent = false;
  #cancelTick: () => void = () => undefined;
  #onManagerClosed: () => void = () => undefined;
  #timings: ConnectionTimings;
  #server = '';
  /** The session was granted or confirmed by a server at least once. */
  #granted: boolean;
  #failedAttempts = 0;
  #attemptAt: number | null = null;
  #lastFrameAt = 0;
  #wasOverdue = false;
  /** Since when something sent is unanswered and nothing came; null = nothing is unanswered. */
  #silentSince: number | null = null;
  #pingOut = false;
  #frame: Buffer = Buffer.alloc(0);

  /** `manager` is one not connected yet, made with the session to resume if there is one. */
  constructor(manager: Manager, port: ConnectionPort) {
    this.#port = port;
    this.#manager = manager;
    this.#granted = manager.sessionId.some((byte) => byte !== 0);
    this.#timings = connectionTimings(manager.sessionTimeout, !this.#granted, 0);
    this.#guardLibrary();
  }

  /** Begins to connect; the outcome comes by onState. */
  start(): void {
    this.#armTick();
    this.#manager.connect();
  }

  get session(): { id: string; password: string; timeoutMs: number } {
    const { sessionId, sessionPassword, sessionTimeout } = this.#manager;
    return { id: sessionId.toString('hex'), password: sessionPassword.toString('hex'), timeoutMs: sessionTimeout };
  }

  /** May a request be handed to send()? Also false for a socket that is on its way down. */
  ready(): boolean {
    const socket = this.#manager.socket;
    return this.state === 'connected' && this.#manager.state === MANAGER.connected && socket?.writable === true;
  }

  /** The reply that is being handled: for the callback of its request. */
  get frame(): Buffer {
    return this.#frame;
  }

  send(request: WireRequest, callback?: WireCallback): void {
    const manager = this.#manager;
    if (manager.xid > ZOOKEEPER_LIMITS.xid) manager.xid = 1;
    this.#silentSince ??= this.#port.clock.monotonicMs();
    const { socket } = manager;
    if (socket && socket.writableCorked === 0) {
      // One system call for all that is sent in this turn of the event loop.
      socket.cork();
      process.nextTick(() => socket.uncork());
    }
    manager.queue(request, callback);
  }

  /** Gives the connection up; the library goes on to the next server. */
  drop(reason: string): void {
    this.#port.log.info('dropping the connection', { server: this.#server, reason });
    this.#manager.socket?.destroy();
  }

  /** Ends the session at the server if one can be reached in time, then stops. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#bounded(ZOOKEEPER_LIMITS.closeMs / 2, () => this.state === 'connected');
    if (!this.#stopped && this.ready()) {
      const closed = new Promise<void>((resolve) => { this.#onManagerClosed = resolve; });
      this.#closeSent = true;
      this.#manager.close();
      await Promise.race([closed, this.#port.clock.sleep(ZOOKEEPER_LIMITS.closeMs)]);
    }
    this.stop('closed');
  }

  /** Ends the connection at once and for good; the session lives on at the servers unless they ended it. */
  stop(state: 'closed' | 'expired'): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#cancelTick();
    this.#manager.connect = () => undefined;
    this.#manager.socket?.destroy();
    this.#enter(state);
    this.#answerUnwritten(state === 'expired' ? LIBRARY_ERROR.sessionExpired : LIBRARY_ERROR.connectionLoss);
  }

  async #bounded(boundMs: number, reached: () => boolean): Promise<void> {
    const end = this.#port.clock.monotonicMs() + boundMs;
    while (!reached() && !this.#stopped && this.#port.clock.monotonicMs() < end) {
      await this.#port.clock.sleep(this.#timings.tickMs);
    }
  }

  #guardLibrary(): void {
    const manager = this.#manager;
    const findNextServer = manager.findNextServer.bind(manager);
    manager.findNextServer = (callback) => findNextServer((server) => {
      if (this.#stopped) return;
      this.#server = `${server.host}:${server.port}`;
      this.#attemptAt = this.#port.clock.monotonicMs();
      callback(server);
    });
    const handleFrame = manager.onSocketData.bind(manager);
    manager.onSocketData = (chunk) => this.#onData(chunk, handleFrame);
    // The watchdog does this; a late call of the library's own would hit the socket of the next attempt.
    manager.onSocketConnectTimeout = () => undefined;
    manager.watcherManager.emit = (event) => this.#port.onWatchEvent(event);
    manager.on('state', (state) => this.#onManagerState(state));
  }

  #onManagerState(state: number): void {
    if (state === MANAGER.closed) this.#onManagerClosed();
    if (this.#stopped) return;
    switch (state) {
      case MANAGER.connecting:
        this.#splitter.reset();
        this.#manager.pendingBuffer = null;
        this.#silentSince = null;
        this.#pingOut = false;
        return;
      case MANAGER.connected: return this.#onConnected();
      case MANAGER.disconnected: return this.#closeSent ? undefined : this.#onDisconnected();
      case MANAGER.expired:
        this.#port.log.warn('the servers ended the session', { session: this.session.id });
        return this.stop('expired');
      default:
    }
  }

  #onConnected(): void {
    this.#granted = true;
    this.#attemptAt = null;
    this.#failedAttempts = 0;
    this.#timings = connectionTimings(this.#manager.sessionTimeout, false, 0);
    const { id, timeoutMs } = this.session;
    this.#port.log.info('connected', { server: this.#server, session: id, timeoutMs });
    this.#enter('connected');
  }

  #onDisconnected(): void {
    this.#attemptAt = null;
    if (this.state === 'connected') {
      this.#port.log.warn('connection lost', { server: this.#server, session: this.session.id });
      this.#enter('suspended');
    } else {
      this.#failedAttempts += 1;
      const round = Math.floor(this.#failedAttempts / this.#manager.servers.length);
      this.#timings = connectionTimings(this.#manager.sessionTimeout, !this.#granted, round);
    }
    this.#answerUnwritten(LIBRARY_ERROR.connectionLoss);
  }

  #enter(state: SessionState): void {
    this.state = state;
    this.#port.onState(state);
  }

  /** The library would keep these and send them on the next connection, or never answer them (C2). */
  #answerUnwritten(code: number): void {
    const { packetQueue } = this.#manager;
    const unwritten = packetQueue.queue;
    packetQueue.queue = [];
    for (const packet of unwritten) packet.callback?.(Object.assign(new Error('not sent'), { code }));
  }

  #onData(chunk: Buffer, handleFrame: (frame: Buffer) => void): void {
    const manager = this.#manager;
    const { socket } = manager;
    try {
      this.#splitter.push(chunk, (frame) => {
        if (manager.state === MANAGER.connecting) assertConnectReply(frame);
        else if (frame.readInt32BE(4) === PING_XID) this.#pingOut = false;
        this.#frame = frame;
        handleFrame(frame);
        return manager.socket === socket && socket?.destroyed === false;
      });
    } catch (error) {
      this.#port.log.warn('unreadable reply', { server: this.#server, error });
      return this.drop('unreadable reply');
    }
    this.#lastFrameAt = this.#port.clock.monotonicMs();
    this.#silentSince = this.#pingOut || manager.pendingQueue.length > 0 ? this.#lastFrameAt : null;
  }

  #armTick(): void {
    this.#cancelTick = this.#port.clock.after(this.#timings.tickMs, () => {
      const now = this.#port.clock.monotonicMs();
      if (!this.#stopped) this.#watch(now);
      this.#port.onTick(now);
      if (!this.#stopped) this.#armTick();
    });
  }

  #watch(now: number): void {
    const overdue = this.#overdue(now);
    // Twice in a row: when this process itself stood still, the reply may lie unread in the socket the first time.
    if (overdue !== null && this.#wasOverdue) this.drop(overdue);
    this.#wasOverdue = overdue !== null;
    if (this.#silentSince === null && this.ready() && now - this.#lastFrameAt >= this.#timings.pingAfterMs) {
      this.#pingOut = true;
      this.send(pingRequest());
    }
  }

  /** What has not come in time, or null. */
  #overdue(now: number): string | null {
    const { readTimeoutMs, attemptTimeoutMs } = this.#timings;
    if (this.#attemptAt !== null) {
      return now - this.#attemptAt < attemptTimeoutMs ? null : `no connect reply in ${Math.round(attemptTimeoutMs)} ms`;
    }
    if (this.#silentSince === null || now - this.#silentSince < readTimeoutMs) return null;
    return `no reply in ${Math.round(readTimeoutMs)} ms`;
  }
}

/**
 * protocol version, time-out, session id, 16-byte password, and from 3.4 on a read-only flag. Anything else is not
 * a server's verdict on the session (C1): a time-out of 0 read out of a damaged frame would end a living session.
 */
function assertConnectReply(frame: Buffer): void {
  const whole = frame.length === 40 || frame.length === 41;
  if (!whole || frame.readInt32BE(4) !== 0 || frame.readInt32BE(20) !== 16) {
    throw new Error(`a frame of ${frame.length} bytes is no connect reply`);
  }
}
