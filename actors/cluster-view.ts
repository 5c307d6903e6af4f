/**
 * The cluster as placement sees it: nodes and VMs of this node's mirror, in the terms of machines/placement.ts.
 * A VM that is on its way to a node counts there from the commit that named it, before any telemetry does.
 */
import type { PlaceParams, PlaceResult, PlannedMove } from '../machines/effects.js';
import { daemonStateWord, domainStateWord, nodeContext, nodeIsIn } from '../machines/node/view.js';
import type { NodeTelemetry } from '../machines/node/telemetry.js';
import { settingsOf, type ClusterSettings } from '../machines/cluster-settings.js';
import {
  place, planMoves, type PlacementNode, type PlacementRequest, type PlacementWorld,
} from '../machines/placement.js';
import { predecessorsOf } from '../machines/order.js';
import { repairMoves } from '../machines/repair.js';
import type { PlacementRule } from '../machines/rules.js';
import type { AtRisk } from '../machines/survival.js';
import type { BootRef, NodeSelector, VmContext } from '../machines/vm/messages.js';
import { addressOf } from '../runtime/address.js';
import { stateText } from '../runtime/behavior.js';
import type { Mirror } from '../runtime/mirror.js';
import type { ActorRecord } from '../runtime/record.js';
import type { PvcConfig } from './config.js';
import { whoMayReturn } from './homecoming.js';
import { isMaintained, NOTHING_BY_ITSELF } from './maintenance.js';
import { PromisedPlaces } from './promised-places.js';
import { heldBy, holds, homedAt, standingOf } from './vm-places.js';

const contextOf = (record: ActorRecord): VmContext => record.snapshot.context as unknown as VmContext;
/** Its ha is off: nothing of the cluster's touches it but what a person asks for. */
const isLeftAlone = (vm: VmContext): boolean => vm.meta.ha === false;

const memoryOf = (vm: VmContext): number => vm.definition.memoryMiB;

/** What `cluster.evacuate` answers. */
export interface Evacuation { readonly moves: readonly PlannedMove[]; readonly busy: readonly string[] }
/** What `cluster.homecoming` answers. */
export interface Homecoming {
  readonly boot: BootRef | null;
  readonly back: readonly string[];
  readonly start: readonly string[];
  readonly after?: Readonly<Record<string, readonly string[]>>;
  readonly busy: readonly string[];
}

export class ClusterView {
  private readonly promised = new PromisedPlaces();
  private readonly moving = new Map<string, { totalBytes: number; remainingBytes: number }>();

  constructor(private readonly mirror: Mirror, private readonly config: PvcConfig) {}

  /** Progress of a live migration from this node; null = it ended. */
  progress(uuid: string, progress: { totalBytes: number; remainingBytes: number } | null): void {
    if (progress === null) this.moving.delete(uuid);
    else this.moving.set(uuid, progress);
  }

  migrations(): ReadonlyMap<string, { totalBytes: number; remainingBytes: number }> {
    return this.moving;
  }

  maintained(): boolean {
    return isMaintained(this.mirror);
  }

  settings(): ClusterSettings {
    return settingsOf(this.mirror.settings());
  }

  /** `effectId`: of the effect that asks. */
  place(params: PlaceParams, effectId: string): PlaceResult {
    const { rebalanceOnStart } = this.settings();
    // A start that somebody asked for: nothing of it runs anywhere, and it may as well have another home.
    const even = params.purpose === 'start' && rebalanceOnStart !== null && params.asked === true
      && params.exclude.length === 0;
    const record = this.mirror.actors.get(addressOf('vm', params.uuid))?.record;
    const withoutStorage = record === undefined ? [] : this.withoutStorage(contextOf(record));
    const request = { ...params, withoutStorage, ...(even ? { balance: rebalanceOnStart } : {}) };
    const result = { ...place(request, this.world([params.uuid])), ...(even ? { settles: true } : {}) };
    if (result.target !== null && record !== undefined) this.promised.give(record, result.target.node, effectId);
    return result;
  }

  /** A home for a VM that is being defined; a node named by the user is taken even while it is down. */
  placeNew(
    request: PlacementRequest & { readonly only: string | null },
  ): { node: string | null; reason: string | null } {
    const world = this.world();
    if (request.only === null) {
      const placed = place(request, world);
      return { node: placed.target?.node ?? null, reason: placed.reason };
    }
    const node = world.nodes.find((each) => each.name === request.only);
    if (node !== undefined && node.memoryTotalMiB > 0 && request.memoryMiB > node.memoryTotalMiB) {
      const has = `node "${node.name}" has ${node.memoryTotalMiB} MiB`;
      return { node: null, reason: `${has}, the VM needs ${request.memoryMiB}` };
    }
    if (request.nodeLimit !== null && !request.nodeLimit.includes(request.only)) {
      const limit = request.nodeLimit.join(', ');
      return { node: null, reason: `node "${request.only}" is not in its node limit (${limit})` };
    }
    return { node: request.only, reason: null };
  }

