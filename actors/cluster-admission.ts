/**
 * Admission by the cluster as a whole: may a VM be started, given what the loss of one node, or the memory that is
 * there, would then mean? A refusal or a warning, by the settings; and the present state for the cluster's health.
 * Only commands of people are asked here: recovery never waits for it.
 */
import { place, take, type PlacementWorld } from '../machines/placement.js';
import { survival, worsened, type NodeLoss } from '../machines/survival.js';
import { splitAddress, type Address } from '../runtime/address.js';
import type { ActorEvent } from '../runtime/envelope.js';
import type { ClusterView } from './cluster-view.js';

/** What the cluster says to a command: nothing, a warning that goes with the answer, or no. */
export type Verdict =
  | { readonly kind: 'fine' }
  | { readonly kind: 'warning' | 'refusal'; readonly text: string };

const FINE: Verdict = { kind: 'fine' };

export function startVerdict(view: ClusterView, to: Address, command: ActorEvent): Verdict {
  const { kind, id } = splitAddress(to);
  if (kind !== 'vm' || command.type !== 'vm.start') return FINE;
  const request = view.requestFor(id);
  if (request === null || request.runs) return FINE;
  const { nodeLoss, overcommit } = view.settings();
  const world = view.world([id]);
  const { target, reason } = place(request, world);
  // Without a place the VM waits and says so; that is no question of admission, unless only memory is missing.
  if (target === null) {
    return overcommit === 'refuse' ? { kind: 'refusal', text: reason ?? 'no node can take it' } : FINE;
  }
  const loss = nodeLoss === 'ignore' ? null
    : worsened(lossesIn(view, world), lossesIn(view, take(request, target.node, world), { request, node: target.node }),
      (uuid) => view.nameOf(uuid));
  if (loss !== null && nodeLoss === 'refuse') return { kind: 'refusal', text: loss };
  const texts = [reason, loss].filter((text) => text !== null);
  return texts.length === 0 ? FINE : { kind: 'warning', text: texts.join('. ') };
}

type Added = ReturnType<ClusterView['atRisk']>[number];

/** By what fits: memory that is overcommitted by a setting is none that a lost node's VMs could count on. */
function lossesIn(view: ClusterView, world: PlacementWorld, added?: Added): NodeLoss[] {
  const vms = view.atRisk();
  return survival(added === undefined ? vms : [...vms, added], { ...world, overcommit: 'fit' });
}

/** Nodes whose loss would leave VMs without a place, as sentences for the cluster's health. */
export function lossWarnings(view: ClusterView): { readonly node: string; readonly text: string }[] {
  if (view.settings().nodeLoss === 'ignore') return [];
  return lossesIn(view, view.world()).map(({ node, stranded }) => {
    const names = stranded.map(({ uuid }) => view.nameOf(uuid)).join(', ');
    return { node, text: `If node ${node} were lost, no other could take ${names}` };
  });
}
