/** `/vm` and `/vm/<vm>`: list, define, show, modify, undefine. */
import { addressOf } from '../../runtime/address.js';
import { PvcError } from '../../runtime/errors.js';
import type { MirroredActor } from '../../runtime/feed-types.js';
import type { VmCommand, VmMeta, VmTag } from '../../machines/vm/messages.js';
import { definitionOf, parseDomainXml, type DomainSummary } from '../../actors/domain-xml.js';
import { runCommand, type ActorEvent } from '../commands.js';
import type { ApiContext } from '../context.js';
import { plainText, statusOf } from '../faults.js';
import { invalid } from '../faults.js';
import type { Api, ApiReply, ApiRequest } from '../http.js';
import { answers, Message, NoArguments, type Static } from '../schemas/schema.js';
import {
  VM_STATES,
  VmDefineArguments,
  VmDeleteArguments,
  VmList,
  VmListArguments,
  VmModifyArguments,
  VmPath,
} from '../schemas/vm.js';
import { findNode, findVm, lookVm, nameMatcher } from '../views/find.js';
import { refuseTaken } from './vm-disks.js';
import { vmObjects } from '../views/vm-objects.js';
import { vmContext, vmStateWord } from '../views/words.js';
import { removalOf } from '../vm-removal.js';
import { LONG_WAIT_MS } from '../volume-commands.js';

/** PVC undefines before it answers; ours does so too, within a bound. */
const UNDEFINE_WAIT_MS = 60_000;
const DOWNTIME_MS = 300;
const MIRROR_WAIT_MS = 2000;
const MIRROR_LOOK_MS = 5;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;


export function vmRoutes(api: Api, context: ApiContext): void {
  api.get(
    '/vm',
    {
      schema: { summary: 'VMs', querystring: VmListArguments, response: answers(VmList) },
    },
    async (request) => {
      const vms = listed(context, request.query);
      const { limit = '', node, state, tag } = request.query;
      if (vms.length === 0 && (limit !== '' || [node, state, tag].some((one) => one !== undefined))) {
        throw new PvcError('PVC_VM_NOT_FOUND', limit === '' ? 'with these properties' : limit);
      }
      return vmObjects(context, vms);
    },
  );

  api.get(
    '/vm/:vm',
    {
      schema: {
        summary: 'One VM, as a list of one',
        params: VmPath,
        querystring: NoArguments,
        response: answers(VmList),
      },
    },
    (request) => vmObjects(context, [findVm(context.feed, request.params.vm)]),
  );

  const define = {
    schema: { summary: 'Define a VM', querystring: VmDefineArguments, response: answers(Message) },
  };
  api.post('/vm', define, (request, reply) => defineVm(context, request, reply, request.query, null));
  api.post('/vm/:vm', { schema: { ...define.schema, params: VmPath } }, (request, reply) =>
    defineVm(context, request, reply, request.query, request.params.vm),
  );

  api.put(
    '/vm/:vm',
    {
      schema: {
        summary: 'Replace the XML of a VM',
        params: VmPath,
        querystring: VmModifyArguments,
        response: answers(Message),
      },
    },
    (request, reply) => modifyVm(context, request, reply, request.params.vm, request.query),
  );

  api.delete(
    '/vm/:vm',
    {
      schema: {
        summary: 'Undefine a VM, with or without its disks',
        params: VmPath,
        querystring: VmDeleteArguments,
        response: answers(Message),
      },
    },
    (request, reply) => undefineVm(context, request, reply, request.params.vm, request.query.delete_disks ?? false),
  );
}

/** PVC's filters: `negate` turns node, state and tag round, not the name. */
function listed(context: ApiContext, query: Static<typeof VmListArguments>): MirroredActor[] {
  const { limit = '', node, state, tag, negate = false } = query;
  if (node !== undefined && !isNode(context, node)) throw invalid(`Specified node '${node}' is invalid.`);
  if (state !== undefined && !(VM_STATES as readonly string[]).includes(state)) {
    throw invalid(`VM state '${state}' is not valid: it is one of ${VM_STATES.join(', ')}.`);
  }
  const byUuid = UUID.test(limit) ? limit.toLowerCase() : null;
  const matches = byUuid === null ? nameMatcher(limit) : () => false;
  return context.feed
    .actors('vm')
    .filter(({ record }) => {
      const vm = vmContext(record);
      return (
        !record.removed &&
        (vm.uuid === byUuid || matches(vm.name)) &&
        (node === undefined || (vm.node === node) !== negate) &&
        (state === undefined || (vmStateWord(record.snapshot) === state) !== negate) &&
        (tag === undefined || vm.tags.some((one) => one.name === tag) !== negate)
      );
    })
    .sort((a, b) => (vmContext(a.record).name < vmContext(b.record).name ? -1 : 1));
}

const isNode = (context: ApiContext, name: string): boolean =>
  context.config.allNodes.includes(name) || context.feed.actor(addressOf('node', name === '' ? '?' : name)) !== null;

/** Names of nodes separated by commas; empty = every node. Throws PVC_INVALID naming one that is none. */
export function nodeLimit(context: ApiContext, text: string): readonly string[] | null {
  const names = [
    ...new Set(
      text
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== ''),
    ),
  ];
  const unknown = names.find((name) => !isNode(context, name));
  if (unknown !== undefined) throw invalid(`Specified node '${unknown}' is invalid.`);
  return names.length === 0 ? null : names;
}

function parsed(xml: string): DomainSummary {
  const result = parseDomainXml(xml);
  if (!result.ok) throw invalid(`XML is malformed or incorrect: ${result.reason}`);
  return result.summary;
}

