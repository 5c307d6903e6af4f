/**
 * The part of the mirror that is about nodes: leases, telemetry, fences, the primary, settings, and what versions of
 * records their daemons read. Used through mirror.ts.
 */
import type { Clock } from './clock.js';
import { decode } from './codec.js';
import type { Log } from './log.js';
import type { LiveEntry, MirrorListeners, PrimaryEntry } from './mirror-types.js';
import type { Paths } from './paths.js';
import { StoreError, type Store, type StoredNode } from './store.js';
import { readLeases, registeredVersions, WriterVersion, type NodeEntry } from './versions.js';

/** A node's last heartbeat as it was heard. What it tells is decoded when somebody asks: most are heard and no more. */
interface Heard {
  readonly mzxid: number;
  /** When its doorbell rang, monotonic milliseconds. */
  readonly at: number;
  /** Bytes until they were decoded; null = they cannot be. */
  data: Uint8Array | Record<string, unknown> | null;
}

const TELEMETRY = '/telemetry';
/** From the first doorbell of a heartbeat until what they left is read, milliseconds: others join it meanwhile. */
const TOGETHER_MS = 400;

export class NodesMirror {
  readonly live = new Map<string, LiveEntry[]>();
  readonly fences = new Map<string, Set<string>>();
  private readonly heard = new Map<string, Heard>();
  /** Paths of heartbeats that rang and are not read yet, with the moment of the last doorbell. */
  private rung = new Map<string, number>();
  /** Of the paths of heartbeats that rang before: whose they are. */
  private readonly beats = new Map<string, string>();
  private readonly entries = new Map<string, NodeEntry | null>();
  private primaryEntry: (PrimaryEntry & { version: number }) | null = null;
  private settingsEntry: Record<string, unknown> = {};
  private told: { readonly data: Record<string, unknown>; readonly mzxid: number; readonly at: number } | null = null;
  private readonly listeners: MirrorListeners[] = [];
  /** Those of them that mind heartbeats: few do, and nothing is told more often. */
  private readonly hearers: MirrorListeners[] = [];

  constructor(
    protected readonly store: Store, protected readonly paths: Paths, protected readonly clock: Clock,
    protected readonly log: Log,
    /** The version records are written in, as the leases have it. */
    readonly versions: WriterVersion = new WriterVersion(),
  ) {}

