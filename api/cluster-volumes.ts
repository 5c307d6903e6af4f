/** ClusterVolumes: what the API needs for pools and volumes beyond feed and gateway. Implemented by actors/. */
import type { Readable } from 'node:stream';
import type { Address } from '../runtime/address.js';

export interface ClusterVolumes {
  /** The cluster has shared storage. */
  readonly hasStorage: boolean;
  /** Announces what a command then makes. null = there is one of this name. Rejects with a PvcError. */
  planPool(name: string, correlation: string): Promise<Address | null>;
  planVolume(pool: string, name: string, correlation: string): Promise<Address | null>;
  /** A name of ours for a while, for an upload or the moment of a clone. */
  ownName(): string;
  /** Takes a file in as an image of the pool; cut off, nothing is left of it. */
  receive(pool: string, image: string, body: Readable): Promise<
    | { readonly kind: 'done'; readonly value: { readonly bytes: number } }
    | { readonly kind: 'refused' | 'unknown'; readonly reason: string }
  >;
}
