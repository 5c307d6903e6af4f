/** The commands and facts a node's actor understands. It is owned by the primary. */
import type { BootRef } from '../vm/messages.js';

export type NodeCommand =
  /** stay: its VMs are not moved, but shut down here, and started here again with `ready`. */
  | { readonly type: 'node.flush'; readonly stay?: boolean }
  | { readonly type: 'node.ready' }
  /**
   * Its system is about to be shut down or rebooted in order. migrate: its VMs move away first; freeze: they are shut
   * down; both: they are back with the node. failover: nothing is done before, they are recovered if it stays away.
   */
  | { readonly type: 'node.leave'; readonly policy: 'freeze' | 'failover' | 'migrate' }
  /** Make this coordinator the primary, or have the primary step down. */
  | { readonly type: 'node.primary' }
  | { readonly type: 'node.secondary' }
  /** A person vouches that this node is off (proof P4). */
  | { readonly type: 'node.confirm-fenced'; readonly by: string };

export type NodeCommandType = NodeCommand['type'];

/** P3 is about the storage only: it says nothing of what a guest can do outside RBD. */
export type ProofKind = 'P0' | 'P1' | 'P2' | 'P3' | 'P4';

/**
 * Evidence that one boot of a node can do nothing any more, stored at `/pvc/fences/<node>/<boot>`; of kind P3: that it
 * can write to no RBD image any more, stored at `/pvc/fences/<node>/<boot>~storage`.
 */
export interface Proof {
  readonly kind: ProofKind;
  readonly boot: BootRef;
  readonly evidence: string;
  readonly at: number;
  /** The boot's clients are on the storage's blocklist as of this osdmap epoch; absent: nobody knows of that. */
  readonly osdmapEpoch?: number;
}

/** What was asked of the storage about a boot, and is known of it. */
export interface StorageCut {
  readonly boot: BootRef;
  /** In force from this osdmap epoch on; null = asked for: it may be, or may not. */
  readonly osdmapEpoch: number | null;
  /** An answer was lost: a refusal that comes after it does not mean that nothing happened. */
  readonly doubtful: boolean;
}

/** PVC's words. */
export type DaemonStateWord = 'init' | 'run' | 'shutdown' | 'stop' | 'dead' | 'fenced' | 'unknown';
export type DomainStateWord = 'ready' | 'flush' | 'flushed' | 'unflush' | 'fence-flush';

export const NODE_COMMAND_TYPES = [
  'node.flush', 'node.ready', 'node.leave', 'node.primary', 'node.secondary', 'node.confirm-fenced',
] as const satisfies readonly NodeCommandType[];

export interface NodeInput {
  readonly name: string;
  readonly coordinator: boolean;
  /** Session time-out of the cluster, ms: the lease deadline follows from it. Default 4000. */
  readonly sessionTimeoutMs?: number;
  /** All coordinators of the cluster: their agents reach the BMC when the primary's cable does not. */
  readonly coordinators?: readonly string[];
}

export interface NodeContext extends NodeInput {
  readonly sessionTimeoutMs: number;
  /** The boot this actor judges, or null before the node was ever seen in this generation. */
  readonly boot: BootRef | null;
  readonly incarnation: string | null;
  /** Why a fence or flush waits, for people; null when nothing waits. */
  readonly waitingReason: string | null;
  readonly operation: { readonly operationId: string; readonly command: NodeCommandType } | null;

  /** Operation that asked for the role of primary to move; null = none. */
  readonly offer: string | null;

  // What the judgement rests on; all set anew when a doubt begins.
  /** The session is gone (node.lost), not merely silent. */
  readonly sessionGone: boolean;
  /** How long the node had been silent when the doubt began, on the watcher's monotonic clock. */
  readonly silentMs: number;
  /** How long there had been a quorum and this primary when the session was found gone. */
  readonly quorumAgeMs: number;
  /** Nodes suspected at the same time, this one included, of so many. */
  readonly suspects: number;
  readonly nodes: number;
  readonly coordinators: readonly string[];
  /** Node that runs this actor's cell: the primary. */
  readonly primary: string | null;
  /** Which helper was asked last (index into helpersOf); -1 = the primary itself. */
  readonly helper: number;
  /** Number of the last question; answers to earlier ones do not count. */
  readonly question: number;
  /** The lease deadline passed since the last sign of life. */
  readonly leaseOver: boolean;
  /** What the probe of a doubt found: nothing of it answers, or that is not known; null = it is not back yet. */
  readonly unheard?: boolean | null;
  /** Its power reads off and no network hears it, as of now; absent or false: not known to. */
  readonly offAndSilent?: boolean;
  /** Power was read as on in this fence (wall ms), the first half of the strong form of P1. */
  readonly powerSeenOnAt: number | null;
  /** This fence commanded power off after that. */
  readonly commandedOff: boolean;
  /** Readings of power after the command to switch off. */
  readonly readings: number;
  /** Rounds of this fence that got stuck. */
  readonly stuckRounds: number;

  /** How long the announced restart of its daemon may take, ms; absent before the first one. */
  readonly restartForMs?: number;
  /** Its system was told to go down for good: nobody switches it on again. */
  readonly goesDown?: boolean;
  /** It was emptied because the system of this boot goes down; under any other boot it is made ready again. */
  readonly leaving?: { readonly bootId: string; readonly returns: boolean } | null;
  /** false = it has not lived beside any node that lives now: it was off from the beginning. */
  readonly met?: boolean;
  /** The flush under way, or the last one, leaves VMs with their node. */
  readonly flushStays?: boolean;

  readonly proof: Proof | null;
  /** The cluster has shared storage that can fence; absent or false: none, and nothing is asked of it. */
  readonly hasStorage?: boolean;
  /** The fence under way is to cut the boot off from storage. */
  readonly cutWanted?: boolean;
  /** Once it is set, the boot never counts as alive again. */
  readonly cut?: StorageCut | null;
  /** Which helper was asked last to cut it off (index into helpersOf); -1 or absent: the primary itself. */
  readonly cutHelper?: number;
  /** P3, while the rest is not proved. */
  readonly storageProof?: Proof | null;
  /** Why the storage has not cut it off, for people; null when nothing is wrong. */
  readonly storageReason?: string | null;
  /** The node is back under this boot while its former one is still being settled. */
  readonly next: { readonly bootId: string; readonly incarnation: string } | null;
  /** VMs that were told to move and have not answered. */
  readonly awaiting: readonly string[];
  /** Why VMs stay where they are: `uuid: reason`. */
  readonly stayed: readonly string[];
}
