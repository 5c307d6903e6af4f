/**
 * Reads the telemetry blob of a node (NodeTelemetry of machines/node/messages.ts). Another version may have written
 * it, so every field is checked and has a fallback.
 */
import type { Feed } from '../../runtime/feed-types.js';

export interface HostFacts {
  readonly version: string;
  readonly cpuCount: number;
  readonly kernel: string;
  readonly os: string;
  readonly arch: string;
  readonly load: number;
  readonly memoryTotalMiB: number;
  readonly memoryUsedMiB: number;
  readonly memoryFreeMiB: number;
}

export interface GuestFacts {
  readonly uuid: string;
  readonly memoryMaxKib: number;
  readonly memoryKib: number;
  readonly cpuTimeNs: number;
  readonly rssKib: number | null;
  readonly vnc: { readonly listen: string; readonly port: number } | null;
}

export interface NodeFacts {
  readonly live: boolean;
  readonly host: HostFacts;
  /** False = the node's daemon has lost its libvirtd. */
  readonly hypervisor: boolean;
  /** Its daemon has no way to the shared storage: guests on RBD hang. */
  readonly storageLost: boolean;
  readonly guests: ReadonlyMap<string, GuestFacts>;
}

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? value as Fields : {});
const number = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0);
const whole = (value: unknown): number => Math.round(number(value));
const string = (value: unknown): string => (typeof value === 'string' ? value : '');

function hostFacts(host: Fields): HostFacts {
  const memory = fieldsOf(host['memory']);
  return {
    version: string(host['version']), cpuCount: whole(host['cpuCount']), kernel: string(host['kernel']),
    os: string(host['os']), arch: string(host['arch']), load: number(host['load']),
    memoryTotalMiB: whole(memory['totalMiB']), memoryUsedMiB: whole(memory['usedMiB']),
    memoryFreeMiB: whole(memory['freeMiB']),
  };
}

function guestFacts(value: unknown): GuestFacts {
  const guest = fieldsOf(value);
  const vnc = fieldsOf(guest['vnc']);
  return {
    uuid: string(guest['uuid']), memoryMaxKib: whole(guest['memoryMaxKib']), memoryKib: whole(guest['memoryKib']),
    cpuTimeNs: number(guest['cpuTimeNs']), rssKib: typeof guest['rssKib'] === 'number' ? guest['rssKib'] : null,
    vnc: typeof vnc['port'] === 'number' ? { listen: string(vnc['listen']), port: vnc['port'] } : null,
  };
}

/** What every node last said of itself, by name. */
export function nodeFacts(feed: Feed): ReadonlyMap<string, NodeFacts> {
  return new Map(feed.telemetry().map((item) => {
    const guests = Array.isArray(item.data['guests']) ? (item.data['guests'] as unknown[]).map(guestFacts) : [];
    return [item.node, {
      live: item.live, host: hostFacts(item.data), hypervisor: item.data['hypervisor'] !== false,
      storageLost: item.data['storageOutOfReach'] === true,
      guests: new Map(guests.map((guest) => [guest.uuid, guest])),
    }];
  }));
}
