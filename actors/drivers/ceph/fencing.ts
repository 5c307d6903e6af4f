/**
 * The port Storage on a real Ceph: a boot's clients are all clients of its node's address on the storage network. One
 * entry of the blocklist for the whole address (`10.77.3.2:0/0`) refuses those that are there, those that wake, and
 * those that are only being started.
 *
 * Facts of Ceph 16.2 that it rests on, each with a test (test/storage-ceph*.test.ts):
 * - an entry that is there is not prolonged by adding it again;
 * - the monitors gather changes for up to `paxos_propose_interval` (1 s) after their last commit: 60 ms or 0.9 s;
 * - a new map reaches the OSDs by rumour, within seconds: each is asked (fencing-osds.ts);
 * - an entry drops the client's watches at once, so that its images are free for the next owner;
 * - the entry hits all that speaks from that address: the node's own pvcd, manager and CLI too, until `lift`.
 */
import type { Clock } from '../../../runtime/clock.js';
import type { BootRef } from '../../../machines/vm/messages.js';
import { done, refused, unknown, type Outcome } from '../outcome.js';
import type { Fenced, Storage, StorageClient } from '../storage.js';
import type { CephCommand, CephConnection, CephReply } from './connection.js';
import { confirmEverywhere, type Confirmed } from './fencing-osds.js';
import { imageRef, shutOut } from './fencing-shut-out.js';
import { entriesOf, isBlocked, readOsdmap, remainingMs, wholeAddress, type Osdmap } from './fencing-map.js';

/**
 * Life of an entry, seconds: ten years. Ceph does not prolong an entry that is there (16.2 answers with the new time
 * and keeps the old one), and taking it off to put it back would leave a gap: so it outlives any zombie from the
 * beginning, and `lift` ends it. Not a whole number, for Ceph wants a floating-point number here and refuses the JSON
 * of a whole one (EINVAL: bad or missing field 'expire').
 */
const EXPIRE_S = 10 * 365 * 24 * 3600 + 0.5;
/** An entry that runs out sooner is not ours (somebody's by hand: one hour), and no fence: it is put anew. */
const LEAST_MS = 24 * 3_600_000;
/** Longest time that reading a fence back waits for OSDs to confirm, milliseconds: then it is not in force. */
const READ_BACK_MS = 1000;
/** Between two tries while no monitor is there to take a command, milliseconds. */
const RETRY_MS = 100;
/** Ceph's names for "you may not". */
const FORBIDDEN = /\b(EACCES|EPERM)\b/;
/** What a connection says of a call that it could not even begin. */
const NOT_BEGUN = /\b(ENOTCONN|ESHUTDOWN|ETIMEDOUT|ENOTSUP|EAGAIN)\b|not connected|connection/i;

export interface CephStorageDeps {
  readonly connection: CephConnection;
  readonly clock: Clock;
  /** The node's address on the storage network; null = there is no such node. */
  addressOf(node: string): string | null;
  /** Why entries for those addresses would hit nobody (`wrongAddress`); null = they do. */
  flaw?(): string | null;
  /** As of the port; absent: it is never known to be so. */
  outOfReach?(): boolean;
}

export const createCephStorage = (deps: CephStorageDeps): Storage => new CephStorage(deps);

class CephStorage implements Storage {
  /** Boots whose fence this process has seen in force: node, boot id -> epoch. Gone with the entry. */
  readonly #inForce = new Map<string, number>();

  constructor(private readonly deps: CephStorageDeps) {}

  get connected(): boolean {
    return this.deps.connection.connected;
  }

  get outOfReach(): boolean {
    return !this.connected && this.deps.outOfReach?.() === true;
  }

  shutOut(
    nodes: readonly string[], images: readonly string[], deadlineMs: number,
  ): Promise<Outcome<{ readonly osdmapEpoch: number }>> {
    const { connection, clock, addressOf, flaw } = this.deps;
    return shutOut({
      connection, clock, addresses: nodes.map(addressOf), isFlawed: (flaw?.() ?? null) !== null,
      untilMs: this.#until(deadlineMs),
      readMap: (untilMs) => this.#readMap(untilMs), command: (command, untilMs) => this.#command(command, untilMs),
    }, images);
  }