function metaOf(context: ApiContext, query: Static<typeof VmDefineArguments>): VmMeta {
  const selector = query.selector ?? 'none';
  return {
    nodeLimit: nodeLimit(context, query.limit ?? ''),
    nodeSelector: selector === 'none' ? null : selector,
    autostart: query.autostart ?? false,
    migrationMethod: query.migration_method ?? 'none',
    migrationMaxDowntimeMs: query.migration_max_downtime ?? DOWNTIME_MS,
    profile: null,
    ...(query.io_errors === undefined ? {} : { ioErrors: query.io_errors }),
  };
}

function tagsOf(query: Static<typeof VmDefineArguments>): VmTag[] {
  const tags = new Map<string, VmTag>();
  for (const name of query.user_tags ?? []) tags.set(name, { name, type: 'user', protected: false });
  for (const name of query.protected_tags ?? []) tags.set(name, { name, type: 'user', protected: true });
  return [...tags.values()];
}

async function defineVm(
  context: ApiContext,
  request: ApiRequest,
  reply: ApiReply,
  query: Static<typeof VmDefineArguments>,
  named: string | null,
): Promise<{ message: string }> {
  const { cluster } = context;
  const summary = parsed(query.xml);
  const { name, uuid } = summary;
  if (named !== null && named !== name && named.toLowerCase() !== uuid) {
    throw invalid(`The XML is of VM '${name}' with UUID '${uuid}', not of '${named}'`);
  }
  const node = query.node ?? null;
  if (node !== null && !isNode(context, node)) throw invalid(`ERROR: Specified node '${node}' is invalid.`);
  const meta = metaOf(context, query);
  if (node !== null && meta.nodeLimit !== null && !meta.nodeLimit.includes(node)) {
    throw invalid(`ERROR: Specified node '${node}' is not in the allowed list of nodes for VM '${name}'.`);
  }
  refuseTaken(context, uuid, summary.rbdDisks);
  const result = await cluster.defineVm({
    xml: query.xml,
    summary,
    meta,
    tags: tagsOf(query),
    node,
    correlation: request.id,
  });
  if (result.kind === 'refused') {
    void reply.code(statusOf(result.code));
    // PVC's sentence; which of the two it is comes after it.
    const taken = `ERROR: Specified VM '${name}' or UUID '${uuid}' matches an existing VM on the cluster`;
    return { message: plainText(result.code === 'PVC_NAME_TAKEN' ? `${taken}: ${result.message}` : result.message) };
  }
  await untilMirrored(context, uuid);
  return { message: `Added new VM with Name '${name}' and UUID '${uuid}' to database.` };
}

/** Whoever defined a VM may start it at once by name: wait, within a bound, until this node's mirror has it. */
async function untilMirrored(context: ApiContext, uuid: string): Promise<void> {
  const until = context.clock.monotonicMs() + MIRROR_WAIT_MS;
  while (lookVm(context.feed, uuid) === null && context.clock.monotonicMs() < until)
    await context.clock.sleep(MIRROR_LOOK_MS);
}

async function modifyVm(
  context: ApiContext,
  request: ApiRequest,
  reply: ApiReply,
  named: string,
  query: Static<typeof VmModifyArguments>,
): Promise<{ message: string }> {
  const vm = vmContext(findVm(context.feed, named).record);
  const summary = parsed(query.xml);
  if (summary.uuid !== vm.uuid)
    throw invalid(`The UUID of VM '${vm.name}' is '${vm.uuid}' and cannot become '${summary.uuid}'`);
  if (summary.name !== vm.name)
    throw invalid(`VM '${vm.name}' cannot be renamed by its XML: the name there is '${summary.name}'`);
  refuseTaken(context, vm.uuid, summary.rbdDisks);
  const xmlHash = await context.cluster.storeDocument(query.xml);
  const event: VmCommand = {
    type: 'vm.modify',
    definition: definitionOf(summary, xmlHash),
    restart: query.restart ?? false,
  };
  const text = `Successfully modified configuration of VM '${vm.name}'.`;
  return runCommand(context, request, reply, {
    to: addressOf('vm', vm.uuid),
    event: event as unknown as ActorEvent,
    wait: false,
    accepted: text,
    done: text,
  });
}

async function undefineVm(
  context: ApiContext,
  request: ApiRequest,
  reply: ApiReply,
  named: string,
  disks: boolean,
): Promise<{ message: string }> {
  const vm = vmContext(findVm(context.feed, named).record);
  const plan = disks ? await removalOf(context, vm) : null;
  const stays = plan === null || plan.staying.length === 0 ? ''
    : ` What is no volume of its own stays: ${plan.staying.join(', ')}.`;
  return runCommand(context, request, reply, {
    to: addressOf('vm', vm.uuid),
    event: { type: 'vm.undefine', ...(plan === null ? {} : { disks: plan.volumes }) },
    wait: true,
    waitMs: plan === null ? UNDEFINE_WAIT_MS : LONG_WAIT_MS,
    accepted: plan === null ? `Undefining VM '${vm.name}'.` : `Removing VM '${vm.name}' and its disks.`,
    done: plan === null ? `Undefined VM '${vm.name}' from the cluster.`
      : `Removed VM '${vm.name}' and its disks from the cluster.${stays}`,
  });
}

/** Refuses a target that is no node; null stays null. */
export function targetNode(context: ApiContext, node: string | undefined): string | null {
  if (node === undefined || node === '') return null;
  if (!isNode(context, node)) throw invalid(`ERROR: Specified node '${node}' is invalid.`);
  return findNode(context.feed, node).record.id;
}
