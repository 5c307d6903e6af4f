/** What the server is made of. Constructor arguments; no container. */
import type { PvcConfig } from '../actors/config.js';
import type { Clock } from '../runtime/clock.js';
import type { Feed } from '../runtime/feed-types.js';
import type { Gateway } from '../runtime/gateway-types.js';
import type { Log } from '../runtime/log.js';
import type { RuntimeMetrics } from '../runtime/metrics.js';
import type { StoreMetrics } from '../runtime/store-metrics.js';
import type { ActorDesk } from './actor-desk.js';
import type { ClusterAdmin } from './cluster-admin.js';

/** What this node counts of itself. */
export interface Figures {
  readonly runtime: RuntimeMetrics;
  store(): StoreMetrics;
  leaseRemainingMs(): number;
}

export interface ApiDeps {
  readonly config: PvcConfig;
  readonly feed: Feed;
  readonly gateway: Gateway;
  readonly cluster: ClusterAdmin;
  readonly desk: ActorDesk;
  readonly figures: Figures;
  readonly log: Log;
  readonly clock: Clock;
  /** This node's name. */
  readonly node: string;
  readonly version: string;
}
