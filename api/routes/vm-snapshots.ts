/** `/vm/<vm>/snapshot`: snapshots of all disks of a VM at one moment, as PVC's tasks. */
import type { VmCommand } from '../../machines/vm/messages.js';
import { addressOf } from '../../runtime/address.js';
import type { ActorEvent } from '../commands.js';
import type { ApiContext } from '../context.js';
import type { Api, ApiReply, ApiRequest } from '../http.js';
import { VmNewSnapshotArguments, VmSnapshotArguments } from '../schemas/vm-disks.js';
import { VmPath } from '../schemas/vm.js';
import { runTask, taskRouteAt } from '../tasks.js';
import { findVm } from '../views/find.js';
import { vmContext } from '../views/words.js';
import { nameOfNew } from '../volume-commands.js';

export function vmSnapshotRoutes(api: Api, context: ApiContext): void {
  const create = taskRouteAt('Snapshot all disks and the definition of a VM', VmPath, VmNewSnapshotArguments);
  api.post('/vm/:vm/snapshot', create, (request, reply) => {
    const name = nameOfNew('snapshot', request.query.snapshot_name ?? timestamp(context.clock.wallMs()));
    return run(context, request, reply, request.params.vm, { type: 'vm.snapshot', snapshot: name }, 'create_snapshot',
      `Creating snapshot '${name}'`);
  });

  const remove = taskRouteAt('Remove a snapshot of a VM', VmPath, VmSnapshotArguments);
  api.delete('/vm/:vm/snapshot', remove, (request, reply) => {
    const name = request.query.snapshot_name;
    return run(context, request, reply, request.params.vm, { type: 'vm.dropSnapshot', snapshot: name },
      'remove_snapshot', `Removing snapshot '${name}'`);
  });

  const back = taskRouteAt('Bring a stopped VM back to a snapshot', VmPath, VmSnapshotArguments);
  api.post('/vm/:vm/snapshot/rollback', back, (request, reply) => {
    const name = request.query.snapshot_name;
    return run(context, request, reply, request.params.vm, { type: 'vm.rollback', snapshot: name },
      'rollback_snapshot', `Rolling back to snapshot '${name}'`);
  });
}

/** PVC's name of a snapshot that is given none: 20261123034700, in UTC. */
const timestamp = (wallMs: number): string => new Date(wallMs).toISOString().replace(/\D/g, '').slice(0, 14);

function run(
  context: ApiContext, request: ApiRequest, reply: ApiReply, named: string, command: VmCommand, task: string,
  what: string,
) {
  const vm = vmContext(findVm(context.feed, named).record);
  return runTask(context, request, reply, {
    to: addressOf('vm', vm.uuid), event: command as unknown as ActorEvent, name: `vm.${task}`,
    accepted: `${what} of VM '${vm.name}'.`,
  });
}
