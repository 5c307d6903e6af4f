/** What a session of the event stream stands on. */
import type { Clock } from '../../runtime/clock.js';
import type { Feed } from '../../runtime/feed-types.js';
import type { ServerFrame } from './frames.js';
import type { Translator } from './translate.js';

/** What carries the frames. `close` also cuts the connection a second later if the other side does not answer. */
export interface Sink {
  send(kind: ServerFrame['frame'], cursor: string | null, text: string): void;
  unsentBytes(): number;
  close(code: number, reason: string): void;
}

export interface StreamCounters {
  sent: number;
  coalesced: number;
  gaps: number;
  slow: number;
  rubbish: number;
}

export interface StreamDeps {
  readonly feed: Feed;
  readonly clock: Clock;
  readonly translator: Translator;
  readonly node: string;
  readonly version: string;
  readonly counters: StreamCounters;
}
