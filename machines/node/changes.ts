/** Pure changes of a node's context and readings of its events. */
import type { NodeEvent } from './events.js';
import type { NodeContext, NodeInput, Proof, ProofKind } from './messages.js';
import { restartWithinMs } from './timing.js';

const SESSION_TIMEOUT_DEFAULT_MS = 4000;

const noDoubt = {
  sessionGone: false,
  silentMs: 0,
  quorumAgeMs: 0,
  suspects: 1,
  nodes: 1,
  helper: -1,
  leaseOver: false,
  unheard: false,
  offAndSilent: false,
  powerSeenOnAt: null,
  commandedOff: false,
  readings: 0,
  stuckRounds: 0,
  waitingReason: null,
  cutWanted: false,
  cutHelper: -1,
  cut: null,
  storageProof: null,
  storageReason: null,
} as const;

export function newNode(input: NodeInput): NodeContext {
  return {
    ...input,
    ...noDoubt,
    sessionTimeoutMs: input.sessionTimeoutMs ?? SESSION_TIMEOUT_DEFAULT_MS,
    coordinators: input.coordinators ?? [],
    primary: null,
    boot: null,
    incarnation: null,
    operation: null,
    offer: null,
    question: 0,
    proof: null,
    next: null,
    awaiting: [],
    stayed: [],
  };
}

/** A doubt begins: nothing of an earlier one counts. */
export function doubted(event: NodeEvent): Partial<NodeContext> {
  if (event.type === 'node.silent') {
    const { suspects = noDoubt.suspects, nodes = noDoubt.nodes, sinceMs: silentMs } = event;
    return { ...noDoubt, ...helpers(event), ...storageOf(event), silentMs, suspects, nodes, met: true };
  }
  return { ...noDoubt, ...lost(event), silentMs: event.type === 'node.lost' ? (event.sinceMs ?? 0) : 0 };
}

/** A restart was announced: nothing of an earlier doubt counts. The machine's own bound stands above what is asked. */
export function restartAnnounced(event: NodeEvent): Partial<NodeContext> {
  if (event.type !== 'node.restarting') return {};
  return { ...noDoubt, restartForMs: restartWithinMs(event.deadlineMs), goesDown: event.goesDown === true };
}

/** It took too long, or is none: of the facts only the loss of the session stays, and the lease is counted anew. */
export const restartOver = ({ sessionGone, quorumAgeMs, suspects, nodes }: NodeContext): Partial<NodeContext> => (
  { ...noDoubt, sessionGone, quorumAgeMs, suspects, nodes });

/** The session is gone. What the lease deadline is counted from stays as the doubt found it. */
export function lost(event: NodeEvent): Partial<NodeContext> {
  if (event.type !== 'node.lost') return {};
  const { quorumAgeMs, suspects, nodes, met = true } = event;
  return { sessionGone: true, quorumAgeMs, suspects, nodes, met, ...helpers(event), ...storageOf(event) };
}

const storageOf = ({ storage }: { readonly storage?: boolean }): Partial<NodeContext> =>
  storage === undefined ? {} : { hasStorage: storage };

/** Who is live now, if the watcher said so; else whoever was known before. */
const helpers = ({ coordinators }: { readonly coordinators?: readonly string[] }): Partial<NodeContext> =>
  coordinators === undefined ? {} : { coordinators };

/** Alive under the boot that node.joined names. */
export function joined(context: NodeContext, event: NodeEvent): Partial<NodeContext> {
  const seen = event.type === 'node.joined' ? event : context.next;
  if (seen === null) return { ...noDoubt, goesDown: false };
  return {
    ...noDoubt,
    goesDown: false,
    boot: { node: context.name, bootId: seen.bootId },
    incarnation: seen.incarnation,
    proof: null,
    next: null,
    ...(event.type === 'node.joined' ? storageOf(event) : {}),
  };
}

/** null = the event is no answer to the question that is open. */
export function powerAnswer(
  context: NodeContext,
  event: NodeEvent,
): { done: boolean; power: unknown; reason: string } | null {
  switch (event.type) {
    case 'bmc.read.done':
      return { done: true, power: event.result.power, reason: '' };
    case 'bmc.set.done':
      return { done: true, power: null, reason: '' };
    case 'bmc.read.refused':
    case 'bmc.read.unknown':
    case 'bmc.set.refused':
    case 'bmc.set.unknown':
      return { done: false, power: null, reason: event.reason };
    case 'agent.answered': {
      if (event.requestId !== requestId(context)) return null;
      const result = event.result as { power?: unknown } | null;
      return {
        done: event.outcome === 'done',
        power: result?.power ?? null,
        reason: `${event.node}: ${event.reason ?? ''}`,
      };
    }
    default:
      return null;
  }
}

