/** What PVC adds to the runtime's claims: which actors need a fence, and where its proof is on file. */
import type { ProofKind } from '../machines/node/messages.js';
import type { Paths } from '../runtime/paths.js';
import type { ActorRecord, Owner } from '../runtime/record.js';

interface MayRunOn { readonly mayRunOn?: readonly { readonly node: string; readonly bootId: string }[] }

/** May the dead owner's boot hold a copy of what this actor stands for? Then its fence must be on file. */
export function needsFence(record: ActorRecord, owner: Owner): boolean {
  const boots = (record.snapshot.context as MayRunOn).mayRunOn ?? [];
  return boots.some((boot) => boot.bootId === owner.bootId);
}

/** Where a proof of this kind stands: P3, which is about storage only, beside the others. */
export const fencePathOf = (paths: Paths, kind: ProofKind | undefined): ((node: string, bootId: string) => string) =>
  kind === 'P3' ? paths.storageFence : paths.fence;

/** Is a proof about this boot on file, of death or of the storage? `names`: what its node's folder has. */
export const isFenced = (names: ReadonlySet<string> | undefined, bootId: string): boolean =>
  names !== undefined && (names.has(bootId) || names.has(`${bootId}~storage`));
