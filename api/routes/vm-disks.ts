/** `/vm/<vm>/device` and `/vm/<vm>/disk/<disk>`: devices of a VM, changed with its definition in one operation. */
import {
  changedDomain, ioLimitsOf, nameOfDevice, readDevice, sourceOf, withIoLimits, type DeviceChange,
} from '../../actors/domain-devices.js';
import { rbdDisksOf } from '../../actors/domain-rbd.js';
import { DomainXmlProblem } from '../../actors/domain-summary.js';
import { at, elements, type XmlElement } from '../../actors/domain-tree.js';
import { definitionOf, parseDomainXml, readDomain, xmlOf } from '../../actors/domain-xml.js';
import type { RbdDisk, VmCommand, VmContext, VmDeviceCommand } from '../../machines/vm/messages.js';
import { addressOf } from '../../runtime/address.js';
import { PvcError } from '../../runtime/errors.js';
import { runCommand, type ActorEvent } from '../commands.js';
import type { ApiContext } from '../context.js';
import { invalid } from '../faults.js';
import type { Api, ApiReply, ApiRequest } from '../http.js';
import { Message, routeAt } from '../schemas/schema.js';
import { VmDeviceArguments, VmDiskLimitArguments, VmDiskPath } from '../schemas/vm-disks.js';
import { VmPath } from '../schemas/vm.js';
import { runTask, taskRouteAt } from '../tasks.js';
import { findVm } from '../views/find.js';
import { vmContext } from '../views/words.js';

const LIMIT_WAIT_MS = 60_000;

export function vmDiskRoutes(api: Api, context: ApiContext): void {
  const attach = taskRouteAt('Attach a device to a VM', VmPath, VmDeviceArguments);
  api.post('/vm/:vm/device', attach, (request, reply) =>
    changeDevice(context, request, reply, request.params.vm, 'attach', request.query));
  const detach = taskRouteAt('Detach a device from a VM', VmPath, VmDeviceArguments);
  api.delete('/vm/:vm/device', detach, (request, reply) =>
    changeDevice(context, request, reply, request.params.vm, 'detach', request.query));

  const summary = 'Limits of I/O of one disk; what is left out stays';
  const limits = routeAt(summary, VmDiskPath, VmDiskLimitArguments, Message);
  api.post('/vm/:vm/disk/:disk', limits, async (request, reply) => {
    const { vm, root } = await definitionOfVm(context, request.params.vm);
    const disk = diskOf(vm, root, request.params.disk);
    const given = Object.entries(request.query).filter(([, value]) => value !== undefined);
    if (given.length === 0) throw invalid('Nothing to change: give at least one limit, 0 = none');
    const limited = readable(() => withIoLimits(disk, { ...ioLimitsOf(disk), ...Object.fromEntries(given) }));
    const text = `Successfully changed the limits of disk '${nameOfDevice(disk)}' of VM '${vm.name}'.`;
    const event = { type: 'vm.limit', ...await commandOf(context, root, 'limit', limited) } as unknown as ActorEvent;
    return runCommand(context, request, reply, {
      to: addressOf('vm', vm.uuid), event, wait: true, waitMs: LIMIT_WAIT_MS, accepted: text, done: text,
    });
  });
}

/** What is wrong with an XML is the user's to know. */
function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof DomainXmlProblem) throw invalid(error.message);
    throw error;
  }
}

async function definitionOfVm(context: ApiContext, named: string): Promise<{ vm: VmContext; root: XmlElement }> {
  const vm = vmContext(findVm(context.feed, named).record);
  const document = await context.documents.get(vm.definition.xmlHash);
  if (document === null) throw new PvcError('PVC_WRONG_STATE', `The definition of VM '${vm.name}' cannot be read now`);
  return { vm, root: readDomain(document.xml) };
}

/** By its name in the guest (vda) or by its volume (vms/web1_sda). */
function diskOf(vm: VmContext, root: XmlElement, named: string): XmlElement {
  const disks = elements(at(root, 'devices'), 'disk');
  const found = disks.find((disk) => nameOfDevice(disk) === named) ?? disks.find((disk) => sourceOf(disk) === named);
  if (found !== undefined) return found;
  throw invalid(`VM '${vm.name}' has no disk '${named}': it has ${disks.map(nameOfDevice).join(', ') || 'none'}`);
}

/** The definition and the device as documents, and what the VM's actor is to know of them. */
async function commandOf(
  context: ApiContext, root: XmlElement, change: DeviceChange, device: XmlElement,
): Promise<VmDeviceCommand> {
  const xml = readable(() => xmlOf(changedDomain(root, change, device)));
  const parsed = parseDomainXml(xml);
  if (!parsed.ok) throw invalid(parsed.reason);
  const [deviceHash, xmlHash] = await Promise.all([
    context.cluster.storeDocument(xmlOf(device)), context.cluster.storeDocument(xml),
  ]);
  return { deviceHash, definition: definitionOf(parsed.summary, xmlHash) };
}

async function changeDevice(
  context: ApiContext, request: ApiRequest, reply: ApiReply, named: string, change: 'attach' | 'detach',
  { xml, live = true }: { readonly xml: string; readonly live?: boolean },
) {
  const device = readable(() => readDevice(xml));
  const { vm, root } = await definitionOfVm(context, named);
  if (change === 'attach') refuseTaken(context, vm.uuid, rbdDisksOf(device));
  const command = await commandOf(context, root, change, device);
  const event: VmCommand = live ? { type: `vm.${change}`, ...command }
    : { type: 'vm.modify', definition: command.definition, restart: false };
  const [verb, link] = change === 'attach' ? ['Attaching', 'to'] : ['Detaching', 'from'];
  return runTask(context, request, reply, {
    to: addressOf('vm', vm.uuid), event: event as unknown as ActorEvent, name: `vm.device_${change}`,
    accepted: `${verb} ${device.name} '${sourceOf(device) ?? nameOfDevice(device)}' ${link} VM '${vm.name}'.`,
  });
}

/**
 * A volume is one VM's, unless all that have it say that they share it. Throws PVC_WRONG_STATE naming the other one.
 */
export function refuseTaken(context: ApiContext, uuid: string, disks: readonly RbdDisk[]): void {
  for (const disk of disks.filter(({ readOnly }) => !readOnly)) {
    for (const { record } of context.feed.actors('vm')) {
      const other = vmContext(record);
      const theirs = other.uuid === uuid ? undefined
        : other.definition.rbdDisks?.find((each) => each.volume === disk.volume && !each.readOnly);
      if (theirs === undefined || (theirs.shareable && disk.shareable)) continue;
      throw new PvcError('PVC_WRONG_STATE',
        `Volume '${disk.volume}' is a disk of VM '${other.name}': detach it there first, or mark it <shareable/> in `
        + 'both definitions if its file system can be mounted twice');
    }
  }
}
