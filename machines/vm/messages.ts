/** The commands and facts a VM understands. Commands are imperative, facts are past. */

export type MigrationMethod = 'live' | 'shutdown' | 'none';
export type NodeSelector = 'mem' | 'memprov' | 'vcpus' | 'load' | 'vms' | 'none';

export interface VmMeta {
  /** null = every node. */
  readonly nodeLimit: readonly string[] | null;
  readonly nodeSelector: NodeSelector | null;
  readonly autostart: boolean;
  readonly migrationMethod: MigrationMethod;
  readonly migrationMaxDowntimeMs: number;
  readonly profile: string | null;
  /** Failed starts retried on the same node; default VM_LIMITS.startRetriesMax. */
  readonly maxRestart?: number;
  /** Other nodes tried after that; default VM_LIMITS.relocationsMax. */
  readonly maxRelocate?: number;
  /** May it go back by itself to a node that its rules like better? Default true. */
  readonly failback?: boolean;
  /** false: the cluster leaves it as it is: nothing recovers it, no rule moves it. Default true. */
  readonly ha?: boolean;
  /** VMs of a higher one are placed and started before it after a loss of nodes; default 0. */
  readonly priority?: number;
  /** Left behind by an operation: it cannot be started. Recovery after a fence removes `backup`, never `create`. */
  readonly lock?: VmLock | null;
  /** What becomes of the guest on an error of one of its disks; absent = `pause`, of its RBD disks alone. */
  readonly ioErrors?: IoErrorPolicy;
}

/**
 * pause: it stands still in the middle of the request, and repeats it when it is let go on, which is tried; report: its
 * own kernel sees the error; stop: it is ended, and not started again before somebody has looked.
 */
export type IoErrorPolicy = 'pause' | 'report' | 'stop';

export type VmLock = 'backup' | 'create';

export interface VmTag {
  readonly name: string;
  readonly type: 'user';
  readonly protected: boolean;
}

/** A disk that is an RBD image. */
export interface RbdDisk {
  /** `pool/image`. */
  readonly volume: string;
  /** Name of the target: vda, sda. */
  readonly dev: string;
  /** Others may have it open at the same time. */
  readonly shareable: boolean;
  readonly readOnly: boolean;
}

/** What is read out of the domain XML at define time; the XML itself is the document `xmlHash`. */
export interface VmDefinition {
  readonly xmlHash: string;
  readonly memoryMiB: number;
  readonly vcpus: number;
  readonly description: string;
  /** True if every writable resource is RBD (then a storage fence is proof enough). */
  readonly rbdOnly: boolean;
  /** True if the domain has no disk at all. */
  readonly diskless: boolean;
  /** Its RBD disks; absent = none, or a record from before they were noted. */
  readonly rbdDisks?: readonly RbdDisk[];
}

/** A device that comes or goes while the guest runs; `limit`: its limits of I/O change. */
export type DeviceChange = 'attach' | 'detach' | 'limit';

/** A change of one device: the document with its XML, and the definition afterwards. */
export interface VmDeviceCommand {
  readonly deviceHash: string;
  readonly definition: VmDefinition;
}

/** One life of one node: fences and proofs are about boots. */
export interface BootRef {
  readonly node: string;
  readonly bootId: string;
}

/** Commands: each travels in an envelope with an operation id. */
export type VmCommand =
  | { readonly type: 'vm.start' }
  | { readonly type: 'vm.shutdown' }
  | { readonly type: 'vm.stop' }
  | { readonly type: 'vm.restart' }
  | { readonly type: 'vm.disable'; readonly force: boolean }
  | {
      readonly type: 'vm.migrate';
      readonly target: string | null;
      readonly force: boolean;
      readonly forceLive: boolean;
    }
  /** cold: by shutdown and start, whatever its migration method says. */
  | { readonly type: 'vm.move'; readonly target: string | null; readonly forceLive: boolean; readonly cold?: boolean }
  | { readonly type: 'vm.unmigrate'; readonly forceLive: boolean }
  | { readonly type: 'vm.meta'; readonly meta: Partial<VmMeta> }
  | { readonly type: 'vm.tag'; readonly action: 'add' | 'remove'; readonly tag: string; readonly protected: boolean }
  | { readonly type: 'vm.modify'; readonly definition: VmDefinition; readonly restart: boolean }
  | ({ readonly type: 'vm.attach' | 'vm.detach' | 'vm.limit' } & VmDeviceCommand)
  /** Snapshots of all its RBD disks at one moment, and of its definition. */
  | { readonly type: 'vm.snapshot' | 'vm.dropSnapshot' | 'vm.rollback'; readonly snapshot: string }
  /** disks: its volumes (`pool/image`) that go with it; absent = all stay. */
  | { readonly type: 'vm.undefine'; readonly disks?: readonly string[] };

export type VmCommandType = VmCommand['type'];

/** Input of a new VM's actor: what `define` stored. */
export interface VmInput {
  readonly uuid: string;
  readonly name: string;
  readonly definition: VmDefinition;
  readonly node: string;
  readonly meta: VmMeta;
  readonly tags: readonly VmTag[];
  /** How long a guest may take to end after ACPI shutdown; default 180 s (PVC's vm_shutdown_timeout). */
  readonly shutdownMs?: number;
}

/** PVC's words for the state of a VM. */
export type VmStateWord = 'start' | 'stop' | 'shutdown' | 'restart' | 'migrate' | 'disable' | 'fail' | 'delete';

