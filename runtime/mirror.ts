/**
 * The mirror: this process's copy of owners, records, leases, telemetry and the primary, kept by one
 * doorbell on the whole tree. A ring only says where to read; what is read is the truth (level, not edge).
 * Readers never write here; decisions that matter are checked again by versions in a multi.
 */
import type { Address } from './address.js';
import type { Clock } from './clock.js';
import { decodeOwner } from './codec.js';
import { FaultTable } from './fault-table.js';
import { LIMITS } from './limits.js';
import { causeChain, type Log } from './log.js';
import { MailboxDepths } from './mailbox-depths.js';
import { listAll } from './mirror-listing.js';
import { NodesMirror } from './mirror-nodes.js';
import type { Committed, MirrorActor } from './mirror-types.js';
import { parseActorPath, type Paths } from './paths.js';
import { StoreError, type Store, type StoredNode, type TreeEvent } from './store.js';
import { Tombs } from './tombs.js';
import type { WriterVersion } from './versions.js';

export type { LiveEntry, MirrorActor, PrimaryEntry } from './mirror-types.js';

interface ActorPath { readonly path: string; readonly address: Address; readonly part: 'owner' | 'record' }

/** Pause before a reading that was cut short is begun anew, milliseconds. */
const READ_AGAIN_MS = 500;

export class Mirror extends NodesMirror {
  readonly actors = new Map<Address, MirrorActor>();
  readonly depths: MailboxDepths;
  readonly tombs: Tombs;
  readonly faults: FaultTable;
  private readonly dirty = new Set<string>();
  /** Actors whose cells here have a commit out. */
  private readonly expected = new Set<Address>();
  /** Those of which the doorbell has rung, in that order, with the highest zxid seen before: theirs are higher. */
  private readonly awaited = new Map<Address, number>();
  private draining: Promise<void> | null = null;
  /** Highest zxid that a reply has shown: all doorbells up to it have rung. */
  private seen = 0;
  /** `seen` at the start of the present batch: what was rung before it is read with this batch or was before. */
  private complete = 0;
  /** Above 0 while all is listed again: what was missed may be older than what is heard, nothing is complete. */
  private rescans = 0;
  private closed = false;
  private unwatch: () => void = () => undefined;
  private unlisten: () => void = () => undefined;

  constructor(store: Store, paths: Paths, clock: Clock, log: Log, versions?: WriterVersion) {
    super(store, paths, clock, log, versions);
    this.depths = new MailboxDepths(store, paths, clock);
    this.tombs = new Tombs(store, paths);
    this.faults = new FaultTable(paths, log);
  }

  /** Places the doorbell, then reads everything once. */
  async start(): Promise<void> {
    // From now on doorbells are missed: nothing is complete before the rescan that follows.
    this.unlisten = this.store.onState((state) => { if (state === 'suspended') this.rescans += 1; });
    this.unwatch = await this.store.watchTree(this.paths.root, (event) => this.ring(event), () => void this.rescan());
    await this.rescan();
  }

  stop(): void {
    this.closed = true;
    this.unlisten();
    this.unwatch();
  }

  /** A cell of this process is about to commit: its record's doorbell is answered by `learn`, not by a read. */
  expect(address: Address): void {
    this.expected.add(address);
  }

  /**
   * What the cell committed, so that it need not be read; null = its commit ended in another way, and the record is
   * read if the bell rang. The commit's reply comes after all doorbells of smaller zxids, as a read's does.
   */
  learn(address: Address, news: Committed | null): void {
    this.expected.delete(address);
    const rang = this.awaited.delete(address);
    const actor = this.actors.get(address);
    if (news === null || actor === undefined) {
      if (rang) this.mark(this.paths.record(address));
      return;
    }
    this.seen = Math.max(this.seen, news.zxid);
    if (news.zxid > actor.zxid) {
      try {
        this.take(actor, news);
      } catch (error) {
        this.log.error('somebody could not take the news of a commit', { actor: address, error });
      }
    }
    if (this.draining === null) this.settle();
  }

  private ring(event: TreeEvent): void {
    if (this.hear(event.path, this.later)) return;
    const parsed = parseActorPath(this.paths, event.path);
    if (parsed !== null && parsed.part === 'envelope') {
      this.depths.heard(parsed.address, parsed.name!, event.type);
      if (event.type === 'created') this.each((listener) => listener.onEnvelope?.(parsed.address, parsed.name!));
      return;
    }
    // At once, not behind what is being read: the host of an actor that was handed over waits for it.
    if (parsed?.part === 'owner' && this.actors.has(parsed.address) && this.store.state === 'connected') {
      this.refreshOwner(parsed.address).catch(() => this.dirty.add(event.path) && this.kick());
    } else if (parsed?.part === 'record' && event.type === 'changed' && this.expected.delete(parsed.address)) {
      this.awaited.set(parsed.address, this.seen);
    } else {
      this.mark(event.path);
    }
  }

  private readonly later = (path: string): void => this.mark(path);

  private mark(path: string): void {
    this.dirty.add(path);
    this.kick();
  }

  private kick(): void {
    if (this.draining !== null || this.closed) return;
    this.draining = this.drain().then(() => true, (error: unknown) => {
      if (!(error instanceof StoreError)) this.log.error('the mirror could not read', { error });
      return false;
    }).then((read) => {
      this.draining = null;
      if (this.dirty.size === 0 || this.store.state !== 'connected') return;
      // A store may refuse at once and still call itself connected: tried again at once, it would never learn better.
      if (read) this.kick();
      else this.clock.after(READ_AGAIN_MS, () => this.kick(), true);
    });
  }

