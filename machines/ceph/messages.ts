/** What the actor of the cluster's storage is told, and what it keeps: faults that are open, with their cures. */

/** Its id: a cluster has one, and is told of it before it ever learns Ceph's fsid. */
export const CEPH_ID = 'cluster';

/** Where a fault comes from, for users: Ceph's own checks, the storage fence's preflight, Ceph against the records. */
export type FaultSource = 'ceph' | 'fence' | 'drift';

/** Who tells of faults: each tells all that it finds, so that what it does not name is over. */
export const REPORTERS = { ceph: 'ceph', fence: 'fence', osds: 'drift', volumes: 'drift' } as const satisfies
  Record<string, FaultSource>;
export type Reporter = keyof typeof REPORTERS;

/** `notice`: nothing is broken yet, or only a record. */
export type FaultSeverity = 'notice' | 'warning' | 'error';

/** Something that is wrong now. */
export interface Finding {
  /** The same as long as it is the same trouble: `OSD_DOWN`, `OSD_OUT_3`, `fence-caps-mon`. */
  readonly code: string;
  /** As users see it, PVC's where PVC has one: `CEPH_WARN_OSD_DOWN`. */
  readonly id: string;
  readonly severity: FaultSeverity;
  /** What it takes off the cluster's health, per cent. */
  readonly delta: number;
  readonly text: string;
  /** One sentence: what an administrator does about it. */
  readonly cure: string;
  /** What it is about, where the reporter wants to find it again: names of images. */
  readonly names?: readonly string[];
}

export interface CephFault extends Finding {
  readonly reporter: Reporter;
  /** Wall-clock milliseconds. */
  readonly since: number;
  /** When it was last told of, or changed. */
  readonly toldAt: number;
  readonly acknowledgedAt: number | null;
  /** It was not found any more; it closes if it stays so for a while. */
  readonly absent: boolean;
  /** How often it came back of late, see FLAPS_MAX. */
  readonly flaps: number;
}

/** Keys of faults: no two reporters share one. */
export const faultKey = (reporter: Reporter, code: string): string => `${reporter}:${code}`;

export interface CephInput { readonly name: string }

export interface CephContext extends CephInput {
  readonly fsid: string | null;
  /** Ceph has answered once. */
  readonly heard: boolean;
  /** It does not answer at present. */
  readonly silent: boolean;
  /** By key. */
  readonly faults: Readonly<Record<string, CephFault>>;
  /** Ids of the open faults, sorted, with blanks between them: what a feed of short records shows. */
  readonly open: string;
  /** By key: how often a fault closed since all was quiet. */
  readonly closings: Readonly<Record<string, number>>;
}

export type CephCommand =
  /** A person knows of it: it counts for nothing in the cluster's health. null = all that are open. */
  | { readonly type: 'ceph.acknowledge'; readonly fault: string | null }
  /** Takes it off the list; what is still so is found again, as new. */
  | { readonly type: 'ceph.forget'; readonly fault: string | null };

export const CEPH_COMMAND_TYPES = ['ceph.acknowledge', 'ceph.forget'] as const satisfies
  readonly CephCommand['type'][];

interface Stamped { readonly at: number }

export type CephFact =
  /** All that this reporter finds. Of Ceph itself it is an answer: Ceph is not silent. */
  | {
      readonly type: 'ceph.told'; readonly reporter: Reporter; readonly findings: readonly Finding[];
      readonly fsid?: string;
    }
  /** It has not answered for SILENT_AFTER_MS. */
  | { readonly type: 'ceph.silent'; readonly reason: string };

export type CephEvent = (CephCommand & Stamped & { readonly operationId: string }) | (CephFact & Stamped);
