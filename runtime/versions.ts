/**
 * Which version records and envelopes are written in, while daemons of several versions work side by side: the
 * highest that every registered node reads.
 *
 * Registered is a node with a lease (what its daemon reads is in the lease), and a node without one that was here: it
 * may come back with the daemon it left with, so what that daemon read is kept in the node's znode (`/pvc/nodes/<n>`,
 * written by `keepNodeVersions`). A node that was here before anybody kept that (it left telemetry and nothing else)
 * counts as reading version 1 only. A node never seen counts for nothing. So a node that is down during an upgrade
 * holds everybody at the old version until it has been upgraded too, or is taken off the list by `unregisterNode`.
 *
 * Should an old daemon come nevertheless: from its lease on everybody writes the old version again. Records that still
 * stand in the new one it does not load and cannot claim; they wait for a daemon that can. Nothing is lost by it.
 */
import type { Address } from './address.js';
import { decode, encode } from './codec.js';
import { LIMITS } from './limits.js';
import type { Log } from './log.js';
import type { LiveEntry, Mirror } from './mirror.js';
import type { Paths } from './paths.js';
import { READ_VERSIONS, type ActorRecord } from './record.js';
import type { Store } from './store.js';
import { needsVersion, whyVersion2 } from './upcast.js';

/** A step that would have to be written in a version that not all nodes read yet: it waits. */
export class NeedsVersionError extends Error {
  override readonly name = 'NeedsVersionError';
}

/** Why an actor is not moved to a node with an older daemon. */
export const cannotRead = (node: string): string => `the daemon of ${node} is too old for what stands in its record`;

/** The same of an actor as the mirror knows it; null = that daemon reads it. */
export function cannotReadThere(mirror: Mirror, address: Address, node: string): string | null {
  const record = mirror.actors.get(address)?.record;
  return record === undefined || mirror.versions.readsAll(node, needsVersion(record)) ? null : cannotRead(node);
}

/** Record version of the first daemons that read packs and outboxes. */
const PACK_SINCE = 2;

/** What the runtime's writers ask. */
export class WriterVersion {
  /** Versions each registered node reads. */
  private readonly nodes = new Map<string, readonly number[]>();
  private inForce: number;

  /** `reads`: versions this daemon reads, ascending; fewer than all of them only to test an older daemon. */
  constructor(readonly reads: readonly number[] = READ_VERSIONS) {
    this.inForce = reads.at(-1)!;
  }

  /** The version in force: what is new is written in it. */
  get current(): number {
    return this.inForce;
  }

  /** Envelopes that one znode of a mailbox may hold: 1 while a reader of packs may be missing. */
  get packMax(): number {
    return this.inForce >= PACK_SINCE ? LIMITS.pack : 1;
  }

  /** The registered nodes that hold the version below the newest this daemon could write. */
  holdouts(): string[] {
    const newest = this.reads.at(-1)!;
    return [...this.nodes].filter(([, reads]) => !reads.includes(newest)).map(([node]) => node).sort();
  }

  /** May this node be given a record that needs `version`? A node that is not known is trusted with nothing new. */
  readsAll(node: string, version: number): boolean {
    return version <= this.reads[0]! || (this.nodes.get(node)?.includes(version) ?? false);
  }

  /** What a node reads; null = it is not registered. */
  set(node: string, reads: readonly number[] | null): void {
    if (reads === null) this.nodes.delete(node);
    else this.nodes.set(node, reads);
    const all = [...this.nodes.values()];
    // Were there no common version, the oldest that this daemon can write is the best there is.
    this.inForce = this.reads.findLast((version) => all.every((each) => each.includes(version))) ?? this.reads[0]!;
  }

  /**
   * The version this record is to be written in. One that needs a newer version than the one in force keeps it, if it
   * was stored in it (`storedAs`); otherwise its step has to wait: throws NeedsVersionError.
   */
  forRecord(record: ActorRecord, storedAs: number): number {
    const needed = needsVersion(record);
    if (needed <= this.inForce) return this.inForce;
    if (needed <= storedAs) return needed;
    const who = this.holdouts().join(', ');
    throw new NeedsVersionError(
      `${record.kind}/${record.id} needs record version ${needed} (${whyVersion2(record)}), but ${who} `
      + `reads only up to ${this.inForce}: upgrade it, or take it off the list of nodes`);
  }
}

