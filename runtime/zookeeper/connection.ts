/**
 * One session's connection: the library's manager with the parts replaced that would hang, crash or lie. Owns the
 * order of events when a connection is made, lost or given up.
 *
 * Invariants:
 * C1 `expired` is reported only when a server refused the session in a connect reply of the right form.
 * C2 no request is kept for a later connection: what was not answered when the connection went is answered.
 * C3 after `stop` no socket is opened and none stays open.
 * C4 `connected` is reported only after the servers took our authentication, if we have one: nothing goes before it.
 */
import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import type { StoreCounters } from '../store-metrics.js';
import type { SessionState } from '../store.js';
import { pingRequest } from './acl.js';
import { MANAGER, type Manager, type WatchEvent } from './client.js';
import { connectionTimings, ZOOKEEPER_LIMITS } from './limits.js';
import { Pipe, type Packet } from './pipe.js';
import { Watchdog } from './watchdog.js';

export interface ConnectionPort {
  readonly log: Log;
  readonly clock: Clock;
  readonly counters: StoreCounters;
  /** The request that authenticates this session, sent first on every connection; null = none. */
  readonly authRequest: Buffer | null;
  onState(state: SessionState): void;
  onWatchEvent(event: WatchEvent): void;
  /** Every time the watchdog wakes. */
  onTick(nowMs: number): void;
}

export class Connection {
  state: SessionState = 'connecting';
  /** The servers do not take our authentication; the state is then `closed`. */
  refused = false;
  readonly #manager: Manager;
  readonly #port: ConnectionPort;
  readonly #pipe: Pipe;
  readonly #watchdog: Watchdog;
  #stopped = false;
  #closing: Promise<void> | null = null;
  #closeSent = false;
  #onManagerClosed: () => void = () => undefined;
  #server = '';
  /** The session was granted or confirmed by a server at least once. */
  #granted: boolean;
  #failedAttempts = 0;
  /** Why this connection is being dropped by us; null = it is not. */
  #dropped: string | null = null;

