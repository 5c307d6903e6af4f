/** Placement rules in words. */
import type { RuleObject } from '../../client/types.js';

/** `hv1=2, hv2`, or `together`. */
export const wishOf = (rule: RuleObject): string => rule.kind === 'vm-affinity' ? (rule.together ? 'together' : 'apart')
  : Object.entries(rule.nodes).map(([node, priority]) => (priority === 1 ? node : `${node}=${priority}`)).join(', ');

/** As it is for one of its VMs: `apart from web2 (rule spread, strict)`. */
export function ruleText(rule: RuleObject, vm: string): string {
  const others = rule.vms.filter((name) => name !== vm).join(', ');
  const wish = rule.kind !== 'vm-affinity' ? `on ${wishOf(rule)}`
    : rule.together ? `together with ${others}` : `apart from ${others}`;
  return `${wish} (rule ${rule.name}${rule.strict ? ', strict' : ''})`;
}
