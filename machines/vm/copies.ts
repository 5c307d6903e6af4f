/**
 * Copies: which boots may hold a copy of the guest, and what may take one off that list (I1, I3).
 *
 * `mayRunOn` grows by `alsoMayRunOn` in the commit before a migrate effect and is set by `launchOn`
 * in the commit before a start effect. It shrinks only by Evidence, and Evidence can be made only by
 * the functions below: from a Proof, from an agent's absence, from the owner's own observation. A start
 * needs a SoleRunner, and that exists only when no other boot is left on the list: to recover without
 * proof is not expressible.
 */
import type { Proof } from '../node/messages.js';
import type { BootRef, VmContext } from './messages.js';

declare const made: unique symbol;

/** That a set of boots holds no copy and will get none. `covers` says for which. */
export interface Evidence {
  readonly [made]: 'evidence';
  readonly node: string;
  /** The boot meant. */
  readonly bootId: string;
  /** True if every other boot of the node is over as well. */
  readonly otherBootsToo: boolean;
}

/** The only boot that may hold a copy: what a start needs. */
export interface SoleRunner {
  readonly [made]: 'sole runner';
  readonly boot: BootRef;
}

const evidence = (boot: BootRef, otherBootsToo: boolean): Evidence =>
  ({ node: boot.node, bootId: boot.bootId, otherBootsToo }) as unknown as Evidence;

export const sameBoot = (a: BootRef | null, b: BootRef | null): boolean =>
  a !== null && b !== null && a.node === b.node && a.bootId === b.bootId;

/** P0, P1, P2 or P4 about a boot. */
export const byProof = (proof: Proof): Evidence => evidence(proof.boot, false);

/** "Absent, and incoming refused" from the node's live owner; a live boot also ends all earlier ones of its node. */
export const byAgentAbsence = (answer: BootRef & { readonly type: 'agent.absent' }): Evidence =>
  evidence(answer, true);

/** The owner looked at its own hypervisor and found nothing, or ended what was there. */
export const byOwnObservation = (owner: BootRef): Evidence => evidence(owner, true);

/** The node runs again under this boot: every earlier boot of it is over (P0). Says nothing of this boot. */
export function withoutEarlierBoots(mayRunOn: readonly BootRef[], alive: BootRef): readonly BootRef[] {
  return keep(mayRunOn, (boot) => boot.node !== alive.node || boot.bootId === alive.bootId);
}

/** `mayRunOn` less what the evidence covers. The same array if it covers nothing. */
export function without(mayRunOn: readonly BootRef[], proved: Evidence): readonly BootRef[] {
  return keep(
    mayRunOn,
    (boot) => boot.node !== proved.node || !(boot.bootId === proved.bootId || proved.otherBootsToo),
  );
}

export const withoutProved = (mayRunOn: readonly BootRef[], proofs: readonly Proof[]): readonly BootRef[] =>
  proofs.reduce((left, proof) => without(left, byProof(proof)), mayRunOn);

/** Adds a boot: the part of a migration that comes before its effect. */
export const alsoMayRunOn = (mayRunOn: readonly BootRef[], boot: BootRef): readonly BootRef[] =>
  mayRunOn.some((member) => sameBoot(member, boot)) ? mayRunOn : [...mayRunOn, boot];

/** null while any other boot may still hold a copy. */
export function soleRunner(context: Pick<VmContext, 'mayRunOn' | 'owner'>): SoleRunner | null {
  const { mayRunOn, owner } = context;
  if (owner === null || mayRunOn.some((boot) => !sameBoot(boot, owner))) return null;
  return { boot: owner } as unknown as SoleRunner;
}

/** What a launch writes in the commit before hypervisor.start. */
export function launchOn(runner: SoleRunner): Pick<VmContext, 'mayRunOn' | 'node' | 'target' | 'heldAs'> {
  return { mayRunOn: [runner.boot], node: runner.boot.node, target: runner.boot, heldAs: 'runner' };
}

/** True if the owner's own boot is on the list. */
export const mayRunHere = (context: Pick<VmContext, 'mayRunOn' | 'owner'>): boolean =>
  context.mayRunOn.some((boot) => sameBoot(boot, context.owner));

function keep(boots: readonly BootRef[], stays: (boot: BootRef) => boolean): readonly BootRef[] {
  const left = boots.filter(stays);
  return left.length === boots.length ? boots : left;
}
