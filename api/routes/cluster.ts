/** `/`, `/status`, `/status/primary_node`, `/network`. */
import { PvcError } from '../../runtime/errors.js';
import type { ApiContext } from '../context.js';
import type { Api } from '../http.js';
import { MaintenanceArguments, PrimaryNode, Status } from '../schemas/cluster.js';
import { anyObject, answers, Message, NoArguments, Type } from '../schemas/schema.js';
import { statusObject } from '../views/status.js';

/** PVC's API version, which its client expects; the daemon's own version is in /status. */
const API_VERSION = '1.0';

export function clusterRoutes(api: Api, context: ApiContext): void {
  api.get('/', {
    config: { open: true },
    schema: { summary: 'The version of the API', querystring: NoArguments, response: answers(Message) },
  }, () => ({ message: `PVC API version ${API_VERSION}` }));

  api.get('/status', {
    schema: { summary: 'The whole cluster', querystring: NoArguments, response: answers(Status) },
  }, () => statusObject(context));

  api.post('/status', {
    schema: { summary: 'Maintenance mode on or off', querystring: MaintenanceArguments, response: answers(Message) },
  }, async (request) => {
    const on = request.query.state === 'true';
    const mode = on ? 'maintenance' : 'normal';
    const { refuse_moves: movesRefused = false, disarm: disarmed = false } = request.query;
    if (!on && (movesRefused || disarmed)) throw new PvcError('PVC_INVALID', 'That is for switching maintenance on');
    const { policy } = context.cluster;
    const now = policy.settings();
    const same = now.maintenance === on && now.movesRefused === movesRefused && now.disarmed === disarmed;
    if (same) return { message: `Cluster is already in ${mode} mode` };
    await policy.setMaintenance(on, { movesRefused, disarmed });
    return { message: `Successfully set cluster in ${mode} mode` };
  });

  api.get('/status/primary_node', {
    schema: { summary: 'Which node is primary', querystring: NoArguments, response: answers(PrimaryNode) },
  }, () => {
    const primary = context.feed.primary();
    if (primary === null) throw new PvcError('PVC_NO_PRIMARY');
    return { primary_node: primary.node };
  });

  // PVC's client asks for it with every `vm list`. There are no managed networks yet, so the list is empty.
  api.get('/network', {
    schema: { summary: 'Managed networks', querystring: NoArguments, response: answers(Type.Array(anyObject())) },
  }, () => []);
}
