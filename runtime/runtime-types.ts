import type { Balance } from './balance.js';
import type { Behavior, MachineDefinition } from './behavior.js';
import type { CommitEffect } from './cell-deps.js';
import type { Clock } from './clock.js';
import type { WorldEffect } from './effects.js';
import type { MirrorFeed } from './feed.js';
import type { Gateway } from './gateway-types.js';
import type { HandOverOptions } from './handover.js';
import type { Heirs } from './heirs.js';
import type { Host } from './host.js';
import type { Lease } from './lease.js';
import type { Log } from './log.js';
import type { RuntimeMetrics } from './metrics.js';
import type { Mirror, MirrorActor } from './mirror.js';
import type { Paths } from './paths.js';
import type { Home } from './placer.js';
import type { Store } from './store.js';
import type { RunningChild } from './supervisor.js';

export interface RuntimeOptions {
  /** Opens one session; called again whenever the last one is lost. See zookeeper/store.ts. */
  openStore(): Promise<Store>;
  /** Where the cluster lives in the store: `/bank`. One word, made if it is missing. */
  readonly root: string;
  /** Name of this host, unlike any other's. */
  readonly node: string;
  /** Every kind of actor that this host can run; `supervisor` is there by itself (supervision/behavior.ts). */
  readonly definitions: readonly MachineDefinition[];
  /** What machines ask of the world, by the name of their action. */
  readonly worldEffects?: Readonly<Record<string, WorldEffect>>;
  /** What machines add to their own commits, by the name of their action. */
  readonly commitEffects?: Readonly<Record<string, CommitEffect>>;
  /** One life of this host; by default one of this process. */
  readonly bootId?: string;
  readonly clock?: Clock;
  readonly log?: Log;
  /** The servers' tickTime, milliseconds. */
  readonly tickMs?: number;
  /** How long before the end of its session this host stops to touch the world, milliseconds. */
  readonly stopMs?: number;
  /** Pause between two heartbeats of the lease, milliseconds; by default a fifth of the session. */
  readonly heartbeatMs?: number;
  /** An actor without letters, timers and effects keeps its cell for so long, milliseconds. */
  readonly idleMs?: number;
  /** Where an actor belongs; without it, every actor may be anywhere. */
  home?(actor: MirrorActor): Home;
  /** Are actors moved so that every host has its share? By default they are. */
  readonly balance?: boolean;
  /** How an actor that is moved by plan is brought to rest; see handover.ts. */
  handOver?(actor: MirrorActor): HandOverOptions;
  /** What else lives while the actors run (a server, a timer): started after them, stopped before. */
  services?(parts: RuntimeParts): Promise<RunningChild> | RunningChild;
}

/** The parts of one session's life; after a lost session there are new ones. */
export interface RuntimeParts {
  readonly store: Store;
  readonly paths: Paths;
  readonly lease: Lease;
  readonly mirror: Mirror;
  readonly feed: MirrorFeed;
  readonly host: Host;
  readonly heirs: Heirs;
  readonly balance: Balance;
  readonly gateway: Gateway;
  /** What this host has counted since its session began. */
  readonly metrics: RuntimeMetrics;
  readonly behaviors: ReadonlyMap<string, Behavior>;
  readonly self: { readonly node: string; readonly incarnation: string; readonly bootId: string };
}
