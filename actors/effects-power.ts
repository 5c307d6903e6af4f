/** Effects on other nodes' power and signs of life, for node and agent actors. */
import type { NodeEffects } from '../machines/effects.js';
import { PROBE_MS } from '../machines/node/timing.js';
import type { Bmc, Probe } from './drivers/bmc.js';
import { done } from './drivers/outcome.js';
import type { HandlersOf } from './handlers.js';

export function powerEffects(
  bmc: Bmc, probe: Probe,
): HandlersOf<Pick<NodeEffects, 'bmc.read' | 'bmc.set' | 'probe.signs'>> {
  return {
    async 'bmc.read'(params) {
      const outcome = await bmc.read(params.node, params.deadlineMs);
      return outcome.kind === 'done' ? done({ power: outcome.value }) : outcome;
    },
    'bmc.set': (params) => bmc.set(params.node, params.power, params.deadlineMs),
    'probe.signs': async (params) => done(await probe.signs(params.node, Math.min(PROBE_MS, params.deadlineMs))),
  };
}
