/** Every event of the VM machine: commands, facts and answers. `at` is the runtime's wall clock, for people only. */
import type { AnswersOf, GuestState, VmEffects } from '../effects.js';
import type { Proof } from '../node/messages.js';
import type { BootRef, RbdDisk, VmCommand } from './messages.js';

interface Stamped {
  readonly at: number;
}

/** The cell runs under a new owner, or again under the same one. node and bootId are the owner's. */
export interface OwnerAcquired extends Stamped {
  readonly type: 'owner.acquired';
  readonly node: string;
  readonly bootId: string;
  readonly epoch: number;
  readonly cause: 'created' | 'restarted' | 'transferred' | 'claimed';
}

/** The node that owner.transfer named was not live: the actor stayed. */
export interface TransferRefused extends Stamped {
  readonly type: 'owner.transfer.refused';
  readonly to: string;
  readonly reason: string;
}

/** The agent's word: no copy of the VM on this boot, and an incoming one will be refused. */
export interface AgentAbsent extends BootRef, Stamped {
  readonly type: 'agent.absent';
  /** It ended one, where the storage did not answer. */
  readonly severed?: true;
  readonly uuid: string;
  readonly requestId: string;
}

export type VmFact =
  | OwnerAcquired
  | TransferRefused
  /** Lifecycle of the guest, by libvirt. `stopped` = it powered itself off or was asked to. */
  | ({ readonly type: 'guest.stopped'; readonly detail: string } & Stamped)
  /** leaseOver: its node held no lease when it ended, so most likely the guard ended it. */
  | ({ readonly type: 'guest.crashed'; readonly detail: string; readonly leaseOver?: true } & Stamped)
  /** From the node actor after a fence: proofs about the boots this VM may have run on, and a place out of one plan. */
  | ({
      readonly type: 'vm.recover';
      readonly target: BootRef | null;
      readonly proofs: readonly Proof[];
      readonly reason: string | null;
      /** VMs of a higher priority that start first. */
      readonly after?: readonly string[];
    } & Stamped)
  /** From the node actor: a boot that mayRunOn names is proved dead. */
  | ({ readonly type: 'boot.fenced'; readonly proof: Proof } & Stamped)
  /** From the node actor: leave for this target; null = nowhere to go: shut down, and start at the node's `ready`. */
  | ({
      readonly type: 'vm.evacuate';
      readonly target: BootRef | null;
      readonly reason: string | null;
      readonly replyTo: string;
    } & Stamped)
  /**
   * From the watch on the storage: `boot`, where it runs, has no way to it. End there, begin anew at the target.
   * `rbdDisks`: for a definition from before they were noted.
   */
  | ({
      readonly type: 'vm.forsake';
      readonly boot: BootRef;
      readonly target: BootRef;
      readonly rbdDisks?: readonly RbdDisk[];
    } & Stamped)
  /** From the node actor: come home. */
  /** From the keeper of the rules (replyTo null): go where they like it better. */
  | ({ readonly type: 'vm.return'; readonly target: BootRef; readonly replyTo: string | null } & Stamped)
  /** From the node actor: its node is ready and this VM is to start with it. */
  | ({ readonly type: 'vm.autostart'; readonly after?: readonly string[] } & Stamped)
  /** From the glue: nobody is left that it has to wait for. */
  | ({ readonly type: 'vm.turn' } & Stamped)
  /** Nodes came, went or changed their domain state: a VM that waits may look again. */
  | ({ readonly type: 'cluster.changed' } & Stamped)
  /** Paused by an error of one of its disks. */
  | ({ readonly type: 'guest.stalled'; readonly detail: string } & Stamped)
  /** From the volume's actor, or the glue: a volume of it has another size. */
  | ({ readonly type: 'disk.resized'; readonly volume: string; readonly sizeBytes: number } & Stamped)
  /** From an effect that takes long. */
  | ({
      readonly type: 'vm.progressed';
      readonly current: number;
      readonly total: number;
      readonly status: string;
    } & Stamped)
  | AgentAbsent
  | ({
      readonly type: 'agent.observed';
      readonly uuid: string;
      readonly state: GuestState;
      readonly requestId: string;
    } & BootRef &
      Stamped)
  /** The agent could not answer, or the record it read names its node. */
  | ({
      readonly type: 'agent.failed';
      readonly uuid: string;
      readonly reason: string;
      readonly requestId: string;
    } & BootRef &
      Stamped);

export type VmCommandEvent = VmCommand & Stamped & { readonly operationId: string };

export type VmEvent = VmCommandEvent | VmFact | AnswersOf<VmEffects>;
