/** Opening the Store on a real ZooKeeper ensemble (3.6 or later). One object is one session. */
import type { Clock } from '../clock.js';
import { StoreError, type SessionIdentity, type SessionState, type Store } from '../store.js';
import { ZOOKEEPER_LIMITS } from './limits.js';
import { ZookeeperStore, type ZookeeperOptions } from './session.js';

/** `host:port`; the library cuts at colons, so an IPv6 literal cannot be given. */
function checkServers(servers: readonly string[]): void {
  if (servers.length === 0) throw new StoreError('other', 'no ZooKeeper server is named');
  for (const server of servers) {
    const port = Number(/^[^\s:/,]+:(\d{1,5})$/.exec(server)?.[1] ?? 0);
    if (port < 1 || port > 65_535) throw new StoreError('other', `not a host:port: ${JSON.stringify(server)}`);
  }
}

/** Resolves to the first state that decides: connected or expired; rejects past the deadline. */
function decided(store: ZookeeperStore, clock: Clock, servers: readonly string[]): Promise<SessionState> {
  return new Promise((resolve, reject) => {
    const settle = (state: SessionState): void => {
      if (state !== 'connected' && state !== 'expired' && state !== 'closed') return;
      unsubscribe();
      cancel();
      if (!store.refused) return resolve(state);
      return reject(new StoreError('no-auth', `ZooKeeper refuses this authentication (${servers.join(', ')})`));
    };
    const unsubscribe = store.onState(settle);
    const cancel = clock.after(ZOOKEEPER_LIMITS.openMs, () => {
      unsubscribe();
      store.abandon();
      const tried = `no ZooKeeper server accepted a session in ${ZOOKEEPER_LIMITS.openMs} ms (${servers.join(', ')})`;
      reject(new StoreError('deadline', tried));
    });
    settle(store.state);
  });
}

/** A store whose session is connected, or null when the servers do not know the session to resume any more. */
async function openSession(
  options: ZookeeperOptions, resume: SessionIdentity | undefined,
): Promise<ZookeeperStore | null> {
  const store = new ZookeeperStore(options, resume);
  store.start();
  for (;;) {
    if (await decided(store, options.clock, options.servers) !== 'connected') return null;
    if (!resume) return store;
    try {
      // This process does not know what the one before had seen: without this, its own writes could be missing.
      await store.sync('/');
      return store;
    } catch (error) {
      options.log.info('the resumed session lost its connection', { error });
      await options.clock.sleep(20);
    }
  }
}

/**
 * Opens a session, or carries on `options.resume`; when that one is gone, a new one is made (`store.session` tells).
 * Rejects (StoreError `deadline`) when no server accepts within 30 s, and at once for a server not `host:port`.
 *
 * After an `unknown` answer: once connected again, `sync` and then read; the answer is then final, because the
 * servers refuse requests of this session that arrive late over its former connection.
 */
export async function openZookeeper(options: ZookeeperOptions): Promise<Store> {
  checkServers(options.servers);
  if (options.resume) {
    const resumed = await openSession(options, options.resume);
    if (resumed) return resumed;
    options.log.warn('the session to resume is gone: opening a new one', { session: options.resume.id });
  }
  const store = await openSession(options, undefined);
  if (!store) throw new StoreError('session-expired', 'the new session ended before it was open');
  return store;
}
