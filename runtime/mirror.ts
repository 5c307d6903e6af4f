/**
 * The mirror: this process's copy of owners, records, leases, telemetry and the primary, kept by one
 * doorbell on the whole tree. A ring only says where to read; what is read is the truth (level, not edge).
 * Readers never write here; decisions that matter are checked again by versions in a multi.
 */
import type { Address } from './address.js';
import type { Clock } from './clock.js';
import { decode, decodeOwner } from './codec.js';
import { FaultTable } from './fault-table.js';
import { causeChain, type Log } from './log.js';
import { MailboxDepths } from './mailbox-depths.js';
import { listAll } from './mirror-listing.js';
import type { LiveEntry, MirrorActor, MirrorListeners, PrimaryEntry } from './mirror-types.js';
import { parseActorPath, type Paths } from './paths.js';
import type { ActorRecord, Owner } from './record.js';
import { StoreError, type Store, type TreeEvent } from './store.js';
import { Tombs } from './tombs.js';
import { readLeases, registeredVersions, WriterVersion, type NodeEntry } from './versions.js';

export type { LiveEntry, MirrorActor, PrimaryEntry } from './mirror-types.js';

/** Pause before a rescan that was cut short is begun anew, milliseconds. */
const RESCAN_AGAIN_MS = 500;

export class Mirror {
  readonly actors = new Map<Address, MirrorActor>();
  readonly live = new Map<string, LiveEntry[]>();
  readonly fences = new Map<string, Set<string>>();
  readonly depths: MailboxDepths;
  readonly tombs: Tombs;
  readonly faults: FaultTable;
  private readonly heard = new Map<string, { data: Record<string, unknown>; mzxid: number; at: number }>();
  private readonly entries = new Map<string, NodeEntry | null>();
  private primaryEntry: (PrimaryEntry & { version: number }) | null = null;
  private settingsEntry: Record<string, unknown> = {};
  private readonly dirty = new Set<string>();
  private draining: Promise<void> | null = null;
  private batchLimit = 0;
  /** Highest zxid of the drain's earlier batches: what was rung before it is read with the present batch. */
  private complete = 0;
  /** Above 0 while all is listed again: what was missed may be older than what is heard, nothing is complete. */
  private rescans = 0;
  private closed = false;
  private unwatch: () => void = () => undefined;
  private readonly listeners: MirrorListeners[] = [];

  constructor(
    private readonly store: Store, private readonly paths: Paths,
    private readonly clock: Clock, private readonly log: Log,
    /** The version records are written in, as the leases have it. */
    readonly versions: WriterVersion = new WriterVersion(),
  ) {
    this.depths = new MailboxDepths(store, paths, clock);
    this.tombs = new Tombs(store, paths);
    this.faults = new FaultTable(paths, log);
  }

  listen(listeners: MirrorListeners): void {
    this.listeners.push(listeners);
  }

  /** Places the doorbell, then reads everything once. */
  async start(): Promise<void> {
    this.unwatch = await this.store.watchTree(this.paths.root, (event) => this.ring(event), () => void this.rescan());
    await this.rescan();
  }

  stop(): void {
    this.closed = true;
    this.unwatch();
  }

  primary(): (PrimaryEntry & { version: number }) | null {
    return this.primaryEntry;
  }

  settings(): Readonly<Record<string, unknown>> {
    return this.settingsEntry;
  }

  /** The node's present lease, or null. Of several (a restart's overlap) the newest. */
  liveOf(node: string): LiveEntry | null {
    return this.live.get(node)?.at(-1) ?? null;
  }

  isLive(incarnation: string, node: string): boolean {
    return this.live.get(node)?.some((entry) => entry.incarnation === incarnation) ?? false;
  }

  telemetryOf(node: string): { data: Record<string, unknown>; mzxid: number; silentMs: number } | null {
    const heard = this.heard.get(node);
    return heard ? { data: heard.data, mzxid: heard.mzxid, silentMs: this.clock.monotonicMs() - heard.at } : null;
  }

  nodesHeard(): string[] {
    return [...this.heard.keys()];
  }

