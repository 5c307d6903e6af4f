/**
 * Vouching (I9): when the whole coordination service is lost while the nodes are well, peers vouch for each other, so
 * that guests are not stopped for nothing. Pure.
 *
 * Why it is safe.
 * 1. A lease ends because the service may have ended our session and let others recover our VMs. To end a session is a
 *    transaction: it needs a majority of the servers in one quorum.
 * 2. A majority of the coordinators each say: my server has been in no quorum for so long. If all of these stretches
 *    reach back to the moment t at which we asked, there was no quorum at t.
 * 3. At t our session stood, because the deadline before this one had not passed.
 * 4. A quorum after t has a new leader, and a new leader gives every session its whole time-out anew. So t counts as an
 *    acknowledged quorum write does, no more and no less.
 * A node that is cut off hears no majority and stops its guests as ever; so does each part of a cluster that fell
 * apart, but the one that has the quorum.
 *
 * What is not extended: the right to act. A vouched deadline lets guests run on; no effect touches the world (I8).
 */
import { leaseDeadlineMs } from './limits.js';

/** What one coordinator said of itself when it was asked. */
export interface PeerWord {
  readonly node: string;
  /** Networks on which question and answer came through; our own word comes on all. */
  readonly networks: number;
  /** How long its ZooKeeper server has been in no quorum, by its own clock, milliseconds; null = it is in one. */
  readonly withoutQuorumMs: number | null;
}

/** A word that came over one network only may tell more of a broken cable than of the service. */
export const NETWORKS_MIN = 2;

export interface VouchingView {
  /** Every coordinator of the cluster. */
  readonly coordinators: readonly string[];
  readonly words: readonly PeerWord[];
  /** When the words were asked for, on Clock.boottimeMs. */
  readonly askedAtMs: number;
  /** How long that took at most: a word must reach back so far. */
  readonly askMs: number;
  /** The guests' deadline as it stands. */
  readonly deadlineMs: number;
}

/** May what they said stand in for a quorum write? With the reason, for the log. */
export function vouches(view: VouchingView): { readonly yes: boolean; readonly why: string } {
  const { coordinators, words, askMs, askedAtMs, deadlineMs } = view;
  if (askedAtMs >= deadlineMs) return { yes: false, why: 'the deadline had passed before they were asked' };
  const heard = words.filter((word) => coordinators.includes(word.node) && word.networks >= NETWORKS_MIN);
  const serving = heard.find((word) => word.withoutQuorumMs === null);
  if (serving !== undefined) return { yes: false, why: `${serving.node} has a quorum: this node is cut off from it` };
  const without = new Set(heard.filter((word) => (word.withoutQuorumMs ?? 0) >= askMs).map((word) => word.node));
  const needed = Math.floor(coordinators.length / 2) + 1;
  const count = `${without.size} of ${coordinators.length} coordinators have had no quorum`;
  return without.size >= needed ? { yes: true, why: count } : { yes: false, why: `only ${count}, ${needed} needed` };
}

/** Deadline of the guests by what was said, milliseconds of Clock.boottimeMs; null = nobody vouches. */
export function vouchedDeadlineMs(
  view: VouchingView, timings: { readonly sessionTimeoutMs: number; readonly tickMs: number; readonly stopMs: number },
): number | null {
  return vouches(view).yes ? leaseDeadlineMs(view.askedAtMs, timings) : null;
}
