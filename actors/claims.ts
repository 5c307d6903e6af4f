/** What PVC adds to the runtime's claims: which actors need a fence. */
import type { ActorRecord, Owner } from '../runtime/record.js';

interface MayRunOn { readonly mayRunOn?: readonly { readonly node: string; readonly bootId: string }[] }

/** May the dead owner's boot hold a copy of what this actor stands for? Then its fence must be on file. */
export function needsFence(record: ActorRecord, owner: Owner): boolean {
  const boots = (record.snapshot.context as MayRunOn).mayRunOn ?? [];
  return boots.some((boot) => boot.bootId === owner.bootId);
}
