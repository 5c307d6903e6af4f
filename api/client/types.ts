/** The shapes the API answers with: PVC's field names (docs/compatibility.md). */

export interface TagObject {
  readonly name: string;
  readonly type: string;
  readonly protected: boolean;
}

export interface VmNetworkObject {
  readonly type: string;
  readonly vni: string;
  readonly mac: string;
  readonly source: string;
  readonly model: string;
  readonly [statistic: string]: unknown;
}

export interface VmDiskObject {
  readonly type: string;
  readonly name: string;
  readonly dev: string;
  readonly bus: string;
  readonly [statistic: string]: unknown;
}

/** Ours. */
export interface RuleObject {
  readonly name: string;
  readonly kind: string;
  readonly vms: readonly string[];
  readonly nodes: Readonly<Record<string, number>>;
  readonly together: boolean;
  readonly strict: boolean;
}

export interface VmObject {
  readonly name: string;
  readonly uuid: string;
  readonly state: string;
  readonly node: string;
  readonly last_node: string | null;
  /** "no" or "from <node>". */
  readonly migrated: string;
  readonly failed_reason: string | null;
  /** Ours: why nothing happens although something is wanted. */
  readonly waiting_reason?: string | null;
  readonly node_limit: readonly string[] | null;
  readonly node_selector: string | null;
  readonly node_autostart: boolean;
  readonly migration_method: string | null;
  readonly migration_max_downtime: number;
  readonly tags: readonly TagObject[];
  readonly snapshots?: readonly { readonly name: string; readonly age: number }[];
  readonly description: string | null;
  readonly profile: string | null;
  /** Ours: `storage` or `power`. */
  readonly fenced_by?: string;
  readonly ha?: boolean;
  readonly priority?: number;
  readonly lock?: string | null;
  readonly io_errors?: string;
  readonly rules?: readonly RuleObject[];
  /** MiB. */
  readonly memory: number;
  readonly memory_stats: Readonly<Record<string, number>>;
  readonly vcpu: number;
  /** "sockets/cores/threads". */
  readonly vcpu_topology: string;
  readonly vcpu_stats: Readonly<Record<string, number>>;
  readonly networks: readonly VmNetworkObject[];
  readonly type: string;
  readonly arch: string;
  readonly machine: string;
  readonly vnc: { readonly listen?: string | null; readonly port?: string | number | null };
  readonly emulator: string;
  readonly features: readonly string[];
  readonly disks: readonly VmDiskObject[];
  readonly controllers: readonly { readonly type: string; readonly model: string | null }[];
  readonly xml: string;
}

export interface NodeObject {
  readonly name: string;
  readonly daemon_state: string;
  readonly coordinator_state: string;
  readonly domain_state: string;
  readonly pvc_version: string;
  readonly cpu_count: number;
  readonly kernel: string;
  readonly os: string;
  readonly arch: string;
  readonly health: number | string;
  readonly health_details: readonly {
    readonly name: string;
    readonly message: string;
    readonly health_delta: number;
  }[];
  /** Ours: why a fence or a flush waits. */
  readonly waiting_reason?: string | null;
  readonly load: number;
  readonly domains_count: number;
  readonly running_domains: readonly string[];
  readonly vcpu: { readonly total: number; readonly allocated: number };
  /** MiB. */
  readonly memory: Readonly<Record<'total' | 'allocated' | 'provisioned' | 'used' | 'free', number>>;
}

export interface StatusObject {
  readonly cluster_health?: {
    readonly health: number;
    readonly messages: readonly {
      readonly id: string; readonly health_delta: number; readonly text: string; readonly cure?: string;
    }[];
  };
  /** The text "true" or "false". */
  readonly maintenance?: string;
  readonly primary_node?: string | null;
  readonly pvc_version?: string;
  readonly upstream_ip?: string | null;
  readonly nodes?: Readonly<Record<string, number>>;
  readonly vms?: Readonly<Record<string, number>>;
  readonly osds?: Readonly<Record<string, number>>;
  readonly networks?: number;
  readonly pools?: number;
  readonly volumes?: number;
  readonly snapshots?: number;
  readonly resources?: {
    readonly cpu?: { readonly total: number; readonly load: number; readonly utilization: number };
    /** MiB. */
    readonly memory?: { readonly total: number; readonly used: number; readonly utilization: number };
    /** KiB. */
    readonly disk?: { readonly total: number; readonly used: number; readonly utilization: number };
  };
}
