/** Where everything lives in ZooKeeper. One object a cluster; every path is made here. */
import { splitAddress, type Address } from './address.js';
import type { Envelope, Lane } from './envelope.js';

export interface Paths {
  readonly root: string;
  readonly format: string;
  readonly primary: string;
  readonly nodes: string;
  readonly actors: string;
  readonly names: string;
  readonly docs: string;
  readonly fences: string;
  readonly dead: string;
  readonly settings: string;
  /** What the primary last told of shared storage: one blob. */
  readonly storage: string;
  /** Faults that cannot stand in a record. */
  readonly faults: string;
  readonly tombs: string;
  node(name: string): string;
  live(node: string): string;
  incarnation(node: string, incarnation: string): string;
  telemetry(node: string): string;
  kind(kind: string): string;
  actor(address: Address): string;
  owner(address: Address): string;
  record(address: Address): string;
  mailbox(address: Address): string;
  envelope(address: Address, name: string): string;
  /** `name` is the envelope's; all of an actor's dead letters begin with `deadLetter(address, '')`. */
  deadLetter(address: Address, name: string): string;
  fault(address: Address): string;
  /** `born` = czxid of the record: each life of an address has its own. */
  tomb(address: Address, born: number): string;
  fenceNode(node: string): string;
  fence(node: string, bootId: string): string;
  /** Proof that the boot is cut off from shared storage: of a part of what it could do. It gets no lease, either. */
  storageFence(node: string, bootId: string): string;
  nameKind(kind: string): string;
  name(kind: string, name: string): string;
  doc(hash: string): string;
}

export function pathsUnder(root: string): Paths {
  const actor = (address: Address): string => {
    const { kind, id } = splitAddress(address);
    return `${root}/actors/${kind}/${id}`;
  };
  return {
    root,
    format: `${root}/format`,
    primary: `${root}/primary`,
    nodes: `${root}/nodes`,
    actors: `${root}/actors`,
    names: `${root}/names`,
    docs: `${root}/docs`,
    fences: `${root}/fences`,
    dead: `${root}/dead`,
    settings: `${root}/settings`,
    storage: `${root}/storage`,
    faults: `${root}/faults`,
    tombs: `${root}/tombs`,
    node: (name) => `${root}/nodes/${name}`,
    live: (node) => `${root}/nodes/${node}/live`,
    incarnation: (node, incarnation) => `${root}/nodes/${node}/live/${incarnation}`,
    telemetry: (node) => `${root}/nodes/${node}/telemetry`,
    kind: (kind) => `${root}/actors/${kind}`,
    actor,
    owner: (address) => `${actor(address)}/owner`,
    record: (address) => `${actor(address)}/record`,
    mailbox: (address) => `${actor(address)}/mailbox`,
    envelope: (address, name) => `${actor(address)}/mailbox/${name}`,
    deadLetter: (address, name) => `${root}/dead/${address.replace('/', '~')}~${name}`,
    fault: (address) => `${root}/faults/${address.replace('/', '~')}`,
    tomb: (address, born) => `${root}/tombs/${address.replace('/', '~')}~${born}`,
    fenceNode: (node) => `${root}/fences/${node}`,
    fence: (node, bootId) => `${root}/fences/${node}/${bootId}`,
    storageFence: (node, bootId) => `${root}/fences/${node}/${bootId}~storage`,
    nameKind: (kind) => `${root}/names/${kind}`,
    name: (kind, name) => `${root}/names/${kind}/${encodeURIComponent(name)}`,
    doc: (hash) => `${root}/docs/${hash}`,
  };
}

/** What a path below `actors` is about, or null. */
export function parseActorPath(
  paths: Paths, path: string,
): { address: Address; part: 'actor' | 'owner' | 'record' | 'mailbox' | 'envelope'; name: string | null } | null {
  // Every doorbell comes by here, and most are of heartbeats.
  if (path[paths.actors.length] !== '/' || !path.startsWith(paths.actors)) return null;
  const [kind, id, part, name, ...rest] = path.slice(paths.actors.length + 1).split('/');
  if (!kind || !id || rest.length > 0) return null;
  const address = `${kind}/${id}` as Address;
  if (part === undefined) return { address, part: 'actor', name: null };
  if (part === 'owner' || part === 'record') return { address, part, name: null };
  if (part !== 'mailbox') return null;
  return name === undefined ? { address, part: 'mailbox', name: null } : { address, part: 'envelope', name };
}

/** First letter of a znode's name in a mailbox: the control lane sorts before the normal one. */
const LANES = { control: '0', normal: '5' } as const satisfies Record<Lane, string>;

/**
 * An envelope's znode name: its lane (`0` control, `5` normal) and its id, which its sender fixed; so a second
 * create of the same message answers node-exists.
 */
export const envelopeName = (envelope: Pick<Envelope, 'id' | 'lane'>): string =>
  `${LANES[envelope.lane ?? 'normal']}-${envelope.id.replaceAll('/', '~')}`;

/** A pack's znode name: that of its first envelope, and how many it holds, so that a doorbell alone tells the depth. */
export const packName = (first: Pick<Envelope, 'id' | 'lane'>, count: number): string =>
  `${envelopeName(first)}+${count}`;

/** How many envelopes a znode held when it was sent: 1, or what a pack's name says. Never below what it holds now. */
export function envelopesIn(name: string): number {
  const plus = name.lastIndexOf('+');
  const count = plus < 0 ? 1 : Number(name.slice(plus + 1));
  return Number.isSafeInteger(count) && count > 0 ? count : 1;
}

export const laneOf = (name: string): Lane => name.startsWith(LANES.control) ? 'control' : 'normal';