  listen(listeners: MirrorListeners): void {
    this.listeners.push(listeners);
    if (listeners.onTelemetry !== undefined) this.hearers.push(listeners);
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

  /** Nodes with a lease whose znode does not say (yet) what their daemon reads. */
  unregistered(): string[] {
    return [...this.live.keys()].filter((node) => {
      const lease = this.liveOf(node);
      return lease !== null && this.entries.get(node)?.recordVersions.join() !== lease.recordVersions.join();
    });
  }

  /** When the node's last heartbeat was heard, and which it was; null = never. */
  heardOf(node: string): { mzxid: number; silentMs: number } | null {
    const heard = this.heard.get(node);
    return heard ? { mzxid: heard.mzxid, silentMs: this.clock.monotonicMs() - heard.at } : null;
  }

  /** What it told; null = nothing yet, or nothing that can be read. */
  telemetryOf(node: string): { data: Record<string, unknown>; silentMs: number } | null {
    const heard = this.heard.get(node);
    if (heard === undefined) return null;
    if (heard.data instanceof Uint8Array) heard.data = this.decoded(node, heard.data);
    return heard.data === null ? null : { data: heard.data, silentMs: this.clock.monotonicMs() - heard.at };
  }

  /**
   * Could its last heartbeat tell this field? False = surely not: its bytes do not hold the field's name. For fields
   * that are told seldom and asked of every heartbeat, which is not decoded for that.
   */
  mayTell(node: string, field: string): boolean {
    const data = this.heard.get(node)?.data ?? null;
    if (data instanceof Uint8Array) return Buffer.from(data.buffer, data.byteOffset, data.length).includes(field);
    return data !== null && field in data;
  }

  /** What the primary last told of shared storage; null = nothing yet, or nothing that can be read. */
  storage(): { data: Record<string, unknown>; silentMs: number } | null {
    const told = this.told;
    return told === null ? null : { data: told.data, silentMs: this.clock.monotonicMs() - told.at };
  }

  nodesHeard(): string[] {
    return [...this.heard.keys()];
  }

  /** Reads what a path that is not about an actor stands for. */
  protected async refreshNodes(path: string): Promise<void> {
    const { paths } = this;
    if (path === paths.primary) return this.refreshPrimary();
    if (path === paths.settings) return this.refreshSettings();
    if (path === paths.storage) return this.refreshStorage();
    const [area, node, part] = path.slice(paths.root.length + 1).split('/');
    if (area === 'nodes' && node && part === 'telemetry') return this.refreshTelemetry(node);
    if (area === 'nodes' && node && part === 'live') return this.refreshLive(node);
    if (area === 'nodes' && node && part === undefined) return this.refreshNode(node);
    if (area === 'fences' && node) return this.refreshFences(node);
  }

  protected each(call: (listener: MirrorListeners) => void): void {
    for (const listener of this.listeners) call(listener);
  }

  private async names(path: string): Promise<string[]> {
    return (await this.store.children(path))?.names ?? [];
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
    this.each((listener) => listener.onSettings?.());
  }

  /** Read again after a reconnect it is no younger: only another one is news. */
  private async refreshStorage(): Promise<void> {
    const node = await this.store.read(this.paths.storage);
    if (node === null || node.data.length === 0 || this.told?.mzxid === node.stat.mzxid) return;
    const data = decode<Record<string, unknown>>(node.data);
    this.told = { data, mzxid: node.stat.mzxid, at: this.clock.monotonicMs() };
    this.each((listener) => listener.onStorage?.());
  }

  /**
   * The doorbell of a heartbeat, most of all that ring: what it left is read soon, with those of other nodes and not
   * with what else has changed, and counts from its doorbell. A node's first is read at once. False = the path is not
   * of one. `later` is called when the store is out of reach.
   */
  protected hear(path: string, later: (path: string) => void): boolean {
    const node = this.beats.get(path) ?? this.beatOf(path);
    if (node === null) return false;
    const waits = this.rung.size > 0;
    this.rung.set(path, this.clock.monotonicMs());
    if (!this.heard.has(node)) this.readRung(later);
    else if (!waits) this.clock.after(TOGETHER_MS, () => this.readRung(later), true);
    return true;
  }

  private beatOf(path: string): string | null {
    const { nodes } = this.paths;
    if (!path.endsWith(TELEMETRY) || !path.startsWith(nodes)) return null;
    const node = path.slice(nodes.length + 1, -TELEMETRY.length);
    this.beats.set(path, node);
    return node;
  }

  private readRung(later: (path: string) => void): void {
    const { rung } = this;
    if (rung.size === 0) return;
    this.rung = new Map();
    const paths = [...rung.keys()];
    this.store.readMany(paths).then((found) => {
      for (let index = 0; index < paths.length; index += 1) {
        const path = paths[index]!;
        // One that rang meanwhile may be what was read: its doorbell came before this answer. Never too early a time.
        this.heartbeatIs(this.beats.get(path)!, found[index]!, this.rung.get(path) ?? rung.get(path)!);
      }
    }, (error: unknown) => {
      if (error instanceof StoreError) paths.forEach(later);
      else this.log.error('heartbeats cannot be read', { paths: paths.join(), error });
    });
  }

  /** One that nobody here can take must not hide the others. */
  private heartbeatIs(node: string, found: StoredNode | null, at: number): void {
    try {
      this.telemetryIs(node, found, at);
    } catch (error) {
      this.log.error('a heartbeat cannot be taken by this daemon', { node, error });
    }
  }

  private async refreshTelemetry(node: string): Promise<void> {
    this.telemetryIs(node, await this.store.read(this.paths.telemetry(node)), this.clock.monotonicMs());
  }

  private telemetryIs(node: string, found: StoredNode | null, at: number): void {
    if (found === null || found.data.length === 0) return;
    if (this.heard.get(node)?.mzxid === found.stat.mzxid) return;
    const isNew = !this.heard.has(node);
    this.heard.set(node, { data: found.data, mzxid: found.stat.mzxid, at });
    if (isNew) this.register(node);
    for (const listener of this.hearers) listener.onTelemetry!(node);
  }

  private decoded(node: string, bytes: Uint8Array): Record<string, unknown> | null {
    try {
      return decode<Record<string, unknown>>(bytes);
    } catch (error) {
      this.log.error('the telemetry of a node cannot be read', { node, error });
      return null;
    }
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
}
