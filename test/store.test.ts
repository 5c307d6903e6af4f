/** The Store contract on the memory cluster and on a real ensemble of three behind proxies. */
import { until, type StoreHarness } from '../fixtures/contracts/store-bench.js';
import { storeContract } from '../fixtures/contracts/store.js';
import { startProxy, type Proxy } from '../fixtures/proxy.js';
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
storeContract('ZooKeeper', realHarness);
