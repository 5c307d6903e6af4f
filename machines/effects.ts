/**
 * Every effect of every machine: name -> params and result. The glue's handler tables are mapped
 * types over these, so that a new effect without a handler does not compile.
 *
 * A world effect runs after its commit on the owner's node and is answered by exactly one of
 * `<name>.done {effectId, result}`, `<name>.refused {effectId, reason}` (known not to have happened)
 * or `<name>.unknown {effectId, reason}`. `requestId`, where params have one, comes back in the answer.
 * deadlineMs bounds the whole effect; past it the answer is `unknown`.
 */
import type { BootRef, DeviceChange, IoErrorPolicy, NodeSelector, Stillness, VmLock } from './vm/messages.js';
import type { Proof, ProofKind } from './node/messages.js';

export interface Effect<Params, Result> {
  readonly params: Params & { readonly deadlineMs: number };
  readonly result: Result;
}

/** What a hypervisor says of one guest; `absent` = no such domain on that node. */
export type GuestState = 'absent' | 'running' | 'paused' | 'incoming' | 'shutting-down' | 'crashed' | 'off';

export interface GuestObservation {
  readonly state: GuestState;
  /** Of a copy that was just ended: the storage did not answer here. */
  readonly severed?: true;
}

export type Network = 'upstream' | 'cluster' | 'storage';
export type Power = 'on' | 'off';

/** Why a place is looked for: `migrate` needs another node than the present one. */
export type PlacePurpose = 'start' | 'migrate';

export interface PlaceParams {
  readonly uuid: string;
  readonly purpose: PlacePurpose;
  /** The user's choice: this node or none; null = any. */
  readonly only: string | null;
  /** Taken when it is legal and has room; null = the selector decides. */
  readonly prefer: string | null;
  readonly exclude: readonly string[];
  readonly memoryMiB: number;
  readonly vcpus: number;
  readonly nodeLimit: readonly string[] | null;
  readonly selector: NodeSelector | null;
  /** A person's command is being carried out: maintenance does not stop it. */
  readonly asked?: boolean;
}

/** target null = no legal node, and `reason` says why. Otherwise reason may hold a warning. */
export interface PlaceResult {
  readonly target: BootRef | null;
  readonly reason: string | null;
  /** The target is its home from now on. */
  readonly settles?: boolean;
}

export interface PlannedMove {
  readonly uuid: string;
  readonly target: BootRef | null;
  /** Why there is no target; with one, a warning or null. */
  readonly reason: string | null;
  /** VMs of the plan that start before it. */
  readonly after?: readonly string[];
}

/** Snapshots of one name, one of each of these volumes (`pool/image`). */
export interface DiskMoment {
  readonly volumes: readonly string[];
  readonly name: string;
}

