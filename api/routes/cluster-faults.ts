/** `/faults`: what is wrong with the cluster, as PVC's; acknowledged and deleted where somebody keeps it. */
import { PvcError } from '../../runtime/errors.js';
import { runCommand, type ActorEvent } from '../commands.js';
import type { ApiContext } from '../context.js';
import type { Api, ApiReply, ApiRequest } from '../http.js';
import { FaultList, FaultListArguments, FaultPath } from '../schemas/fault.js';
import { answers, Message, NoArguments, routeAt, routeOf } from '../schemas/schema.js';
import { CEPH_ADDRESS, clusterFaults, type Fault } from '../views/faults.js';

/** For the list to show what was done at once. */
const WAIT_MS = 10_000;

const compared = (one: string | number, other: string | number): number => (one < other ? -1 : one > other ? 1 : 0);

export function clusterFaultRoutes(api: Api, context: ApiContext): void {
  api.get('/faults', routeOf('What is wrong with the cluster', FaultListArguments, FaultList), (request) => {
    const key = request.query.sort_key ?? 'last_reported';
    return clusterFaults(context).sort((one, other) => compared(one[key], other[key]) || compared(one.id, other.id));
  });

  // As PVC: a fault that is not there is an empty list.
  api.get('/faults/:fault', routeAt('One fault, as a list of one', FaultPath, NoArguments, FaultList), (request) =>
    clusterFaults(context).filter(({ id }) => id === request.params.fault));

  for (const [method, type, did, verb] of [
    ['put', 'ceph.acknowledge', 'acknowledged', 'Acknowledge'], ['delete', 'ceph.forget', 'deleted', 'Delete'],
  ] as const) {
    const one = { schema: {
      summary: `${verb} a fault`, description: 'What is still so is found again', params: FaultPath,
      querystring: NoArguments, response: answers(Message),
    } };
    api[method]('/faults/:fault', one, (request, reply) => {
      const { fault } = request.params;
      keptFault(clusterFaults(context), fault, did);
      const text = `Successfully ${did} fault '${fault}'`;
      return run(context, request, reply, { type, fault }, text);
    });

    const all = routeOf(`${verb} all faults`, NoArguments, Message);
    api[method]('/faults', all, (request, reply) => {
      const faults = clusterFaults(context);
      const others = faults.filter(({ actor }) => actor !== CEPH_ADDRESS).map(({ id }) => id);
      const rest = others.length === 0 ? '' : `; these end with their cause: ${others.join(', ')}`;
      const text = `Successfully ${did} all faults${rest}`;
      if (faults.length === others.length) return { message: text };
      return run(context, request, reply, { type, fault: null }, text);
    });
  }
}

/** Throws for one that is not there, and for one that nobody keeps. */
function keptFault(faults: readonly Fault[], id: string, did: string): void {
  const fault = faults.find((each) => each.id === id);
  if (fault === undefined) throw new PvcError('PVC_FAULT_NOT_FOUND', id);
  if (fault.actor === CEPH_ADDRESS) return;
  throw new PvcError('PVC_WRONG_STATE',
    `Fault '${id}' is what is so now: it cannot be ${did}, and ends with its cause. ${fault.cure}`);
}

const run = (
  context: ApiContext, request: unknown, reply: unknown, event: ActorEvent, text: string,
): Promise<{ message: string }> => runCommand(context, request as ApiRequest, reply as ApiReply,
  { to: CEPH_ADDRESS, event, wait: true, waitMs: WAIT_MS, accepted: text, done: text });
