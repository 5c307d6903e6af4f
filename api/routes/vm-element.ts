/** `/vm/<vm>/…`: meta, tags, state, node, console. */
import { addressOf } from '../../runtime/address.js';
import { PvcError } from '../../runtime/errors.js';
import type { VmCommand, VmMeta } from '../../machines/vm/messages.js';
import { runCommand, type ActorEvent } from '../commands.js';
import type { ApiContext } from '../context.js';
import type { Api, ApiReply, ApiRequest } from '../http.js';
import { askPeer, isForwarded } from '../peer.js';
import { LinesArguments, LogText } from '../schemas/node.js';
import { Message, NoArguments, routeAt, type Static } from '../schemas/schema.js';
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
  readingRoutes(api, context);
  propertyRoutes(api, context);
  actionRoutes(api, context);
}

function run(
  context: ApiContext, request: ApiRequest, reply: ApiReply, named: string, command: VmCommand,
  wait: boolean, texts: (name: string) => Texts,
): Promise<{ message: string }> {
  const vm = vmContext(findVm(context.feed, named).record);
  const event = command as unknown as ActorEvent;
  return runCommand(context, request, reply, { to: addressOf('vm', vm.uuid), event, wait, ...texts(vm.name) });
}

function propertyRoutes(api: Api, context: ApiContext): void {
  api.post('/vm/:vm/meta', routeAt('Change metadata', VmPath, VmMetaArguments, Message), (request, reply) => {
    const command: VmCommand = { type: 'vm.meta', meta: metaChange(context, request.query) };
    return run(context, request, reply, request.params.vm, command, false, (name) =>
      same(`Successfully modified PVC metadata of VM '${name}'.${laterPart(context, request.params.vm, command)}`));
  });

  api.post('/vm/:vm/tags', routeAt('Add or remove a tag', VmPath, VmTagArguments, Message), (request, reply) => {
    const { action, tag, protected: isProtected = false } = request.query;
    const command: VmCommand = { type: 'vm.tag', action, tag, protected: isProtected };
    return run(context, request, reply, request.params.vm, command, false, (name) => same(action === 'add'
      ? `Successfully added tag '${tag}' to VM '${name}'.` : `Successfully removed tag '${tag}' from VM '${name}'.`));
  });
}

function actionRoutes(api: Api, context: ApiContext): void {
  const state = routeAt('Start, shut down, stop, restart or disable', VmPath, VmStateArguments, Message);
  api.post('/vm/:vm/state', state, (request, reply) => {
    const { state: wanted, force = false, wait = false } = request.query;
    const command: VmCommand = wanted === 'disable' ? { type: 'vm.disable', force } : { type: `vm.${wanted}` };
    const address = addressOf('vm', findVm(context.feed, request.params.vm).record.id);
    const warning = context.cluster.policy.startWarning(address, command as unknown as ActorEvent);
    return run(context, request, reply, request.params.vm, command, wait, (name) => {
      const { accepted, done } = STATE_TEXTS[wanted](name);
      const tail = warning === null ? '' : ` Warning: ${warning}.`;
      return { accepted: `${accepted}${tail}`, done: `${done}${tail}` };
    });
  });

  const node = routeAt('Migrate, bring back or move', VmPath, VmNodeArguments, Message);
  api.post('/vm/:vm/node', node, (request, reply) => {
    const { action, force = false, wait = false, force_live: forceLive = false } = request.query;
    const home = vmContext(findVm(context.feed, request.params.vm).record).lastNode;
    const target = action === 'unmigrate' ? null : targetNode(context, request.query.node);
    const command: VmCommand = action === 'migrate' ? { type: 'vm.migrate', target, force, forceLive }
      : action === 'move' ? { type: 'vm.move', target, forceLive } : { type: 'vm.unmigrate', forceLive };
    return run(context, request, reply, request.params.vm, command, wait, (name) =>
      NODE_TEXTS[action](name, action === 'unmigrate' ? home : target));
  });
}

function readingRoutes(api: Api, context: ApiContext): void {
  const { feed } = context;
  api.get('/vm/:vm/meta', routeAt('Metadata', VmPath, NoArguments, VmMetaObject), (request) =>
    vmMetaObject(findVm(feed, request.params.vm).record));

  api.get('/vm/:vm/tags', routeAt('Tags', VmPath, NoArguments, VmTags), (request) => {
    const vm = vmContext(findVm(feed, request.params.vm).record);
    return { name: vm.name, tags: vm.tags.map((tag) => ({ ...tag })) };
  });

  api.get('/vm/:vm/state', routeAt('State', VmPath, NoArguments, VmState), (request) => {
    const { record } = findVm(feed, request.params.vm);
    return { name: vmContext(record).name, state: vmStateWord(record.snapshot) };
  });

  api.get('/vm/:vm/node', routeAt('Where it is', VmPath, NoArguments, VmNode), (request) => {
    const { name, node, lastNode } = vmContext(findVm(feed, request.params.vm).record);
    return { name, node, last_node: lastNode };
  });

  const console = routeAt('The last lines of the serial console', VmPath, LinesArguments, LogText);
  api.get('/vm/:vm/console', console, (request, reply) =>
    consoleText(context, request, reply, request.params.vm, request.query.lines ?? CONSOLE_LINES));
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
    const text = `The console of VM '${name}' is kept on node '${node}', which does not answer`;
    throw new PvcError('PVC_WRONG_STATE', text);
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

type NodeAction = Static<typeof VmNodeArguments>['action'];

/** now and then = the verb before and after; `back` for unmigrate. */
const moving = (now: string, then: string, back = '') => (name: string, target: string | null): Texts => ({
  accepted: `${now} VM '${name}'${back}${toNode(target)}.`, done: `${then} VM '${name}'${back}${toNode(target)}`,
});

const NODE_TEXTS: Readonly<Record<NodeAction, (name: string, target: string | null) => Texts>> = {
  migrate: moving('Migrating', 'Migrated'),
  move: moving('Permanently migrating', 'Permanently migrated'),
  unmigrate: moving('Unmigrating', 'Unmigrated', ' back'),
};

/** QEMU takes a policy of errors when it opens a disk. */
function laterPart(context: ApiContext, named: string, command: VmCommand): string {
  const { meta, mayRunOn } = vmContext(findVm(context.feed, named).record);
  const to = command.type === 'vm.meta' ? command.meta.ioErrors : undefined;
  const reports = (policy: VmMeta['ioErrors']): boolean => policy === 'report';
  return to === undefined || mayRunOn.length === 0 || reports(to) === reports(meta.ioErrors) ? ''
    : ' What becomes of errors of its disks changes with its next start.';
}

function policyChange(query: Static<typeof VmMetaArguments>): Partial<VmMeta> {
  const { ha, priority, failback, lock } = query;
  const { max_restart: maxRestart, max_relocate: maxRelocate, io_errors: ioErrors } = query;
  return {
    ...(ha === undefined ? {} : { ha }),
    ...(priority === undefined ? {} : { priority }),
    ...(maxRestart === undefined ? {} : { maxRestart }),
    ...(maxRelocate === undefined ? {} : { maxRelocate }),
    ...(failback === undefined ? {} : { failback }),
    ...(ioErrors === undefined ? {} : { ioErrors }),
    ...(lock === undefined ? {} : { lock: lock === 'none' ? null : lock }),
  };
}

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
    ...policyChange(query),
  };
  if (Object.keys(change).length === 0) throw new PvcError('PVC_INVALID', 'ERROR: No updates to apply.');
  return change;
}