export interface VmEffects {
  /** Starts the guest; done if it runs already; refused while locked. The runtime stamps epoch and effect id. */
  'hypervisor.start': Effect<
    { uuid: string; name: string; xmlHash: string; lock?: VmLock; ioErrors?: IoErrorPolicy }, GuestObservation
  >;
  /** done = the guest was asked by ACPI; its end is the fact guest.stopped. */
  'hypervisor.shutdown': Effect<{ uuid: string }, null>;
  /** done = no copy is on this node any more. severed: and the storage did not answer here when it ended. */
  'hypervisor.destroy': Effect<{ uuid: string }, { readonly severed: true } | null>;
  /** Lets a paused copy run; done if it runs; refused if there is none. */
  'hypervisor.resume': Effect<{ uuid: string }, GuestObservation>;
  'hypervisor.observe': Effect<{ uuid: string }, GuestObservation>;
  /** done = no copy here, a complete paused copy on the target. Resumed after a restart: unknown. */
  'hypervisor.migrate': Effect<{ uuid: string; target: string; maxDowntimeMs: number }, { durationMs: number }>;
  /** done = the running guest has the device (attach, limit: as the document has it), or has it no more. */
  'hypervisor.device': Effect<
    { uuid: string; change: DeviceChange; deviceHash: string; ioErrors?: IoErrorPolicy }, null
  >;
  /** done = the running guest sees this size of the volume, or does not use it. Never makes anything smaller. */
  'hypervisor.resizeDisk': Effect<{ uuid: string; volume: string; sizeBytes: number }, null>;
  /** done = nothing new reaches the disks of the running guest, until it is thawed. */
  'hypervisor.freeze': Effect<{ uuid: string }, { how: Stillness }>;
  /** done = it goes on; refused = there is no such guest here. */
  'hypervisor.thaw': Effect<{ uuid: string }, null>;
  /** done = no volume has a snapshot of this name. */
  'disks.check': Effect<DiskMoment, null>;
  /** done = every volume has the snapshot. Otherwise some may have it. */
  'disks.snapshot': Effect<DiskMoment, null>;
  /** done = no volume has it any more. */
  'disks.drop': Effect<DiskMoment, null>;
  /** done = every volume is as it was then; refused = none was touched. */
  'disks.rollback': Effect<DiskMoment, null>;
  /**
   * done = nobody else needs any of these volumes. Refused: another VM has one, one has snapshots other than `own`, or
   * clones. Unknown: one is open somewhere, as far as that is known.
   */
  'disks.removable': Effect<{ uuid: string; volumes: readonly string[]; own: readonly string[] }, null>;
  /** done = none of them is there any more; these actors stood for them. Otherwise some may be gone. */
  'disks.remove': Effect<{ uuid: string; volumes: readonly string[] }, { actors: readonly string[] }>;
  /** done = a guest that is started here now opens its disks with an osdmap of this epoch or a later one. */
  'storage.reach': Effect<{ osdmapEpoch: number }, null>;
  /**
   * Of copies on these nodes whose processes have ended: what they still had under way to these volumes. done = no OSD
   * takes it any more, from that epoch on. Whoever else holds a volume's lock is left alone.
   */
  'storage.shutOut': Effect<{ nodes: readonly string[]; volumes: readonly string[] }, { osdmapEpoch: number }>;
  /** Pure placement over this node's mirror of the cluster. */
  'cluster.place': Effect<PlaceParams, PlaceResult>;
}

export interface NodeEffects {
  'bmc.read': Effect<{ node: string; requestId: string }, { power: Power }>;
  /** done = the controller took the command. */
  'bmc.set': Effect<{ node: string; power: Power; requestId: string }, null>;
  /** Which networks of the node answered; empty = silent everywhere. */
  'probe.signs': Effect<{ node: string }, { answered: readonly Network[] }>;
  /**
   * Deletes the living ephemeral of a boot that is proved dead; done if it was gone already.
   * Refused without the stored proof. `by`: P3 = the storage's proof is enough; absent = it is not.
   */
  'session.fence': Effect<{ boot: BootRef; by?: ProofKind }, null>;
  /**
   * Claims every actor that an incarnation of this boot owns for the primary (under the check of the
   * fence), and plans in one go where its VMs go. `concerned`: VMs that others own and whose
   * mayRunOn names the boot. A proof P3 concerns only VMs that can write to nothing but RBD.
   */
  'cluster.rehome': Effect<
    { boot: BootRef; proof: Proof },
    { moves: readonly PlannedMove[]; concerned: readonly string[]; claimed: number }
  >;
  /**
   * Plan for emptying a node: `moves` for VMs that can move now, `busy` = still here but in transition.
   * stay: nobody gets a target.
   */
  'cluster.evacuate': Effect<
    { node: string; stay?: boolean },
    { moves: readonly PlannedMove[]; busy: readonly string[] }
  >;
  /** For `ready`: VMs away from home (lastNode is this node), and stopped ones with autostart homed here. */
  'cluster.homecoming': Effect<
    { node: string },
    {
      boot: BootRef | null; back: readonly string[]; start: readonly string[]; busy: readonly string[];
      /** Of those in `start`: VMs that start before it. */
      after?: Readonly<Record<string, readonly string[]>>;
    }
  >;
}

/** Apart from NodeEffects: only of a cluster with shared storage; without it they are refused. */
export interface StorageEffects {
  /**
   * Puts every client that the boot has or may still open on the storage's blocklist, and renews an entry that is
   * there. done = in force: no OSD takes a write of them any more. Resumed after a restart it is never refused.
   */
  'storage.fence': Effect<{ boot: BootRef }, { osdmapEpoch: number }>;
  /** Is that so? For reading an unknown outcome back; fenced = in force at every OSD. */
  'storage.read': Effect<{ boot: BootRef }, { fenced: boolean; osdmapEpoch: number }>;
  /** Takes the boot's entries off again: only when its node runs under another boot (P0). done if there were none. */
  'storage.lift': Effect<{ boot: BootRef }, null>;
}

