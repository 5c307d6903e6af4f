/**
 * Repair: which running VMs are sent elsewhere because their rules want it. Pure. First those that stand where a strict
 * rule forbids it; one that no single move helps is placed anew together with the VMs it is tied to, of which those
 * move first that may go at once. So do those that keep a waiting VM from every place. Then those that may go back by
 * themselves to what they like better.
 */
import { packAll } from './packing.js';
import {
  betterPlace, leave, PACKING, place, take, type PlacementRequest, type PlacementWorld,
} from './placement.js';
import { forbiddenBy, tiedTo } from './rules.js';
import type { BootRef } from './vm/messages.js';

/** A VM that runs and rests. */
export interface Resident {
  readonly request: PlacementRequest;
  readonly node: string;
  /** May it go back by itself to what it likes better? */
  readonly failback: boolean;
}

export interface RepairMove {
  readonly uuid: string;
  readonly target: BootRef;
}

/** VMs looked at while one that is in the wrong place is placed anew with its kin. */
const SEARCH_BUDGET = 4000;

/**
 * One plan: each move counts for those after it. Equal VMs are taken in the order given. `waiting`: VMs that run
 * nowhere and look for a place by themselves; none of the moves is one of theirs.
 */
export function repairMoves(
  residents: readonly Resident[], world: PlacementWorld, waiting: readonly PlacementRequest[] = [],
): RepairMove[] {
  const moves = new Map<string, RepairMove>();
  let now = world;
  const move = (resident: Resident, target: BootRef): void => {
    moves.set(resident.request.uuid, { uuid: resident.request.uuid, target });
    now = moving(resident, target.node, now);
  };
  const isForbidden = ({ request, node }: Resident): boolean =>
    forbiddenBy(request.uuid, node, { rules: now.rules ?? [], standing: now.standing ?? new Map() }) !== null;
  const rest = residents.filter((resident) => {
    if (!isForbidden(resident)) return true;
    const target = betterPlace(resident.request, resident.node, resident.failback, now);
    if (target !== null) move(resident, target);
    else for (const [kin, there] of regrouped(resident, residents, now, moves)) move(kin, there);
    return false;
  });
  for (const request of waiting) {
    if (place(request, now).target !== null) continue;
    for (const [kin, there] of regrouped({ request }, residents, now, moves)) move(kin, there);
  }
  for (const resident of rest) {
    if (moves.has(resident.request.uuid)) continue;
    const target = betterPlace(resident.request, resident.node, resident.failback, now);
    if (target !== null) move(resident, target);
  }
  return [...moves.values()];
}

/** While it moves it stands on both nodes. */
function moving({ request, node }: Resident, target: string, world: PlacementWorld): PlacementWorld {
  const after = take(request, target, world);
  return { ...after, standing: new Map(after.standing).set(request.uuid, [node, target]) };
}

/** Moves that may be made at once, out of an arrangement that is right for a VM and all that it is tied to. */
function regrouped(
  wrong: Pick<Resident, 'request'>, residents: readonly Resident[], world: PlacementWorld,
  moved: ReadonlyMap<string, RepairMove>,
): [Resident, BootRef][] {
  const tied = tiedTo(wrong.request.uuid, world.rules ?? []);
  const kin = residents.filter(({ request }) => tied.includes(request.uuid) && !moved.has(request.uuid));
  const emptied = kin.reduce((so, { request, node }) => leave(request, node, so), world);
  const homes = new Map<PlacementRequest, Resident | null>(
    kin.map((each) => [{ ...each.request, prefer: each.node }, each]));
  if (!kin.some(({ request }) => request.uuid === wrong.request.uuid)) homes.set(wrong.request, null);
  // Those that are kept together move one by one, and are apart for as long: only at rest they must not be.
  const atOnce = (request: PlacementRequest, node: string): BootRef | null =>
    place({ ...request, only: node }, { ...world, standing: withoutPartners(request.uuid, world) }).target;
  const found = packAll([...homes.keys()], emptied, {
    ...PACKING,
    // Only the one that stands wrong may have to wait for others to make room for it.
    choices: (request, so) => PACKING.choices(request, so).filter((node) =>
      request.uuid === wrong.request.uuid || node === request.prefer || atOnce(request, node) !== null),
  }, { left: SEARCH_BUDGET });
  if (found === null) return [];
  return [...homes].flatMap(([request, each]): [Resident, BootRef][] => {
    const node = found.get(request)!;
    const target = each === null || node === each.node ? null : atOnce(request, node);
    return each === null || target === null ? [] : [[each, target]];
  });
}

/** The standing without the VMs that a strict rule keeps together with this one. */
function withoutPartners(vm: string, { rules, standing }: PlacementWorld): ReadonlyMap<string, readonly string[]> {
  const left = new Map(standing);
  for (const rule of rules ?? []) {
    if (rule.kind === 'vm-affinity' && rule.together && rule.strict && rule.vms.includes(vm)) {
      for (const partner of rule.vms) left.delete(partner);
    }
  }
  return left;
}
