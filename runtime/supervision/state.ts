/**
 * What a supervisor remembers: its context, and thus part of its record. Whatever decides about a child stands here, so
 * that a new owner goes on where the last one stood. Plain JSON; times are wall-clock milliseconds out of events.
 */
import type { Address } from '../address.js';
import type { Exit } from '../record.js';
import type { ReplyTo } from '../requests.js';
import type { ChildSpec, SupervisorFlags } from './spec.js';

/** What the machine of a supervisor begins with. */
export interface SupervisorInput {
  /** The supervisor's own address: its children are named after it. */
  readonly address: Address;
  readonly flags?: Partial<SupervisorFlags>;
  readonly children?: readonly (Partial<ChildSpec> & Pick<ChildSpec, 'id' | 'kind'>)[];
}

/** State -> one sentence: shown by the inspector and the command line. */
export const PHASES = {
  created: 'waits for its first owner',
  starting: 'starts its children in order, each after the one before has reported',
  running: 'its children run, or rest as their specs have it',
  restarting: 'stops the children a failure takes with it, then starts them again',
  stopping: 'stops its children, the last one first',
  ended: 'has stopped all its children and exited',
} as const;
export type Phase = keyof typeof PHASES;

/** Whom a command's answer goes to: an operation of a user, or an actor that asked (requests.ts). */
export type AnswerTo =
  | { readonly operationId: string }
  | { readonly replyTo: ReplyTo };

/**
 * `starting`: begun and not heard of; `stopped`: has a spec and no life (OTP's undefined); `restarting`: waits for its
 * next try. Fields that may be absent are so for most of a supervisor's thousands of dynamic children.
 */
export interface Child {
  /** Of a static child its spec's id, of a dynamic one its address. */
  readonly id: string;
  readonly address: Address;
  /** The newest life asked for; 0 = there is no such actor yet. */
  readonly life: number;
  readonly status: 'starting' | 'running' | 'stopping' | 'stopped' | 'restarting';
  /** When its present status is overdue: a stop's deadline, a start's deadline, the next try. */
  readonly dueAt?: number;
  readonly startedAt?: number;
  /** Restarts in a row, for the back-off. */
  readonly inRow?: number;
  /** Told to end without being asked. */
  readonly killed?: boolean;
  /** Who waits for the end of its present status. */
  readonly answer?: AnswerTo;
  /** Of a dynamic child that may be restarted: its own input. */
  readonly input?: unknown;
  /** Came by command: it goes with this life of the supervisor. */
  readonly added?: boolean;
}

/** Stopping and starting that goes on over several turns; whatever else happens waits in `deferred`. */
export interface Job {
  readonly why: 'init' | 'restart' | 'end';
  /** Ids still to be stopped, in this order, one after the other; `*` = all dynamic children at once. */
  readonly stop: readonly string[];
  /** Ids still to be started after that, in this order. */
  readonly start: readonly string[];
  /** With `*`: all of them have been told. */
  readonly told?: boolean;
}

/** What happened to a child, as OTP's supervisor reports have it. */
export interface Report {
  readonly at: number;
  readonly child: string;
  readonly what: 'terminated' | 'start failed' | 'stopped' | 'gave up';
  readonly reason: string;
}

export type Deferred = Readonly<Record<string, unknown>> & { readonly type: string };

export interface SupervisorContext {
  readonly address: Address;
  readonly flags: SupervisorFlags;
  /** By id; for simple_one_for_one only the template. */
  readonly specs: Readonly<Record<string, ChildSpec>>;
  /** Ids of the static children in the order they are started. */
  readonly order: readonly string[];
  readonly children: Readonly<Record<string, Child>>;
  /** Dynamic children by bucket and address: a change copies one bucket, not all of them. */
  readonly dynamic: Readonly<Record<string, Readonly<Record<string, Child>>>>;
  readonly dynamicCount: number;
  /** Names dynamic children; never goes back, in no life. */
  readonly counter: number;
  /** Actors of an earlier life of this supervisor, with their lives: they are begun anew, or removed. */
  readonly former: Readonly<Record<string, number>>;
  /** When children were restarted, within the period: the restart history. */
  readonly restarts: readonly number[];
  readonly job: Job | null;
  readonly deferred: readonly Deferred[];
  /** When the timer `supervisor.due` goes off; null = it is not armed. */
  readonly armedAt: number | null;
  readonly reports: readonly Report[];
  /** How this life ends, once that is decided. */
  readonly end: Pick<Exit, 'reason' | 'detail'> | null;
  readonly endAnswer: AnswerTo | null;
}

/** Dynamic children of one supervisor: its record holds them all, and a commit at most 512 kB. */
export const DYNAMIC_MAX = 2000;
/** Commands and exits that wait for the end of a job. */
export const DEFERRED_MAX = 2 * DYNAMIC_MAX;
/** Newest reports kept. */
export const REPORTS_MAX = 10;

export const isAlive = ({ status }: Child): boolean =>
  status === 'running' || status === 'starting' || status === 'stopping';

const BUCKETS = 64;

/** FNV-1a over the text: spreads keys over buckets, and jitter over addresses. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return hash;
}

export const bucketOf = (address: string): string => String(hashOf(address) % BUCKETS);

export const isDynamic = (context: Pick<SupervisorContext, 'flags'>): boolean =>
  context.flags.strategy === 'simple_one_for_one';

/** All children: static ones in start order, dynamic ones in no order. */
export function* childrenOf(context: Pick<SupervisorContext, 'order' | 'children' | 'dynamic'>): Generator<Child> {
  for (const id of context.order) {
    const child = context.children[id];
    if (child !== undefined) yield child;
  }
  for (const bucket of Object.values(context.dynamic)) yield* Object.values(bucket);
}

export const specOf = (context: Pick<SupervisorContext, 'specs' | 'order'>, id: string): ChildSpec =>
  context.specs[id] ?? context.specs[context.order[0] ?? Object.keys(context.specs)[0]!]!;
