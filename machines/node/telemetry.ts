/** Telemetry: data that travels beside the mailboxes, one blob a node. */

/** What a node tells of itself with every heartbeat (`/pvc/nodes/<n>/telemetry`). */
export interface NodeTelemetry {
  readonly node: string;
  readonly bootId: string;
  readonly incarnation: string;
  /** Wall-clock milliseconds at the node. */
  readonly at: number;
  readonly version: string;
  readonly kernel: string;
  readonly os: string;
  readonly arch: string;
  readonly cpuCount: number;
  /** One-minute load average. */
  readonly load: number;
  readonly memory: {
    readonly totalMiB: number;
    readonly usedMiB: number;
    readonly freeMiB: number;
    readonly allocatedMiB: number;
  };
  readonly vcpusAllocated: number;
  /** False while the node has no connection to its libvirtd. */
  readonly hypervisor: boolean;
  /** Its guard lets guests run on without a lease, as the settings say. */
  readonly disarmed?: true;
  /** False while the cluster's shared storage does not answer it; absent where there is none. */
  readonly storage?: boolean;
  /** What would spoil a fence by storage, as its preflight found; absent = nothing. */
  readonly fenceFlaws?: readonly { readonly key: string; readonly text: string; readonly cure: string }[];
  /** Not even a monitor's port is reached from here: the way to the storage is out. */
  readonly storageOutOfReach?: true;
  /** Running guests; figures as libvirt counts them. */
  readonly guests: readonly NodeGuest[];
}

export interface NodeGuest {
  readonly uuid: string;
  readonly name: string;
  readonly state: string;
  readonly memoryMaxKib: number;
  readonly memoryKib: number;
  readonly vcpus: number;
  readonly cpuTimeNs: number;
  readonly rssKib: number | null;
  readonly vnc: { readonly listen: string; readonly port: number } | null;
}