export const VM_COMMAND_TYPES = [
  'vm.start',
  'vm.shutdown',
  'vm.stop',
  'vm.restart',
  'vm.disable',
  'vm.migrate',
  'vm.move',
  'vm.unmigrate',
  'vm.meta',
  'vm.tag',
  'vm.modify',
  'vm.attach',
  'vm.detach',
  'vm.limit',
  'vm.snapshot',
  'vm.dropSnapshot',
  'vm.rollback',
  'vm.undefine',
] as const satisfies readonly VmCommandType[];

/** What is to happen once the guest has ended. */
export interface VmStop {
  readonly then: 'rest' | 'start' | 'relocate' | 'remove';
  /** Without asking the guest first. */
  readonly force: boolean;
}

/** A move to another node under way. */
export interface VmMove {
  readonly kind: 'migrate' | 'move' | 'unmigrate' | 'evacuate' | 'return';
  /** The user's choice of target, or the planner's; null = the selector decides. */
  readonly only: string | null;
  readonly forceLive: boolean;
  /** By shutdown and start instead of live. */
  readonly cold: boolean;
  /** PVC's last_node once the move has succeeded. */
  readonly lastNode: string | null;
  /** Live attempts made so far. */
  readonly attempts: number;
  /** Why the last attempt failed. */
  readonly failure: string | null;
}

/** A change of a device under way. */
export interface VmDevice extends VmDeviceCommand {
  readonly change: DeviceChange;
  /** The definition when it began: one that was replaced meanwhile stays. */
  readonly beforeHash: string;
  /** Tries whose end is not known. */
  readonly unknown: number;
}

/** How a guest is brought to rest for a snapshot: its agent froze its file systems, or it was paused. */
export type Stillness = 'agent' | 'paused';

/** A snapshot of a VM: one of each of its volumes, all of one moment and by one name, and its definition. */
export interface VmSnapshot {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** `pool/image`. */
  readonly volumes: readonly string[];
  readonly definition: VmDefinition;
  /** null = nothing ran. */
  readonly still: Stillness | null;
}

/** A snapshot being taken. */
export interface VmSnapshotJob extends Omit<VmSnapshot, 'at'> {
  readonly failure: string | null;
}

/** A snapshot being removed: a whole one, or what is left of one that failed. */
export interface VmDropping extends VmSnapshot {
  readonly isWhole: boolean;
}

/** A removal of the VM with its disks. */
export interface VmRemoval {
  /** `pool/image`. */
  readonly volumes: readonly string[];
  /** Tries whose end is not known. */
  readonly tries: number;
  /** Why the last one did not succeed. */
  readonly reason: string | null;
}

/** A volume that was resized while it may be in use. */
export interface VmResize {
  readonly volume: string;
  readonly sizeBytes: number;
}

/**
 * Copies that did not end by themselves: what they had sent to the storage may still be under way, and until that is
 * shut out nothing else opens these volumes.
 */
export interface CutShort {
  readonly nodes: readonly string[];
  /** `pool/image`. */
  readonly volumes: readonly string[];
}

export interface VmContext extends VmInput {
  readonly shutdownMs: number;
  /** Home of a temporarily migrated VM (PVC's last_node), or null. */
  readonly lastNode: string | null;
  readonly desired: 'start' | 'stop' | 'disable';
  /** Every boot that may hold a copy, extended by the commit before a start or a migrate effect. */
  readonly mayRunOn: readonly BootRef[];
  /** Every copy was started from a definition whose only writable resource is RBD; absent = not known, so no. */
  readonly rbdOnlyCopies?: boolean;
  /** A former copy was cut off from storage as of this osdmap epoch: no later one opens its disks with an older map. */
  readonly osdmapEpoch?: number;
  readonly cutShort?: CutShort | null;
  readonly failedReason: string | null;
  /** Why nothing happens although something is wanted, for people; null when nothing waits. */
  readonly waitingReason: string | null;
  /** The operation under way, if a user's command started it. */
  readonly operation: { readonly operationId: string; readonly command: VmCommandType } | null;
  /** The boot that runs this actor's cell, as owner.acquired last said; null before the first one. */
  readonly owner: BootRef | null;
  /** Is the actor held for the primary's sake (nothing runs), or by the node that runs the guest? */
  readonly heldAs: 'primary' | 'runner';
  /** The boot that a start or migration under way goes to: its node must not destroy the copy. Null otherwise. */
  readonly target: BootRef | null;
  readonly stop: VmStop | null;
  readonly move: VmMove | null;
  /** Address of the node actor that asked for this move and wants to hear its end. */
  readonly reportTo: string | null;
  /** Failed starts on the present node since the last good one. */
  readonly startFailures: number;
  /** Nodes on which starting was given up since the last good start. */
  readonly triedNodes: readonly string[];
  /** VMs of a higher priority that start before it, while it is queued behind them. */
  readonly after?: readonly string[];
  /** Guest crashes since it was last stable. */
  readonly crashes: number;
  /** Number of the last question to another node's agent: late answers to older ones do not count. */
  readonly question: number;
  /** The guest was reported gone before its start was answered: look before believing the answer. */
  readonly endedEarly: boolean;
  readonly device?: VmDevice | null;
  /** Resized volumes of which the running guest is still to be told. */
  readonly resized?: readonly VmResize[];
  /** In the order of their making. */
  readonly snapshots?: readonly VmSnapshot[];
  readonly snapshotting?: VmSnapshotJob | null;
  readonly dropping?: VmDropping | null;
  /** Name of the snapshot that its disks are being rolled back to. */
  readonly rollingBack?: string | null;
  readonly removal?: VmRemoval | null;
  /** Of what is under way, as tasks tell it. */
  readonly progress?: { readonly current: number; readonly total: number; readonly status: string } | null;
}
