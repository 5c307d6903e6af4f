/** `/vm/<vm>/…`: meta, tags, state, node, console. */
import { addressOf } from '../../runtime/address.js';
import { PvcError } from '../../runtime/errors.js';
import type { VmCommand, VmMeta } from '../../machines/vm/messages.js';
import { runCommand, type ActorEvent } from '../commands.js';
import type { ApiContext } from '../context.js';
import type { Api, ApiReply, ApiRequest } from '../http.js';
import { askPeer, isForwarded } from '../peer.js';
import { LinesArguments, LogText } from '../schemas/node.js';
import { answers, Message, NoArguments, type Static } from '../schemas/schema.js';
import {
  VmMetaArguments, VmMetaObject, VmNode, VmNodeArguments, VmPath, VmState, VmStateArguments, VmTagArguments, VmTags,
} from '../schemas/vm.js';
import { findVm } from '../views/find.js';
import { vmMetaObject } from '../views/vm.js';
import { vmContext, vmStateWord } from '../views/words.js';
import { nodeLimit, targetNode } from './vm.js';

const CONSOLE_LINES = 10;

interface Texts { readonly accepted: string; readonly done: string }

export function vmElementRoutes(api: Api, context: ApiContext): void {
  const { feed } = context;
  const run = (
    request: ApiRequest, reply: ApiReply, named: string, command: VmCommand, wait: boolean, texts: (name: string) => Texts,
  ): Promise<{ message: string }> => {
    const vm = vmContext(findVm(feed, named).record);
    return runCommand(context, request, reply, {
      to: addressOf('vm', vm.uuid), event: command as unknown as ActorEvent, wait, ...texts(vm.name),
    });
  };
  readingRoutes(api, context);

  api.post('/vm/:vm/meta', {
    schema: { summary: 'Change metadata', params: VmPath, querystring: VmMetaArguments, response: answers(Message) },
  }, (request, reply) => run(request, reply, request.params.vm, { type: 'vm.meta', meta: metaChange(context, request.query) }, false,
    (name) => same(`Successfully modified PVC metadata of VM '${name}'.`)));

  api.post('/vm/:vm/tags', {
    schema: { summary: 'Add or remove a tag', params: VmPath, querystring: VmTagArguments, response: answers(Message) },
  }, (request, reply) => {
    const { action, tag, protected: isProtected = false } = request.query;
    return run(request, reply, request.params.vm, { type: 'vm.tag', action, tag, protected: isProtected }, false, (name) =>
      same(action === 'add' ? `Successfully added tag '${tag}' to VM '${name}'.` : `Successfully removed tag '${tag}' from VM '${name}'.`));
  });

  api.post('/vm/:vm/state', {
    schema: { summary: 'Start, shut down, stop, restart or disable', params: VmPath, querystring: VmStateArguments, response: answers(Message) },
  }, (request, reply) => {
    const { state, force = false, wait = false } = request.query;
    const command: VmCommand = state === 'disable' ? { type: 'vm.disable', force } : { type: `vm.${state}` };
    return run(request, reply, request.params.vm, command, wait, (name) => STATE_TEXTS[state](name));
  });

  api.post('/vm/:vm/node', {
    schema: { summary: 'Migrate, bring back or move', params: VmPath, querystring: VmNodeArguments, response: answers(Message) },
  }, (request, reply) => {
    const { action, node, force = false, wait = false, force_live: forceLive = false } = request.query;
    const home = vmContext(findVm(feed, request.params.vm).record).lastNode;
    const target = action === 'unmigrate' ? null : targetNode(context, node);
    const command: VmCommand = action === 'migrate' ? { type: 'vm.migrate', target, force, forceLive }
      : action === 'move' ? { type: 'vm.move', target, forceLive } : { type: 'vm.unmigrate', forceLive };
    return run(request, reply, request.params.vm, command, wait, (name) => NODE_TEXTS[action](name, action === 'unmigrate' ? home : target));
  });
}

