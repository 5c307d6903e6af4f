/** `/node*`: PVC's paths and messages, and our confirm-fenced. */
import { addressOf } from '../../runtime/address.js';
import { PvcError } from '../../runtime/errors.js';
import type { NodeCommand } from '../../machines/node/messages.js';
import { runCommand, type ActorEvent } from '../commands.js';
import type { ApiContext } from '../context.js';
import type { Api, ApiReply, ApiRequest } from '../http.js';
import {
  ConfirmArguments, CoordinatorState, CoordinatorStateArguments, DaemonState, DomainState, DomainStateArguments,
  LinesArguments, LogText, NodeList, NodeListArguments, NodePath,
} from '../schemas/node.js';
import { LeaveArguments } from '../schemas/policy.js';
import { answers, Message, NoArguments, routeAt, routeOf } from '../schemas/schema.js';
import { findNode, nameMatcher } from '../views/find.js';
import { coordinatorState, nodeObjects } from '../views/node.js';
import { daemonStateWord, domainStateWord } from '../views/words.js';

export function nodeRoutes(api: Api, context: ApiContext): void {
  readingRoutes(api, context);
  commandRoutes(api, context);
}

function readingRoutes(api: Api, context: ApiContext): void {
  const { feed } = context;
  api.get('/node', routeOf('Nodes', NodeListArguments, NodeList), (request) => {
    const { limit, daemon_state: daemon, coordinator_state: coordinator, domain_state: domain } = request.query;
    const matches = nameMatcher(limit ?? '');
    const filtered = daemon !== undefined || coordinator !== undefined || domain !== undefined;
    // As PVC: the three states are alternatives, not all required.
    const nodes = nodeObjects(feed).filter((node) => matches(node.name) && (!filtered
      || node.daemon_state === daemon || node.coordinator_state === coordinator || node.domain_state === domain));
    if (nodes.length === 0 && (filtered || (limit ?? '') !== '')) {
      throw new PvcError('PVC_NODE_NOT_FOUND', limit ?? 'in such a state');
    }
    return nodes;
  });

  api.get('/node/:node', routeAt('One node, as a list of one', NodePath, NoArguments, NodeList), (request) => {
    const { id } = findNode(feed, request.params.node).record;
    return nodeObjects(feed).filter((node) => node.name === id);
  });

  api.get('/node/:node/daemon-state', routeAt('State of the daemon', NodePath, NoArguments, DaemonState), (request) => {
    const { record } = findNode(feed, request.params.node);
    return { name: record.id, daemon_state: daemonStateWord(record.snapshot) };
  });

  const coordinator = routeAt('State as coordinator', NodePath, NoArguments, CoordinatorState);
  api.get('/node/:node/coordinator-state', coordinator, (request) => {
    const actor = findNode(feed, request.params.node);
    return { name: actor.record.id, coordinator_state: coordinatorState(feed, actor) };
  });

  api.get('/node/:node/domain-state', routeAt('State towards VMs', NodePath, NoArguments, DomainState), (request) => {
    const { record } = findNode(feed, request.params.node);
    return { name: record.id, domain_state: domainStateWord(record.snapshot) };
  });

  // Daemons log to their own standard error (journal); nothing of it is kept in the cluster.
  const log = routeAt('Log lines (the node keeps its own journal, so empty here)', NodePath, LinesArguments, LogText);
  api.get('/node/:node/log', log, (request) => ({ name: findNode(feed, request.params.node).record.id, data: '' }));
}

function commandRoutes(api: Api, context: ApiContext): void {
  const coordinator = routeAt('Make primary or secondary', NodePath, CoordinatorStateArguments, Message);
  api.post('/node/:node/coordinator-state', coordinator, (request, reply) => {
    const { node } = request.params;
    const { state, wait = false } = request.query;
    return run(context, request, reply, node, {
      command: { type: state === 'primary' ? 'node.primary' : 'node.secondary' },
      wait,
      accepted: `Setting node ${node} in ${state} coordinator state.`,
      done: `Node ${node} is in ${state} coordinator state.`,
    });
  });

  const domain = routeAt('Flush a node or make it ready', NodePath, DomainStateArguments, Message);
  api.post('/node/:node/domain-state', domain, (request, reply) => {
    const { node } = request.params;
    const { state, wait = false } = request.query;
    const [now, then, what] = state === 'flush' ? ['Removing', 'Removed', 'from'] : ['Restoring', 'Restored', 'to'];
    return run(context, request, reply, node, {
      command: { type: state === 'flush' ? 'node.flush' : 'node.ready' },
      wait,
      accepted: `${now} node ${node} ${what} active service.`,
      done: `${then} node ${node} ${what} active service.`,
    });
  });

  const leave = routeAt('Say that its system is about to go down, and have its VMs seen to', NodePath, LeaveArguments,
    Message);
  api.post('/node/:node/leave', leave, (request, reply) => {
    const { node } = request.params;
    const { how, wait = false } = request.query;
    return run(context, request, reply, node, {
      command: context.cluster.policy.leaveCommand(how) as unknown as NodeCommand,
      wait,
      accepted: `Preparing node ${node} for its ${how}.`,
      done: `Node ${node} is prepared for its ${how}.`,
    });
  });

  // safety: proof P4. Its words are PVC's for a destructive act; who said so is kept in the record.
  const confirm = {
    schema: {
      summary: 'Vouch that a node is powered off (proof P4)',
      description: 'Only when you have seen it: a node that still runs would end in two copies of its VMs.',
      params: NodePath,
      querystring: ConfirmArguments,
      response: answers(Message),
    },
  };
  api.post('/node/:node/confirm-fenced', confirm, (request, reply) => {
    const { node } = request.params;
    return run(context, request, reply, node, {
      command: { type: 'node.confirm-fenced', by: context.identityOf(request).description },
      wait: request.query.wait ?? false,
      accepted: `Confirmed that node ${node} is off; its VMs are being recovered.`,
      done: `Node ${node} is fenced; its VMs have been recovered.`,
    });
  });
}

interface NodeAct {
  readonly command: NodeCommand;
  readonly wait: boolean;
  readonly accepted: string;
  readonly done: string;
}

function run(
  context: ApiContext, request: ApiRequest, reply: ApiReply, node: string, { command, ...rest }: NodeAct,
): Promise<{ message: string }> {
  const { id } = findNode(context.feed, node).record;
  const event = command as unknown as ActorEvent;
  return runCommand(context, request, reply, { to: addressOf('node', id), event, ...rest });
}