  private async drain(): Promise<void> {
    while (this.dirty.size > 0 && !this.closed) {
      const batch = [...this.dirty];
      this.dirty.clear();
      this.complete = this.rescans > 0 ? 0 : this.seen;
      try {
        await this.refreshAll(batch);
      } catch (error) {
        for (const path of batch) this.dirty.add(path);
        throw error;
      }
      this.settle();
    }
  }

  /** Says up to which zxid everything is known. */
  private settle(): void {
    const read = this.rescans > 0 ? 0 : this.dirty.size === 0 ? Number.MAX_SAFE_INTEGER : this.complete;
    const oldest = this.awaited.values().next().value ?? Number.MAX_SAFE_INTEGER;
    this.each((listener) => listener.onSettled?.(Math.min(read, oldest)));
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
      if (this.store.state === 'connected') this.clock.after(READ_AGAIN_MS, () => void this.rescan(), true);
    }
  }

  private async refreshAll(paths: readonly string[]): Promise<void> {
    const actors: ActorPath[] = [];
    const others: Promise<void>[] = [];
    for (const path of paths) {
      const parsed = parseActorPath(this.paths, path);
      if (parsed?.part === 'record' || parsed?.part === 'owner') actors.push({ path, ...parsed, part: parsed.part });
      else if (parsed === null) others.push(this.apart(path, () => this.refreshOther(path)));
    }
    await Promise.all([...others, this.refreshActors(actors)]);
  }

  /** One thing that cannot be understood must not hide the rest: it is told and left as it was. */
  private async apart(path: string, work: () => Promise<void> | void): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (error instanceof StoreError) throw error;
      this.log.error('something cannot be read by this daemon', { path, error });
    }
  }

  private async refreshOther(path: string): Promise<void> {
    const faulty = this.faults.addressOf(path);
    if (faulty !== null) return this.faults.note(faulty, (await this.store.read(path))?.data ?? null);
    return path.startsWith(`${this.paths.tombs}/`) ? this.refreshTomb(path) : this.refreshNodes(path);
  }

  /** Many at once in few requests, and not more of them than may well be in memory together. */
  private async refreshActors(all: readonly ActorPath[]): Promise<void> {
    for (let at = 0; at < all.length; at += LIMITS.readTogether) {
      const some = all.slice(at, at + LIMITS.readTogether);
      const nodes = some.length === 1
        ? [await this.store.read(some[0]!.path)] : await this.store.readMany(some.map(({ path }) => path));
      const owners = new Map<Address, StoredNode | null>();
      some.forEach(({ address, part }, index) => { if (part === 'owner') owners.set(address, nodes[index]!); });
      for (const [index, { path, address, part }] of some.entries()) {
        const node = nodes[index]!;
        await this.apart(path, () => part === 'owner'
          ? this.ownerIs(address, node) : this.recordIs(address, node, owners.get(address)));
      }
    }
  }

  /** `ownerNode` undefined = it has not been read with it. */
  private async recordIs(
    address: Address, node: StoredNode | null, ownerNode: StoredNode | null | undefined,
  ): Promise<void> {
    let known = this.actors.get(address);
    if (known !== undefined && known.born !== node?.stat.czxid) {
      await this.gone(known);
      known = undefined;
    }
    if (node === null) return void this.faults.unreadable.delete(address);
    const { mzxid: zxid, czxid: born, version: recordVersion } = node.stat;
    this.seen = Math.max(this.seen, zxid);
    if (known !== undefined && known.zxid >= zxid) return;
    const stored = this.faults.decoded(address, node, this.versions.reads);
    if (stored === null) return this.each((listener) => listener.onUnreadable?.(address));
    const news = { ...stored, zxid, recordVersion };
    if (known !== undefined) return this.take(known, news);
    const actor: MirrorActor = { address, ...news, born, owner: null, ownerVersion: 0 };
    this.actors.set(address, actor);
    this.ownerIs(address, ownerNode === undefined ? await this.store.read(this.paths.owner(address)) : ownerNode);
    this.each((listener) => listener.onRecord?.(actor, null));
  }

  private take(actor: MirrorActor, { record, zxid, recordVersion, storedAs }: Committed): void {
    const before = actor.record;
    actor.record = record;
    actor.zxid = zxid;
    actor.recordVersion = recordVersion;
    actor.storedAs = storedAs;
    this.each((listener) => listener.onRecord?.(actor, before));
  }

  private async refreshOwner(address: Address): Promise<void> {
    this.ownerIs(address, await this.store.read(this.paths.owner(address)));
  }

  private ownerIs(address: Address, node: StoredNode | null): void {
    const owner = node === null ? null : decodeOwner(node.data);
    const actor = this.actors.get(address);
    if (actor !== undefined) {
      actor.owner = owner;
      actor.ownerVersion = node?.stat.version ?? 0;
    }
    this.each((listener) => listener.onOwner?.(address, owner));
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
    const actor: MirrorActor = {
      address, record, zxid, born, recordVersion: 0, storedAs: 0, owner: null, ownerVersion: 0,
    };
    this.each((listener) => listener.onRecord?.(actor, null));
    this.each((listener) => listener.onRemoved?.(actor));
  }

}
