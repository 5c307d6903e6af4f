/**
 * What a fence reads of Ceph's osdmap (`osd dump`): the blocklist, and which OSDs are up at which address.
 * An entry that has run out is taken off by the monitors themselves: what stands in a map counts at every OSD that has
 * that map, whatever any clock says.
 */
import { isIPv6 } from 'node:net';

export interface OsdOfMap {
  readonly id: number;
  readonly isUp: boolean;
  /** Epoch that last said it is up. It had read a map at least as new before it served anybody. */
  readonly upFrom: number;
  /** IP addresses of it, without ports. */
  readonly addresses: readonly string[];
}

export interface Osdmap {
  readonly epoch: number;
  /** By `10.77.3.2:0/0` (all clients of an address) or `10.77.3.2:0/2958317` (one of them): when it runs out, ms. */
  readonly blocklist: ReadonlyMap<string, number>;
  /** When the monitors made this map, by their clock, ms. */
  readonly madeAtMs: number;
  readonly osds: readonly OsdOfMap[];
}

/** Entry for every client of an address, whatever its port and nonce. */
export const wholeAddress = (ip: string): string => `${isIPv6(ip) ? `[${ip}]` : ip}:0/0`;

/** `10.77.3.2:0/2958317`, `v1:10.77.3.2:0/2958317`, `[fd00::2]:0/5` -> the IP. */
export function ipOf(address: string): string {
  const bare = address.replace(/^(v1|v2|any):/, '');
  return /^\[(.*)\]/.exec(bare)?.[1] ?? bare.replace(/:\d+(\/\d+)?$/, '');
}

/** Is the client, or its whole address, on the blocklist? Port 0: what a client is known by. */
export function isBlocked(map: Osdmap, client: string): boolean {
  const bare = client.replace(/^(v1|v2|any):/, '');
  return map.blocklist.has(bare) || map.blocklist.has(wholeAddress(ipOf(client)));
}

/** The entries of an address: the whole of it, and single clients that others cut off when they took their locks. */
export const entriesOf = (map: Osdmap, ip: string): readonly string[] =>
  [...map.blocklist.keys()].filter((entry) => ipOf(entry) === ip);

/** `2026-11-25T02:48:39.850590+0000`; 0 = that is no time. */
const timeOf = (text: string): number => {
  const time = Date.parse(text.replace(/([+-]\d\d)(\d\d)$/, '$1:$2'));
  return Number.isNaN(time) ? 0 : time;
};

/**
 * A fence by storage addresses hits nobody where Ceph's clients speak from others (a public network of Ceph that is not
 * the storage network). `own`: the clients of this node, as Ceph names them; null = all is well, or not known yet.
 */
export function wrongAddress(own: readonly string[], storageAddress: string): string | null {
  if (own.length === 0 || own.every((client) => ipOf(client) === storageAddress)) return null;
  return `EINVAL: this node speaks to Ceph from ${[...new Set(own.map(ipOf))].join(', ')}, not from its address on the `
    + `storage network, ${storageAddress}: a blocklist of storage addresses would fence nobody. Cure: Ceph's `
    + 'public_network must be pvc.conf\'s storage network';
}

interface RawAddrvec { readonly addrvec?: readonly { readonly addr: string }[] }
interface RawOsd {
  readonly osd: number;
  readonly up: number;
  readonly up_from: number;
  readonly public_addrs?: RawAddrvec;
  readonly cluster_addrs?: RawAddrvec;
}
interface RawDump {
  readonly epoch: number;
  readonly blocklist?: Readonly<Record<string, string>>;
  readonly modified?: string;
  readonly osds: readonly RawOsd[];
}

const ipsOf = ({ public_addrs, cluster_addrs }: RawOsd): string[] =>
  [...new Set([public_addrs, cluster_addrs].flatMap((each) => each?.addrvec ?? []).map(({ addr }) => ipOf(addr)))];

/**
 * How long the entry still stands, ms; 0 = it is not there. For people's hours and days only, by whichever is later:
 * this machine's clock or the monitors' when they made the map.
 */
export const remainingMs = (map: Osdmap, entry: string, wallMs: number): number =>
  Math.max(0, (map.blocklist.get(entry) ?? 0) - Math.max(map.madeAtMs, wallMs));

/** null = that is no osdmap. */
export function readOsdmap(output: unknown): Osdmap | null {
  const dump = output as RawDump | null;
  if (dump === null || typeof dump !== 'object' || !Number.isInteger(dump.epoch) || !Array.isArray(dump.osds)) {
    return null;
  }
  return {
    epoch: dump.epoch,
    blocklist: new Map(Object.entries(dump.blocklist ?? {}).map(([entry, until]) => [entry, timeOf(until)])),
    madeAtMs: timeOf(dump.modified ?? ''),
    osds: dump.osds.map((osd: RawOsd) => ({
      id: osd.osd, isUp: osd.up === 1, upFrom: osd.up_from, addresses: ipsOf(osd),
    })),
  };
}
