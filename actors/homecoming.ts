/** Who comes home when its node is ready again: as far as limits and strict rules allow it by now. Pure. */
import { forbiddenBy, type RuleView } from '../machines/rules.js';
import type { VmContext } from '../machines/vm/messages.js';
import type { ActorRecord } from '../runtime/record.js';

/**
 * Those of `away` that may come to `node`, in one plan: those that come count for those after them, and who is not
 * judged yet is nowhere. `view` = the rules, and where every VM stands now.
 */
export function whoMayReturn(node: string, away: readonly ActorRecord[], view: RuleView): readonly ActorRecord[] {
  const coming = [...away].sort((a, b) => (a.id < b.id ? -1 : 1));
  const standing = new Map(view.standing);
  for (const { id } of coming) standing.delete(id);
  return coming.filter((record) => {
    const { uuid, meta: { nodeLimit } } = record.snapshot.context as unknown as VmContext;
    const allowed = nodeLimit === null || nodeLimit.includes(node);
    const legal = allowed && forbiddenBy(uuid, node, { rules: view.rules, standing }) === null;
    standing.set(uuid, legal ? [node] : view.standing.get(uuid) ?? []);
    return legal;
  });
}
