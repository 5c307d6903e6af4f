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
  readonly memory: { readonly totalMiB: number; readonly usedMiB: number; readonly freeMiB: number; readonly allocatedMiB: number };
  readonly vcpusAllocated: number;
  /** False while the node has no connection to its libvirtd. */
  readonly hypervisor: boolean;
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