function readingRoutes(api: Api, context: ApiContext): void {
  const { feed } = context;
  api.get('/vm/:vm/meta', {
    schema: { summary: 'Metadata', params: VmPath, querystring: NoArguments, response: answers(VmMetaObject) },
  }, (request) => vmMetaObject(findVm(feed, request.params.vm).record));

  api.get('/vm/:vm/tags', {
    schema: { summary: 'Tags', params: VmPath, querystring: NoArguments, response: answers(VmTags) },
  }, (request) => {
    const vm = vmContext(findVm(feed, request.params.vm).record);
    return { name: vm.name, tags: vm.tags.map((tag) => ({ ...tag })) };
  });

  api.get('/vm/:vm/state', {
    schema: { summary: 'State', params: VmPath, querystring: NoArguments, response: answers(VmState) },
  }, (request) => {
    const { record } = findVm(feed, request.params.vm);
    return { name: vmContext(record).name, state: vmStateWord(record.snapshot) };
  });

  api.get('/vm/:vm/node', {
    schema: { summary: 'Where it is', params: VmPath, querystring: NoArguments, response: answers(VmNode) },
  }, (request) => {
    const { name, node, lastNode } = vmContext(findVm(feed, request.params.vm).record);
    return { name, node, last_node: lastNode };
  });

  api.get('/vm/:vm/console', {
    schema: { summary: 'The last lines of the serial console', params: VmPath, querystring: LinesArguments, response: answers(LogText) },
  }, (request, reply) => consoleText(context, request, reply, request.params.vm, request.query.lines ?? CONSOLE_LINES));
}

/** The log is a file of the VM's node: read here, or asked of that node. */
async function consoleText(
  context: ApiContext, request: ApiRequest, reply: ApiReply, named: string, lines: number,
): Promise<Static<typeof LogText>> {
  const { name, node } = vmContext(findVm(context.feed, named).record);
  if (node === context.node || isForwarded(request)) {
    return { name, data: await context.cluster.readConsole(name, lines) ?? '' };
  }
  const answer = await askPeer(context, request, node);
  if (answer.kind === 'silent') {
    throw new PvcError('PVC_WRONG_STATE', `The console of VM '${name}' is kept on node '${node}', which does not answer`);
  }
  void reply.code(answer.status);
  return answer.body as Static<typeof LogText>;
}

const same = (text: string): Texts => ({ accepted: text, done: text });

const STATE_TEXTS: Readonly<Record<Static<typeof VmStateArguments>['state'], (name: string) => Texts>> = {
  start: (name) => ({ accepted: `Starting VM '${name}'.`, done: `Started VM '${name}'.` }),
  shutdown: (name) => ({ accepted: `Shutting down VM '${name}'`, done: `Shut down VM '${name}'` }),
  stop: (name) => ({ accepted: `Forcibly stopping VM '${name}'.`, done: `Forcibly stopped VM '${name}'.` }),
  restart: (name) => ({ accepted: `Restarting VM '${name}'.`, done: `Restarted VM '${name}'` }),
  disable: (name) => ({ accepted: `Disabling VM '${name}'.`, done: `Disabled VM '${name}'.` }),
};

const toNode = (target: string | null): string => (target === null ? '' : ` to node '${target}'`);

const NODE_TEXTS: Readonly<Record<Static<typeof VmNodeArguments>['action'], (name: string, target: string | null) => Texts>> = {
  migrate: (name, target) => ({ accepted: `Migrating VM '${name}'${toNode(target)}.`, done: `Migrated VM '${name}'${toNode(target)}` }),
  move: (name, target) => ({
    accepted: `Permanently migrating VM '${name}'${toNode(target)}.`, done: `Permanently migrated VM '${name}'${toNode(target)}`,
  }),
  unmigrate: (name, target) => ({
    accepted: `Unmigrating VM '${name}' back${toNode(target)}.`, done: `Unmigrated VM '${name}' back${toNode(target)}`,
  }),
};

/** Only what was given changes; an empty limit means every node, as PVC's client says it. */
function metaChange(context: ApiContext, query: Static<typeof VmMetaArguments>): Partial<VmMeta> {
  const { limit, selector, autostart, profile, migration_method: method, migration_max_downtime: downtime } = query;
  const change: Partial<VmMeta> = {
    ...(limit === undefined ? {} : { nodeLimit: nodeLimit(context, limit) }),
    ...(selector === undefined ? {} : { nodeSelector: selector === 'none' ? null : selector }),
    ...(autostart === undefined ? {} : { autostart }),
    ...(profile === undefined ? {} : { profile: profile === '' ? null : profile }),
    ...(method === undefined ? {} : { migrationMethod: method }),
    ...(downtime === undefined ? {} : { migrationMaxDowntimeMs: downtime }),
  };
  if (Object.keys(change).length === 0) throw new PvcError('PVC_INVALID', 'ERROR: No updates to apply.');
  return change;
}