/** What `/pvc/nodes/<n>` holds. An empty list: the node was taken off the list. */
export interface NodeEntry { readonly recordVersions: readonly number[] }

/** The leases a node has now, those known before in their order first. */
export async function readLeases(
  store: Store, paths: Paths, node: string, before: readonly LiveEntry[],
): Promise<LiveEntry[]> {
  const names = (await store.children(paths.live(node)))?.names ?? [];
  const place = (name: string): number => before.findIndex((each) => each.incarnation === name);
  const known = names.filter((name) => place(name) >= 0).sort((a, b) => place(a) - place(b));
  const inOrder = [...known, ...names.filter((name) => place(name) < 0)];
  const leases = await Promise.all(inOrder.map(async (incarnation) => {
    const lease = await store.read(paths.incarnation(node, incarnation));
    const bootId = incarnation.split('.')[0]!;
    if (lease === null) return [];
    return [{ node, incarnation, bootId, recordVersions: leaseVersions(lease.data), born: lease.stat.czxid }];
  }));
  return leases.flat();
}

/** The versions a lease lists; a lease that lists none is one of version 1. */
function leaseVersions(data: Uint8Array): readonly number[] {
  const listed = data.length === 0 ? undefined : decode<Partial<NodeEntry>>(data).recordVersions;
  return Array.isArray(listed) && listed.length > 0 ? [...listed].sort((a, b) => a - b) : [1];
}

/**
 * What a node reads, from its leases, its znode (null = empty) and whether it ever left telemetry. Of several leases (a
 * restart's overlap) what all of them read. null = not registered.
 */
export function registeredVersions(
  live: readonly LiveEntry[], entry: NodeEntry | null, wasHere: boolean,
): readonly number[] | null {
  if (live.length > 0) {
    return live[0]!.recordVersions.filter((version) => live.every((each) => each.recordVersions.includes(version)));
  }
  if (entry !== null) return entry.recordVersions.length === 0 ? null : entry.recordVersions;
  return wasHere ? [1] : null;
}

/** Writes down what a node's present daemon reads, for the time when it is down. Whoever sees it first does so. */
export function keepNodeVersions(deps: KeepDeps, node: string): void {
  keep(deps, node)
    .catch((error: unknown) => deps.log.debug('what a node reads is written down later', { node, error }));
}

interface KeepDeps { readonly store: Store; readonly paths: Paths; readonly mirror: Mirror; readonly log: Log }

async function keep({ store, paths, mirror }: KeepDeps, node: string): Promise<void> {
  const live = mirror.liveOf(node);
  if (live === null) return;
  const found = await store.read(paths.node(node));
  if (found === null) return;
  const known = found.data.length === 0 ? null : decode<NodeEntry>(found.data);
  if (known !== null && known.recordVersions.join() === live.recordVersions.join()) return;
  const data = encode({ recordVersions: live.recordVersions } satisfies NodeEntry);
  await store.multi([
    { op: 'check', path: paths.incarnation(node, live.incarnation), version: 'exists' },
    { op: 'set', path: paths.node(node), data, version: found.stat.version },
  ]);
}

/**
 * Takes a node that will not come back (or only with a newer daemon) off the list, so that it no longer holds the
 * others at an old version. Refused while it has a lease.
 */
export async function unregisterNode(
  store: Store, paths: Paths, node: string,
): Promise<{ readonly kind: 'done' } | { readonly kind: 'refused'; readonly reason: string }> {
  const refused = (reason: string) => ({ kind: 'refused' as const, reason });
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const [found, live] = await Promise.all([store.read(paths.node(node)), store.children(paths.live(node))]);
    if (found === null) return refused(`there is no node ${node}`);
    if ((live?.names.length ?? 0) > 0) return refused(`${node} is here: its daemon holds a lease`);
    const data = encode({ recordVersions: [] } satisfies NodeEntry);
    const result = await store.multi([{ op: 'set', path: paths.node(node), data, version: found.stat.version }]);
    if (result.kind === 'done') return { kind: 'done' };
  }
  return refused(`${node} could not be taken off the list: its entry moves, or the store is out of reach`);
}
