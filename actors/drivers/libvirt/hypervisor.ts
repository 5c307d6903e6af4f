/** The hypervisor port on libvirt: stamps and checks here, C calls in the worker process (worker.ts). */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock, type Clock } from '../../../runtime/clock.js';
import type { Log } from '../../../runtime/log.js';
import { readDevice } from '../../domain-devices.js';
import { connectDevice, isRbdDisk, type RbdAccess } from '../../domain-rbd.js';
import { DomainXmlProblem } from '../../domain-summary.js';
import { parseDomainXml, stampDomainXml, xmlOf } from '../../domain-xml.js';
import type {
  DeviceRequest, DomainEvent, DomainInfo, DomainState, Hypervisor, StartRequest,
} from '../hypervisor.js';
import { refused, unknown, type Outcome } from '../outcome.js';
import { WorkerPort, type CallOf, type Disconnected } from '../worker-port.js';
import type { MigrationProgress, Operations, WorkerNews } from './protocol.js';

export interface LibvirtOptions {
  /** e.g. `qemu:///system`, or `qemu+unix:///system?socket=/path` for a private libvirtd. */
  readonly uri: string;
  /** Folder of the guests' serial logs, `<name>.log`; must exist, on a migration's target too. */
  readonly consoleDir: string;
  readonly log: Log;
  /** The cluster's RBD, and the file with its user's key; absent = guests reach RBD disks as their XML says. */
  readonly rbd?: RbdAccess & { readonly keyFile: string };
  readonly clock?: Clock;
  /** Deadline of list, observe, stats, shutdown and resume. */
  readonly callDeadlineMs?: number;
  /** Deadline of destroy: SIGTERM, SIGKILL, and the kernel's time to free a large guest. */
  readonly destroyDeadlineMs?: number;
  /** How long creation waits for the first connection; afterwards `connected` is simply false. */
  readonly connectWaitMs?: number;
  /** See PortOptions; the worker must see the network that guests migrate over. */
  readonly workerPrefix?: readonly string[];
}

/** A libvirt hypervisor also tells which process holds the C library: the guard kills it by this id. */
export interface LibvirtHypervisor extends Hypervisor {
  readonly workerPid: number | null;
}

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));
/** 16 lanes in a call each, the event loop, and the shared lanes (see lane.ts). */
const WORKER_THREADS = 32;
const KEEP_ALIVE_S = 5;
const KEEP_ALIVE_COUNT = 3;
/** The worker keeps the deadline; this is for its answer's way back, the next for cancelling a migration. */
const RETURN_MS = 1000;
const CANCEL_MS = 20_000;
/** A guest's agent is given some seconds (stillness.ts), and the guest is paused if it says nothing. */
const FREEZE_MS = 25_000;
/**
 * libvirtd says nothing of a guest that died while it was away: it finds out some time after its start, and forgets the
 * guest without an event. So what is there is compared with what is known: soon after a connection, then now and then.
 */
const RECOUNT_MIN_MS = 500;
const RECOUNT_MAX_MS = 15_000;

/** What changed between what was known and what runs now: the events that nobody was there to hear. */
export function missedEvents(
  known: ReadonlyMap<string, DomainState>, domains: readonly DomainInfo[],
): readonly DomainEvent[] {
  const events: DomainEvent[] = [];
  const present = new Map(domains.map((domain) => [domain.uuid, domain.state]));
  for (const uuid of known.keys()) {
    if (!present.has(uuid)) events.push({ uuid, type: 'crashed', detail: 'ended while libvirtd was away' });
  }
  for (const [uuid, state] of present) {
    const before = known.get(uuid);
    if (before === undefined) events.push({ uuid, type: 'started', detail: 'found when libvirtd came back' });
    else if (before !== state && state === 'paused') events.push({ uuid, type: 'paused', detail: 'found paused' });
    else if (before !== state && state === 'running') events.push({ uuid, type: 'resumed', detail: 'found running' });
    else if (before !== state && state === 'crashed') events.push({ uuid, type: 'crashed', detail: 'found crashed' });
  }
  return events;
}

