/** `/settings`, `/rule`, `/rule/<name>`: the settings of the whole cluster, and its placement rules. All ours. */
import type { PlacementRule } from '../../machines/rules.js';
import { invalid } from '../faults.js';
import type { SettingsChange } from '../cluster-policy.js';
import type { ApiContext } from '../context.js';
import type { Api } from '../http.js';
import { RuleArguments, RuleList, RulePath, Settings, SettingsArguments } from '../schemas/policy.js';
import { Message, NoArguments, routeAt, routeOf, type Static } from '../schemas/schema.js';
import { findNode, findVm } from '../views/find.js';
import { ruleObject } from '../views/rules.js';

export function policyRoutes(api: Api, context: ApiContext): void {
  const { policy } = context.cluster;
  api.get('/settings', routeOf('Settings of the cluster', NoArguments, Settings), () => settingsObject(context));

  api.post('/settings', routeOf('Change settings of the cluster', SettingsArguments, Message), async (request) => {
    await policy.change(settingsChange(request.query));
    return { message: 'Successfully changed the settings of the cluster.' };
  });

  api.get('/rule', routeOf('Placement rules', NoArguments, RuleList), () =>
    policy.settings().rules.map((rule, index) => ruleObject(context, rule, index)));

  api.post('/rule/:rule', routeAt('Add a placement rule', RulePath, RuleArguments, Message), async (request, reply) => {
    const name = request.params.rule;
    const refusal = await policy.addRule({ ...ruleOf(context, request.query), name });
    if (refusal === null) return { message: `Successfully added rule '${name}'.` };
    reply.code(409);
    return { message: refusal };
  });

  const remove = routeAt('Remove a placement rule', RulePath, NoArguments, Message);
  api.delete('/rule/:rule', remove, async (request, reply) => {
    const name = request.params.rule;
    if (await policy.removeRule(name)) return { message: `Successfully removed rule '${name}'.` };
    reply.code(404);
    return { message: `Could not find rule '${name}' in the cluster` };
  });
}

function settingsObject({ cluster, feed }: ApiContext): Static<typeof Settings> {
  const settings = cluster.policy.settings();
  return {
    shutdown_policy: settings.shutdownPolicy, overcommit: settings.overcommit, node_loss: settings.nodeLoss,
    storage_loss: settings.storageLoss, storage_loss_after: settings.storageLossAfterS,
    rebalance_on_start: settings.rebalanceOnStart ?? 'off', rebalance_auto: false,
    maintenance: settings.maintenance, moves_refused: settings.movesRefused, disarmed: settings.disarmed,
    disarmed_nodes: feed.telemetry().filter((item) => item.data['disarmed'] === true).map((item) => item.node).sort(),
  };
}

function settingsChange(query: Static<typeof SettingsArguments>): SettingsChange {
  const { shutdown_policy: shutdownPolicy, overcommit, node_loss: nodeLoss, rebalance_on_start: onStart } = query;
  const { storage_loss: storageLoss, storage_loss_after: storageLossAfterS } = query;
  if (query.rebalance_auto === true) {
    throw invalid('Not yet: a balancer that moves running VMs is not there; rebalance_on_start balances at start');
  }
  const change: SettingsChange = {
    ...(shutdownPolicy && { shutdownPolicy }), ...(overcommit && { overcommit }), ...(nodeLoss && { nodeLoss }),
    ...(storageLoss && { storageLoss }), ...(storageLossAfterS && { storageLossAfterS }),
    ...(onStart && { rebalanceOnStart: onStart === 'off' ? null : onStart }),
  };
  if (Object.keys(change).length === 0 && query.rebalance_auto === undefined) throw invalid('Nothing to change.');
  return change;
}

function ruleOf(context: ApiContext, query: Static<typeof RuleArguments>): PlacementRule {
  const vms = (query.vms ?? []).map((name) => findVm(context.feed, name).record.id);
  const strict = query.strict ?? false;
  if (query.kind === 'vm-affinity') {
    if ((query.nodes ?? []).length > 0) throw invalid('A rule about VMs together or apart names no nodes');
    return { kind: 'vm-affinity', vms, together: query.together ?? true, strict };
  }
  if (query.together !== undefined) throw invalid('"together" is of a vm-affinity rule: this one is about nodes');
  const nodes = Object.fromEntries((query.nodes ?? []).map((text) => priorityOf(context, text)));
  return { kind: 'node-affinity', vms, nodes, strict };
}

/** `hv1=2` -> ['hv1', 2]. */
function priorityOf(context: ApiContext, text: string): [string, number] {
  const [name = '', priority = '1', ...rest] = text.split('=');
  if (rest.length > 0 || !/^\d{1,6}$/.test(priority)) {
    throw invalid(`"${text}" is no node with a priority: write NODE or NODE=PRIORITY, a whole number`);
  }
  return [findNode(context.feed, name).record.id, Number(priority)];
}
