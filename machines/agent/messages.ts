/** What a node's agent is asked for, and what it keeps. It takes no commands of users. */
import type { AgentEffects, AnswersOf } from '../effects.js';
import type { BootRef } from '../vm/messages.js';
import type { OwnerAcquired } from '../vm/events.js';

interface Stamped {
  readonly at: number;
}
interface Question {
  /** Address that gets the answer. */
  readonly replyTo: string;
  readonly requestId: string;
}

export type RunnableEffect = 'bmc.read' | 'bmc.set' | 'probe.signs' | 'storage.fence';

export type AgentRequest =
  /** Run this effect here; answered by agent.answered. */
  | ({
      readonly type: 'agent.run';
      readonly effect: RunnableEffect;
      readonly params: {
        readonly node: string;
        readonly power?: 'on' | 'off';
        readonly deadlineMs: number;
        /** Of storage.fence: who is to be cut off. */
        readonly boot?: BootRef;
      };
    } & Question)
  /** End and refuse any copy of this VM here, unless its record names this node: agent.absent, agent.failed. */
  | ({ readonly type: 'agent.ensure-absent'; readonly uuid: string } & Question)
  /** What copy of this VM is here? Answered by agent.observed or agent.failed. */
  | ({ readonly type: 'agent.observe'; readonly uuid: string } & Question);

/** From its own daemon: it is about to end on purpose, and is back before the deadline. */
export interface AgentRestarting {
  readonly type: 'agent.restarting';
  readonly deadlineMs: number;
  /** Not so: its system goes down for good. */
  readonly goesDown?: boolean;
}

export type AgentEvent =
  (AgentRequest & Stamped) | (AgentRestarting & Stamped) | OwnerAcquired | AnswersOf<AgentEffects>;

export interface AgentInput {
  readonly name: string;
}

/** One question under way. `key` is this agent's own number of it: askers may choose equal request ids. */
export interface OpenRequest {
  readonly key: string;
  readonly type: AgentRequest['type'];
  readonly effect: keyof AgentEffects;
  readonly uuid: string | null;
  readonly replyTo: string;
  readonly requestId: string;
}

export interface AgentContext extends AgentInput {
  /** This node's present boot: absence is said of it. */
  readonly bootId: string | null;
  readonly requests: readonly OpenRequest[];
  readonly count: number;
  /** node/<name> was told that the daemon restarts, and not yet that it is back. */
  readonly restarting?: boolean;
}