  /** Places for VMs that lost their node, in one plan. VMs that are not wanted running get none. */
  planRecovery(records: readonly ActorRecord[], deadNode: string): PlannedMove[] {
    const vms = records.map(contextOf);
    const wanted = vms.filter((vm) => vm.desired === 'start' && !isLeftAlone(vm));
    const idle = vms.filter((vm) => !wanted.includes(vm));
    // Its node is back under another boot: what ran there begins anew at home.
    const home = this.isBack(deadNode);
    // A fence that was under way is finished; a node that merely came back under maintenance begins nothing.
    if (home && this.maintained()) {
      return vms.map((vm) => ({ uuid: vm.uuid, target: null, reason: NOTHING_BY_ITSELF }));
    }
    const requests = wanted.map((vm) => ({
      ...this.requestOf(vm, home ? [] : [deadNode]), prefer: home ? deadNode : null,
    }));
    const moves = planMoves(requests, this.world(wanted.map((vm) => vm.uuid)));
    const placed = new Set(moves.filter((move) => move.target !== null).map((move) => move.uuid));
    const order = predecessorsOf(requests.filter(({ uuid }) => placed.has(uuid)));
    return [
      ...moves.map((move) => ({ ...move, ...(order.has(move.uuid) && { after: order.get(move.uuid)! }) })),
      ...idle.map((vm) => ({ uuid: vm.uuid, target: null, reason: null })),
    ];
  }

  /**
   * VMs that run where their rules do not want them, or want them less than elsewhere (and they may go back by
   * themselves), with a better place each, and VMs that leave a waiting one no place. One plan: each move counts for
   * those after it.
   */
  misplaced(): (PlannedMove & { readonly seq: number })[] {
    const rules = this.rules();
    if (rules.length === 0) return [];
    const seqs = new Map<string, number>();
    const residents = this.vms().filter((record) => stateText(record.snapshot.value) === 'running')
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .filter((record) => !isLeftAlone(contextOf(record)))
      .map((record) => {
        const vm = contextOf(record);
        seqs.set(vm.uuid, record.seq);
        return { request: this.requestOf(vm, []), node: vm.node, failback: vm.meta.failback ?? true };
      });
    const waiting = this.vms().filter((record) => stateText(record.snapshot.value) === 'starting.waiting')
      .map((record) => this.requestOf(contextOf(record), []));
    return repairMoves(residents, this.world(), waiting)
      .map(({ uuid, target }) => ({ uuid, target, reason: null, seq: seqs.get(uuid)! }));
  }

  /** VMs that would be recovered if the node they are on were lost. */
  atRisk(): AtRisk[] {
    return this.vms().map(contextOf)
      .filter((vm) => vm.desired === 'start' && !isLeftAlone(vm) && vm.mayRunOn.length > 0)
      .map((vm) => ({ request: this.requestOf(vm, []), node: vm.node }));
  }

  /** null = there is no such VM. */
  requestFor(uuid: string): (PlacementRequest & { readonly runs: boolean }) | null {
    const record = this.mirror.actors.get(addressOf('vm', uuid))?.record;
    if (record === undefined || record.removed) return null;
    const vm = contextOf(record);
    return { ...this.requestOf(vm, []), prefer: vm.node, runs: vm.mayRunOn.length > 0 };
  }

  nameOf(uuid: string): string {
    const record = this.mirror.actors.get(addressOf('vm', uuid))?.record;
    return record === undefined ? uuid : contextOf(record).name;
  }

  private rules(): readonly PlacementRule[] {
    const { rules } = this.settings();
    if (rules.length === 0) return [];
    const alone = new Set(this.vms().map(contextOf).filter(isLeftAlone).map((vm) => vm.uuid));
    return alone.size === 0 ? rules
      : rules.map((rule) => ({ ...rule, vms: rule.vms.filter((vm) => !alone.has(vm)) }));
  }

  /** stay: nobody moves; each is to be shut down where it is. which: of those there; default: all. */
  evacuate(node: string, stay = false, which: (vm: VmContext) => boolean = () => true): Evacuation {
    const here = this.vms().filter((record) => holds(contextOf(record), node) && which(contextOf(record)));
    const settled = here.filter((record) =>
      stateText(record.snapshot.value) === 'running' && contextOf(record).node === node);
    return {
      moves: stay ? settled.map(({ id }) => ({ uuid: id, target: null, reason: 'It stays with its node' }))
        : planMoves(settled.map((record) => this.requestOf(contextOf(record), [node])), this.world()),
      busy: here.filter((record) => !settled.includes(record)).map((record) => contextOf(record).uuid),
    };
  }

  homecoming(node: string): Homecoming {
    const entry = this.mirror.liveOf(node);
    const gone = this.vms().filter((record) =>
      contextOf(record).lastNode === node && contextOf(record).node !== node);
    const now = { rules: this.rules(), standing: standingOf(this.vms().map(contextOf)) };
    const away = whoMayReturn(node, gone, now);
    const back = away.filter((record) => stateText(record.snapshot.value) === 'running');
    const busy = away.filter((record) => !back.includes(record) && contextOf(record).desired === 'start');
    const start = this.vms().map(contextOf).filter((vm) =>
      vm.node === node && vm.meta.autostart && vm.desired === 'stop' && vm.mayRunOn.length === 0);
    const order = predecessorsOf(start.map((vm) => ({ uuid: vm.uuid, priority: vm.meta.priority ?? 0 })));
    return {
      boot: entry === null ? null : { node, bootId: entry.bootId },
      back: back.map((record) => contextOf(record).uuid),
      start: start.map((vm) => vm.uuid),
      ...(order.size > 0 && { after: Object.fromEntries(order) }),
      busy: busy.map((record) => contextOf(record).uuid),
    };
  }