  async fence(boot: BootRef, deadlineMs: number): Promise<Outcome<{ readonly osdmapEpoch: number }>> {
    const ip = this.deps.addressOf(boot.node);
    if (ip === null) return refused(noSuchNode(boot));
    const flaw = this.deps.flaw?.() ?? null;
    if (flaw !== null) return refused(flaw);
    const untilMs = this.#until(deadlineMs);
    const entry = wholeAddress(ip);
    const before = await this.#readMap(untilMs);
    if (before === null) return unknown(SILENT);
    this.#forgetUnless(before, boot, entry);
    const known = this.#inForce.get(keyOf(boot));
    if (before.blocklist.has(entry) && this.#runsOut(before, entry)) {
      const removed = await this.#command({ prefix: 'osd blocklist', blocklistop: 'rm', addr: entry }, untilMs);
      if (removed.kind !== 'done') return removed;
    }
    const put = await this.#put(entry, known === undefined ? upAt(before, ip) : [], untilMs);
    if (put.kind !== 'done') return put;
    const confirmed = await this.#confirm(entry, untilMs);
    if (confirmed.kind !== 'inForce') return unknown(whyNot(confirmed));
    return done({ osdmapEpoch: this.#remember(boot, confirmed.map) });
  }

  async read(boot: BootRef, deadlineMs: number): Promise<Outcome<Fenced>> {
    const ip = this.deps.addressOf(boot.node);
    if (ip === null) return refused(noSuchNode(boot));
    const untilMs = this.#until(deadlineMs);
    const entry = wholeAddress(ip);
    const map = await this.#readMap(untilMs);
    if (map === null) return unknown(SILENT);
    this.#forgetUnless(map, boot, entry);
    const known = this.#inForce.get(keyOf(boot));
    if (known !== undefined) return done({ fenced: true, osdmapEpoch: known });
    if (this.#runsOut(map, entry)) return done({ fenced: false, osdmapEpoch: map.epoch });
    const confirmed = await this.#confirm(entry, this.#until(Math.min(READ_BACK_MS, deadlineMs / 2)));
    return confirmed.kind === 'inForce'
      ? done({ fenced: true, osdmapEpoch: this.#remember(boot, confirmed.map) })
      : done({ fenced: false, osdmapEpoch: map.epoch });
  }

  /**
   * All entries of the address go: also those of single clients, made by whoever took their locks. A new boot's
   * clients may get the same nonces (a process id in a small namespace).
   */
  async lift(boot: BootRef, deadlineMs: number): Promise<Outcome<null>> {
    const ip = this.deps.addressOf(boot.node);
    // It left the cluster's configuration: what is left of its entries runs out by itself.
    if (ip === null) return done(null);
    const untilMs = this.#until(deadlineMs);
    const map = await this.#readMap(untilMs);
    if (map === null) return unknown(SILENT);
    this.#inForce.delete(keyOf(boot));
    const removed = await Promise.all(entriesOf(map, ip).map((addr) => this.#command({
      prefix: 'osd blocklist', blocklistop: 'rm', addr,
    }, untilMs)));
    return removed.find(({ kind }) => kind !== 'done') as Outcome<never> | undefined ?? done(null);
  }

  async reach(osdmapEpoch: number, deadlineMs: number): Promise<Outcome<null>> {
    const reached = await this.#begun(this.#until(deadlineMs), (leftMs) =>
      this.deps.connection.waitForOsdmap(osdmapEpoch, { deadlineMs: leftMs }));
    return reached.kind === 'done' ? done(null) : reached;
  }

  async watchers(image: string, deadlineMs: number): Promise<Outcome<readonly StorageClient[]>> {
    const ref = imageRef(image);
    if (ref === null) return refused(badImage(image));
    const found = await this.deps.connection.watchers(ref, { deadlineMs });
    if (found.kind === 'done') return done(found.value.map(({ address }) => ({ address })));
    return isMissing(found) ? done([]) : found;
  }

  async lockOwner(image: string, deadlineMs: number): Promise<Outcome<StorageClient | null>> {
    const ref = imageRef(image);
    if (ref === null) return refused(badImage(image));
    const found = await this.deps.connection.lockOwner(ref, { deadlineMs });
    if (found.kind === 'done') return done(found.value === null ? null : { address: found.value.address });
    return isMissing(found) ? done(null) : found;
  }

  async breakLock(image: string, owner: StorageClient, deadlineMs: number): Promise<Outcome<null>> {
    const ref = imageRef(image);
    if (ref === null) return refused(badImage(image));
    const untilMs = this.#until(deadlineMs);
    const holder = await this.deps.connection.lockOwner(ref, { deadlineMs: this.#left(untilMs) });
    if (isMissing(holder)) return done(null);
    if (holder.kind !== 'done') return holder;
    if (holder.value === null || holder.value.address !== owner.address) return done(null);
    const map = await this.#readMap(untilMs);
    if (map === null) return unknown(SILENT);
    if (!isBlocked(map, owner.address)) {
      return refused(`${owner.address} is not on the blocklist: it could take the lock again`);
    }
    const broken = await this.deps.connection.breakLock(ref, holder.value, { deadlineMs: this.#left(untilMs) });
    return isMissing(broken) ? done(null) : broken;
  }

  /** Entry and OSDs go into one change of the map: the monitors gather what comes within moments. */
  async #put(entry: string, osds: readonly number[], untilMs: number): Promise<Outcome<unknown>> {
    const [added, marked] = await Promise.all([
      this.#command({ prefix: 'osd blocklist', blocklistop: 'add', addr: entry, expire: EXPIRE_S }, untilMs),
      osds.length === 0 ? done(null) : this.#command({ prefix: 'osd down', ids: osds.map(String) }, untilMs),
    ]);
    if (added.kind === 'refused') {
      const reason = FORBIDDEN.test(added.reason) ? MAY_NOT : added.reason;
      // A key that may do the one and not the other: something has happened, if only that OSDs have to come back.
      return osds.length > 0 && marked.kind !== 'refused' ? unknown(reason) : refused(reason);
    }
    // An OSD that could not be marked down is still asked; where it is dead, its peers report it.
    return added;
  }

  #confirm(entry: string, untilMs: number): Promise<Confirmed> {
    const { connection, clock } = this.deps;
    return confirmEverywhere({ connection, clock, entry, untilMs, readMap: (until) => this.#readMap(until) });
  }

  #remember(boot: BootRef, map: Osdmap): number {
    const known = this.#inForce.get(keyOf(boot)) ?? map.epoch;
    this.#inForce.set(keyOf(boot), known);
    return known;
  }

  #forgetUnless(map: Osdmap, boot: BootRef, entry: string): void {
    if (!map.blocklist.has(entry)) this.#inForce.delete(keyOf(boot));
  }

  /** It is not there, or not for long. */
  #runsOut(map: Osdmap, entry: string): boolean {
    return remainingMs(map, entry, this.deps.clock.wallMs()) < LEAST_MS;
  }

  async #readMap(untilMs: number): Promise<Osdmap | null> {
    const reply = await this.#command({ prefix: 'osd dump' }, untilMs);
    return reply.kind === 'done' ? readOsdmap(reply.value.output) : null;
  }

  async #command(command: CephCommand['command'], untilMs: number): Promise<Outcome<CephReply>> {
    // What takes an entry off is never sent twice: the second could arrive after the next fence.
    const hedge = command['blocklistop'] !== 'rm';
    return this.#begun(untilMs, (leftMs) => this.deps.connection.command({ command, hedge, deadlineMs: leftMs }));
  }

  /** A call that could not begin, for want of a connection, is begun again until the time is up: then unknown. */
  async #begun<T>(untilMs: number, call: (leftMs: number) => Promise<Outcome<T>>): Promise<Outcome<T>> {
    for (;;) {
      const outcome = await call(this.#left(untilMs));
      if (outcome.kind !== 'refused' || FORBIDDEN.test(outcome.reason) || !NOT_BEGUN.test(outcome.reason)) {
        return outcome;
      }
      if (this.#left(untilMs) <= RETRY_MS) return unknown(outcome.reason);
      await this.deps.clock.sleep(RETRY_MS);
    }
  }

  #until(deadlineMs: number): number {
    return this.deps.clock.monotonicMs() + deadlineMs;
  }

  #left(untilMs: number): number {
    return Math.max(1, untilMs - this.deps.clock.monotonicMs());
  }
}

const SILENT = 'the monitors did not answer in time';
const MAY_NOT = 'EACCES: pvcd\'s key may not write to Ceph\'s blocklist; give it its caps back ("ceph auth caps"), or '
  + 'have the node proved off by its BMC or a person';
const keyOf = ({ node, bootId }: BootRef): string => `${node}/${bootId}`;
const noSuchNode = ({ node }: BootRef): string => `ENOENT: the configuration has no storage address of ${node}`;
const badImage = (image: string): string => `EINVAL: "${image}" is no image: pool/name is`;
const isMissing = (outcome: Outcome<unknown>): boolean =>
  outcome.kind === 'refused' && /^ENOENT\b/.test(outcome.reason);
const upAt = ({ osds }: Osdmap, ip: string): number[] =>
  osds.filter(({ isUp, addresses }) => isUp && addresses.includes(ip)).map(({ id }) => id);
const whyNot = (confirmed: Confirmed): string =>
  confirmed.kind === 'waiting' ? confirmed.reason : 'the entry was taken off again meanwhile';
