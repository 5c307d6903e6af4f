/**
 * Doorbells on subtrees: persistent recursive watches. A server forgets them with the connection, so each is set
 * again on every reconnect, and only then is its owner told to scan again: nothing falls between.
 */
import { causeChain, type Log } from '../log.js';
import type { TreeEvent } from '../store.js';
import type { WatchEvent } from './client.js';

interface TreeWatch {
  readonly path: string;
  readonly onEvent: (event: TreeEvent) => void;
  readonly onRescan: () => void;
}

const EVENT_TYPES: Readonly<Record<number, TreeEvent['type']>> = { 1: 'created', 2: 'deleted', 3: 'changed' };

export interface WatchesPort {
  readonly log: Log;
  /** Sets the watch at the server; rejects when the connection goes or the server refuses. */
  place(path: string): Promise<void>;
  /** Takes it away; its outcome does not matter. */
  remove(path: string): void;
  connected(): boolean;
}

export class TreeWatches {
  readonly #watches = new Set<TreeWatch>();
  readonly #port: WatchesPort;

  constructor(port: WatchesPort) {
    this.#port = port;
  }

  /** Resolves to the unsubscribe once the server has the watch. */
  async add(path: string, onEvent: TreeWatch['onEvent'], onRescan: TreeWatch['onRescan']): Promise<() => void> {
    const watch: TreeWatch = { path, onEvent, onRescan };
    // Before the request goes out: the first event may come in the same packet as its answer.
    this.#watches.add(watch);
    try {
      await this.#port.place(path);
    } catch (error) {
      this.#watches.delete(watch);
      throw error;
    }
    return () => this.#forget(watch);
  }

  dispatch(event: WatchEvent): void {
    const type = EVENT_TYPES[event.type];
    if (type === undefined) return;
    for (const watch of [...this.#watches]) {
      if (covers(watch.path, event.path)) this.#call('event', () => watch.onEvent({ type, path: event.path }));
    }
  }

  /** After a reconnect. When the connection goes again meanwhile, the next reconnect starts over. */
  async restore(): Promise<void> {
    const watches = [...this.#watches];
    const paths = [...new Set(watches.map((watch) => watch.path))];
    const placed = await Promise.allSettled(paths.map((path) => this.#port.place(path)));
    if (!this.#port.connected()) return;
    const failed = placed.find((result) => result.status === 'rejected');
    if (failed) this.#port.log.error('a watch could not be set again', { error: failed.reason });
    for (const watch of watches) {
      if (this.#watches.has(watch)) this.#call('rescan', () => watch.onRescan());
    }
  }

  #forget(watch: TreeWatch): void {
    if (!this.#watches.delete(watch)) return;
    for (const other of this.#watches) if (other.path === watch.path) return;
    this.#port.remove(watch.path);
  }

  /** A listener that throws must not stop the reading of replies. */
  #call(what: string, listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.#port.log.error('a watch listener threw', { what, cause: causeChain(error) });
    }
  }
}

const covers = (root: string, path: string): boolean =>
  path === root || root === '/' || (path.startsWith(root) && path[root.length] === '/');
