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
import { answers, Message, NoArguments } from '../schemas/schema.js';
import { findNode, nameMatcher } from '../views/find.js';
import { coordinatorState, nodeObjects } from '../views/node.js';
import { daemonStateWord, domainStateWord } from '../views/words.js';

export function nodeRoutes(api: Api, context: ApiContext): void {
  readingRoutes(api, context);
  commandRoutes(api, context);
}

function readingRoutes(api: Api, context: ApiContext): void {
  const { feed } = context;
  api.get('/node', {
    schema: { summary: 'Nodes', querystring: NodeListArguments, response: answers(NodeList) },
  }, (request) => {
    const { limit, daemon_state: daemon, coordinator_state: coordinator, domain_state: domain } = request.query;
    const matches = nameMatcher(limit ?? '');
    const filtered = daemon !== undefined || coordinator !== undefined || domain !== undefined;
    // As PVC: the three states are alternatives, not all required.
    const nodes = nodeObjects(feed).filter((node) => matches(node.name) && (!filtered
      || node.daemon_state === daemon || node.coordinator_state === coordinator || node.domain_state === domain));
    if (nodes.length === 0 && (filtered || (limit ?? '') !== '')) throw new PvcError('PVC_NODE_NOT_FOUND', limit ?? 'in such a state');
    return nodes;
  });

  api.get('/node/:node', {
    schema: { summary: 'One node, as a list of one', params: NodePath, querystring: NoArguments, response: answers(NodeList) },
  }, (request) => {
    const { id } = findNode(feed, request.params.node).record;
    return nodeObjects(feed).filter((node) => node.name === id);
  });

  api.get('/node/:node/daemon-state', {
    schema: { summary: 'State of the daemon', params: NodePath, querystring: NoArguments, response: answers(DaemonState) },
  }, (request) => {
    const { record } = findNode(feed, request.params.node);
    return { name: record.id, daemon_state: daemonStateWord(record.snapshot) };
  });

  api.get('/node/:node/coordinator-state', {
    schema: { summary: 'State as coordinator', params: NodePath, querystring: NoArguments, response: answers(CoordinatorState) },
  }, (request) => {
    const actor = findNode(feed, request.params.node);
    return { name: actor.record.id, coordinator_state: coordinatorState(feed, actor) };
  });

  api.get('/node/:node/domain-state', {
    schema: { summary: 'State towards VMs', params: NodePath, querystring: NoArguments, response: answers(DomainState) },
  }, (request) => {
    const { record } = findNode(feed, request.params.node);
    return { name: record.id, domain_state: domainStateWord(record.snapshot) };
  });

  // Daemons log to their own standard error (journal); nothing of it is kept in the cluster.
  api.get('/node/:node/log', {
    schema: { summary: 'Log lines (kept in the node\'s journal, so empty here)', params: NodePath, querystring: LinesArguments, response: answers(LogText) },
  }, (request) => ({ name: findNode(feed, request.params.node).record.id, data: '' }));
}

function commandRoutes(api: Api, context: ApiContext): void {
  const run = (
    request: ApiRequest, reply: ApiReply, node: string, command: NodeCommand, wait: boolean, accepted: string, done: string,
  ): Promise<{ message: string }> => {
    const { id } = findNode(context.feed, node).record;
    return runCommand(context, request, reply, {
      to: addressOf('node', id), event: command as unknown as ActorEvent, wait, accepted, done,
    });
  };

  api.post('/node/:node/coordinator-state', {
    schema: { summary: 'Make primary or secondary', params: NodePath, querystring: CoordinatorStateArguments, response: answers(Message) },
  }, (request, reply) => {
    const { node } = request.params;
    const { state, wait = false } = request.query;
    const text = `Setting node ${node} in ${state} coordinator state.`;
    return run(request, reply, node, { type: state === 'primary' ? 'node.primary' : 'node.secondary' }, wait,
      text, `Node ${node} is in ${state} coordinator state.`);
  });

  api.post('/node/:node/domain-state', {
    schema: { summary: 'Flush a node or make it ready', params: NodePath, querystring: DomainStateArguments, response: answers(Message) },
  }, (request, reply) => {
    const { node } = request.params;
    const { state, wait = false } = request.query;
    return state === 'flush'
      ? run(request, reply, node, { type: 'node.flush' }, wait,
        `Removing node ${node} from active service.`, `Removed node ${node} from active service.`)
      : run(request, reply, node, { type: 'node.ready' }, wait,
        `Restoring node ${node} to active service.`, `Restored node ${node} to active service.`);
  });

  // safety: proof P4. Its words are PVC's for a destructive act; who said so is kept in the record.
  api.post('/node/:node/confirm-fenced', {
    schema: {
      summary: 'Vouch that a node is powered off (proof P4)',
      description: 'Only when you have seen it: a node that still runs would end in two copies of its VMs.',
      params: NodePath, querystring: ConfirmArguments, response: answers(Message),
    },
  }, (request, reply) => {
    const { node } = request.params;
    const by = context.identityOf(request).description;
    return run(request, reply, node, { type: 'node.confirm-fenced', by }, request.query.wait ?? false,
      `Confirmed that node ${node} is off; its VMs are being recovered.`, `Node ${node} is fenced; its VMs have been recovered.`);
  });
}
