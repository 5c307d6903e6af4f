/** What an OSD's actor is told, and what it keeps. Its address is its uuid: Ceph gives it a number only on the way. */
import type { AnswersOf } from '../effects.js';
import type { OwnerAcquired } from '../vm/events.js';
import type { OsdEffects, OsdPlace } from './effects.js';

interface Stamped { readonly at: number }

export type OsdCommand =
  /** Of a newborn: make it, on this device. */
  | { readonly type: 'osd.add'; readonly place: OsdPlace; readonly weight: number }
  /** Onto another device, under the same number. force: even if placement groups become unavailable by it. */
  | {
      readonly type: 'osd.replace'; readonly place: OsdPlace; readonly weight: number | null;
      readonly force: boolean;
    }
  /** Its disk is here, its data directory is not (a node that was installed anew). */
  | { readonly type: 'osd.refresh'; readonly device: string }
  /** Out of the cluster for good. force: without waiting until its data are elsewhere. */
  | { readonly type: 'osd.remove'; readonly force: boolean }
  /** Of a newborn: not an OSD, but a device for databases of OSDs; it is gone with its task. */
  | { readonly type: 'osd.share'; readonly device: string }
  /** Of a newborn: takes another OSD off the cluster, whose node is not there to do it; it is gone with its task. */
  | { readonly type: 'osd.bury'; readonly uuid: string; readonly number: number; readonly home: string }
  /** Ends a removal that still waits for its data. */
  | { readonly type: 'osd.cancel' };

export const OSD_COMMAND_TYPES = [
  'osd.add', 'osd.replace', 'osd.refresh', 'osd.remove', 'osd.cancel', 'osd.share', 'osd.bury',
] as const;

export type OsdFact =
  | OwnerAcquired
  /** Ceph's word, when it changes. known = false: Ceph has no OSD of this uuid. */
  | ({
      readonly type: 'osd.facts'; readonly known: boolean; readonly number: number | null;
      readonly up: boolean; readonly in: boolean;
    } & Stamped);

export type OsdEvent =
  | (OsdCommand & Stamped & { readonly operationId: string }) | OsdFact | AnswersOf<OsdEffects>;

export interface OsdInput {
  readonly uuid: string;
  readonly node: string;
  /** Ceph has it already, and nobody here had a record of it. */
  readonly adopted?: { readonly number: number; readonly device: string | null } | null;
}

export type OsdJob = 'add' | 'replace' | 'refresh' | 'remove' | 'share' | 'bury';

export interface OsdContext {
  readonly uuid: string;
  /** Where its disk is. */
  readonly node: string;
  readonly number: number | null;
  /** The disk, as last found; null = not known. */
  readonly device: string | null;
  readonly dbDevice: string | null;
  /** What the last check found behind the text that was given; not in use yet. */
  readonly found: string | null;
  /** It shares its disk with other OSDs. */
  readonly isSplit: boolean;
  readonly adopted: boolean;
  readonly weight: number | null;
  readonly place: OsdPlace | null;
  readonly job: OsdJob | null;
  readonly operation: { readonly operationId: string; readonly command: string } | null;
  /** For who asks how far it is; null = nothing is under way. */
  readonly progress: { readonly current: number; readonly total: number; readonly status: string } | null;
  /** Why something failed or waits. */
  readonly reason: string | null;
  readonly forced: boolean;
  /** Of a removal: placement groups left, and since when as many (wall-clock ms). */
  readonly drain: { readonly pgs: number; readonly sinceAt: number } | null;
  /** Its number is kept, its data were given up. */
  readonly emptied: boolean;
  readonly known: boolean;
  readonly up: boolean;
  readonly in: boolean;
}
