/**
 * The worker's life with the cluster: connects until it succeeds, asks a monitor now and then, and finds out when it is
 * on the blocklist. It tells its parent what changes.
 *
 * Two handles, that is two clients with a monitor's session each:
 *   reads    operations at OSDs time out: a question to placement groups that nobody serves gives its thread back
 *   changes  they do not: librbd that gives up in the middle of a change leaves an object map marked invalid
 * librados cares for lost monitors itself. A handle that was blocklisted is useless for ever (a daemon that was fenced
 * and comes back): then the process ends, and the next one has new handles.
 */
import type { Clock } from '../../../runtime/clock.js';
import type { Disconnected } from '../worker-port.js';
import { endWorker } from '../worker-process.js';
import { Cluster } from './cluster.js';
import { CephFailure } from './failure.js';
import { epochOf } from './osdmap.js';
import { blocklistEntries, isAbout } from './reply.js';
import type { WorkerNews, WorkerOptions } from './protocol.js';

const RECONNECT_MIN_MS = 100;
const RECONNECT_MAX_MS = 2000;
const HEARTBEAT_MS = 1000;
/** Without an answer of a monitor for so long, there is no connection. */
const SILENCE_MS = 5000;
/** Shorter than MONITOR_TIMEOUT_S would do: an OSD that dies is known to be dead within 20 s or so. */
const READ_TIMEOUT_S = 30;

export interface Handles { readonly reads: Cluster; readonly changes: Cluster }

export class Session {
  readonly #options: WorkerOptions;
  readonly #clock: Clock;
  readonly #tell: (news: WorkerNews | Disconnected) => void;
  #handles: Handles | null = null;
  #told: boolean | null = null;
  #reason = 'it was not tried yet';
  #blocklisted = false;
  #suspect = true;
  #outlived: string | null = null;
  #epoch = 0;
  #addresses: readonly string[] = [];

  constructor(options: WorkerOptions, clock: Clock, tell: (news: WorkerNews | Disconnected) => void) {
    this.#options = options;
    this.#clock = clock;
    this.#tell = tell;
  }

  get handles(): Handles | null {
    return this.#handles;
  }

  /** Every client of this node's address is: monitors answer, OSDs do not. */
  get blocklisted(): boolean {
    return this.#blocklisted;
  }

  /** Why there is no connection. */
  get reason(): string {
    return this.#reason;
  }

  /** An OSD refused this client. */
  suspectBlocklist(): void {
    this.#suspect = true;
  }

  /** There will be another worker with new handles; answers that are on their way still go out. */
  outlived(reason: string): void {
    this.#outlived = reason;
  }

  /** Runs `ask` by a client of its own, which has the caps that its key has now. */
  async byNewClient<T>(ask: (client: Cluster) => Promise<T>): Promise<T> {
    const client = await Cluster.connect(this.#options, {});
    try {
      return await ask(client);
    } finally {
      void client.close();
    }
  }

  async run(): Promise<never> {
    this.#handles = await this.#connect();
    this.#addresses = [...this.#handles.reads.addresses(), ...this.#handles.changes.addresses()];
    for (;;) {
      await this.#beat(this.#handles);
      if (this.#outlived !== null) endWorker(this.#outlived);
      await this.#clock.sleep(HEARTBEAT_MS);
    }
  }

  async #connect(): Promise<Handles> {
    for (let delayMs = RECONNECT_MIN_MS; ; delayMs = Math.min(RECONNECT_MAX_MS, delayMs * 2)) {
      try {
        const [reads, changes] = await Promise.all([
          // No blocklist entry of its own when it breaks a lock: changes.ts `breakLock`.
          Cluster.connect(this.#options, {
            rados_osd_op_timeout: String(READ_TIMEOUT_S), rbd_blocklist_on_break_lock: 'false',
          }),
          Cluster.connect(this.#options, {}),
        ]);
        return { reads, changes };
      } catch (error) {
        if (!(error instanceof CephFailure)) throw error;
        this.#say(false, error.message);
        await this.#clock.sleep(delayMs);
      }
    }
  }

  async #beat(handles: Handles): Promise<void> {
    const cancel = this.#clock.after(SILENCE_MS, () => this.#say(false, `no monitor answered for ${SILENCE_MS} ms`));
    try {
      const epoch = epochOf((await handles.reads.command('mon', { prefix: 'osd stat' }, null)).output);
      if (epoch !== this.#epoch || this.#suspect || this.#blocklisted) await this.#lookAtBlocklist(handles);
      this.#epoch = epoch;
      if (!this.#blocklisted) this.#say(true, '');
    } catch (error) {
      if (!(error instanceof CephFailure)) throw error;
      this.#say(false, error.message);
    } finally {
      cancel();
    }
  }

  async #lookAtBlocklist(handles: Handles): Promise<void> {
    const suspected = this.#suspect;
    this.#suspect = false;
    const { output } = await handles.reads.command('mon', { prefix: 'osd blocklist ls' }, null);
    const about = blocklistEntries(output).filter((entry) => this.#addresses.some((own) => isAbout(entry, own)));
    if (about.some(({ address }) => this.#addresses.includes(address))) {
      endWorker('its own client was on the blocklist of Ceph');
    }
    if (about.length > 0) {
      this.#blocklisted = true;
      this.#say(false, `this node's address (${about[0]?.address}) is on the blocklist of Ceph`);
    } else if (this.#blocklisted) endWorker('this node is off the blocklist of Ceph again');
    // At the first look nobody has been refused yet.
    else if (suspected && this.#epoch !== 0) endWorker('an OSD said that this client is on the blocklist of Ceph');
  }

  #say(connected: boolean, reason: string): void {
    this.#reason = reason;
    if (this.#told === connected) return;
    this.#told = connected;
    this.#tell(connected ? { type: 'connected', addresses: this.#addresses } : { type: 'disconnected', reason });
  }
}