const STATE_AFTER: Readonly<Record<DomainEvent['type'], DomainState | null>> = {
  started: 'running', resumed: 'running', paused: 'paused', stopped: null, crashed: null, 'migrated-away': null,
};

class Adapter implements LibvirtHypervisor {
  readonly #options: LibvirtOptions;
  readonly #clock: Clock;
  readonly #port: WorkerPort<Operations, WorkerNews, MigrationProgress>;
  readonly #listeners = new Set<(event: DomainEvent) => void>();
  /** uuid -> last state heard of; null until the first connection. */
  #known: Map<string, DomainState> | null = null;
  #connected = false;
  #onConnected: (() => void)[] = [];
  /** Guests heard of since the last recount began. */
  readonly #touched = new Set<string>();
  #cancelRecount: () => void = () => undefined;

  constructor(options: LibvirtOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { rbd } = options;
    const secret = rbd === undefined ? null
      : { uuid: rbd.secretUuid, username: rbd.username, keyFile: rbd.keyFile };
    this.#port = new WorkerPort({
      name: 'libvirt', module: WORKER, threads: WORKER_THREADS,
      worker: { uri: options.uri, keepAliveS: KEEP_ALIVE_S, keepAliveCount: KEEP_ALIVE_COUNT, secret },
      workerPrefix: options.workerPrefix ?? [], clock: this.#clock, log: options.log,
      onNews: (news) => this.#hear(news),
    });
  }

  get connected(): boolean {
    return this.#connected;
  }

  get workerPid(): number | null {
    return this.#port.pid;
  }

  /** Resolves at the first connection or when waitMs have passed. */
  async whenConnected(waitMs: number): Promise<void> {
    if (this.#connected) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(waitMs, resolve);
      this.#onConnected.push(() => {
        cancel();
        resolve();
      });
    });
  }

  list = () => this.#call({ operation: 'list', args: {} });
  stats = () => this.#call({ operation: 'stats', args: {} });
  observe = (uuid: string) => this.#call({ operation: 'observe', args: { uuid } });
  shutdown = (uuid: string) => this.#call({ operation: 'shutdown', args: { uuid } });
  resume = (uuid: string) => this.#call({ operation: 'resume', args: { uuid } });

  start(request: StartRequest): Promise<Outcome<DomainInfo>> {
    const parsed = parseDomainXml(request.xml);
    if (!parsed.ok) return Promise.resolve(refused(parsed.reason));
    const { uuid, name } = parsed.summary;
    if (uuid !== request.uuid || name !== request.name) {
      return Promise.resolve(refused(`the XML is that of ${name} (${uuid}), not of ${request.name} (${request.uuid})`));
    }
    const xml = stampDomainXml(request.xml, {
      epoch: request.epoch, effectId: request.effectId, consoleLog: join(this.#options.consoleDir, `${name}.log`),
      rbd: this.#options.rbd ?? null, ioErrors: request.ioErrors ?? null,
    });
    const { deadlineMs } = request;
    const needsSecret = parsed.summary.disks.some((disk) => disk.type === 'rbd');
    return this.#call({ operation: 'start', args: { uuid, xml, deadlineMs, needsSecret } }, deadlineMs);
  }

  changeDevice({ uuid, change, xml, ioErrors, deadlineMs }: DeviceRequest): Promise<Outcome<null>> {
    try {
      const device = readDevice(xml);
      const needsSecret = isRbdDisk(device);
      const connected = xmlOf(connectDevice(device, this.#options.rbd ?? null, ioErrors ?? null));
      const args = { uuid, change, xml: connected, needsSecret, deadlineMs: Math.max(0, deadlineMs - RETURN_MS) };
      return this.#call({ operation: 'device', args }, deadlineMs);
    } catch (error) {
      if (error instanceof DomainXmlProblem) return Promise.resolve(refused(error.message));
      throw error;
    }
  }

  resizeDisk = (uuid: string, volume: string, sizeBytes: number) =>
    this.#call({ operation: 'resizeDisk', args: { uuid, volume, sizeBytes } });
  freeze = (uuid: string) =>
    this.#call({ operation: 'freeze', args: { uuid, deadlineMs: FREEZE_MS - RETURN_MS } }, FREEZE_MS);
  thaw = (uuid: string) => this.#call({ operation: 'thaw', args: { uuid } }, FREEZE_MS);

  destroy(uuid: string): Promise<Outcome<null>> {
    const deadlineMs = this.#options.destroyDeadlineMs ?? 30_000;
    return this.#call({ operation: 'destroy', args: { uuid, deadlineMs } }, deadlineMs + RETURN_MS);
  }

  migrate: Hypervisor['migrate'] = ({ uuid, targetHost, maxDowntimeMs, deadlineMs, onProgress }) => {
    if (!/^[0-9A-Za-z.:-]+$/.test(targetHost)) {
      return Promise.resolve(refused(`${JSON.stringify(targetHost)} is no address`));
    }
    if (!this.#connected) return Promise.resolve(unknown('there is no connection to libvirtd'));
    const args = { uuid, targetHost, maxDowntimeMs, deadlineMs };
    return this.#port.call({ operation: 'migrate', args }, { deadlineMs: deadlineMs + CANCEL_MS, onProgress });
  };

  onEvent(listener: (event: DomainEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#connected = false;
    this.#cancelRecount();
    this.#listeners.clear();
    await this.#port.close();
  }

  #call<K extends keyof Operations>(
    call: CallOf<Operations, K>, deadlineMs?: number,
  ): Promise<Outcome<Operations[K]['value']>> {
    if (!this.#connected) return Promise.resolve(unknown('there is no connection to libvirtd'));
    return this.#port.call(call, { deadlineMs: deadlineMs ?? this.#options.callDeadlineMs ?? 5000 });
  }

  #hear(news: WorkerNews | Disconnected): void {
    switch (news.type) {
      case 'event': this.#emit(news.event); return;
      case 'disconnected':
        if (this.#connected) this.#options.log.warn('no connection to libvirtd', { reason: news.reason });
        this.#connected = false;
        this.#cancelRecount();
        return;
      case 'connected': this.#reconcile(news);
    }
  }

  #reconcile({ domains }: Extract<WorkerNews, { type: 'connected' }>): void {
    this.#connected = true;
    this.#options.log.info('connected to libvirtd', { domains: domains.length });
    const missed = this.#known === null ? [] : missedEvents(this.#known, domains);
    this.#known = new Map(domains.map((domain) => [domain.uuid, domain.state]));
    for (const event of missed) this.#emit(event);
    for (const resolve of this.#onConnected.splice(0)) resolve();
    this.#recountAfter(RECOUNT_MIN_MS);
  }

  #recountAfter(delayMs: number): void {
    this.#cancelRecount();
    this.#cancelRecount = this.#clock.after(delayMs, () => {
      const known = new Set(this.#known?.keys());
      this.#touched.clear();
      void this.#call({ operation: 'present', args: {} }).then((outcome) => {
        if (!this.#connected) return;
        const present = new Set(outcome.kind === 'done' ? outcome.value : known);
        for (const uuid of known) {
          if (present.has(uuid) || this.#touched.has(uuid)) continue;
          this.#emit({ uuid, type: 'crashed', detail: 'gone without an event of libvirtd' });
        }
        this.#recountAfter(Math.min(RECOUNT_MAX_MS, delayMs * 2));
      });
    });
  }

  #emit(event: DomainEvent): void {
    this.#touched.add(event.uuid);
    const state = STATE_AFTER[event.type];
    if (state === null) this.#known?.delete(event.uuid);
    else this.#known?.set(event.uuid, state);
    for (const listener of this.#listeners) listener(event);
  }
}

/** Never rejects: without a libvirtd the result has `connected` false, answers `unknown` and goes on trying. */
export async function createLibvirtHypervisor(options: LibvirtOptions): Promise<LibvirtHypervisor> {
  const adapter = new Adapter(options);
  await adapter.whenConnected(options.connectWaitMs ?? 5000);
  return adapter;
}