/** Apart from NodeEffects because its handler belongs to the election, not to the cluster's glue. */
export interface PrimacyEffects {
  /** Makes this coordinator primary, or (null) any other live one. */
  'primary.offer': Effect<{ to: string | null }, { to: string }>;
}

export type NodeWorldEffects = NodeEffects & StorageEffects & PrimacyEffects;

export interface AgentEffects {
  'bmc.read': NodeEffects['bmc.read'];
  'bmc.set': NodeEffects['bmc.set'];
  'probe.signs': Effect<{ node: string; requestId: string }, { answered: readonly Network[] }>;
  'storage.fence': Effect<{ boot: BootRef; requestId: string }, { osdmapEpoch: number }>;
  'hypervisor.observe': Effect<{ uuid: string; requestId: string }, GuestObservation>;
  /**
   * Destroys whatever copy of the VM is here, unless the VM's record, read after this request, names
   * this node owner or target: then refused. done = absent, and an incoming one will be refused.
   */
  'hypervisor.ensureAbsent': Effect<{ uuid: string; requestId: string }, GuestObservation>;
}

/** What becomes part of the same transaction as the record. */
export interface CommitEffects {
  tell: { readonly to: string; readonly event: { readonly type: string; readonly [field: string]: unknown } };
  /** Hands the actor to a node by name, or to whoever is primary. If that is not live: `owner.transfer.refused`. */
  'owner.transfer': { readonly to: string };
  'operation.end': {
    readonly operationId: string;
    readonly state: 'done' | 'failed';
    readonly message: string | null;
  };
  /** Creates /pvc/fences/<node>/<boot>. */
  'proof.record': { readonly proof: Proof };
  /** Leaves a tombstone and deletes the name index entries. */
  'actor.remove': { readonly names: readonly string[] };
  /** Forgets a pending world effect of this kind on leaving its state. */
  'effect.cancel': { readonly kind: string };
}

type EffectMap<Effects> = { readonly [K in keyof Effects]: { readonly params: unknown; readonly result: unknown } };

/** The answers of a set of world effects, as events. */
export type AnswersOf<Effects extends EffectMap<Effects>> = {
  [K in keyof Effects & string]:
    | {
        readonly type: `${K}.done`;
        readonly at: number;
        readonly effectId: string;
        readonly result: Effects[K]['result'];
        readonly requestId?: string;
      }
    | {
        readonly type: `${K}.refused`;
        readonly at: number;
        readonly effectId: string;
        readonly reason: string;
        readonly requestId?: string;
      }
    | {
        readonly type: `${K}.unknown`;
        readonly at: number;
        readonly effectId: string;
        readonly reason: string;
        readonly requestId?: string;
      };
}[keyof Effects & string];

/** Action declarations for setup(): types only, no bodies. */
export type ActionsOf<Effects extends EffectMap<Effects>> = {
  [K in keyof Effects]: (unused: unknown, params: Effects[K]['params']) => void;
} & { [K in keyof CommitEffects]: (unused: unknown, params: CommitEffects[K]) => void };

export const COMMIT_EFFECT_NAMES = [
  'tell',
  'owner.transfer',
  'operation.end',
  'proof.record',
  'actor.remove',
  'effect.cancel',
] as const satisfies readonly (keyof CommitEffects)[];
export const VM_EFFECT_NAMES = [
  'hypervisor.start',
  'hypervisor.shutdown',
  'hypervisor.destroy',
  'hypervisor.resume',
  'hypervisor.observe',
  'hypervisor.migrate',
  'hypervisor.device',
  'hypervisor.resizeDisk',
  'hypervisor.freeze',
  'hypervisor.thaw',
  'disks.check',
  'disks.snapshot',
  'disks.drop',
  'disks.rollback',
  'disks.removable',
  'disks.remove',
  'storage.reach',
  'storage.shutOut',
  'cluster.place',
] as const satisfies readonly (keyof VmEffects)[];
export const NODE_EFFECT_NAMES = [
  'bmc.read',
  'bmc.set',
  'probe.signs',
  'session.fence',
  'cluster.rehome',
  'cluster.evacuate',
  'cluster.homecoming',
  'storage.fence',
  'storage.read',
  'storage.lift',
  'primary.offer',
] as const satisfies readonly (keyof NodeWorldEffects)[];
export const AGENT_EFFECT_NAMES = [
  'bmc.read',
  'bmc.set',
  'probe.signs',
  'storage.fence',
  'hypervisor.observe',
  'hypervisor.ensureAbsent',
] as const satisfies readonly (keyof AgentEffects)[];
