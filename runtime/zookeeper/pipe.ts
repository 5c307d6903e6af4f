/**
 * Requests out, replies in, over the library's socket. The library connects, negotiates the session and answers what
 * is left unanswered when a connection goes; between those two moments the stream is handled here: whole frames only,
 * one write a turn of the event loop, replies matched in order, bodies left to who asked.
 */
import type { StoreCounters } from '../store-metrics.js';
import { AUTH_XID, NOTIFICATION_XID, PING_XID } from './acl.js';
import { MANAGER, type Manager, type WatchEvent, type WirePacket } from './client.js';
import { FrameSplitter } from './frames.js';
import { ZOOKEEPER_LIMITS } from './limits.js';
import { watchEventOf } from './replies.js';

/** A request on its way; its own header, in the library's terms, so that it costs one object. */
export interface Packet extends WirePacket {
  readonly buffer: Buffer;
  xid: number;
}

export interface PipePort {
  onPong(): void;
  /** `code` 0 = accepted. */
  onAuthReply(code: number): void;
  onWatchEvent(event: WatchEvent): void;
}

export class Pipe {
  readonly #manager: Manager;
  readonly #counters: StoreCounters;
  readonly #port: PipePort;
  readonly #splitter = new FrameSplitter();
  readonly #handleConnectReply: (frame: Buffer) => void;
  readonly #flush = (): void => this.flush();
  #unwritten: Buffer[] = [];

  /** `handleConnectReply` is the library's own reading of a frame. */
  constructor(manager: Manager, counters: StoreCounters, handleConnectReply: (frame: Buffer) => void, port: PipePort) {
    this.#manager = manager;
    this.#counters = counters;
    this.#handleConnectReply = handleConnectReply;
    this.#port = port;
  }

  /** A new connection begins, or the old one has gone. */
  reset(): void {
    this.#splitter.reset();
    this.#unwritten = [];
  }

  /** To be answered in its turn. */
  send(packet: Packet): void {
    const manager = this.#manager;
    if (manager.xid > ZOOKEEPER_LIMITS.xid) manager.xid = 1;
    packet.xid = manager.xid;
    manager.xid += 1;
    packet.buffer.writeInt32BE(packet.xid, 4);
    manager.pendingQueue.push(packet);
    this.write(packet.buffer);
  }

  /** One system call for all that is sent in this turn of the event loop. */
  write(buffer: Buffer): void {
    if (this.#unwritten.push(buffer) === 1) process.nextTick(this.#flush);
  }

  flush(): void {
    const parts = this.#unwritten;
    const [first] = parts;
    if (first === undefined) return;
    this.#unwritten = [];
    const { socket } = this.#manager;
    if (socket?.writable !== true) return;
    const buffer = parts.length === 1 ? first : Buffer.concat(parts);
    this.#counters.bytesSent += buffer.length;
    socket.write(buffer);
  }

  /** Throws on what no server sends: the connection is then to be dropped. */
  receive(chunk: Buffer): void {
    const { socket } = this.#manager;
    this.#counters.bytesReceived += chunk.length;
    this.#splitter.push(chunk, (frame) => {
      this.#handle(frame);
      return this.#manager.socket === socket && socket?.destroyed === false;
    });
  }

  #handle(frame: Buffer): void {
    if (this.#manager.state === MANAGER.connecting) {
      assertConnectReply(frame);
      this.#handleConnectReply(frame);
      // The library's timer for its own pings, which the watchdog sends.
      this.#manager.socket?.setTimeout(0);
      return;
    }
    const xid = frame.readInt32BE(4);
    if (xid === PING_XID) this.#port.onPong();
    else if (xid === AUTH_XID) this.#port.onAuthReply(frame.readInt32BE(16));
    else if (xid !== NOTIFICATION_XID) this.#answer(xid, frame);
    else {
      this.#counters.watchEvents += 1;
      this.#port.onWatchEvent(watchEventOf(frame));
    }
  }

  /** A server answers in the order of the requests; anything else means that the stream is out of step. */
  #answer(xid: number, frame: Buffer): void {
    const { pendingQueue, zxid } = this.#manager;
    const code = frame.readInt32BE(16);
    const [packet] = pendingQueue;
    if (packet?.request.header.xid !== xid) throw new Error(`a reply to request ${xid}, which is not the next`);
    pendingQueue.shift();
    // What the next server must have seen too (the library tells it on connecting); an error may come without one.
    const high = frame.readInt32BE(8);
    if (high > 0 || (high === 0 && frame.readInt32BE(12) !== 0)) frame.copy(zxid, 0, 8, 16);
    packet.callback(code === 0 ? null : { code }, frame);
  }
}

/**
 * protocol version, time-out, session id, 16-byte password, and from 3.4 on a read-only flag. Anything else is not
 * a server's verdict on the session: a time-out of 0 read out of a damaged frame would end a living session.
 */
function assertConnectReply(frame: Buffer): void {
  const whole = frame.length === 40 || frame.length === 41;
  if (!whole || frame.readInt32BE(4) !== 0 || frame.readInt32BE(20) !== 16) {
    throw new Error(`a frame of ${frame.length} bytes is no connect reply`);
  }
}
