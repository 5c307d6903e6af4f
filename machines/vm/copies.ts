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

/**
 * Is this proof about all that a copy of the VM can do? P3 is only if what was started could write to nothing but RBD
 * (the definition may have been changed since; a record that does not say so is not believed to).
 */
export const covers = (proof: Proof, vm: Pick<VmContext, 'rbdOnlyCopies'>): boolean =>
  proof.kind !== 'P3' || vm.rbdOnlyCopies === true;

/** P0, P1, P2 or P4 about a boot; P3 where that is enough. Null: it does not cover this VM. */
const byProof = (proof: Proof, vm: Pick<VmContext, 'rbdOnlyCopies'>): Evidence | null =>
  covers(proof, vm) ? evidence(proof.boot, false) : null;

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

type Proved = Pick<VmContext, 'mayRunOn' | 'rbdOnlyCopies' | 'osdmapEpoch'>;

export const withoutProved = (vm: Proved, proofs: readonly Proof[]): readonly BootRef[] =>
  proofs.reduce((left, proof) => {
    const proved = byProof(proof, vm);
    return proved === null ? left : without(left, proved);
  }, vm.mayRunOn);

/** What proofs change: who may hold a copy, and how new a map of the storage the next copy must have. */
export function afterProofs(vm: Proved, proofs: readonly Proof[]): Pick<VmContext, 'mayRunOn' | 'osdmapEpoch'> {
  const mayRunOn = withoutProved(vm, proofs);
  const epochs = proofs.filter(({ boot }) => vm.mayRunOn.some((each) => sameBoot(each, boot)))
    .map((proof) => proof.osdmapEpoch ?? 0);
  const osdmapEpoch = Math.max(vm.osdmapEpoch ?? 0, ...epochs);
  return { mayRunOn, ...(osdmapEpoch > 0 ? { osdmapEpoch } : {}) };
}

/** Adds a boot: the part of a migration that comes before its effect. */
export const alsoMayRunOn = (mayRunOn: readonly BootRef[], boot: BootRef): readonly BootRef[] =>
  mayRunOn.some((member) => sameBoot(member, boot)) ? mayRunOn : [...mayRunOn, boot];

/** null while any other boot may still hold a copy. */
export function soleRunner(context: Pick<VmContext, 'mayRunOn' | 'owner'>): SoleRunner | null {
  const { mayRunOn, owner } = context;
  if (owner === null || mayRunOn.some((boot) => !sameBoot(boot, owner))) return null;
  return { boot: owner } as unknown as SoleRunner;
}

/** What a launch writes in the commit before its effect. A copy of an earlier try may be here, started otherwise. */
export function launchOn(
  runner: SoleRunner, vm: Pick<VmContext, 'definition' | 'mayRunOn' | 'rbdOnlyCopies' | 'resized'>,
): Pick<VmContext, 'mayRunOn' | 'node' | 'target' | 'heldAs' | 'rbdOnlyCopies' | 'resized'> {
  return {
    // It opens its disks as they are now.
    ...(vm.resized === undefined ? {} : { resized: [] }),
    mayRunOn: [runner.boot], node: runner.boot.node, target: runner.boot, heldAs: 'runner',
    rbdOnlyCopies: vm.definition.rbdOnly && (vm.mayRunOn.length === 0 || vm.rbdOnlyCopies === true),
  };
}

/** True if the owner's own boot is on the list. */
export const mayRunHere = (context: Pick<VmContext, 'mayRunOn' | 'owner'>): boolean =>
  context.mayRunOn.some((boot) => sameBoot(boot, context.owner));

function keep(boots: readonly BootRef[], stays: (boot: BootRef) => boolean): readonly BootRef[] {
  const left = boots.filter(stays);
  return left.length === boots.length ? boots : left;
}
