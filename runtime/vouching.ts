/**
 * Vouching (I9): when the whole coordination service is lost while the nodes are well, peers vouch for each other, so
 * that guests are not stopped for nothing. Pure.
 *
 * Why it is safe. A lease ends because the service may have ended our session and let others recover our VMs. It can
 * end a session only while a majority of its servers make a quorum. If a majority of the coordinators say "my server
 * is in no quorum", there was none when the last of them was asked; and a quorum that comes back later gives every
 * session its whole time-out anew. So the moment of that question counts as an acknowledged quorum write does, no more
 * and no less. A node that is cut off hears no majority and stops its guests as ever; so does each side of a cluster
 * that fell into parts, but the one that has the quorum.
 *
 * What is not extended: the right to act. A vouched lease lets guests run on; no effect touches the world under it (I8).
 */
import { leaseDeadlineMs } from './limits.js';

/** What one coordinator said of itself when it was asked. */
export interface PeerWord {
  readonly node: string;
  /** Networks on which question and answer came through; our own word comes on all. */
  readonly networks: number;
  /** Is its ZooKeeper server in a quorum, or is it not known? */
  readonly quorum: boolean | null;
}

/** A word that came over one network only may tell more of a broken cable than of the service. */
export const NETWORKS_MIN = 2;

export interface VouchingView {
  /** Every coordinator of the cluster. */
  readonly coordinators: readonly string[];
  readonly words: readonly PeerWord[];
  /** When the words were asked for, on Clock.boottimeMs. */
  readonly askedAtMs: number;
}

/** May what they said stand in for a quorum write? A sentence for the log if not. */
export function vouches({ coordinators, words }: Omit<VouchingView, 'askedAtMs'>): { yes: boolean; why: string } {
  const heard = words.filter((word) => coordinators.includes(word.node) && word.networks >= NETWORKS_MIN);
  const serving = heard.find((word) => word.quorum === true);
  if (serving !== undefined) return { yes: false, why: `${serving.node} has a quorum: we are cut off from it` };
  const without = new Set(heard.filter((word) => word.quorum === false).map((word) => word.node));
  const needed = Math.floor(coordinators.length / 2) + 1;
  if (without.size >= needed) return { yes: true, why: `${without.size} of ${coordinators.length} have no quorum` };
  return { yes: false, why: `only ${without.size} of ${coordinators.length} coordinators say so, ${needed} are needed` };
}

/** Deadline of the guests by what was said, milliseconds of Clock.boottimeMs; null = nobody vouches. */
export function vouchedDeadlineMs(
  view: VouchingView, timings: { readonly sessionTimeoutMs: number; readonly tickMs: number; readonly stopMs: number },
): number | null {
  return vouches(view).yes ? leaseDeadlineMs(view.askedAtMs, timings) : null;
}
