/** Every event of the node machine. `at` is the runtime's wall clock, for people only. */
import type { AnswersOf, NodeWorldEffects } from '../effects.js';
import type { OwnerAcquired } from '../vm/events.js';
import type { NodeCommand } from './messages.js';

interface Stamped {
  readonly at: number;
}

export type NodeFact =
  | OwnerAcquired
  /** A live/<incarnation> of this node exists. */
  /** storage, in this and the next two: there is shared storage that can fence; absent = as it was. */
  | ({
      readonly type: 'node.joined';
      readonly bootId: string;
      readonly incarnation: string;
      readonly storage?: boolean;
    } & Stamped)
  /** The session is gone. quorumAgeMs: age of this primary's quorum. sinceMs: since its last quorum write. */
  | ({
      readonly type: 'node.lost';
      readonly incarnation: string;
      readonly bootId: string | null;
      readonly quorumAgeMs: number;
      readonly suspects: number;
      readonly nodes: number;
      readonly sinceMs?: number;
      /** Coordinators that are live now and may help with the BMC; without it, all of them. */
      readonly coordinators?: readonly string[];
      readonly storage?: boolean;
      /** Has it lived beside a node that lives now? After a cold start one that was never switched on has not. */
      readonly met?: boolean;
    } & Stamped)
  /** The session stands, but no telemetry for sinceMs (a telemetry write is a quorum write). */
  | ({
      readonly type: 'node.silent';
      readonly sinceMs: number;
      /** Nodes that are silent or without a session now, this one included, of so many; absent: nobody counted. */
      readonly suspects?: number;
      readonly nodes?: number;
      readonly coordinators?: readonly string[];
      readonly storage?: boolean;
    } & Stamped)
  | ({ readonly type: 'node.heard' } & Stamped)
  /** Its own timer: the entry on the blocklist must not run out. */
  | ({ readonly type: 'storage.renew' } & Stamped)
  /** An earlier boot that this actor was never told of, and that VMs name: it is over, the present one runs. */
  | ({ readonly type: 'node.passed'; readonly bootId: string } & Stamped)
  /** From the node's own daemon: it runs under a boot that was fenced, and got no lease. Only a reboot helps. */
  | ({ readonly type: 'node.outcast'; readonly bootId: string } & Stamped)
  /** From the node's agent: pvcd is about to restart on purpose, and its session may be gone for so long. */
  /** goesDown: and its whole system with it, for good. */
  | ({
      readonly type: 'node.restarting';
      readonly bootId: string;
      readonly deadlineMs: number;
      readonly goesDown?: boolean;
    } & Stamped)
  /** From the node's agent: it runs again. */
  | ({ readonly type: 'node.restarted'; readonly bootId: string } & Stamped)
  /** A VM has left as asked, or came as asked. */
  | ({ readonly type: 'vm.left'; readonly uuid: string } & Stamped)
  | ({ readonly type: 'vm.stayed'; readonly uuid: string; readonly reason: string } & Stamped)
  /** Another node's agent ran an effect for us. */
  | ({
      readonly type: 'agent.answered';
      readonly requestId: string;
      readonly effect: string;
      readonly node: string;
      readonly outcome: 'done' | 'refused' | 'unknown';
      readonly result: unknown;
      readonly reason: string | null;
    } & Stamped);

export type NodeCommandEvent = NodeCommand & Stamped & { readonly operationId: string };

export type NodeEvent = NodeCommandEvent | NodeFact | AnswersOf<NodeWorldEffects>;
