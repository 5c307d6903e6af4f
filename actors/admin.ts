/** What the API needs beyond feed and gateway: defining VMs, documents, consoles, settings. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { VmInput, VmMeta, VmTag } from '../machines/vm/messages.js';
import { addressOf, type Address } from '../runtime/address.js';
import type { Behavior } from '../runtime/behavior.js';
import type { Clock } from '../runtime/clock.js';
import { createActorOps } from '../runtime/create.js';
import { PvcError } from '../runtime/errors.js';
import type { Mirror } from '../runtime/mirror.js';
import type { Paths } from '../runtime/paths.js';
import { newToken } from '../runtime/random.js';
import { createRecord } from '../runtime/step.js';
import { StoreError, type Store, type StoreOp } from '../runtime/store.js';
import type { ClusterView } from './cluster-view.js';
import type { PvcConfig } from './config.js';
import { documentHash, readDocument, storeDocument } from './documents.js';
import { definitionOf, type DomainSummary } from './domain-xml.js';
import { isMaintained } from './maintenance.js';
import type { OsdDesk } from './osd-desk.js';
import { Policy } from './policy.js';
import type { VolumeDesk } from './volume-desk.js';

export interface AdminDeps {
  readonly store: Store;
  readonly paths: Paths;
  readonly mirror: Mirror;
  readonly clock: Clock;
  readonly config: PvcConfig;
  readonly view: ClusterView;
  readonly vmBehavior: Behavior;
  readonly volumes: VolumeDesk;
  readonly osds: OsdDesk;
  readonly commitEffectNames: ReadonlySet<string>;
}

export interface DefineInput {
  readonly xml: string;
  readonly summary: DomainSummary;
  readonly meta: VmMeta;
  readonly tags: readonly VmTag[];
  readonly node: string | null;
  readonly correlation: string;
}

export type DefineResult =
  | { readonly kind: 'done'; readonly node: string }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string };

const refuse = (code: string, message: string): DefineResult => ({ kind: 'refused', code, message });

/** Bytes of a console log that are looked at from its end. */
const CONSOLE_WINDOW = 1 << 20;

export class Admin {
  readonly policy: Policy;
  readonly volumes: VolumeDesk;
  readonly osds: OsdDesk;

  constructor(private readonly deps: AdminDeps) {
    this.volumes = deps.volumes;
    this.osds = deps.osds;
    this.policy = new Policy(deps);
  }

  async defineVm(input: DefineInput): Promise<DefineResult> {
    const { mirror, view, config } = this.deps;
    const { summary } = input;
    const primary = mirror.primary();
    if (primary === null) throw new PvcError('PVC_NO_PRIMARY');
    if (input.node !== null && !config.allNodes.includes(input.node)) {
      return refuse('PVC_INVALID', `Specified node "${input.node}" is invalid.`);
    }
    const placed = view.placeNew({
      uuid: summary.uuid, only: input.node, memoryMiB: summary.memoryMiB, vcpus: summary.vcpus,
      nodeLimit: input.meta.nodeLimit, selector: input.meta.nodeSelector,
    });
    if (placed.node === null) return refuse('PVC_NO_TARGET', `VM "${summary.name}" fits on no node: ${placed.reason}`);
    return this.create(input, placed.node, primary);
  }

  private async create(
    input: DefineInput, node: string, primary: { node: string; incarnation: string; bootId: string; version: number },
  ): Promise<DefineResult> {
    const { store, paths, clock } = this.deps;
    const { summary } = input;
    const address = addressOf('vm', summary.uuid);
    const vm: VmInput = {
      uuid: summary.uuid, name: summary.name, node, meta: input.meta, tags: input.tags,
      shutdownMs: this.deps.config.timers.vmShutdownMs,
      definition: definitionOf(summary, documentHash(input.xml)),
    };
    const record = createRecord(this.deps.vmBehavior, summary.uuid, vm, {
      node: primary.node, epoch: 1, nowMs: clock.wallMs(), revision: 0, commitEffects: this.deps.commitEffectNames,
    }, input.correlation, `create-${newToken()}`);
    const { incarnation, bootId } = primary;
    const owner = { node: primary.node, incarnation, bootId, epoch: 1, cause: 'created' as const };
    await storeDocument(store, paths, input.xml);
    const operations: StoreOp[] = [
      { op: 'check', path: paths.primary, version: primary.version },
      { op: 'create', path: paths.name('vm', summary.name), data: Buffer.from(summary.uuid) },
      ...createActorOps(paths, address, record, owner, this.deps.mirror.versions),
    ];
    const result = await store.multi(operations);
    if (result.kind === 'done') return { kind: 'done', node };
    if (result.kind === 'unknown') return this.readBack(summary, record.commitId, node);
    if (result.index === 1) return refuse('PVC_NAME_TAKEN', `VM name "${summary.name}" is in use: choose another name`);
    if (result.index >= 2) {
      return refuse('PVC_NAME_TAKEN', `VM UUID "${summary.uuid}" is in use: give the domain XML another uuid`);
    }
    throw new PvcError('PVC_NO_PRIMARY');
  }

  /** The connection went while the create was out: whose commit is in the record tells. */
  private async readBack(summary: DomainSummary, commitId: string, node: string): Promise<DefineResult> {
    const { store, paths, mirror } = this.deps;
    const address = addressOf('vm', summary.uuid);
    try {
      await store.sync(paths.record(address));
      const mirrored = mirror.actors.get(address)?.record.commitId === commitId;
      const known = mirrored || await store.read(paths.record(address)) !== null;
      if (known) return { kind: 'done', node };
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
    throw new PvcError('PVC_NOT_COMMITTED',
      `It is not known whether VM "${summary.name}" was defined: list the VMs before you try again`);
  }

  storeDocument(text: string): Promise<string> {
    return storeDocument(this.deps.store, this.deps.paths, text);
  }

  readDocument(hash: string): Promise<string | null> {
    return readDocument(this.deps.store, this.deps.paths, hash);
  }

  async readConsole(vmName: string, lines: number): Promise<string | null> {
    if (!/^[\w.-]+$/.test(vmName)) return null;
    const file = await open(join(this.deps.config.paths.consoles, `${vmName}.log`), 'r').catch(() => null);
    if (file === null) return null;
    try {
      const { size } = await file.stat();
      const start = Math.max(0, size - CONSOLE_WINDOW);
      const buffer = Buffer.alloc(size - start);
      await file.read(buffer, 0, buffer.length, start);
      return buffer.toString('utf8').split('\n').slice(-Math.max(1, lines) - 1).join('\n');
    } finally {
      await file.close();
    }
  }

  maintenance(): boolean {
    return isMaintained(this.deps.mirror);
  }

  /** movesRefused: commands that move VMs are turned down as well while it is on. */
  setMaintenance(on: boolean, movesRefused = false): Promise<void> {
    return this.policy.setMaintenance(on, { movesRefused });
  }
}

