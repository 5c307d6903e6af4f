/** What the API asks of Ceph and its OSDs on this node: single commands of the monitors, and the birth of actors. */
import { OSD_DEADLINES } from '../machines/osd/timing.js';
import { addressOf, type Address } from '../runtime/address.js';
import type { Behavior } from '../runtime/behavior.js';
import type { Clock } from '../runtime/clock.js';
import { createActorOps } from '../runtime/create.js';
import { removeActor } from '../runtime/faults.js';
import type { Mirror } from '../runtime/mirror.js';
import type { Paths } from '../runtime/paths.js';
import { newToken, newUuid } from '../runtime/random.js';
import { createRecord } from '../runtime/step.js';
import type { Store } from '../runtime/store.js';
import type { OsdInput } from '../machines/osd/messages.js';
import type { CephConnection } from './drivers/ceph/connection.js';
import { OsdRegistry } from './drivers/ceph/osd-registry.js';
import { done, refused, unknown, type Outcome } from './drivers/outcome.js';

export interface OsdDeskDeps {
  readonly ceph: CephConnection | null;
  readonly store: Store;
  readonly paths: Paths;
  readonly mirror: Mirror;
  readonly clock: Clock;
  readonly behaviors: ReadonlyMap<string, Behavior>;
  readonly commitEffectNames: ReadonlySet<string>;
  readonly self: { readonly node: string };
}

const NO_CEPH = 'this cluster has no storage: see the section "ceph" of /etc/pvc/pvc.conf';
const COMMANDS = { status: 'status', utilization: 'df' } as const;

export class OsdDesk {
  constructor(private readonly deps: OsdDeskDeps) {}

  get available(): boolean {
    return this.deps.ceph !== null;
  }

  async text(what: 'status' | 'utilization'): Promise<Outcome<string>> {
    const { ceph } = this.deps;
    if (ceph === null) return refused(NO_CEPH);
    const command = { prefix: COMMANDS[what], format: 'plain' };
    const answer = await ceph.command({ command, deadlineMs: OSD_DEADLINES.quickMs });
    return answer.kind === 'done' ? done(String(answer.value.output)) : answer;
  }

  async mark(number: number, inside: boolean): Promise<Outcome<null>> {
    const { ceph } = this.deps;
    return ceph === null ? refused(NO_CEPH) : new OsdRegistry(ceph).mark(number, inside, OSD_DEADLINES.quickMs);
  }

  async setOption(option: string, on: boolean): Promise<Outcome<null>> {
    const { ceph } = this.deps;
    if (ceph === null) return refused(NO_CEPH);
    const command = { prefix: on ? 'osd set' : 'osd unset', key: option };
    const answer = await ceph.command({ command, deadlineMs: OSD_DEADLINES.quickMs });
    return answer.kind === 'done' ? done(null) : answer;
  }

  async create(node: string, count: number): Promise<Outcome<readonly { uuid: string; to: Address }[]>> {
    if (!this.available) return refused(NO_CEPH);
    const made = Array.from({ length: count }, () => newUuid());
    const born = await this.born(node, made.map((uuid): OsdInput => ({ uuid, node })));
    return born.kind === 'done' ? done(made.map((uuid) => ({ uuid, to: addressOf('osd', uuid) }))) : born;
  }

  async createBenchmark(job: string): Promise<Outcome<Address>> {
    if (!this.available) return refused(NO_CEPH);
    const born = await this.bear('benchmark', this.deps.self.node, [{ id: job, input: { job } }]);
    return born.kind === 'done' ? done(addressOf('benchmark', job)) : born;
  }

  /** Ceph has it, and no record: from now on there is one. */
  adopt(node: string, uuid: string, number: number, device: string | null): Promise<Outcome<null>> {
    return this.born(node, [{ uuid, node, adopted: { number, device } }]);
  }

  /** Out, down, off the cluster, its actor gone; repeatable. */
  async bury(uuid: string, number: number, deadlineMs: number): Promise<Outcome<null>> {
    const { ceph } = this.deps;
    if (ceph === null) return refused(NO_CEPH);
    const registry = new OsdRegistry(ceph);
    // By now the number may be another's.
    const found = await registry.look(uuid, deadlineMs);
    if (found.kind !== 'done') return found;
    const steps = [
      ...(found.value.known
        ? [() => registry.mark(number, false, deadlineMs), () => registry.down(number, deadlineMs)] : []),
      () => registry.purge(uuid, number, deadlineMs),
    ];
    for (const tell of steps) {
      const told = await tell();
      if (told.kind !== 'done') return told;
    }
    const commitId = `bury-${newToken()}`;
    const deps = { ...this.deps, node: this.deps.self.node, versions: this.deps.mirror.versions,
      newCommitId: () => commitId };
    const removed = await removeActor(deps, addressOf('osd', uuid), { force: true });
    // Gone already: by an earlier try.
    return removed.kind === 'unknown' ? removed : done(null);
  }

  private born(node: string, inputs: readonly OsdInput[]): Promise<Outcome<null>> {
    return this.bear('osd', node, inputs.map((input) => ({ id: input.uuid, input })));
  }

  /** All of them, or none; they belong to the node's present daemon. */
  private async bear(
    kind: string, node: string, newborn: readonly { readonly id: string; readonly input: unknown }[],
  ): Promise<Outcome<null>> {
    const { store, paths, mirror, clock, behaviors, commitEffectNames } = this.deps;
    const live = mirror.liveOf(node);
    const behavior = behaviors.get(kind);
    if (behavior === undefined) return refused(`this daemon knows no ${kind}`);
    if (live === null) return refused(`node ${node} is not alive: what is done there is done by its daemon`);
    const meta = { node, epoch: 1, nowMs: clock.wallMs(), revision: 0, commitEffects: commitEffectNames };
    const { incarnation, bootId } = live;
    const owner = { node, incarnation, bootId, epoch: 1, cause: 'created' as const };
    const result = await store.multi([
      { op: 'check', path: paths.incarnation(node, incarnation), version: 'exists' },
      ...newborn.flatMap(({ id, input }) => createActorOps(paths, addressOf(kind, id),
        createRecord(behavior, id, input, meta, 'birth', `create-${newToken()}`), owner, mirror.versions)),
    ]);
    if (result.kind === 'done') return done(null);
    if (result.kind === 'unknown') return unknown(result.reason);
    return refused(result.index === 0 ? `node ${node} has just lost its lease` : `it is there already`);
  }
}
