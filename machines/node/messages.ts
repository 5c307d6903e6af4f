/** The commands and facts a node's actor understands. It is owned by the primary. */
import type { BootRef } from '../vm/messages.js';

export type NodeCommand =
  | { readonly type: 'node.flush' }
  | { readonly type: 'node.ready' }
  /** Make this coordinator the primary, or have the primary step down. */
  | { readonly type: 'node.primary' }
  | { readonly type: 'node.secondary' }
  /** A person vouches that this node is off (proof P4). */
  | { readonly type: 'node.confirm-fenced'; readonly by: string };

export type NodeCommandType = NodeCommand['type'];

export type ProofKind = 'P0' | 'P1' | 'P2' | 'P4';

/** Evidence that one boot of a node can do nothing any more; stored at `/pvc/fences/<node>/<boot>`. */
export interface Proof {
  readonly kind: ProofKind;
  readonly boot: BootRef;
  readonly evidence: string;
  readonly at: number;
}

/** PVC's words. */
export type DaemonStateWord = 'init' | 'run' | 'shutdown' | 'stop' | 'dead' | 'fenced' | 'unknown';
export type DomainStateWord = 'ready' | 'flush' | 'flushed' | 'unflush' | 'fence-flush';

export interface NodeInput {
  readonly name: string;
  readonly coordinator: boolean;
}

export interface NodeContext extends NodeInput {
  /** The boot this actor judges, or null before the node was ever seen in this generation. */
  readonly boot: BootRef | null;
  readonly incarnation: string | null;
  readonly domainState: DomainStateWord;
  /** Why a fence or flush waits, for people; null when nothing waits. */
  readonly waitingReason: string | null;
  /** Power was read as on during this boot (wall ms), the first half of proof P1. */
  readonly powerSeenOnAt: number | null;
  readonly proof: Proof | null;
  readonly operation: { readonly operationId: string; readonly command: NodeCommandType } | null;
}
