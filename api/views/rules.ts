/** Placement rules as they are shown. */
import type { PlacementRule } from '../../machines/rules.js';
import type { ApiContext } from '../context.js';
import type { Rule } from '../schemas/policy.js';
import type { Static } from '../schemas/schema.js';
import { lookVm } from './find.js';
import { vmContext } from './words.js';

/** Rules of a scenario have no names: they are called by their place. */
export function ruleObject(context: ApiContext, rule: PlacementRule, index: number): Static<typeof Rule> {
  const named = (vm: string): string => {
    const actor = lookVm(context.feed, vm);
    return actor === null ? vm : vmContext(actor.record).name;
  };
  return {
    name: rule.name ?? `#${index + 1}`, kind: rule.kind, vms: rule.vms.map(named),
    nodes: rule.kind === 'node-affinity' ? { ...rule.nodes } : {},
    together: rule.kind === 'vm-affinity' && rule.together, strict: rule.strict,
  };
}

/** Those about one VM. */
export const rulesOf = (context: ApiContext, uuid: string): Static<typeof Rule>[] =>
  context.cluster.policy.settings().rules
    .flatMap((rule, index) => rule.vms.includes(uuid) ? [ruleObject(context, rule, index)] : []);
