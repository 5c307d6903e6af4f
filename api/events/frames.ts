/** The frames of "pulse/1" (docs/events.md): what both ends of the event stream agree on. */

export const PROTOCOL = 'pulse/1';
export const SUBPROTOCOL = 'pulse.v1.json';

export const TOPICS = ['vm', 'node', 'osd', 'pool', 'volume', 'actor', 'task', 'fault', 'metric'] as const;
export type Topic = (typeof TOPICS)[number];

/** Why the server closed a socket. */
export const CLOSE = { restart: 1012, keyRevoked: 4003, slowConsumer: 4008, expired: 4010, rubbish: 4400 } as const;

export const EVENT_LIMITS = {
  frameBytes: 64 * 1024,
  subscriptions: 32,
  rubbishFrames: 10,
  topicsPerSubscription: 64,
  socketsPerKey: 64,
  sockets: 1000,
  /** Unsent bytes above which a socket gets only the last event of each key. */
  coalesceBytes: 256 * 1024,
  /** Unsent bytes above which it is closed. */
  unsentBytesMax: 1024 * 1024,
  coalesceMsMax: 10_000,
  coalescedKeysMax: 4096,
  dataBytesMax: 32 * 1024,
  snapshotBatch: 100,
  markMs: 5000,
  pingMs: 15_000,
  pongMs: 10_000,
  ticketMs: 30_000,
  tickets: 1000,
} as const;

export interface PulseEvent {
  /** Opaque; empty on events outside the cluster's order (topic metric). */
  readonly cursor: string;
  /** Wall-clock milliseconds of the step. */
  readonly time: number;
  readonly topic: Topic;
  readonly type: string;
  readonly key: string;
  readonly node: string | null;
  readonly actor: string;
  readonly rev: number;
  readonly correlation: string | null;
  readonly operation: string | null;
  /** On a coalesced event: how many it stands for. */
  readonly coalesced?: number;
  readonly data: Readonly<Record<string, unknown>>;
}

export type ClientFrame =
  | {
    readonly frame: 'subscribe';
    readonly id: string;
    readonly topics?: readonly string[];
    readonly types?: readonly string[];
    readonly since?: string;
    readonly snapshot?: boolean;
  }
  | { readonly frame: 'unsubscribe'; readonly id: string }
  | { readonly frame: 'ping'; readonly id?: string };

export interface HelloFrame {
  readonly frame: 'hello';
  readonly protocol: typeof PROTOCOL;
  readonly server: { readonly name: string; readonly version: string; readonly node: string };
  readonly generation: number;
  readonly cursor: string;
  readonly time: number;
  readonly limits: { readonly frame_bytes: number; readonly subscriptions: number; readonly rubbish_frames: number };
  readonly mark_ms: number;
  readonly ping_ms: number;
  readonly topics: readonly Topic[];
}

export interface GapFrame {
  readonly frame: 'gap';
  readonly id?: string;
  readonly from: string | null;
  readonly to: string;
  readonly reason: 'expired' | 'missed' | 'slow-consumer';
  readonly actor?: string;
  readonly from_seq?: number;
  readonly to_seq?: number;
}

export type ServerFrame =
  | HelloFrame
  | { readonly frame: 'subscribed'; readonly id: string; readonly cursor: string }
  | { readonly frame: 'snapshot'; readonly id: string; readonly items: readonly PulseEvent[] }
  | { readonly frame: 'event'; readonly ids: readonly string[]; readonly event: PulseEvent }
  | { readonly frame: 'mark'; readonly cursor: string; readonly sync?: true; readonly id?: string }
  | GapFrame
  | { readonly frame: 'error'; readonly id?: string; readonly code: string; readonly message: string }
  | { readonly frame: 'unsubscribed'; readonly id: string }
  | { readonly frame: 'pong'; readonly id?: string }
  | { readonly frame: 'bye'; readonly reason: string; readonly cursor: string };
