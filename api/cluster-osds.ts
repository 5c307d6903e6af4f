/** ClusterOsds: what the API needs of Ceph and its OSDs beyond feed and gateway. Implemented by actors/osd-desk.ts. */
import type { Address } from '../runtime/address.js';

/** refused: nothing was changed. unknown: perhaps. Both say why, for people. */
export type OsdAnswer<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'refused' | 'unknown'; readonly reason: string };

export interface ClusterOsds {
  /** Does this node have a connection to Ceph? */
  readonly available: boolean;
  /** As `ceph status` and `ceph df` print it. */
  text(what: 'status' | 'utilization'): Promise<OsdAnswer<string>>;
  mark(number: number, inside: boolean): Promise<OsdAnswer<null>>;
  /** Flags of the whole cluster: noout, norebalance ... */
  setOption(option: string, on: boolean): Promise<OsdAnswer<null>>;
  /** Newborn actors on the node, to be told what to do next; each goes by itself if it is not. */
  create(node: string, count: number): Promise<OsdAnswer<readonly { readonly uuid: string; readonly to: Address }[]>>;
  /** A newborn benchmark on this node, by its name; refused if there is one of that name. */
  createBenchmark(job: string): Promise<OsdAnswer<Address>>;
}
