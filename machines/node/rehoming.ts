/** Part of the node chart: VMs of a boot that is proved over are told so, and where the one plan puts them. */
import type { NodeContext, Proof } from './messages.js';
import { nodeSetup } from './setup.js';

/** Tells each VM of the dead boot where the one plan puts it, with the proof; and others that the boot is over. */
export const tellVms = (which: (context: NodeContext) => Proof | null) =>
  nodeSetup.enqueueActions(({ context, event, enqueue }) => {
    const found = which(context);
    if (event.type !== 'cluster.rehome.done' || found === null) return;
    const osdmapEpoch = context.cut?.osdmapEpoch ?? null;
    const proof = osdmapEpoch === null ? found : { ...found, osdmapEpoch };
    for (const { uuid, target, reason, after } of event.result.moves) {
      const recover = { type: 'vm.recover', target, reason, proofs: [proof], ...(after && { after }) };
      enqueue({ type: 'tell', params: { to: `vm/${uuid}`, event: recover } });
    }
    for (const uuid of event.result.concerned) {
      enqueue({ type: 'tell', params: { to: `vm/${uuid}`, event: { type: 'boot.fenced', proof } } });
    }
  });
