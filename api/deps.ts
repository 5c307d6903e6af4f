/** What the server is made of. Constructor arguments; no container. */
import type { PvcConfig } from '../actors/config.js';
import type { Clock } from '../runtime/clock.js';
import type { Feed } from '../runtime/feed-types.js';
import type { Gateway } from '../runtime/gateway-types.js';
import type { Log } from '../runtime/log.js';
import type { ClusterAdmin } from './cluster-admin.js';

export interface ApiDeps {
  readonly config: PvcConfig;
  readonly feed: Feed;
  readonly gateway: Gateway;
  readonly cluster: ClusterAdmin;
  readonly log: Log;
  readonly clock: Clock;
  /** This node's name. */
  readonly node: string;
  readonly version: string;
}
