/** `/storage/ceph/{status,utilization,option}`: Ceph as a whole. */
import { PvcError } from '../../runtime/errors.js';
import type { OsdAnswer } from '../cluster-osds.js';
import type { ApiContext } from '../context.js';
import type { Api } from '../http.js';
import { Message, NoArguments, routeOf } from '../schemas/schema.js';
import { OptionArguments, StorageText } from '../schemas/storage-osds.js';

/** What Ceph refused is a conflict, with its own words; what nobody knows is to be asked again. */
export function cephValue<T>(answer: OsdAnswer<T>): T {
  if (answer.kind === 'done') return answer.value;
  if (answer.kind === 'refused') throw new PvcError('PVC_WRONG_STATE', `Ceph refused: ${answer.reason}`);
  throw new PvcError('PVC_NOT_COMMITTED', `Ceph gave no answer: ${answer.reason}. Do its monitors have a quorum?`);
}

export function storageStatusRoutes(api: Api, { cluster, feed }: ApiContext): void {
  for (const what of ['status', 'utilization'] as const) {
    const route = routeOf(`Ceph's ${what}, as it prints it`, NoArguments, StorageText);
    api.get(`/storage/ceph/${what}`, route, async () => ({
      type: what, primary_node: feed.primary()?.node ?? null, ceph_data: cephValue(await cluster.osds.text(what)),
    }));
  }

  api.post('/storage/ceph/option', routeOf('Set or unset a flag of the cluster', OptionArguments, Message),
    async (request) => {
      const { option, action } = request.query;
      cephValue(await cluster.osds.setOption(option, action === 'set'));
      return { message: `${action === 'set' ? 'Set' : 'Unset'} Ceph OSD property '${option}'.` };
    });
}
