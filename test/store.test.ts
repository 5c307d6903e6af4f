/** The Store contract on the memory cluster, on the simulator's ensemble, and on a real one of three behind proxies. */
import assert from 'node:assert/strict';
import { until, type StoreHarness } from '../fixtures/contracts/store-bench.js';
import { storeContract } from '../fixtures/contracts/store.js';
import { startProxy, type Proxy } from '../fixtures/proxy.js';
import { EnsembleWorld } from '../fixtures/sim/ensemble-world.js';
import { createMemoryCluster } from '../fixtures/sim/store.js';
import { startEnsemble } from '../fixtures/zookeeper.js';
import { systemClock } from '../runtime/clock.js';
import { createLog } from '../runtime/log.js';
import type { Store } from '../runtime/store.js';
import { openZookeeper } from '../runtime/zookeeper/store.js';

const SESSION_MS = 4_000;

async function memoryHarness(): Promise<StoreHarness> {
  const cluster = createMemoryCluster({ sessionTimeoutMs: SESSION_MS });
  return {
    open: (options) => cluster.open(options),
    expire: async (store) => cluster.expire(store.session.id),
    disconnect: async (store) => cluster.disconnect(store.session.id),
    reconnect: async (store) => cluster.reconnect(store.session.id),
    cutDuring: async (store, act) => {
      cluster.cutNextMulti(store.session.id, 'applied');
      return act();
    },
    stop: async () => undefined,
  };
}

/** Each store has a host of its own, whose cable is pulled; virtual time runs as fast as it can. */
async function simulatedHarness(): Promise<StoreHarness> {
  const hosts = Array.from({ length: 60 }, (_, index) => `client-${index}`);
  const world = new EnsembleWorld(1, ['hv1', 'hv2', 'hv3'], hosts);
  const halt = world.runFreely();
  const { clock } = world.process('hv1');
  const places = new Map<Store, string>();
  const hostOf = (store: Store): string => places.get(store) ?? assert.fail('this store was not opened here');
  const cable = (store: Store, passes: boolean): void => {
    for (const direction of ['in', 'out'] as const) world.network.set(hostOf(store), 'cluster', direction, passes);
    world.ensemble.topologyChanged();
  };
  const disconnect = async (store: Store): Promise<void> => {
    world.ensemble.sessions.get(store.session.id)?.owner?.hangUp(true);
    await until('suspended', () => store.state === 'suspended', 10_000, clock);
    cable(store, false);
  };
  return {
    clock, disconnect,
    async open({ resume, sessionTimeoutMs = SESSION_MS } = {}) {
      const host = hosts[places.size] ?? assert.fail('there is no host left');
      const store = await world.ensemble.open(host, world.process(host), sessionTimeoutMs, resume);
      places.set(store, host);
      return store;
    },
    async reconnect(store) {
      cable(store, true);
      await until('connected', () => store.state === 'connected', 10_000, clock);
    },
    async expire(store) {
      await disconnect(store);
      await clock.sleep(SESSION_MS + 1_000);
      cable(store, true);
      await until('expired', () => store.state === 'expired', 10_000, clock);
    },
    async cutDuring(store, act, applied) {
      world.network.set(hostOf(store), 'cluster', 'in', false);
      world.ensemble.topologyChanged();
      const result = act();
      await until('applied', applied, 10_000, clock);
      const unknown = await result;
      cable(store, true);
      return unknown;
    },
    stop: async () => halt(),
  };
}

/** Each store reaches the ensemble through a proxy of its own, each time in front of the next server. */
async function realHarness(): Promise<StoreHarness> {
  const ensemble = await startEnsemble({ servers: 3, basePort: 22_100 });
  const proxies = new Map<Store, Proxy>();
  const log = createLog('store-test', 'error');
  const proxyOf = (store: Store): Proxy => {
    const proxy = proxies.get(store);
    if (!proxy) throw new Error('this store was not opened here');
    return proxy;
  };
  const disconnect = async (store: Store): Promise<void> => {
    proxyOf(store).refuse(true);
    proxyOf(store).cut();
    await until('suspended', () => store.state === 'suspended');
  };
  return {
    async open(options) {
      const proxy = await startProxy(ensemble.servers[proxies.size % 3] ?? '');
      const store = await openZookeeper({
        servers: [proxy.address], sessionTimeoutMs: SESSION_MS, log, clock: systemClock, ...options,
      });
      proxies.set(store, proxy);
      return store;
    },
    disconnect,
    async reconnect(store) {
      proxyOf(store).refuse(false);
      await until('connected', () => store.state === 'connected');
    },
    async expire(store) {
      await disconnect(store);
      // The servers look every tick (200 ms), and a follower's word reaches the leader every half tick.
      await systemClock.sleep(SESSION_MS + 1_000);
      proxyOf(store).refuse(false);
      await until('expired', () => store.state === 'expired');
    },
    async cutDuring(store, act, applied) {
      proxyOf(store).holdReplies(true);
      const result = act();
      await until('applied', applied);
      proxyOf(store).cut();
      proxyOf(store).holdReplies(false);
      return result;
    },
    async stop() {
      await Promise.all([...proxies.values()].map((proxy) => proxy.stop()));
      await ensemble.stop();
    },
  };
}

storeContract('memory', memoryHarness);
storeContract('simulated ensemble', simulatedHarness);
storeContract('ZooKeeper', realHarness);
