/** The one typed configuration object. Read by api/bin from `/etc/pvc/pvc.conf` (PVC's words, YAML). */
import type { StoreAuth } from '../runtime/store.js';

export interface NetworkConfig {
  /** Interface on the node, e.g. `eth0`. */
  readonly device: string;
  /** CIDR, e.g. `10.77.1.0/24`; node hvN has host number N (PVC's by-id). */
  readonly networkAddress: string;
  /** This cluster's floating address on the network with prefix, or null. */
  readonly floatingAddress: string | null;
}

export interface NodeAddresses {
  readonly upstream: string;
  readonly cluster: string;
  readonly storage: string;
}

/** The shared storage, a Ceph cluster; read from pvc.conf's section `ceph`. */
export interface StorageConfig {
  /** ceph.conf of this node, e.g. `/etc/ceph/ceph.conf`. */
  readonly confFile: string;
  /** As whom the daemon speaks to Ceph, with `client.`; default `client.admin`. */
  readonly clientName: string;
  /** Keyring of clientName, e.g. `/etc/ceph/ceph.client.admin.keyring`. */
  readonly adminKeyring: string;
  /** Where guests find the monitors; default: the coordinators' storage addresses. */
  readonly monitors: readonly { readonly host: string; readonly port: number }[];
  /** As whom guests open their disks, without `client.`; default `libvirt`. */
  readonly guestUser: string;
  /** Keyring of guestUser; its key becomes the value of the libvirt secret. */
  readonly guestKeyring: string;
  /** UUID of the libvirt secret that guests' disks name. */
  readonly secretUuid: string;
}

export interface PvcConfig {
  readonly clusterName: string;
  /** This node's short hostname. */
  readonly node: string;
  readonly allNodes: readonly string[];
  readonly coordinators: readonly string[];
  readonly networks: {
    readonly upstream: NetworkConfig; readonly cluster: NetworkConfig; readonly storage: NetworkConfig;
  };
  /** Addresses of every node, derived by-id from the networks. */
  readonly addresses: Readonly<Record<string, NodeAddresses>>;
  readonly zookeeper: {
    readonly port: number;
    readonly sessionTimeoutMs: number;
    readonly tickMs: number;
    readonly syncLimit: number;
    /** Root of all our paths, e.g. `/pvc`. */
    readonly root: string;
    /** The cluster's key to its tree; without one the tree is open to whoever reaches ZooKeeper. Never logged. */
    readonly auth?: StoreAuth;
  };
  readonly timers: { readonly vmShutdownMs: number; readonly telemetryMs: number };
  readonly fencing: {
    /** By node name. */
    readonly bmc: Readonly<Record<string, { host: string; port: number; username: string; password: string }>>;
  };
  /** Default selector of placement: mem, memprov, vcpus, load, vms. */
  readonly targetSelector: string;
  readonly api: {
    readonly address: string;
    readonly port: number;
    readonly authentication: boolean;
    readonly tokens: readonly { readonly description: string; readonly token: string }[];
  };
  readonly paths: {
    /** tmpfs, gone with the boot: lease file, sockets, saved session. Default /run/pvc. */
    readonly run: string;
    readonly log: string;
    /** One file a VM: `<name>.log`. */
    readonly consoles: string;
  };
  /** What this node offers to guests; null = ask the host. */
  readonly capacity: { readonly memoryMiB: number | null; readonly cpus: number | null };
  readonly libvirtUri: string;
  /** null = this cluster has no shared storage. */
  readonly storage: StorageConfig | null;
}
