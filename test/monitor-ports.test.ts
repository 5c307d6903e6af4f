/** Is the way to Ceph out, or does it merely not answer? Told by the ports of its monitors. */
import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { after, test } from 'node:test';
import { takesConnection, watchMonitorPorts } from '../actors/drivers/ceph/monitor-ports.js';
import { systemClock } from '../runtime/clock.js';
import { eventually } from '../fixtures/ceph/waiting.js';

const servers: Server[] = [];
after(() => { for (const server of servers) server.close(); });
const listen = (): Promise<number> => new Promise((resolve) => {
  const server = createServer((socket) => socket.end());
  servers.push(server);
  server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
});
const NOWHERE = { host: '192.0.2.1', port: 6789 };

test('a port that takes a connection, and one that refuses it, are answers', async () => {
  const port = await listen();
  assert.equal(await takesConnection('127.0.0.1', port, systemClock), true);
  assert.equal(await takesConnection('127.0.0.1', 1, systemClock), true);
});

test('out of reach only while there is no connection, and no monitor on another host', async () => {
  const port = await listen();
  const listeners = new Set<(connected: boolean) => void>();
  let connected = true;
  const set = (is: boolean): void => {
    connected = is;
    for (const listener of listeners) listener(is);
  };
  const watch = (monitors: readonly { host: string; port: number }[], own: readonly string[]) => watchMonitorPorts({
    monitors, own, clock: systemClock, isConnected: () => connected,
    takes: (host) => Promise.resolve(host !== NOWHERE.host),
    onConnected: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  });
  const out = watch([{ host: '127.0.0.1', port }, NOWHERE], ['127.0.0.1']);
  const reached = watch([{ host: '127.0.0.1', port }, NOWHERE], []);
  const alone = watch([{ host: '127.0.0.1', port }], ['127.0.0.1']);
  assert.equal(out.outOfReach(), false, 'there is a connection');
  set(false);
  await eventually('its own monitor proves nothing', () => out.outOfReach());
  assert.deepEqual([reached.outOfReach(), alone.outOfReach()], [false, false]);
  set(true);
  assert.equal(out.outOfReach(), false);
  for (const each of [out, reached, alone]) each.stop();
  assert.equal(listeners.size, 0);
});