  /** `manager` is one not connected yet, made with the session to resume if there is one. */
  constructor(manager: Manager, port: ConnectionPort) {
    this.#port = port;
    this.#manager = manager;
    this.#granted = manager.sessionId.some((byte) => byte !== 0);
    const timings = connectionTimings(manager.sessionTimeout, !this.#granted, 0);
    this.#watchdog = new Watchdog(port.clock, timings, {
      ready: () => this.ready(),
      awaiting: () => manager.pendingQueue.length > 0,
      sendPing: () => {
        port.counters.pings += 1;
        this.#pipe.write(pingRequest());
      },
      onOverdue: (reason) => this.drop(reason),
      onTick: (now) => port.onTick(now),
    });
    this.#pipe = new Pipe(manager, port.counters, manager.onSocketData.bind(manager), {
      onPong: () => this.#watchdog.pong(),
      onAuthReply: (code) => this.#onAuthReply(code),
      onWatchEvent: (event) => port.onWatchEvent(event),
    });
    this.#guardLibrary();
  }

  /** Begins to connect; the outcome comes by onState. */
  start(): void {
    this.#watchdog.start();
    this.#manager.connect();
  }

  get session(): { id: string; password: string; timeoutMs: number } {
    const { sessionId, sessionPassword, sessionTimeout } = this.#manager;
    return { id: sessionId.toString('hex'), password: sessionPassword.toString('hex'), timeoutMs: sessionTimeout };
  }

  /** May a request be handed to send()? Also false for a socket that is on its way down. */
  ready(): boolean {
    const { socket, state } = this.#manager;
    return this.state === 'connected' && state === MANAGER.connected && socket?.writable === true;
  }

  send(packet: Packet, nowMs: number): void {
    this.#watchdog.sent(nowMs);
    this.#pipe.send(packet);
  }

  /** Gives the connection up; the library goes on to the next server. */
  drop(reason: string): void {
    this.#port.log.info('dropping the connection', { server: this.#server, reason });
    this.#dropped = reason;
    this.#manager.socket?.destroy();
  }

  /** Ends the session at the server if one can be reached in time, then stops. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { clock } = this.#port;
    const end = clock.monotonicMs() + ZOOKEEPER_LIMITS.closeMs / 2;
    while (this.state !== 'connected' && !this.#stopped && clock.monotonicMs() < end) {
      await clock.sleep(ZOOKEEPER_LIMITS.closeStepMs);
    }
    if (!this.#stopped && this.ready()) {
      const closed = new Promise<void>((resolve) => { this.#onManagerClosed = resolve; });
      this.#closeSent = true;
      this.#pipe.flush();
      this.#manager.close();
      await Promise.race([closed, clock.sleep(ZOOKEEPER_LIMITS.closeMs)]);
    }
    this.stop('closed');
  }

  /** Ends the connection at once and for good; the session lives on at the servers unless they ended it. */
  stop(state: 'closed' | 'expired'): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#watchdog.stop();
    this.#manager.connect = () => undefined;
    this.#manager.socket?.destroy();
    this.#enter(state);
  }

  #guardLibrary(): void {
    const manager = this.#manager;
    const findNextServer = manager.findNextServer.bind(manager);
    manager.findNextServer = (callback) => findNextServer((server) => {
      if (this.#stopped) return;
      this.#server = `${server.host}:${server.port}`;
      this.#port.counters.connectAttempts += 1;
      this.#watchdog.attempt();
      callback(server);
    });
    manager.onSocketData = (chunk) => this.#onData(chunk);
    // The watchdog does this; a late call of the library's own would hit the socket of the next attempt.
    manager.onSocketConnectTimeout = () => undefined;
    manager.on('state', (state) => this.#onManagerState(state));
  }

  #onManagerState(state: number): void {
    if (state === MANAGER.closed) this.#onManagerClosed();
    if (this.#stopped) return;
    switch (state) {
      case MANAGER.connecting:
        this.#pipe.reset();
        this.#manager.pendingBuffer = null;
        return;
      case MANAGER.connected: return this.#onGranted();
      case MANAGER.disconnected: return this.#closeSent ? undefined : this.#onDisconnected();
      case MANAGER.expired:
        this.#port.log.warn('the servers ended the session', { session: this.session.id });
        return this.stop('expired');
      default:
    }
  }

  #onGranted(): void {
    this.#granted = true;
    if (this.#port.authRequest === null) return this.#onConnected();
    this.#pipe.write(Buffer.from(this.#port.authRequest));
    return undefined;
  }

  #onAuthReply(code: number): void {
    if (this.state === 'connected') return undefined;
    if (code === 0) return this.#onConnected();
    this.#port.log.error('the servers refused the authentication', { server: this.#server, code });
    this.refused = true;
    return this.stop('closed');
  }

  #onConnected(): void {
    this.#failedAttempts = 0;
    this.#dropped = null;
    this.#watchdog.settled();
    this.#watchdog.timings = connectionTimings(this.#manager.sessionTimeout, false, 0);
    const { id, timeoutMs } = this.session;
    this.#port.log.info('connected', { server: this.#server, session: id, timeoutMs });
    this.#enter('connected');
  }

  #onDisconnected(): void {
    this.#watchdog.settled();
    this.#pipe.reset();
    if (this.state === 'connected') {
      const reason = this.#dropped ?? 'cut';
      this.#port.counters.disconnect(reason);
      this.#port.log.warn('connection lost', { server: this.#server, session: this.session.id, reason });
      this.#enter('suspended');
    } else {
      this.#failedAttempts += 1;
      const round = Math.floor(this.#failedAttempts / this.#manager.servers.length);
      this.#watchdog.timings = connectionTimings(this.#manager.sessionTimeout, !this.#granted, round);
    }
  }

  #enter(state: SessionState): void {
    this.state = state;
    this.#port.onState(state);
  }

  #onData(chunk: Buffer): void {
    try {
      this.#pipe.receive(chunk);
    } catch (error) {
      this.#port.log.warn('unreadable reply', { server: this.#server, error });
      return this.drop('unreadable reply');
    }
    const now = this.#port.clock.monotonicMs();
    this.#port.counters.lastReplyMs = now;
    this.#watchdog.received(now);
  }
}
