/**
 * ClusterAdmin: what the API needs of the cluster beyond feed and gateway. Implemented by actors/ (structurally),
 * handed in by api/bin. Nothing here throws for a refusal; a lost ZooKeeper rejects with a PvcError.
 */
import type { DomainSummary } from '../actors/domain-xml.js';
import type { VmMeta, VmTag } from '../machines/vm/messages.js';
import type { ClusterOsds } from './cluster-osds.js';
import type { ClusterPolicy } from './cluster-policy.js';
import type { ClusterVolumes } from './cluster-volumes.js';

export interface DefineVmInput {
  /** As the user gave it, already parsed with success. */
  readonly xml: string;
  readonly summary: DomainSummary;
  readonly meta: VmMeta;
  readonly tags: readonly VmTag[];
  /** Home node; null = let the placement choose. */
  readonly node: string | null;
  /** Id of the request. */
  readonly correlation: string;
}

export type DefineVmResult =
  | { readonly kind: 'done'; readonly node: string }
  /** code = one of runtime/errors.ts. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string };

export interface ClusterAdmin {
  /** Creates name index, document and actor in one multi. */
  defineVm(input: DefineVmInput): Promise<DefineVmResult>;
  /** Stores an immutable text below /pvc/docs; comes back with its hash. Storing it twice is no error. */
  storeDocument(text: string): Promise<string>;
  /** null = no such document. */
  readDocument(hash: string): Promise<string | null>;
  /** The last `lines` lines of a guest's serial console from the log of this node; null = no log here. */
  readConsole(vmName: string, lines: number): Promise<string | null>;
  setMaintenance(on: boolean): Promise<void>;
  maintenance(): boolean;
  /** Settings of the whole cluster, and its placement rules. */
  readonly policy: ClusterPolicy;
  /** Pools and volumes of shared storage. */
  readonly volumes: ClusterVolumes;
  /** Ceph as a whole, and its OSDs. */
  readonly osds: ClusterOsds;
}