  private ring(event: TreeEvent): void {
    const parsed = parseActorPath(this.paths, event.path);
    if (parsed !== null && parsed.part === 'envelope') {
      this.depths.heard(parsed.address, parsed.name!, event.type);
      if (event.type === 'created') this.each((listener) => listener.onEnvelope?.(parsed.address, parsed.name!));
      return;
    }
    // At once, not behind what is being read: the host of an actor that was handed over waits for it.
    if (parsed?.part === 'owner' && this.actors.has(parsed.address) && this.store.state === 'connected') {
      this.refreshOwner(parsed.address).catch(() => this.dirty.add(event.path) && this.kick());
    } else {
      this.dirty.add(event.path);
      this.kick();
    }
  }

  private kick(): void {
    if (this.draining !== null || this.closed) return;
    this.draining = this.drain().catch((error: unknown) => {
      if (!(error instanceof StoreError)) this.log.error('the mirror could not read', { error });
    }).finally(() => {
      this.draining = null;
      if (this.dirty.size > 0 && this.store.state === 'connected') this.kick();
    });
  }

  private async drain(): Promise<void> {
    this.complete = 0;
    while (this.dirty.size > 0 && !this.closed) {
      const batch = [...this.dirty];
      this.dirty.clear();
      this.batchLimit = 0;
      try {
        await Promise.all(batch.map((path) => this.refresh(path).catch((error: unknown) => {
          if (error instanceof StoreError) throw error;
          // One thing that cannot be understood must not hide the rest: it is told and left as it was.
          this.log.error('something cannot be read by this daemon', { path, error });
        })));
      } catch (error) {
        for (const path of batch) this.dirty.add(path);
        throw error;
      }
      const limit = this.rescans > 0 ? 0 : this.dirty.size === 0 ? Number.MAX_SAFE_INTEGER : this.complete;
      this.complete = Math.max(this.complete, this.batchLimit);
      this.each((listener) => listener.onSettled?.(limit));
    }
  }

  /** Lists and reads all of it: at the start and after every reconnect. */
  private async rescan(): Promise<void> {
    if (this.closed) return;
    const rescan = (this.rescans += 1);
    this.depths.doubt();
    try {
      const { found, present } = await listAll(this.store, this.paths);
      for (const path of found) this.dirty.add(path);
      for (const address of this.actors.keys()) if (!present.has(address)) this.dirty.add(this.paths.record(address));
      // Of several at once the last one listed everything; what was read before it may be newer than what it found.
      if (rescan === this.rescans) this.rescans = this.complete = 0;
      this.kick();
      await this.draining;
      this.each((listener) => listener.onRescan?.());
    } catch (error) {
      this.log.debug('a rescan was cut short', { error: causeChain(error) });
      if (this.store.state === 'connected') this.clock.after(RESCAN_AGAIN_MS, () => void this.rescan(), true);
    }
  }

  private async names(path: string): Promise<string[]> {
    return (await this.store.children(path))?.names ?? [];
  }

  private async refresh(path: string): Promise<void> {
    const { paths } = this;
    const parsed = parseActorPath(paths, path);
    if (parsed !== null) {
      if (parsed.part === 'record') return this.refreshRecord(parsed.address);
      if (parsed.part === 'owner') return this.refreshOwner(parsed.address);
      return;
    }
    const faulty = this.faults.addressOf(path);
    if (faulty !== null) return this.faults.note(faulty, (await this.store.read(path))?.data ?? null);
    if (path === paths.primary) return this.refreshPrimary();
    if (path === paths.settings) return this.refreshSettings();
    const [area, node, part] = path.slice(paths.root.length + 1).split('/');
    if (area === 'nodes' && node && part === 'telemetry') return this.refreshTelemetry(node);
    if (area === 'nodes' && node && part === 'live') return this.refreshLive(node);
    if (area === 'nodes' && node && part === undefined) return this.refreshNode(node);
    if (area === 'fences' && node) return this.refreshFences(node);
    if (area === 'tombs' && node) return this.refreshTomb(path);
  }

