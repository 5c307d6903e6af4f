/** VMs as PVC's objects, with what is read elsewhere for them: documents, telemetry, rules. */
import type { MirroredActor } from '../../runtime/feed-types.js';
import type { ApiContext } from '../context.js';
import type { Static } from '../schemas/schema.js';
import type { VmObject } from '../schemas/vm.js';
import { heldByLostNode } from './held.js';
import { rulesOf } from './rules.js';
import { nodeFacts } from './telemetry.js';
import { vmObject } from './vm.js';
import { vmContext } from './words.js';

export async function vmObjects(
  context: ApiContext, vms: readonly MirroredActor[],
): Promise<Static<typeof VmObject>[]> {
  const facts = nodeFacts(context.feed);
  const nowMs = context.clock.wallMs();
  return Promise.all(vms.map(async ({ record, address }) => {
    const { uuid, definition, snapshots = [] } = vmContext(record);
    const [document, ...diffs] = await Promise.all([
      context.documents.get(definition.xmlHash),
      ...snapshots.map((each) => context.documents.diff(each.definition.xmlHash, definition.xmlHash)),
    ]);
    const held = heldByLostNode(context.feed, address);
    return vmObject(record, document, facts, nowMs, { held, diffs, rules: rulesOf(context, uuid) });
  }));
}
