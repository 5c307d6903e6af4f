/**
 * Hypervisor: the port to libvirt/QEMU on this node. What an adapter may not leak: libvirt handles,
 * error numbers, threads. Every call is idempotent, has a deadline and never throws.
 * Domains are transient; no autostart.
 */
import type { DeviceChange } from '../domain-devices.js';
import type { IoErrors } from '../domain-rbd.js';
import type { Outcome } from './outcome.js';

export type DomainState = 'running' | 'paused' | 'incoming' | 'shutting-down' | 'crashed' | 'off';

export interface DomainInfo {
  readonly uuid: string;
  readonly name: string;
  readonly state: DomainState;
  /** Epoch and effect id stamped in the domain's metadata at its start, or null if there is no stamp. */
  readonly epoch: number | null;
  readonly effectId: string | null;
}

export interface DomainStats {
  readonly uuid: string;
  readonly name: string;
  readonly state: DomainState;
  readonly memoryMaxKib: number;
  readonly memoryKib: number;
  readonly vcpus: number;
  readonly cpuTimeNs: number;
  readonly rssKib: number | null;
  readonly vnc: { readonly listen: string; readonly port: number } | null;
}

export interface StartRequest {
  readonly uuid: string;
  readonly name: string;
  /** The domain's XML as defined by the user; the adapter adds stamp, console log, and how RBD disks are reached. */
  readonly xml: string;
  /** What a guest does on an error of its disks; absent = its RBD disks pause it, others as libvirt has it. */
  readonly ioErrors?: IoErrors;
  readonly epoch: number;
  readonly effectId: string;
  readonly deadlineMs: number;
}

export interface DeviceRequest {
  readonly uuid: string;
  readonly change: DeviceChange;
  /** The device's XML as its user gave it. */
  readonly xml: string;
  readonly ioErrors?: IoErrors;
  readonly deadlineMs: number;
}

/** How a guest was brought to rest: its own agent froze its file systems, or it stands still altogether. */
export type Stillness = 'agent' | 'paused';

export interface MigrateRequest {
  readonly uuid: string;
  /** Address of the target's libvirtd on the cluster network. */
  readonly targetHost: string;
  readonly maxDowntimeMs: number;
  readonly effectId: string;
  readonly deadlineMs: number;
  readonly onProgress?: (progress: { totalBytes: number; remainingBytes: number }) => void;
}

/**
 * A guest that ended or changed by itself (or through somebody else's hands). `stopped` = it powered itself
 * off, and only that is its own wish; `crashed` = it ended in any other way, or while nobody was looking.
 */
export interface DomainEvent {
  readonly uuid: string;
  readonly type: 'started' | 'stopped' | 'crashed' | 'paused' | 'resumed' | 'migrated-away';
  readonly detail: string;
}

export interface Hypervisor {
  list(): Promise<Outcome<readonly DomainInfo[]>>;
  /** null = no such domain on this node. */
  observe(uuid: string): Promise<Outcome<DomainInfo | null>>;
  /** Creates the transient domain and runs it; done if it already runs with this uuid. */
  start(request: StartRequest): Promise<Outcome<DomainInfo>>;
  /** Asks the guest to end by ACPI; done means asked, not ended. */
  shutdown(uuid: string): Promise<Outcome<null>>;
  /** Ends the domain and comes back once it is gone; done if it was absent. */
  destroy(uuid: string): Promise<Outcome<null>>;
  /** Live migration that arrives paused (VIR_MIGRATE_PAUSED). done = the source copy is gone, the target's paused. */
  migrate(request: MigrateRequest): Promise<Outcome<{ durationMs: number }>>;
  /** Lets an arrived, paused copy run; done if it runs already; refused if there is none. */
  resume(uuid: string): Promise<Outcome<DomainInfo>>;
  /**
   * Attaches or detaches a device of a running guest, or changes a disk's limits; done if it is so already. A guest
   * that does not let go of its device in time: unknown.
   */
  changeDevice(request: DeviceRequest): Promise<Outcome<null>>;
  /** The running guest sees this size of an RBD volume (`pool/image`); done if it does not use it. Never smaller. */
  resizeDisk(uuid: string, volume: string, sizeBytes: number): Promise<Outcome<null>>;
  /** Until `thaw` nothing new reaches the guest's disks. By its agent if one answers, else it stands still. */
  freeze(uuid: string): Promise<Outcome<Stillness>>;
  /** Ends a freeze; done if there is none. Refused if there is no such domain. */
  thaw(uuid: string): Promise<Outcome<null>>;
  stats(): Promise<Outcome<readonly DomainStats[]>>;
  onEvent(listener: (event: DomainEvent) => void): () => void;
  /** True while the connection to libvirtd stands. */
  readonly connected: boolean;
  close(): Promise<void>;
}