  private async refreshRecord(address: Address): Promise<void> {
    const node = await this.store.read(this.paths.record(address));
    let known = this.actors.get(address);
    if (known !== undefined && known.born !== node?.stat.czxid) {
      await this.gone(known);
      known = undefined;
    }
    if (node === null) return void this.faults.unreadable.delete(address);
    this.batchLimit = Math.max(this.batchLimit, node.stat.mzxid);
    if (known !== undefined && known.zxid >= node.stat.mzxid) return;
    const record = this.faults.decoded(address, node, this.versions.reads);
    if (record === null) return this.each((listener) => listener.onUnreadable?.(address));
    const { mzxid: zxid, czxid: born } = node.stat;
    const actor = known ?? { address, record, zxid, born, owner: null };
    const before = known?.record ?? null;
    actor.record = record;
    actor.zxid = zxid;
    this.actors.set(address, actor);
    if (known === undefined) await this.refreshOwner(address);
    this.each((listener) => listener.onRecord?.(actor, before));
  }

  /** The actor's znodes are gone: its tombstone tells what was not seen of it. */
  private async gone(known: MirrorActor): Promise<void> {
    const { address } = known;
    const tomb = (await this.tombs.read(this.paths.tomb(address, known.born)))?.tomb;
    if (this.actors.get(address) !== known) return;
    if (tomb !== undefined && tomb.record.seq > known.record.seq) {
      const before = known.record;
      Object.assign(known, { record: tomb.record, zxid: tomb.zxid });
      this.each((listener) => listener.onRecord?.(known, before));
    }
    this.actors.delete(address);
    this.depths.forget(address);
    this.each((listener) => listener.onRemoved?.(known));
  }

  /** A life that began and ended between two looks is known by its tombstone alone. */
  private async refreshTomb(path: string): Promise<void> {
    const found = await this.tombs.read(path);
    if (found === null || !found.isNews) return;
    const { address, record, zxid, born } = found.tomb;
    if (this.actors.get(address)?.born === born) return;
    const actor: MirrorActor = { address, record, zxid, born, owner: null };
    this.each((listener) => listener.onRecord?.(actor, null));
    this.each((listener) => listener.onRemoved?.(actor));
  }

  private async refreshOwner(address: Address): Promise<void> {
    const node = await this.store.read(this.paths.owner(address));
    const owner = node === null ? null : decodeOwner(node.data);
    const actor = this.actors.get(address);
    if (actor !== undefined) actor.owner = owner;
    this.each((listener) => listener.onOwner?.(address, owner));
  }

  private async refreshPrimary(): Promise<void> {
    const node = await this.store.read(this.paths.primary);
    this.primaryEntry = node === null || node.data.length === 0
      ? null : { ...decode<PrimaryEntry>(node.data), version: node.stat.version };
    this.each((listener) => listener.onPrimary?.());
  }

  private async refreshSettings(): Promise<void> {
    const node = await this.store.read(this.paths.settings);
    this.settingsEntry = node === null || node.data.length === 0 ? {} : decode<Record<string, unknown>>(node.data);
  }

  private async refreshTelemetry(node: string): Promise<void> {
    const found = await this.store.read(this.paths.telemetry(node));
    if (found === null || found.data.length === 0) return;
    if (this.heard.get(node)?.mzxid === found.stat.mzxid) return;
    const isNew = !this.heard.has(node);
    this.heard.set(node, { data: decode(found.data), mzxid: found.stat.mzxid, at: this.clock.monotonicMs() });
    if (isNew) this.register(node);
    this.each((listener) => listener.onTelemetry?.(node));
  }

  private async refreshLive(node: string): Promise<void> {
    this.live.set(node, await readLeases(this.store, this.paths, node, this.live.get(node) ?? []));
    this.register(node);
    this.each((listener) => listener.onLive?.(node));
  }

  private async refreshNode(node: string): Promise<void> {
    const found = await this.store.read(this.paths.node(node));
    const entry = found === null || found.data.length === 0 ? null : decode<NodeEntry>(found.data);
    this.entries.set(node, entry);
    this.register(node);
  }

  private register(node: string): void {
    const live = this.live.get(node) ?? [];
    this.versions.set(node, registeredVersions(live, this.entries.get(node) ?? null, this.heard.has(node)));
  }

  private async refreshFences(node: string): Promise<void> {
    this.fences.set(node, new Set(await this.names(this.paths.fenceNode(node))));
  }

  private each(call: (listener: MirrorListeners) => void): void {
    for (const listener of this.listeners) call(listener);
  }
}
