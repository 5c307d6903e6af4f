/**
 * Probe by ICMP echo (iputils `ping`) and by the guard's UDP port, on every network of a node at once.
 * Either answer is a sign of life. A host whose kernel answers echo may have nothing else alive: that
 * is why a sign only ever delays a fence and never replaces one.
 */
import { createSocket } from 'node:dgram';
import type { NodeAddresses } from '../config.js';
import { parseAnswer, QUESTION } from '../guard/answer.js';
import { runProgram } from '../process.js';
import { systemClock, type Clock } from '../../runtime/clock.js';
import { GUARD_PORT } from '../../runtime/limits.js';
import type { Probe } from './bmc.js';

export interface ProbeOptions {
  readonly clock?: Clock;
  readonly guardPort?: number;
}

type NetworkName = keyof NodeAddresses;
const NETWORKS: readonly NetworkName[] = ['upstream', 'cluster', 'storage'];
/** The question is asked again so often within one probe: one datagram may be lost. */
const ASK_EVERY_MS = 250;

/** One echo request; false also where ping is missing or forbidden, the guard's port then decides. */
async function answersPing(address: string, timeoutMs: number): Promise<boolean> {
  const seconds = Math.max(0.05, timeoutMs / 1000).toFixed(2);
  const args = ['-n', '-q', '-c', '1', '-W', seconds, address];
  const result = await runProgram('ping', args, { deadlineMs: timeoutMs + 50 });
  return result.status === 0;
}

/** Asks the guard at each address; calls back once for each that answers as this node. Returns a stop. */
function askGuards(
  node: string, addresses: readonly string[], port: number, clock: Clock, onAnswer: (address: string) => void,
): () => void {
  const socket = createSocket('udp4');
  let cancel = (): void => {};
  let closed = false;
  const ask = (): void => {
    if (closed) return;
    // A network without a route is a silent one: the error of its send is no news.
    for (const address of addresses) socket.send(QUESTION, port, address, () => {});
    cancel = clock.after(ASK_EVERY_MS, ask, true);
  };
  socket.on('message', (data, from) => {
    if (parseAnswer(data)?.node === node && addresses.includes(from.address)) onAnswer(from.address);
  });
  socket.on('error', () => {});
  socket.bind(0, ask);
  return () => {
    closed = true;
    cancel();
    socket.close();
  };
}

/** addresses = `config.addresses`. Comes back at the latest timeoutMs later, at once when every network answered. */
export function createProbe(addresses: Readonly<Record<string, NodeAddresses>>, options: ProbeOptions = {}): Probe {
  const clock = options.clock ?? systemClock;
  const port = options.guardPort ?? GUARD_PORT;
  return {
    signs: (node, timeoutMs) => new Promise((resolve, reject) => {
      const own = addresses[node];
      // Never to be taken for silence.
      if (own === undefined) return reject(new Error(`the configuration names no addresses of node ${node}`));
      const answered = new Set<NetworkName>();
      let settled = false;
      const finish = (): void => {
        if (settled) return;
        settled = true;
        stopAsking();
        cancelTimeout();
        resolve({ answered: NETWORKS.filter((name) => answered.has(name)) });
      };
      const sign = (address: string): void => {
        for (const name of NETWORKS) if (own[name] === address) answered.add(name);
        if (answered.size === NETWORKS.length) finish();
      };
      const cancelTimeout = clock.after(timeoutMs, finish);
      const distinct = [...new Set(NETWORKS.map((name) => own[name]))];
      const stopAsking = askGuards(node, distinct, port, clock, sign);
      for (const address of distinct) void answersPing(address, timeoutMs).then((yes) => yes && sign(address));
    }),
  };
}