/** Coordinators that may reach the BMC when the primary does not. A dead one costs a time-out. */
export const helpersOf = (context: NodeContext): readonly string[] =>
  context.coordinators.filter((node) => node !== context.name && node !== context.primary);

/** Its helpers' answers are told from those about power, and from those about an earlier boot. */
export const cutRequestId = ({ name, cut, cutHelper }: NodeContext): string =>
  `${name}:cut:${cut?.boot.bootId ?? ''}:${cutHelper ?? -1}`;

/** Is this a helper's answer to the question whether it has cut the boot off? null = no, or to an earlier one. */
export function cutAnswer(context: NodeContext, event: NodeEvent): 'done' | 'not' | null {
  if (event.type !== 'agent.answered' || (context.cutHelper ?? -1) < 0) return null;
  if (event.requestId !== cutRequestId(context)) return null;
  const { osdmapEpoch } = (event.result ?? {}) as { osdmapEpoch?: unknown };
  return event.outcome === 'done' && typeof osdmapEpoch === 'number' ? 'done' : 'not';
}

export const requestId = (context: NodeContext): string => `${context.name}:${context.question}`;

/** More at once than a minority: rule 7 asks for P1 or P4 about each; no weaker proof is made here at all. */
export const isMassLoss = (context: NodeContext): boolean => context.suspects > Math.floor((context.nodes - 1) / 2);

/** Only these texts make proofs, each from its own transition. */
export function proofOf(context: NodeContext, kind: ProofKind, evidence: string, at: number): Proof | null {
  if (context.boot === null) return null;
  const crowd =
    isMassLoss(context) && context.suspects > 1
      ? ` (${context.suspects} of ${context.nodes} nodes were lost at once)`
      : '';
  const osdmapEpoch = context.cut?.osdmapEpoch ?? null;
  return {
    kind, boot: context.boot, evidence: evidence + crowd, at, ...(osdmapEpoch === null ? {} : { osdmapEpoch }),
  };
}

/** The storage was asked, or is about to be: from here on the boot may be cut off. */
export const cutAsked = ({ cut, boot }: NodeContext): Partial<NodeContext> =>
  (cut ?? null) !== null || boot === null ? {} : { cut: { boot, osdmapEpoch: null, doubtful: false } };

/** What an answer of the storage says of the cut. */
export function cutAfter({ cut }: NodeContext, event: NodeEvent): Partial<NodeContext> {
  if ((cut ?? null) === null) return {};
  switch (event.type) {
    case 'storage.read.done':
      if (!event.result.fenced) return {};
      return { cut: { ...cut!, osdmapEpoch: event.result.osdmapEpoch }, storageReason: null };
    case 'storage.fence.done':
      return { cut: { ...cut!, osdmapEpoch: event.result.osdmapEpoch }, storageReason: null };
    case 'storage.fence.unknown':
      return { cut: { ...cut!, doubtful: true }, storageReason: event.reason };
    case 'storage.fence.refused':
      // Known not to have happened, unless an earlier answer was lost: then the boot stays condemned.
      return { cut: cut!.doubtful || cut!.osdmapEpoch !== null ? cut! : null, storageReason: event.reason };
    case 'agent.answered': {
      const { osdmapEpoch } = (event.result ?? {}) as { osdmapEpoch?: unknown };
      if (event.outcome === 'done' && typeof osdmapEpoch === 'number') {
        return { cut: { ...cut!, osdmapEpoch }, storageReason: null };
      }
      return { cut: { ...cut!, doubtful: true }, storageReason: `${event.node}: ${event.reason ?? 'no answer'}` };
    }
    case 'storage.read.refused':
    case 'storage.read.unknown':
      return { storageReason: event.reason };
    default:
      return {};
  }
}

/** Nothing stands between a weak P1 and its VMs: the storage has cut the boot off, or there is no such storage. */
export const cutIsInForce = ({ hasStorage, cut }: NodeContext): boolean =>
  hasStorage !== true || (cut ?? null)?.osdmapEpoch != null;

export const p3Evidence = ({ cut }: NodeContext): string =>
  `Its clients are on the storage's blocklist since osdmap epoch ${cut?.osdmapEpoch ?? '?'}, in force at every OSD`;

export const p1Evidence = (context: NodeContext): string =>
  context.commandedOff && context.powerSeenOnAt !== null
    ? 'Power read as on, commanded off, read as off, and no network answers'
    : 'Power reads as off, no network answers, and the lease deadline passed';