  /** A boot of it was proved over by its return (P0), and the new one holds a lease. */
  private isBack(node: string): boolean {
    const record = this.mirror.actors.get(addressOf('node', node))?.record;
    if (record === undefined || !nodeIsIn(record.snapshot, 'life.proved')) return false;
    const { proof } = nodeContext(record.snapshot);
    const live = this.mirror.liveOf(node);
    return proof?.kind === 'P0' && live !== null && live.bootId !== proof.boot.bootId;
  }

  private withPromise(record: ActorRecord, asking: ReadonlySet<string>): VmContext {
    const vm = contextOf(record);
    const node = this.promised.of(record);
    return node === null || asking.has(record.id) ? vm : { ...vm, target: { node, bootId: '' } };
  }

  /** Where storage does not answer, nothing is placed whose disk is there. */
  private withoutStorage(vm: VmContext): readonly string[] {
    return !vm.definition.rbdOnly ? [] : this.config.allNodes.filter((name) =>
      (this.mirror.telemetryOf(name)?.data as unknown as NodeTelemetry | undefined)?.storage === false);
  }

  private requestOf(vm: VmContext, exclude: readonly string[]): PlacementRequest {
    return {
      uuid: vm.uuid, memoryMiB: vm.definition.memoryMiB, vcpus: vm.definition.vcpus, nodeLimit: vm.meta.nodeLimit,
      selector: vm.meta.nodeSelector, exclude, withoutStorage: this.withoutStorage(vm), priority: vm.meta.priority ?? 0,
    };
  }

  private vms(): ActorRecord[] {
    return [...this.mirror.actors.values()].map((actor) => actor.record)
      .filter((record) => record.kind === 'vm' && !record.removed);
  }

  /** `asking` = VMs a place is looked for: what was promised to them before does not count, nor what they had. */
  world(asking: readonly string[] = []): PlacementWorld {
    const askers = new Set(asking);
    const vms = this.vms().map((record) => this.withPromise(record, askers));
    const [held, homed] = [heldBy(vms), homedAt(vms)];
    return {
      nodes: this.config.allNodes.map((name) => this.node(name, held.get(name) ?? [], homed.get(name) ?? [], askers)),
      defaultSelector: this.config.targetSelector as NodeSelector,
      rules: this.rules(), standing: standingOf(vms), overcommit: this.settings().overcommit,
    };
  }

  /** `held`, `homed`: VMs that it may hold, or is about to, and those whose home it is. */
  private node(
    name: string, held: readonly VmContext[], homed: readonly VmContext[], asking: ReadonlySet<string>,
  ): PlacementNode {
    const record = this.mirror.actors.get(addressOf('node', name))?.record;
    const telemetry = this.mirror.telemetryOf(name)?.data as unknown as NodeTelemetry | undefined;
    const back = this.isBack(name);
    const counted = new Set(telemetry?.guests.map((guest) => guest.uuid) ?? []);
    const coming = held.filter((vm) => !counted.has(vm.uuid) && !asking.has(vm.uuid));
    const sum = (list: readonly VmContext[], of: (vm: VmContext) => number): number =>
      list.reduce((total, vm) => total + of(vm), 0);
    return {
      name,
      bootId: this.mirror.liveOf(name)?.bootId ?? null,
      // A node that has lost its libvirtd holds its lease and its guests, but takes no new ones.
      daemonState: telemetry?.hypervisor === false ? 'without its libvirtd'
        : record === undefined ? 'unknown' : back ? 'run' : daemonStateWord(record.snapshot),
      domainState: record === undefined ? 'flushed'
        : back ? (nodeIsIn(record.snapshot, 'domain.ready') ? 'ready' : 'flushed') : domainStateWord(record.snapshot),
      memoryTotalMiB: telemetry?.memory.totalMiB ?? 0,
      memoryFreeMiB: (telemetry?.memory.freeMiB ?? 0) - sum(coming, memoryOf),
      memoryProvisionedMiB: sum(homed.filter((vm) => !asking.has(vm.uuid)), memoryOf),
      vcpusAllocated: (telemetry?.vcpusAllocated ?? 0) + sum(coming, (vm) => vm.definition.vcpus),
      load: (telemetry?.load ?? 0) + sum(coming, (vm) => vm.definition.vcpus),
      vms: counted.size + coming.length,
      memoryAllocatedMiB: (telemetry?.memory.allocatedMiB ?? 0) + sum(coming, memoryOf),
      ...(telemetry === undefined ? {} : { cpus: telemetry.cpuCount }),
    };
  }
}
