/**
 * Is the way to Ceph out, or does Ceph merely not answer? While there is no connection, the ports of all monitors on
 * other hosts are tried: one that takes a TCP connection is proof of a way. This node's own monitor proves nothing.
 */
import { connect } from 'node:net';
import type { Clock } from '../../../runtime/clock.js';

export interface MonitorPortsDeps {
  readonly monitors: readonly { readonly host: string; readonly port: number }[];
  /** Addresses of this node. */
  readonly own: readonly string[];
  readonly clock: Clock;
  isConnected(): boolean;
  onConnected(listener: (connected: boolean) => void): () => void;
  /** Default: takesConnection. */
  readonly takes?: (host: string, port: number) => Promise<boolean>;
}

export interface MonitorPorts {
  /** None took a connection, twice in a row, since the connection was lost. */
  outOfReach(): boolean;
  stop(): void;
}

/** How long a port has for its answer, and the pause between two rounds, milliseconds. */
const ANSWER_MS = 1500;
const PAUSE_MS = 1000;
/** Rounds in vain after which there is no way. */
const ROUNDS = 2;

/** Resolves true once the port took the connection, which is closed again. */
export function takesConnection(host: string, port: number, clock: Clock, withinMs = ANSWER_MS): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (taken: boolean): void => {
      cancel();
      socket.destroy();
      resolve(taken);
    };
    const cancel = clock.after(withinMs, () => end(false));
    socket.once('connect', () => end(true));
    // Refused is an answer, too: of a host that is there and has no monitor now.
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED'));
  });
}

export function watchMonitorPorts(deps: MonitorPortsDeps): MonitorPorts {
  const { clock, own, takes = (host, port) => takesConnection(host, port, clock) } = deps;
  const others = deps.monitors.filter(({ host }) => !own.includes(host));
  let inVain = 0;
  let stopped = false;
  let running = false;
  const rounds = async (): Promise<void> => {
    if (running || others.length === 0) return;
    running = true;
    while (!stopped && !deps.isConnected()) {
      const taken = await Promise.all(others.map(({ host, port }) => takes(host, port)));
      inVain = taken.some(Boolean) ? 0 : inVain + 1;
      await clock.sleep(PAUSE_MS);
    }
    running = false;
  };
  const unlisten = deps.onConnected((connected) => {
    inVain = 0;
    if (!connected) void rounds();
  });
  void rounds();
  return {
    outOfReach: () => !deps.isConnected() && inVain >= ROUNDS,
    stop: () => {
      stopped = true;
      unlisten();
    },
  };
}
